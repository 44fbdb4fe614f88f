//! What of the language this version cannot carry out yet.

use crate::probe::Probe;
use crate::resolve::{Course, CourseKind, CourseNode, ResolvedPlan};

/// Returns what a course asks for that this version cannot do, for people; one line each.
///
/// Nothing of the language is ever left out silently: what is listed here is refused before a run begins.
pub fn unsupported(plan: &ResolvedPlan, course: &Course) -> Vec<String> {
    let mut missing = Vec::new();
    for node in &course.nodes {
        let id = &node.id;
        let afar = |probe: &&Probe| {
            let place = probe.on.as_ref().or(node.place.as_ref()).and_then(|place| plan.places.get(place));
            probe.asked.is_some() && place.is_some_and(|place| place.ssh.is_some())
        };
        if probes_of(plan, node).iter().any(afar) {
            missing.push(format!("{id}: a probe recipe (`use`) that is asked on another host"));
        }
    }
    missing.sort();
    missing.dedup();
    missing
}

/// Returns the probes that are asked of a node.
fn probes_of<'p>(plan: &'p ResolvedPlan, node: &CourseNode) -> Vec<&'p Probe> {
    match node.kind {
        CourseKind::Step(at) => plan
            .steps
            .get(at)
            .into_iter()
            .flat_map(|step| step.common.verify.iter().chain(step.common.unless.as_deref()))
            .collect(),
        CourseKind::Health => plan.assets.get(&node.id).into_iter().flat_map(|asset| &asset.health).collect(),
    }
}
