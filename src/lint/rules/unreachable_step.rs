//! A step that no scenario ever needs.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
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

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        if context.plan.scenarios.is_empty() {
            return;
        }
        let is_left = |id: &&Id| !context.routes().iter().any(|routed| routed.route.chosen.contains_key(*id));
        let mut left: Vec<&Id> = context.plan.steps.keys().filter(is_left).collect();
        // The ways back take as long again to find; most plans need no look at them.
        if !left.is_empty() {
            for route in context.ways_back() {
                left.retain(|id| !route.chosen.contains_key(*id));
            }
        }
        // Why an asset is stranded is told at the asset; the steps that would restore it are no fault of their own.
        let assets = context.routes().iter().flat_map(|routed| &routed.route.assets);
        let stranded: HashSet<&Id> =
            assets.filter(|(_, asset)| asset.stranded.is_some()).map(|(id, _)| id).collect();
        let excused = excused(context, &stranded);
        for id in left.into_iter().filter(|id| !excused.contains(id)) {
            let path = KeyPath::root().key("steps").key(id.as_str());
            let why: HashSet<Cow<'_, str>> = context
                .routes()
                .iter()
                .filter_map(|routed| routed.route.why_passed_over(context.resolved, id))
                .collect();
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
fn excused<'a>(context: &'a Context<'_>, stranded: &HashSet<&Id>) -> HashSet<&'a Id> {
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
