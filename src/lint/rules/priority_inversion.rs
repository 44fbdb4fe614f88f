//! An asset that is to come back early and needs one that is to come back late.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroU32;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::edges::need_item;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::{Need, Plan};
use crate::value::Id;

rule!(
    PriorityInversion,
    "priority-inversion",
    Warn,
    "An asset needs one that is less urgent than itself, so that priorities and dependencies contradict each other."
);

impl Rule for PriorityInversion {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let plan = context.plan;
        for (id, asset) in &plan.assets {
            let Some(own) = asset.priority else { continue };
            let Some((chain, late)) = later(plan, id, own) else { continue };
            let Some((last, first)) = chain.last().zip(chain.first()) else { continue };
            let between: Vec<String> = chain.iter().map(|id| format!("`{id}`")).collect();
            let message = format!(
                "`{id}` has priority {own} and needs {}, which has priority {late}",
                between.join(", which needs ")
            );
            let path = KeyPath::root().key("assets").key(id.as_str());
            let item = need_item(&path, &asset.needs, first.as_str()).unwrap_or_else(|| path.key("needs"));
            let other = KeyPath::root().key("assets").key(last.as_str()).key("priority");
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&item, Part::Value), "is needed first")
                .related(context.place(&path.key("priority"), Part::Value), "is to come back early")
                .related(context.place(&other, Part::Value), "is to come back later")
                .help(format!(
                    "give `{last}` a priority of {own} or a smaller number, or `{id}` one of {late}"
                ));
            sink.add(finding, Subject::asset(id));
        }
    }
}

/// Finds the nearest asset that is needed and less urgent, and the way to it.
///
/// The way leads over assets without a priority: one that has a priority answers for what it needs itself.
fn later<'a>(plan: &'a Plan, id: &'a Id, own: NonZeroU32) -> Option<(Vec<&'a Id>, NonZeroU32)> {
    let mut came_from: HashMap<&Id, &Id> = HashMap::new();
    let mut seen = HashSet::from([id]);
    let mut open = VecDeque::from([id]);
    while let Some(at) = open.pop_front() {
        for need in needs_that_count(plan, at, own) {
            if !seen.insert(need) {
                continue;
            }
            came_from.insert(need, at);
            match plan.assets.get(need)?.priority {
                None => open.push_back(need),
                Some(priority) if priority > own => {
                    let mut chain = vec![need];
                    while let Some(before) =
                        chain.last().and_then(|last| came_from.get(*last)).filter(|before| **before != id)
                    {
                        chain.push(before);
                    }
                    chain.reverse();
                    return Some((chain, priority));
                }
                Some(_) => {}
            }
        }
    }
    None
}

/// Of several that will do, it is enough that enough of them are urgent.
fn needs_that_count<'a>(plan: &'a Plan, id: &Id, own: NonZeroU32) -> impl Iterator<Item = &'a Id> {
    let needs = plan.assets.get(id).map(|asset| asset.needs.as_slice()).unwrap_or_default();
    let is_urgent = move |id: &Id| {
        plan.assets.get(id).is_none_or(|asset| asset.priority.is_some_and(|priority| priority <= own))
    };
    let counts = move |need: &&Need| matches!(need, Need::One(_)) || !need.is_met(is_urgent);
    needs
        .iter()
        .filter(counts)
        .flat_map(Need::ids)
        .filter_map(|id| plan.assets.get_key_value(id))
        .map(|(id, _)| id)
}
