//! What a plan promises in a scenario, asset by asset: what is left, how much is lost, when it is back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Basis, Recovery, Schedule, Survival, rpo, rto, schedule, survival};
use crate::plan::{Objective, Scenario};
use crate::resolve::{AssetRoute, AssetState, Harmed, Harmful, PointLoss, ResolvedPlan, Route, point_loss};
use crate::value::{Id, Length};

/// What becomes of an asset's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nothing happens to it.
    Kept,
    /// It is restored from this copy.
    Restored(Id),
    /// It has none that a backup holds.
    None,
    /// It is given up: `rpo: none`.
    GivenUp,
    /// No copy of it can be used.
    Lost,
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    #[serde(rename = "kept")]
    Met,
    /// Nothing is promised.
    NoTarget,
    /// It cannot be told.
    Unknown,
    /// It is not.
    Missed,
}

/// What a plan promises of an asset that a scenario hits, and what comes of it.
#[derive(Clone, Debug)]
pub struct Promise {
    /// The asset.
    pub asset: Id,
    /// What the scenario does with it.
    pub state: AssetState,
    /// What becomes of its data.
    pub data: Data,
    /// Its recovery point objective in the scenario.
    pub rpo: Option<Objective>,
    /// The most that can be lost, line by line; or why that cannot be told.
    pub point: Option<Result<Arc<PointLoss>, String>>,
    /// Its recovery time objective in the scenario.
    pub rto: Option<Objective>,
    /// When it is back; nothing if it never is, or if that cannot be told.
    pub recovery: Option<Recovery>,
    /// What is left of its data, if the scenario takes that.
    pub survival: Option<Survival>,
}

impl Promise {
    /// Whether the recovery point objective is met.
    pub fn point_verdict(&self) -> Verdict {
        match (&self.data, self.rpo, &self.point) {
            (Data::Lost, ..) => Verdict::Missed,
            (Data::Kept | Data::None | Data::GivenUp, ..) | (_, Some(Objective::None), _) => Verdict::Met,
            (_, None, _) => Verdict::NoTarget,
            (_, _, None | Some(Err(_))) => Verdict::Unknown,
            (_, Some(Objective::Within(within)), Some(Ok(point))) => {
                if point.total() <= within {
                    Verdict::Met
                } else {
                    Verdict::Missed
                }
            }
        }
    }

    /// Whether the recovery time objective is met.
    pub fn time_verdict(&self) -> Verdict {
        match (self.rto, &self.recovery) {
            (Some(Objective::None), _) => Verdict::Met,
            (_, None) => Verdict::Missed,
            (None, _) => Verdict::NoTarget,
            (Some(_), Some(recovery)) if recovery.is_late() => Verdict::Missed,
            (Some(_), Some(_)) => Verdict::Met,
        }
    }
}

/// What a plan promises in a scenario.
#[derive(Clone, Debug)]
pub struct Promises {
    /// The scenario.
    pub scenario: Option<Id>,
    /// The assets that are hit, in the order of the plan.
    pub assets: Vec<Promise>,
    /// When what runs.
    pub schedule: Schedule,
}

/// Works out what a plan promises on a route; `order` has each node after all that it waits for. Where steps wait for each other
/// there is none, and no time at which anything is back.
pub fn promises(plan: &ResolvedPlan, route: &Route, order: &[usize], basis: &Basis) -> Promises {
    let schedule = schedule(plan, route, order, basis);
    let scenario = route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
    let mut survived: HashMap<Id, Survival, ahash::RandomState> =
        survival(plan, route).into_iter().map(|survival| (survival.asset.clone(), survival)).collect();
    let never = never_over(route, order);
    let mut losses = Losses { plan, known: HashMap::default() };
    let mut assets = Vec::new();
    let is_hit = |of: &AssetRoute| !matches!(of.state, AssetState::Untouched | AssetState::LeftOut);
    for (id, of) in route.assets.iter().filter(|(_, of)| is_hit(of)) {
        let survival = survived.remove(id);
        let (data, point) = data_of(&mut losses, route, scenario, (id, of), survival.as_ref());
        let recovery = schedule.recoveries.get(id).filter(|recovery| !never.contains(&recovery.node));
        assets.push(Promise {
            asset: id.clone(),
            state: of.state,
            data,
            rpo: rpo(plan, scenario, id),
            point,
            rto: rto(plan, scenario, id),
            recovery: recovery.cloned(),
            survival,
        });
    }
    Promises { scenario: route.scenario.clone(), assets, schedule }
}

/// Returns the nodes that are never over: what nothing brings back, what is stuck, and whatever waits for that.
fn never_over(route: &Route, order: &[usize]) -> HashSet<usize, ahash::RandomState> {
    let stuck: HashSet<&str, ahash::RandomState> =
        route.stuck.iter().flat_map(|stuck| &stuck.links).map(|link| link.from.as_str()).collect();
    let mut never = HashSet::default();
    if stuck.is_empty() && route.assets.values().all(|asset| asset.stranded.is_none()) {
        return never;
    }
    for at in order {
        let node = &route.nodes[*at];
        let is_stranded = route.assets.get(&node.id).is_some_and(|asset| asset.stranded.is_some());
        let waits = node.after.iter().any(|(before, _)| never.contains(before));
        if is_stranded || waits || stuck.contains(node.id.as_str()) {
            never.insert(*at);
        }
    }
    never
}

/// Returns what becomes of an asset's data, and how much of it is lost.
fn data_of(
    losses: &mut Losses<'_>,
    route: &Route,
    scenario: Option<&Scenario>,
    (id, of): (&Id, &AssetRoute),
    survival: Option<&Survival>,
) -> (Data, Option<Result<Arc<PointLoss>, String>>) {
    if !matches!(of.state, AssetState::Lost | AssetState::Damaged | AssetState::Wanted) {
        return (Data::Kept, None);
    }
    let chosen = of.restored_by.as_ref().and_then(|step| route.chosen.get(step)?.copy.as_ref());
    let chosen = chosen.map(|choice| choice.copy.clone());
    let harms = harms(route, scenario, id, of.was.as_ref());
    let mut lost_from = |copy: &Id| losses.worst(copy, &harms);
    // A step that names no copy restores from whatever is left: the best of it counts.
    let best = || {
        let left = survival.into_iter().flat_map(Survival::left);
        left.min_by_key(|copy| lost_from(copy).map_or(Length::from_millis(u64::MAX), |loss| loss.total()))
            .cloned()
    };
    if let Some(copy) = chosen.or_else(best) {
        let loss = lost_from(&copy);
        return (Data::Restored(copy), Some(loss));
    }
    match survival {
        None => (Data::None, None),
        Some(survival) if survival.is_given_up => (Data::GivenUp, None),
        Some(_) => (Data::Lost, None),
    }
}

/// Returns what happens to an asset's data: its place is lost, or something is found late, or both.
fn harms(route: &Route, scenario: Option<&Scenario>, id: &Id, was: Option<&Id>) -> Vec<Harmful> {
    let found_after = scenario.and_then(|scenario| scenario.found_after).unwrap_or_default();
    let fall = was.and_then(|was| route.harm.of_place(was.as_str()));
    let mut harms = Vec::new();
    let is_invaded = was.is_some_and(|was| route.harm.is_compromised(was.as_str()));
    let is_damaged = route.harm.is_damaged(id);
    if fall.is_some_and(|fall| fall.harmed == Harmed::Lost) || !(is_invaded || is_damaged) {
        harms.push(Harmful::Loss);
    }
    if is_invaded || is_damaged {
        harms.push(Harmful::FoundAfter(found_after));
    }
    harms
}

/// What is lost by restoring from each copy, worked out once for all assets that it holds.
struct Losses<'a> {
    plan: &'a ResolvedPlan,
    known: HashMap<(Id, Harmful), Result<Arc<PointLoss>, String>, ahash::RandomState>,
}

impl Losses<'_> {
    fn worst(&mut self, copy: &Id, harms: &[Harmful]) -> Result<Arc<PointLoss>, String> {
        let mut worst: Option<Arc<PointLoss>> = None;
        for harm in harms {
            let work_out = || point_loss(self.plan, copy.as_str(), *harm).map(Arc::new);
            let loss = self.known.entry((copy.clone(), *harm)).or_insert_with(work_out).clone()?;
            if worst.as_ref().is_none_or(|worst| loss.total() > worst.total()) {
                worst = Some(loss);
            }
        }
        worst.ok_or_else(|| "nothing happens to it".to_owned())
    }
}
