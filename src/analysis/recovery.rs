//! When each asset is back, what that time is made of, and which dependency is to blame if it is too late.

use std::collections::{BTreeSet, HashMap};

use super::estimate::recovering;
use super::schedule::chain;
use super::{Schedule, Timing, WaitedFor, rto};
use crate::plan::Objective;
use crate::resolve::{AssetState, Node, NodeKind, ResolvedPlan, Route};
use crate::value::{Id, Length};

/// When an asset is healthy again, from the incident on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The time from the incident until it is healthy.
    pub healthy: Length,
    /// The recovery time objective in this scenario; nothing where none is promised.
    pub rto: Option<Length>,
    /// Its health check, as a position in the route.
    pub node: usize,
}

impl Recovery {
    /// Whether it comes back later than promised.
    pub fn is_late(&self) -> bool {
        self.rto.is_some_and(|rto| self.healthy > rto)
    }
}

/// A part of the time until an asset is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What passes.
    pub what: Passing,
    /// How long.
    pub length: Length,
    /// Where it is a step that had to wait for more than what it needs: what for.
    pub held_up_by: Option<WaitedFor>,
}

/// What passes until an asset is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passing {
    /// Nobody has noticed yet.
    Detect,
    /// It is not decided yet.
    Decide,
    /// A person is not there yet.
    Arrival(Id),
    /// The copy that a step restores from is got back: the step, and the copy.
    Fetch(Id, Id),
    /// A step, by the id that a person wrote, does its work.
    Step(Id),
}

/// A chain of dependencies that makes an asset miss its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// First the asset that misses its target, then what it waits for, then what that waits for. All but the first come back
    /// later than the target of the first allows; the last one waits for no other such asset.
    pub chain: Vec<CauseLink>,
}

/// An asset in a chain of dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseLink {
    /// The asset.
    pub asset: Id,
    /// The time from the incident until it is healthy.
    pub healthy: Length,
    /// Its own recovery time objective; nothing where none is promised.
    pub rto: Option<Length>,
}

/// Works out when each asset that is hit and comes back is healthy again.
pub(super) fn recoveries(
    plan: &ResolvedPlan,
    route: &Route,
    timings: &[Timing],
) -> HashMap<Id, Recovery, ahash::RandomState> {
    let account = Account::new(plan, route, timings);
    recoveries_of(route).map(|at| (route.nodes[at].id.clone(), account.recovery(at))).collect()
}

/// Returns the health checks of the assets that are hit and come back, as positions in the route.
pub(super) fn recoveries_of(route: &Route) -> impl Iterator<Item = usize> {
    let is_one = |node: &Node| matches!(node.kind, NodeKind::Health(asset) if comes_back(route, asset));
    route.nodes.iter().enumerate().filter(move |(_, node)| is_one(node)).map(|(at, _)| at)
}

/// Returns what the time until an asset is healthy is made of, in order: the chain of waits that leads there. The lengths add up
/// to exactly [`Recovery::healthy`]; what takes no time is left out.
pub fn lines(plan: &ResolvedPlan, route: &Route, schedule: &Schedule, recovery: &Recovery) -> Vec<Line> {
    Account::new(plan, route, &schedule.timings).lines(recovery.node)
}

/// Returns which dependency makes an asset miss its target; nothing if it is met, or if the asset itself is too slow.
pub fn cause(plan: &ResolvedPlan, route: &Route, schedule: &Schedule, recovery: &Recovery) -> Option<Cause> {
    Account::new(plan, route, &schedule.timings).cause(recovery.node)
}

/// Whether an asset is hit and comes back.
fn comes_back(route: &Route, asset: usize) -> bool {
    let asset = route.assets.at(asset);
    asset.is_some_and(|asset| asset.stranded.is_none() && asset.state != AssetState::Untouched)
}

struct Account<'a> {
    plan: &'a ResolvedPlan,
    route: &'a Route,
    timings: &'a [Timing],
    detect: Length,
    decide: Length,
}

impl<'a> Account<'a> {
    fn new(plan: &'a ResolvedPlan, route: &'a Route, timings: &'a [Timing]) -> Self {
        let scenario = route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
        let detect = scenario.and_then(|scenario| scenario.detect).unwrap_or_default();
        let decide = scenario.and_then(|scenario| scenario.decide).unwrap_or_default();
        Self { plan, route, timings, detect, decide }
    }

    fn recovery(&self, at: usize) -> Recovery {
        let this = self.link(at);
        Recovery { healthy: this.healthy, rto: this.rto, node: at }
    }

    fn link(&self, at: usize) -> CauseLink {
        let asset = self.route.nodes[at].id.clone();
        let scenario = self.route.scenario.as_ref().and_then(|id| self.plan.scenarios.get(id));
        let rto = rto(self.plan, scenario, &asset).and_then(Objective::length);
        let healthy = self.detect.saturating_add(self.decide).saturating_add(self.timings[at].end);
        CauseLink { asset, healthy, rto }
    }

    fn lines(&self, last: usize) -> Vec<Line> {
        let line = |what, length| Line { what, length, held_up_by: None };
        let mut lines = vec![line(Passing::Detect, self.detect), line(Passing::Decide, self.decide)];
        for at in chain(self.timings, last) {
            let timing = &self.timings[at];
            if let WaitedFor::Arrival(person) = &timing.waited_for {
                lines.push(line(Passing::Arrival(person.clone()), timing.start));
            }
            let node = &self.route.nodes[at];
            let Some(step) = recovering(self.plan, node) else { continue };
            let written = match &step.part_of {
                Some(group) => group,
                None => &node.id,
            };
            // Whoever was not there yet has a line of their own.
            let is_other = |waited_for: &&WaitedFor| {
                !matches!(waited_for, WaitedFor::Nothing | WaitedFor::Node(_) | WaitedFor::Arrival(_))
            };
            let mut held_up_by = Some(&timing.waited_for).filter(is_other).cloned();
            if timing.fetch > Length::ZERO {
                let copy = self.route.chosen.get(written).and_then(|choice| choice.copy.as_ref());
                let copy = copy.map_or_else(|| written.clone(), |choice| choice.copy.clone());
                let what = Passing::Fetch(written.clone(), copy);
                lines.push(Line { what, length: timing.fetch, held_up_by: held_up_by.take() });
            }
            let length = timing.end.saturating_sub(timing.start).saturating_sub(timing.fetch);
            let what = Passing::Step(written.clone());
            match lines.last_mut() {
                // The parts of a recipe are one step to whoever wrote it.
                Some(last) if last.what == what => last.length = last.length.saturating_add(length),
                _ => lines.push(Line { what, length, held_up_by }),
            }
        }
        lines.retain(|line| line.length > Length::ZERO);
        lines
    }

    /// Follows, from an asset that is late, always the needed asset that comes back last, as long as it comes back later
    /// than the target of the first allows.
    fn cause(&self, at: usize) -> Option<Cause> {
        let first = self.link(at);
        let allowed = first.rto.filter(|rto| first.healthy > *rto)?;
        let mut chain = vec![first];
        let mut at = at;
        while let Some(next) = self.needed(at).into_iter().max_by_key(|next| self.timings[*next].end) {
            let link = self.link(next);
            if link.healthy <= allowed {
                break;
            }
            chain.push(link);
            at = next;
        }
        (chain.len() > 1).then_some(Cause { chain })
    }

    /// Returns the assets that an asset or its steps wait for, without those beyond them; the last in the plan first.
    fn needed(&self, at: usize) -> Vec<usize> {
        let mut seen = BTreeSet::from([at]);
        let mut stack = vec![at];
        let mut found = BTreeSet::new();
        while let Some(at) = stack.pop() {
            for (before, _) in &self.route.nodes[at].after {
                if matches!(self.route.nodes[*before].kind, NodeKind::Health(_)) {
                    found.insert(*before);
                } else if seen.insert(*before) {
                    stack.push(*before);
                }
            }
        }
        found.into_iter().rev().collect()
    }
}
