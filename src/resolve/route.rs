//! The route: what a scenario hits, and how it comes back.
//!
//! One pure function, used by graph, analysis, execute and render alike, so that they cannot disagree.

use std::collections::BTreeMap;

use super::copies::CopyChoice;
use super::finder::{Finder, Way};
use super::nodes::{Node, order};
use super::reach::Reach;
use super::reliance::{Index, Reliance, Thing};
use super::stuck::{Stuck, stuck};
use super::{Harm, Placement, ResolvedPlan, ResolvedStep, Section};
use crate::plan::Operation;
use crate::value::Id;

/// What the route is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// The scenario; without one, everything comes back by every step.
    pub scenario: Option<&'a Id>,
    /// Which way things move.
    pub operation: Operation,
    /// Only what brings these assets back; all if empty.
    pub only: &'a [Id],
    /// Whether the steps that set and clear the stage of a drill take part.
    pub with_stage: bool,
}

/// What the scenario does with an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetState {
    /// Nothing.
    Untouched,
    /// Its home is gone or compromised: it must be brought back.
    Lost,
    /// Its data is spoiled: it must be brought back.
    Damaged,
    /// Something that it needs gets another home: it must be moved along.
    MovedUnder,
    /// Something that it needs is down and comes back in place: its health is waited for.
    Interrupted,
    /// It goes back to its first home.
    Returning,
    /// The plan has no scenarios: everything comes back.
    Wanted,
    /// It would have to be brought back, but its step is left out in this environment: not exercised.
    LeftOut,
}

impl AssetState {
    /// Whether a step must bring the asset back.
    pub const fn is_goal(self) -> bool {
        match self {
            Self::Lost | Self::Damaged | Self::MovedUnder | Self::Returning | Self::Wanted => true,
            Self::Untouched | Self::Interrupted | Self::LeftOut => false,
        }
    }
}

/// What the route does with an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRoute {
    /// What the scenario does with it.
    pub state: AssetState,
    /// Why, for people: "its home vps-00 is lost with fsn".
    pub why: String,
    /// Where it lives when the scenario strikes.
    pub was: Option<Id>,
    /// Where it lives afterwards.
    pub home: Option<Id>,
    /// The homes that come before that one, each with the reason against it.
    pub homes_passed_over: Vec<(Id, String)>,
    /// The step that brings it back.
    pub restored_by: Option<Id>,
    /// Why nothing brings it back, if nothing does.
    pub stranded: Option<String>,
}

/// Why a step was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepChoice {
    /// Why, for people: "restores postgres".
    pub why: String,
    /// The copy that it restores from.
    pub copy: Option<CopyChoice>,
}

/// How everything that a scenario hits comes back.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// The scenario.
    pub scenario: Option<Id>,
    /// Which way things move.
    pub operation: Operation,
    /// What fell.
    pub harm: Harm,
    /// Every asset of the plan.
    pub assets: BTreeMap<Id, AssetRoute>,
    /// The chosen steps, by the id that a person wrote.
    pub chosen: BTreeMap<Id, StepChoice>,
    /// The steps that were not chosen, each with the reason.
    pub passed_over: BTreeMap<Id, String>,
    /// What can never begin, and why.
    pub stuck: Vec<Stuck>,
    /// The nodes, in the order of the plan, each with what it waits for.
    pub nodes: Vec<Node>,
}

impl Route {
    /// Returns the place where a step is done; nothing if that is the controller.
    pub fn place_of(&self, plan: &ResolvedPlan, step: &ResolvedStep) -> Option<Id> {
        match step.common.on.as_ref()?.as_str() {
            "controller" => None,
            "home" => {
                let whole = step.part_of.as_ref().and_then(|group| plan.step(group.as_str())).unwrap_or(step);
                whole.common.restores.iter().find_map(|asset| self.assets.get(asset)?.home.clone())
            }
            place => Some(Id::trusted(place)),
        }
    }
}

/// Finds the route.
///
/// Of alternatives the first in the file that can be used is taken. Where that makes something wait for what it
/// brings back, another way is looked for over everything that the plan allows; if there is none, the route says
/// what is stuck.
pub fn route(plan: &ResolvedPlan, placement: &Placement, request: &Request<'_>) -> Route {
    let index = Index::new(plan);
    let mut route = Finder::find(plan, placement, request, None);
    let mut reach =
        Reach::new(&Reliance::of_route(&index, &route), things(plan, &route).map(|(_, thing)| thing));
    if !reach.has_all() {
        let every_way = Reliance::of_every_way(&index, &route);
        let all = Reach::new(&every_way, things(plan, &route).map(|(_, thing)| thing));
        let is_better = reach.lacking().any(|thing| all.round(thing).is_some());
        let way = Way { reliance: &every_way, reach: &all, first_choice: &reach };
        let other = is_better.then(|| Finder::find(plan, placement, request, Some(&way)));
        if let Some(other) = other {
            reach =
                Reach::new(&Reliance::of_route(&index, &other), things(plan, &other).map(|(_, thing)| thing));
            route = other;
        }
    }
    if request.scenario.is_some() || request.operation == Operation::Failback || !request.only.is_empty() {
        leave_out_the_unneeded(plan, &mut route, &reach);
    }
    let reliance = Reliance::of_route(&index, &route);
    let stuck = stuck(plan, &route.harm, &reliance, &reach, things(plan, &route));
    let nodes = order(plan, &route, &reliance, &reach, request.with_stage);
    route.stuck = stuck;
    route.nodes = nodes;
    route
}

/// Nothing runs that nothing relies on: of several that would do, only those that serve.
fn leave_out_the_unneeded(plan: &ResolvedPlan, route: &mut Route, reach: &Reach) {
    let assets = things(plan, route).map(|(_, thing)| thing).filter(|thing| matches!(thing, Thing::Asset(_)));
    let behind = reach.behind(assets);
    for (at, step) in plan.steps.iter().enumerate() {
        if !behind.contains(Thing::Step(at)) && route.chosen.remove(&step.id).is_some() {
            route.passed_over.insert(step.id.clone(), "nothing that runs needs it".to_owned());
        }
    }
}

/// Returns what a route wants: the steps that it takes, and the assets that it brings back.
fn things<'a>(plan: &'a ResolvedPlan, route: &'a Route) -> impl Iterator<Item = (Id, Thing)> + 'a {
    let steps = plan.steps.iter().enumerate().filter(|(_, step)| {
        step.part_of.is_none() && step.section == Section::Steps && route.chosen.contains_key(&step.id)
    });
    let steps = steps.map(|(at, step)| (step.id.clone(), Thing::Step(at)));
    let is_hit = |id: &Id| {
        let state = route.assets.get(id).map(|asset| asset.state);
        !matches!(state, None | Some(AssetState::Untouched | AssetState::LeftOut))
    };
    let assets = plan.assets.keys().enumerate().filter(move |(_, id)| is_hit(id));
    steps.chain(assets.map(|(at, id)| (id.clone(), Thing::Asset(at))))
}
