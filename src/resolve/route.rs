//! The route: what a scenario hits, and how it comes back.
//!
//! One pure function, used by graph, analysis, execute and render alike, so that they cannot disagree.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::copies::CopyChoice;
use super::finder::{Finder, Way};
use super::index::Index;
use super::nodes::{Node, order};
use super::reach::Reach;
use super::reasons::{NOBODY, why_passed_over};
use super::reliance::{Reliance, Thing};
use super::stuck::{Stuck, stuck};
use super::{Column, Harm, Placement, ResolvedPlan, ResolvedStep};
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
    pub why: Cow<'static, str>,
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

/// How a step was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepChoice {
    /// The copy that it restores from.
    pub copy: Option<Box<CopyChoice>>,
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
    pub assets: Column<AssetRoute>,
    /// The chosen steps, by the id that a person wrote.
    pub chosen: Column<StepChoice>,
    /// The places, by position, that are there because assets live in them now, whatever the plan says of the time before they
    /// were built.
    pub(super) lived_in: HashSet<usize, ahash::RandomState>,
    /// What was found against steps while others were chosen, by position.
    pub(super) against: HashMap<usize, Cow<'static, str>, ahash::RandomState>,
    /// What can never begin, and why.
    pub stuck: Vec<Stuck>,
    /// The nodes, in the order of the plan, each with what it waits for.
    pub nodes: Vec<Node>,
}

impl Route {
    /// Whether a place is there unless it has fallen.
    pub(super) fn exists(&self, plan: &ResolvedPlan, place: usize) -> bool {
        plan.places.get_index(place).is_some_and(|(_, declared)| declared.exists)
            || self.lived_in.contains(&place)
    }

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

    /// Returns the steps that were not chosen, in the order of the plan, each with the reason.
    ///
    /// The reasons are made when they are asked for: most of thousands of steps are never looked at.
    pub fn passed_over<'r>(
        &'r self,
        plan: &'r ResolvedPlan,
    ) -> impl Iterator<Item = (&'r Id, Cow<'static, str>)> {
        let steps = plan.steps.iter().enumerate();
        steps.filter_map(|(at, step)| Some((&step.id, why_passed_over(plan, self, at)?)))
    }

    /// Returns why a step was not chosen; nothing if it was, or if there is no such step.
    pub fn why_passed_over(&self, plan: &ResolvedPlan, step: &Id) -> Option<Cow<'static, str>> {
        why_passed_over(plan, self, self.chosen.position(step)?)
    }
}

/// Finds the routes of a plan: looks through the plan once, for all of them.
pub struct Router<'a>(Index<'a>);

impl std::fmt::Debug for Router<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Router").field(&self.0.plan.plan).finish()
    }
}

impl<'a> Router<'a> {
    /// Looks through a plan.
    pub fn new(plan: &'a ResolvedPlan) -> Self {
        Self(Index::new(plan))
    }

    /// Finds a route.
    ///
    /// Of alternatives the first in the file that can be used is taken. Where that makes something wait for what it
    /// brings back, another way is looked for over everything that the plan allows; if there is none, the route says
    /// what is stuck.
    pub fn route(&self, placement: &Placement, request: &Request<'_>) -> Route {
        let index = &self.0;
        let mut route = Finder::find(index, placement, request, None);
        let mut reach = Reach::new(&Reliance::of_route(index, &route), things(index, &route));
        if let Some(other) = other_way(index, placement, request, &route, &reach) {
            route = other;
            reach = Reach::new(&Reliance::of_route(index, &route), things(index, &route));
        }
        if request.scenario.is_some() || request.operation == Operation::Failback || !request.only.is_empty()
        {
            leave_out_the_unneeded(index, &mut route, &reach);
        }
        route.stuck = stuck(index, &route.harm, &reach, things(index, &route));
        route.nodes = order(index, &route, &reach, request.with_stage);
        route
    }
}

/// Finds the route of a plan, as [`Router::route`] does.
pub fn route(plan: &ResolvedPlan, placement: &Placement, request: &Request<'_>) -> Route {
    Router::new(plan).route(placement, request)
}

/// Returns another way where something of a route is stuck, and would not be on every way.
fn other_way(
    index: &Index<'_>,
    placement: &Placement,
    request: &Request<'_>,
    route: &Route,
    reach: &Reach<'_>,
) -> Option<Route> {
    if reach.has_all() {
        return None;
    }
    let all = Reach::new(&Reliance::of_every_way(index, route), things(index, route));
    let is_better = reach.lacking().any(|thing| all.round(thing).is_some());
    let way = Way { reach: &all, first_choice: reach };
    is_better.then(|| Finder::find(index, placement, request, Some(&way)))
}

/// Nothing runs that nothing relies on: of several that would do, only those that serve.
fn leave_out_the_unneeded(index: &Index<'_>, route: &mut Route, reach: &Reach<'_>) {
    let assets = things(index, route).filter(|thing| matches!(thing, Thing::Asset(_)));
    let behind = reach.behind(assets);
    let steps = things(index, route).filter(|thing| !behind.contains(*thing));
    let unneeded: Vec<usize> =
        steps.filter_map(|thing| if let Thing::Step(at) = thing { Some(at) } else { None }).collect();
    for at in unneeded {
        route.chosen.take(at);
        route.against.insert(at, NOBODY.into());
    }
}

/// Returns what a route wants: the steps that it takes, and the assets that it brings back.
fn things<'a>(index: &'a Index<'_>, route: &'a Route) -> impl Iterator<Item = Thing> + 'a {
    let steps = (0..index.plan.steps.len()).filter(|at| route.chosen.has(*at) && index.is_own_step(*at));
    let is_hit = |at: &usize| {
        let state = route.assets.at(*at).map(|asset| asset.state);
        !matches!(state, None | Some(AssetState::Untouched | AssetState::LeftOut))
    };
    let assets = (0..index.plan.assets.len()).filter(is_hit);
    steps.map(Thing::Step).chain(assets.map(Thing::Asset))
}
