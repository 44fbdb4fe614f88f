//! The recovery targets of an asset in a scenario.

use crate::plan::{Asset, Objective, Scenario};
use crate::value::{Id, Length};

/// Returns RTO and RPO of an asset: the scenario's for it, else the scenario's for all, else its own.
pub fn targets_in(scenario: Option<&Scenario>, id: &Id, asset: &Asset) -> (Option<Length>, Option<Length>) {
    let of_asset = scenario.and_then(|scenario| scenario.targets.get(id));
    let of_all = scenario.and_then(|scenario| scenario.targets.get("all"));
    let pick = |choose: fn(&crate::plan::Targets) -> Option<Objective>, own: Option<Objective>| {
        let chosen = of_asset.and_then(choose).or_else(|| of_all.and_then(choose)).or(own);
        chosen.and_then(Objective::length)
    };
    (pick(|targets| targets.rto, asset.rto), pick(|targets| targets.rpo, asset.rpo))
}
