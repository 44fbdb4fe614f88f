//! The schedule as drawings want it: an outline with times, and the clock against the targets.

use super::{estimate, schedule};
use crate::graph::{Clock, Cycle, NodeTime, Outline, StepGraph, Target};
use crate::plan::{Objective, Scenario};
use crate::resolve::{AssetState, NodeKind, ResolvedPlan, Route};
use crate::value::Id;

/// A route with its times.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The items in order, each with its time.
    pub outline: Outline,
    /// The whole against the targets.
    pub clock: Clock,
}

/// Works out when everything runs and what that means for the targets.
///
/// # Errors
///
/// The shortest way round, if there is one.
pub fn forecast(plan: &ResolvedPlan, route: &Route) -> Result<Forecast, Cycle> {
    let graph = StepGraph::new(&route.nodes);
    let schedule = schedule(plan, route, &graph)?;
    let mut times: Vec<NodeTime> = route
        .nodes
        .iter()
        .zip(&schedule.timings)
        .map(|(node, timing)| NodeTime {
            start: timing.start,
            end: timing.end,
            slack: timing.slack,
            estimate: estimate(plan, node),
            critical: false,
        })
        .collect();
    for at in &schedule.critical_path {
        times[*at].critical = true;
    }
    let outline = Outline::new(plan, route, &graph, &times)?;
    let scenario = route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
    let detect = scenario.and_then(|scenario| scenario.detect).unwrap_or_default();
    let decide = scenario.and_then(|scenario| scenario.decide).unwrap_or_default();
    let hit = route.nodes.iter().zip(&schedule.timings).filter(|(node, _)| {
        let asset = route.assets.get(&node.id);
        matches!(node.kind, NodeKind::Health(_))
            && asset.is_some_and(|asset| asset.stranded.is_none() && asset.state != AssetState::Untouched)
    });
    let targets = hit
        .map(|(node, timing)| Target {
            asset: node.id.clone(),
            expected: detect.saturating_add(decide).saturating_add(timing.end),
            rto: rto(plan, scenario, &node.id).and_then(Objective::length),
        })
        .collect();
    Ok(Forecast { outline, clock: Clock { detect, decide, total: schedule.total, targets } })
}

/// Returns an asset's recovery time objective in a scenario.
pub fn rto(plan: &ResolvedPlan, scenario: Option<&Scenario>, asset: &Id) -> Option<Objective> {
    let targets = scenario.map(|scenario| &scenario.targets);
    let of = |id: &str| targets.and_then(|targets| targets.get(id)).and_then(|targets| targets.rto);
    of(asset.as_str()).or_else(|| of("all")).or_else(|| plan.assets.get(asset)?.rto)
}

/// Returns an asset's recovery point objective in a scenario.
pub fn rpo(plan: &ResolvedPlan, scenario: Option<&Scenario>, asset: &Id) -> Option<Objective> {
    let targets = scenario.map(|scenario| &scenario.targets);
    let of = |id: &str| targets.and_then(|targets| targets.get(id)).and_then(|targets| targets.rpo);
    of(asset.as_str()).or_else(|| of("all")).or_else(|| plan.assets.get(asset)?.rpo)
}
