//! What of the language this version cannot carry out yet.

use crate::plan::Action;
use crate::resolve::{Course, CourseKind, ResolvedPlan};

/// Returns what a course asks for that this version cannot do, for people; one line each.
///
/// Nothing of the language is ever left out silently: what is listed here is refused before a run begins.
pub fn unsupported(plan: &ResolvedPlan, course: &Course, asks: bool) -> Vec<String> {
    let mut missing = Vec::new();
    for node in &course.nodes {
        let id = &node.id;
        let CourseKind::Step(at) = node.kind else { continue };
        let step = &plan.steps[at];
        if step.common.each.is_some() && !step.has_items() && !step.is_item() {
            missing.push(format!("{id}: `each` with `{}`", step.action.key()));
        }
        if matches!(step.action, Action::Plan { .. }) {
            missing.push(format!("{id}: child plans (`plan`)"));
        }
    }
    let scenario = course.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
    if asks && scenario.is_some_and(|scenario| !scenario.damage.is_empty() || !scenario.compromise.is_empty())
    {
        missing.push("choosing a recovery point from before the harm (`damage`, `compromise`)".to_owned());
    }
    missing.sort();
    missing.dedup();
    missing
}
