//! A step that no scenario ever needs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject, Taken};
use crate::plan::{Need, Step};
use crate::value::Id;

rule!(UnreachableStep, "unreachable-step", Warn, "No scenario, operation or environment ever runs a step.");

impl Rule for UnreachableStep {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn is_universal(&self) -> bool {
        true
    }

    fn conclude(&self, context: &Context<'_>, taken: &Taken, sink: &mut Sink) {
        if context.plan.scenarios.is_empty() {
            return;
        }
        let steps = context.resolved.steps.iter().enumerate().filter(|(at, _)| !taken.has(*at));
        let mut left: Vec<&Id> =
            steps.filter_map(|(_, step)| Some(context.plan.steps.get_key_value(&step.id)?.0)).collect();
        // Most plans need no second look at the routes.
        if left.is_empty() {
            return;
        }
        let mut reasons: HashMap<&Id, HashSet<Cow<'_, str>>> = HashMap::new();
        let mut stranded: HashSet<Id> = HashSet::new();
        let routes = context.scenarios().into_iter().map(|scenario| context.routed(scenario).route);
        for route in routes {
            if let Some(back) = context.way_back(&route) {
                left.retain(|id| !back.chosen.contains_key(*id));
            }
            for id in &left {
                reasons.entry(*id).or_default().extend(route.why_passed_over(context.resolved, id));
            }
            // Why an asset is stranded is told at the asset; the steps that would restore it are no fault of their own.
            let lost = route.assets.iter().filter(|(_, asset)| asset.stranded.is_some());
            stranded.extend(lost.map(|(id, _)| id.clone()));
        }
        let excused = excused(context, &stranded);
        for id in left.into_iter().filter(|id| !excused.contains(id)) {
            let path = KeyPath::root().key("steps").key(id.as_str());
            let why = reasons.remove(id).unwrap_or_default();
            let mut finding = Finding::warning(Self::META.name, format!("no scenario ever runs `{id}`"))
                .at(context.place(&path, Part::Key), "is never reached");
            // Where all scenarios agree, their reason explains it.
            if let (1, Some(why)) = (why.len(), why.iter().next()) {
                finding = finding.help(format!("in every scenario: {why}"));
            } else {
                finding =
                    finding.help("let a step or an asset need it, let it restore something, or remove it");
            }
            sink.add(finding, Subject::step(id.as_str()));
        }
    }
}

/// Returns the steps that would bring a stranded asset back, and all that these need.
fn excused<'a>(context: &'a Context<'_>, stranded: &HashSet<Id>) -> HashSet<&'a Id> {
    let steps = &context.plan.steps;
    let brings = |step: &Step| step.common.restores.iter().any(|asset| stranded.contains(asset));
    let mut open: Vec<(&Id, &Step)> = steps.iter().filter(|(_, step)| brings(step)).collect();
    let mut excused: HashSet<&Id> = open.iter().map(|(id, _)| *id).collect();
    while let Some((_, step)) = open.pop() {
        let needed: HashSet<&Id> = step.common.needs.iter().flat_map(Need::ids).collect();
        let serves = |(id, step): &(&Id, &Step)| {
            let brought = step.common.restores.iter().chain(&step.common.provides);
            needed.contains(*id) || brought.into_iter().any(|id| needed.contains(id))
        };
        let more: Vec<(&Id, &Step)> = steps.iter().filter(serves).collect();
        open.extend(more.into_iter().filter(|(id, _)| excused.insert(id)));
    }
    excused
}
