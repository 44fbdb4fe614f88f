//! An output that two steps write, and a step that gets both.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject};
use crate::resolve::{NodeKind, ResolvedStep};

rule!(
    AmbiguousOutput,
    "ambiguous-output",
    Deny,
    "Two steps write an output of the same name, and a step comes after both."
);

impl Rule for AmbiguousOutput {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        for (name, writers) in writers(context, routed) {
            let Some((first, second, reader)) = clash(routed, &writers) else { continue };
            let step = |node: usize| step_of(context, routed, node);
            let (Some(first), Some(second)) = (step(first), step(second)) else { continue };
            let reader = &routed.route.nodes[reader].id;
            let (one, other) = (first.written_as(), second.written_as());
            let message = format!("both `{one}` and `{other}` write `{name}`, and `{reader}` gets both");
            let place = |step: &ResolvedStep| {
                let outputs = &context.written_step(step).common.outputs;
                match outputs.iter().position(|output| output.as_str() == name) {
                    Some(at) => context.place(&step.key_path().key("outputs").index(at), Part::Value),
                    // A recipe's own output stands in the recipe.
                    None => context.place(&step.key_path().key("use"), Part::Value),
                }
            };
            let read = KeyPath::root().key("steps").key(reader.as_str());
            let finding = Finding::error(Self::META.name, message)
                .at(place(second), "written a second time")
                .related(place(first), "written here")
                .related(
                    context.place(&read, Part::Key),
                    "gets one of the two values, and nobody can say which",
                )
                .help("give one of the two another name, or let only one of the two come before");
            sink.add(finding, Subject::step(other));
        }
    }
}

fn step_of<'c>(context: &'c Context<'_>, routed: &Routed, node: usize) -> Option<&'c ResolvedStep> {
    match routed.route.nodes.get(node)?.kind {
        NodeKind::Step(step) => context.resolved.steps.get(step),
        NodeKind::Health(_) => None,
    }
}

/// Returns the outputs that more than one node writes, each with the nodes.
fn writers<'c>(context: &'c Context<'_>, routed: &Routed) -> BTreeMap<&'c str, Vec<usize>> {
    let mut writers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for node in 0..routed.route.nodes.len() {
        for name in step_of(context, routed, node).iter().flat_map(|step| &step.common.outputs) {
            writers.entry(name.as_str()).or_default().push(node);
        }
    }
    writers.retain(|_, nodes| nodes.len() > 1);
    writers
}

/// Finds the first node after two of the writers that do not wait for each other, and the two.
fn clash(routed: &Routed, writers: &[usize]) -> Option<(usize, usize, usize)> {
    let order = routed.order.as_ref().ok()?;
    let mut before: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); routed.route.nodes.len()];
    for at in order {
        let mut here = BTreeSet::new();
        for (earlier, _) in &routed.route.nodes[*at].after {
            here.extend(before[*earlier].iter().copied());
            here.extend(writers.iter().copied().filter(|writer| writer == earlier));
        }
        let is_ordered =
            |one: &usize, other: &usize| before[*one].contains(other) || before[*other].contains(one);
        let clashing = here.iter().find_map(|one| {
            let other = here.iter().find(|other| *other > one && !is_ordered(one, other))?;
            Some((*one, *other, *at))
        });
        if clashing.is_some() {
            return clashing;
        }
        before[*at] = here;
    }
    None
}
