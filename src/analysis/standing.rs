//! Where each promise of a plan stands: one line for each asset that a scenario hits.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Basis, Data, Verdict, promises};
use crate::graph::StepGraph;
use crate::resolve::{AssetState, Placement, Request, ResolvedPlan, Router};
use crate::value::{Id, Length};

/// Where the promises for an asset stand in a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Standing {
    /// The plan.
    pub plan: Id,
    /// The scenario; none for a plan without scenarios.
    pub scenario: Option<Id>,
    /// The asset.
    pub asset: Id,
    /// What the scenario does with it: `lost`, `damaged`, `moved`, `interrupted` or `wanted`.
    pub hit: String,
    /// The step that brings it back; none if nothing does, or if it comes back by itself.
    pub restored_by: Option<Id>,
    /// Where it lives afterwards.
    pub home: Option<Id>,
    /// The copy that it is restored from.
    pub restored_from: Option<Id>,
    /// The copies that can be used; none if its data is not taken.
    pub copies_left: Option<Vec<Id>>,
    /// The most that can be lost of what was written before the harm.
    pub recovery_point: Option<Length>,
    /// What is promised of that: a length of time, or `none`.
    pub rpo: Option<String>,
    /// Whether that is kept.
    pub point: Verdict,
    /// When it is back, from the incident on.
    pub recovery_time: Option<Length>,
    /// What is promised of that: a length of time, or `none`.
    pub rto: Option<String>,
    /// Whether that is kept.
    pub time: Verdict,
}

/// Works out where every promise of a plan stands, in the order of its scenarios and assets.
///
/// A scenario in which steps wait for each other has no times: it is left out, and `check` tells the circle.
pub fn standings(plan: &ResolvedPlan, placement: &Placement, basis: &Basis) -> Vec<Standing> {
    let scenarios: Vec<Option<&Id>> =
        if plan.scenarios.is_empty() { vec![None] } else { plan.scenarios.keys().map(Some).collect() };
    let mut all = Vec::new();
    let router = Router::new(plan);
    for scenario in scenarios {
        let route = router.route(placement, &Request { scenario, ..Request::default() });
        let Ok(order) = StepGraph::new(&route.nodes).order() else { continue };
        let promises = promises(plan, &route, &order, basis);
        for promise in &promises.assets {
            let of = route.assets.get(&promise.asset);
            all.push(Standing {
                plan: plan.plan.clone(),
                scenario: scenario.cloned(),
                asset: promise.asset.clone(),
                hit: hit(promise.state).to_owned(),
                restored_by: of.and_then(|of| of.restored_by.clone()),
                home: of.and_then(|of| of.home.clone()),
                restored_from: match &promise.data {
                    Data::Restored(copy) => Some(copy.clone()),
                    _ => None,
                },
                copies_left: promise.survival.as_ref().map(|survival| survival.left().cloned().collect()),
                recovery_point: promise.point.as_ref().and_then(|point| Some(point.as_ref().ok()?.total())),
                rpo: promise.rpo.map(|rpo| rpo.to_string()),
                point: promise.point_verdict(),
                recovery_time: promise.recovery.as_ref().map(|recovery| recovery.healthy),
                rto: promise.rto.map(|rto| rto.to_string()),
                time: promise.time_verdict(),
            });
        }
    }
    all
}

const fn hit(state: AssetState) -> &'static str {
    match state {
        AssetState::Lost => "lost",
        AssetState::Damaged => "damaged",
        AssetState::MovedUnder => "moved",
        AssetState::Interrupted => "interrupted",
        AssetState::Returning => "returning",
        AssetState::Wanted => "wanted",
        AssetState::Untouched | AssetState::LeftOut => "untouched",
    }
}

impl Standing {
    /// Whether both promises are kept, as far as any was made.
    pub fn is_kept(&self) -> bool {
        ![self.point, self.time].iter().any(|kept| matches!(kept, Verdict::Missed | Verdict::Unknown))
    }

    /// How many promises are made, and how many of them are kept.
    pub fn promises(&self) -> (usize, usize) {
        let made = [(self.rpo.is_some(), self.point), (self.rto.is_some(), self.time)];
        let made: Vec<Verdict> =
            made.into_iter().filter(|(is_made, _)| *is_made).map(|(_, kept)| kept).collect();
        (made.len(), made.iter().filter(|kept| **kept == Verdict::Met).count())
    }
}
