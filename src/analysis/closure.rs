//! Whether a drill stays in its sandbox.

use std::collections::BTreeSet;

use crate::resolve::{Course, CourseKind, ResolvedPlan, copy_of};
use crate::value::Id;

/// Something of production that a node of a drill would touch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenEnd {
    /// The step, or the asset whose health is asked.
    pub node: Id,
    /// What it would touch, for people: "the place s3".
    pub touches: String,
    /// The id of that.
    pub id: String,
}

/// Finds what of production a drill would touch: places and secrets that its environment neither
/// replaces nor lists under `reads`.
pub fn open_ends(plan: &ResolvedPlan, course: &Course) -> Vec<OpenEnd> {
    let mut found = BTreeSet::new();
    let is_closed = |id: &str| {
        plan.replaced.iter().any(|own| own == id)
            || plan.reads.iter().any(|read| read.as_str() == id)
            || plan.mapped.values().any(|stand_in| stand_in.as_str() == id)
    };
    for node in &course.nodes {
        let mut places: Vec<&Id> = node.place.iter().collect();
        if let Some((_, backup, _, copy)) = node.copy.as_ref().and_then(|copy| copy_of(plan, copy.as_str())) {
            let home = || backup.of.iter().find_map(|asset| plan.assets.get(asset)?.homes.first());
            places.extend(copy.in_.as_ref().or_else(home));
        }
        let mut secrets = Vec::new();
        match node.kind {
            CourseKind::Step(at) => {
                let step = &plan.steps[at];
                let needed = step.common.needs.iter().flat_map(crate::plan::Need::ids);
                places.extend(needed.filter(|id| plan.places.contains_key(*id)));
                places.extend(&step.common.provides);
                secrets.extend(&step.common.secrets);
            }
            CourseKind::Health => {
                let probes =
                    plan.assets.get(&node.id).map(|asset| asset.health.as_slice()).unwrap_or_default();
                places.extend(probes.iter().filter_map(|probe| probe.on.as_ref()));
            }
        }
        for place in places.into_iter().filter(|place| !is_closed(place.as_str())) {
            let touches = format!("the place {place}");
            found.insert(OpenEnd { node: node.id.clone(), touches, id: place.to_string() });
        }
        for secret in secrets.into_iter().filter(|secret| !is_closed(secret.as_str())) {
            let touches = format!("the secret {secret}");
            found.insert(OpenEnd { node: node.id.clone(), touches, id: secret.to_string() });
        }
    }
    found.into_iter().collect()
}
