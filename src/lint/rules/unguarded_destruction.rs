//! A command that destroys, with nobody asked before and no way back.

use std::collections::HashMap;

use crate::document::Part;
use crate::finding::{Finding, RuleMeta};
use crate::lint::destruction::destruction;
use crate::lint::rule::rule;
use crate::lint::shell::Judged;
use crate::lint::{Context, Routed, Rule, Sink, Subject};
use crate::plan::Action;
use crate::resolve::{NodeKind, Section};

rule!(
    UnguardedDestruction,
    "unguarded-destruction",
    Warn,
    "A command destroys something without an approval before it and without an undo."
);

/// The steps that destroy something and that nothing takes back, with the words that do.
struct Destroyers(HashMap<usize, String>);

impl Destroyers {
    fn of(context: &Context<'_>) -> Self {
        let mut destroyers: HashMap<usize, String> = HashMap::new();
        let mut judged = Judged::new();
        for (at, step) in context.resolved.steps.iter().enumerate() {
            let Action::Run { command, .. } = &*step.action else { continue };
            let mut groups = context.resolved.groups_of(at);
            let can_undo = context.written_step(step).common.undo.is_some()
                || step.common.undo.is_some()
                || groups.any(|group| context.resolved.steps[group].common.undo.is_some());
            // What a drill sets up and tidies away is its own.
            if can_undo || step.section != Section::Steps || step.has_items() {
                continue;
            }
            if let Some(what) = judged.of(command, || destruction(command)) {
                destroyers.insert(at, what);
            }
        }
        Self(destroyers)
    }
}

impl Rule for UnguardedDestruction {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let destroyers = context.once(|| Destroyers::of(context));
        if destroyers.0.is_empty() {
            return;
        }
        for at in unapproved(context, routed) {
            let Some(what) = destroyers.0.get(&at) else { continue };
            let step = &context.resolved.steps[at];
            let id = if step.is_item() { step.written_as() } else { step.id.as_str() };
            let message = format!("`{id}` destroys something (`{what}`), and nobody is asked before");
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&context.written_action(step), Part::Value), "cannot be taken back")
                .help("let it need a step with `approve`, or give it an `undo`");
            sink.add(finding, Subject::step(step.written_as()));
        }
    }
}

/// Returns the steps of a route that nobody is asked about before they run.
fn unapproved(context: &Context<'_>, routed: &Routed) -> Vec<usize> {
    let Ok(order) = &routed.order else { return Vec::new() };
    let nodes = &routed.route.nodes;
    let mut approved = vec![false; nodes.len()];
    for at in order {
        let is_approval = |node: usize| match nodes[node].kind {
            NodeKind::Step(step) => matches!(*context.resolved.steps[step].action, Action::Approve(_)),
            NodeKind::Health(_) => false,
        };
        approved[*at] = nodes[*at].after.iter().any(|(before, _)| approved[*before] || is_approval(*before));
    }
    let left = nodes.iter().zip(&approved).filter(|(_, approved)| !**approved);
    left.filter_map(|(node, _)| match node.kind {
        NodeKind::Step(step) => Some(step),
        NodeKind::Health(_) => None,
    })
    .collect()
}
