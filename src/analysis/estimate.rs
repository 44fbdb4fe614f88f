//! How long a node should take.

use crate::plan::{Action, Wait};
use crate::resolve::{Node, NodeKind, ResolvedPlan, Section};
use crate::value::Length;

/// Returns how long a node should take; nothing if the plan does not say.
///
/// A health check takes no time of its own. What sets or clears the stage of a drill is not part of
/// the recovery and counts nothing. A part of a recipe counts only what its recipe says: what is
/// missing to the estimate at `use:` is counted at the end (see [`schedule`](super::schedule)).
pub fn estimate(plan: &ResolvedPlan, node: &Node) -> Option<Length> {
    let NodeKind::Step(at) = node.kind else { return Some(Length::ZERO) };
    let step = &plan.steps[at];
    if step.section != Section::Steps {
        return Some(Length::ZERO);
    }
    match (&step.action, step.takes()) {
        (_, Some(takes)) => Some(takes),
        (Action::Wait(Wait::For(length)), None) => Some(*length),
        (_, None) => step.part_of.is_some().then_some(Length::ZERO),
    }
}
