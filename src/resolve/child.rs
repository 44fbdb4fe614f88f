//! What a plan may not say that is carried out as a step of another one.

use super::Section;
use super::inputs::Spot;
use crate::document::{Document, KeyPath, Part};
use crate::finding::Finding;
use crate::plan::{Plan, Step};
use crate::value::{Id, did_you_mean};

/// Tells of what a child plan says and what would not count; `spot` is the step that carries it out.
pub(super) fn faults(spot: &Spot<'_>, path: &str, plan: &Plan, document: &Document) -> Vec<Finding> {
    let spot = spot.key("plan");
    let mut findings = Vec::new();
    for (id, step) in &plan.steps {
        let written = KeyPath::root().key(Section::Steps.key()).key(id.as_str());
        if let Some(key) = claim(step) {
            let message = format!("`{path}` is carried out as a whole, but its step `{id}` has `{key}`");
            let finding = spot
                .error("child-plan", message, Part::Value, "carried out here")
                .related(document.place(&written.key(key), Part::Key), "claimed there")
                .help(format!(
                    "say `{key}` at the step that carries it out; or put the plan under `imports`, so that \
                     its steps are chosen by scenario"
                ));
            findings.push(finding);
        }
        for (at, need) in step.common.needs.iter().enumerate() {
            for unknown in need.ids().iter().filter(|id| !is_known(plan, id)) {
                let what = if plan.assets.contains_key(unknown) { "the asset " } else { "" };
                let message =
                    format!("the step `{id}` of `{path}` needs {what}`{unknown}`, which it does not bring");
                let guess = did_you_mean(unknown.as_str(), plan.steps.keys().map(Id::as_str));
                let help = guess.unwrap_or_else(|| {
                    "a child plan is a procedure, and its steps need each other; what else must be there first, \
                     the step needs that carries it out"
                        .to_owned()
                });
                let finding = spot
                    .error("child-plan", message, Part::Value, "carried out here")
                    .related(document.place(&written.key("needs").index(at), Part::Value), "needed there");
                findings.push(finding.help(help));
            }
        }
    }
    findings
}

/// Returns the field by which a step takes part in a recovery: which of these steps are needed, no scenario decides here.
fn claim(step: &Step) -> Option<&'static str> {
    let common = &step.common;
    let claims = [
        ("restores", &common.restores),
        ("provides", &common.provides),
        ("fences", &common.fences),
        ("from", &common.from),
    ];
    claims.into_iter().find(|(_, claimed)| !claimed.is_empty()).map(|(key, _)| key)
}

/// Whether a need leads to something; else steps would run in another order than was meant.
fn is_known(plan: &Plan, id: &Id) -> bool {
    let name = id.as_str();
    plan.steps.contains_key(name)
        || plan.places.contains_key(name)
        || plan.people.contains_key(name)
        || plan.secrets.contains_key(name)
        || name.contains('/')
}
