//! What of the language this version cannot carry out yet.

use crate::plan::Action;
use crate::probe::{Probe, ProbeKind};
use crate::resolve::{Course, CourseKind, ResolvedPlan};

/// Returns what a course asks for that this version cannot do, for people; one line each.
///
/// Nothing of the language is ever left out silently: what is listed here is refused before a run begins.
pub fn unsupported(plan: &ResolvedPlan, course: &Course, asks: bool) -> Vec<String> {
    let mut missing = Vec::new();
    let mut probe_recipe = |who: &str, probes: &[Probe]| {
        for probe in probes {
            if let ProbeKind::Use(recipe, _) = &probe.kind {
                missing.push(format!("{who}: the probe recipe {recipe}"));
            }
        }
    };
    for node in &course.nodes {
        match node.kind {
            CourseKind::Step(at) => {
                let step = &plan.steps[at];
                probe_recipe(node.id.as_str(), &step.common.verify);
                probe_recipe(
                    node.id.as_str(),
                    step.common.unless.as_deref().map(std::slice::from_ref).unwrap_or_default(),
                );
            }
            CourseKind::Health => {
                let probes =
                    plan.assets.get(&node.id).map(|asset| asset.health.as_slice()).unwrap_or_default();
                probe_recipe(node.id.as_str(), probes);
            }
        }
    }
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
