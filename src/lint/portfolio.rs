//! What can be seen only where several plans are checked together.

use std::collections::HashMap;

use crate::document::Place;
use crate::finding::Finding;
use crate::value::Id;
use crate::workspace::Opened;

/// Returns the id of a plan, and where it stands.
pub fn plan_id(opened: &Opened) -> Option<(Id, Place)> {
    Some((opened.plan.as_ref()?.plan.clone(), opened.named?))
}

/// Tells of plans with one id. Runs, reports and runbooks are found by it.
pub fn duplicate_plans(ids: &[(Id, Place)]) -> Vec<Finding> {
    let mut first_of: HashMap<&Id, Place> = HashMap::new();
    let mut told = Vec::new();
    for (id, place) in ids {
        match first_of.get(id) {
            None => {
                first_of.insert(id, *place);
            }
            Some(first) => {
                let finding = Finding::error("duplicate-plan", format!("there are two plans `{id}`"))
                    .at(*place, "the second")
                    .related(*first, "the first");
                told.push(finding.help("give one of them another id; runs and runbooks are found by it"));
            }
        }
    }
    told
}

/// Returns what the plan itself would say where a finding of another plan, which imports it, points into it.
///
/// What is wrong with `network/dns` is what is wrong with `dns`, and is to be told once.
pub fn as_its_own(finding: &Finding, opened: &Opened) -> Option<String> {
    let source = finding.primary.place.source;
    let import = opened.imports.plans.iter().find(|import| import.document.source == source)?;
    Some(finding.message.replace(&format!("`{}/", import.prefix), "`"))
}
