//! Holds the copies of an asset together to its `rpo`.

use super::{AssetSeen, CopySeen, Kind, Problem, Severity};
use crate::plan::Asset;
use crate::resolve::ResolvedPlan;
use crate::value::Id;

/// Holds the copies of an asset together to its `rpo`: one of them must keep it.
pub fn judge_asset(
    plan: &ResolvedPlan,
    asset_id: &Id,
    asset: &Asset,
    copies: &[CopySeen],
) -> Option<AssetSeen> {
    let of_it: Vec<&CopySeen> = copies.iter().filter(|copy| copy.of.contains(asset_id)).collect();
    if of_it.is_empty() {
        return None;
    }
    let is_sound = |copy: &&&CopySeen| {
        let spoils = |problem: &Problem| {
            problem.severity >= Severity::Unknown && !matches!(problem.kind, Kind::Stale | Kind::RpoMissed)
        };
        !copy.problems.iter().any(spoils)
    };
    let best = of_it.iter().filter(is_sound).filter_map(|copy| Some((copy.age?, &copy.copy))).min();
    let rpo = asset.rpo.and_then(crate::plan::Objective::length);
    let mut problems = Vec::new();
    if let Some(rpo) = rpo {
        let (severity, what) = match best {
            Some((age, _)) if age <= rpo => (None, String::new()),
            Some((age, copy)) => (
                Some(Severity::Failure),
                format!(
                    "its newest good point is {} old, at {copy}; its rpo is {rpo}",
                    age.for_people_against(rpo)
                ),
            ),
            None => (
                Some(worst_of(&of_it)),
                format!("no copy has a point that is known to be good; its rpo is {rpo}"),
            ),
        };
        // A copy that is too old by the same `rpo` has said so already.
        let is_told =
            of_it.iter().any(|copy| copy.problems.iter().any(|problem| problem.kind == Kind::RpoMissed));
        if let (Some(severity), false) = (severity, is_told) {
            let help = format!("an incident now would lose more than {} promises for {asset_id}", plan.plan);
            problems.push(Problem::new(Kind::RpoMissed, severity, what, help));
        }
    }
    Some(AssetSeen {
        asset: asset_id.clone(),
        as_of: None,
        age: best.map(|(age, _)| age),
        copy: best.map(|(_, copy)| copy.clone()),
        rpo,
        problems,
    })
}

/// Where nobody could look, nobody knows; where somebody did, it is not there.
fn worst_of(copies: &[&CopySeen]) -> Severity {
    let is_unknown =
        copies.iter().any(|copy| copy.problems.iter().all(|problem| problem.severity <= Severity::Unknown));
    if is_unknown { Severity::Unknown } else { Severity::Failure }
}
