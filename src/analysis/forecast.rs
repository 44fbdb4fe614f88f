//! The schedule as drawings want it: an outline with times, and the clock against the targets.

use super::{Basis, Recovery, Schedule, cause, cause_words, lines, schedule, sum_words, wait_words};
use crate::graph::{Clock, Cycle, NodeTime, Outline, StepGraph, Target};
use crate::plan::{Objective, Scenario};
use crate::resolve::{ResolvedPlan, Route};
use crate::value::Id;

/// A route with its times.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The items in order, each with its time.
    pub outline: Outline,
    /// The whole against the targets.
    pub clock: Clock,
    /// All that is known of when what runs, and why then.
    pub schedule: Schedule,
}

/// With more assets that come back, the sums of those that are in time are not shown.
const MOST_SUMS: usize = 1000;

/// Works out when everything runs and what that means for the targets.
///
/// # Errors
///
/// The shortest way round, if there is one.
pub fn forecast(plan: &ResolvedPlan, route: &Route, basis: &Basis) -> Result<Forecast, Cycle> {
    let graph = StepGraph::new(&route.nodes);
    let schedule = schedule(plan, route, &graph.order()?, basis);
    let mut times: Vec<NodeTime> = schedule
        .timings
        .iter()
        .map(|timing| NodeTime {
            start: timing.start,
            end: timing.end,
            slack: timing.slack,
            estimate: timing.estimate.planned,
            measured: timing.estimate.measured,
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
    let hit = route.nodes.iter().filter_map(|node| schedule.recoveries.get_key_value(&node.id));
    // A line for each step of each chain: in a very large plan, only for what is late.
    let is_shown = |recovery: &Recovery| schedule.recoveries.len() <= MOST_SUMS || recovery.is_late();
    let sum = |recovery: &Recovery| {
        if is_shown(recovery) { sum_words(&lines(plan, route, &schedule, recovery)) } else { String::new() }
    };
    let targets = hit
        .map(|(asset, recovery)| Target {
            asset: asset.clone(),
            expected: recovery.healthy,
            rto: recovery.rto,
            sum: sum(recovery),
            cause: cause(plan, route, &schedule, recovery).as_ref().map(cause_words),
        })
        .collect();
    let waits = schedule.timings.iter().enumerate();
    let held_up =
        waits.filter_map(|(at, timing)| Some((at, wait_words(route, &timing.waited_for)?))).collect();
    let without_person = schedule.without_person.clone();
    let clock = Clock { detect, decide, total: schedule.total, targets, held_up, without_person };
    Ok(Forecast { outline, clock, schedule })
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
    let own = plan.assets.get(asset).and_then(|asset| asset.rpo);
    // What has no data of its own, such as an application, has none to lose, though `all` assets are spoken of.
    let has_data = || own.is_some() || plan.backups.values().any(|backup| backup.of.contains(asset));
    of(asset.as_str()).or_else(|| of("all").filter(|_| has_data())).or(own)
}
