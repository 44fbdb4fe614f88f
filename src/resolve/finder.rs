//! Finds which steps bring back what a scenario hits.

use std::collections::{HashSet, VecDeque};

use super::copies::{CopyChoice, Losses};
use super::index::Index;
use super::reach::Reach;
use super::reasons::{WAITS, why_not};
use super::reliance::{Kind, Requirement, Thing, first_restored, together};
use super::route::{AssetState, Request, Route, StepChoice};
use super::supply::Supply;
use super::{Column, Fall, Harm, Placement, ResolvedPlan, ResolvedStep};
use crate::plan::{Action, Need, Operation, Scenario};
use crate::value::Id;

/// Another way than the first in the file, for what cannot be had by that one.
pub(super) struct Way<'a> {
    /// What can be had, in every way that the plan allows.
    pub(super) reach: &'a Reach<'a>,
    /// What can be had by the first choice; there it stays.
    pub(super) first_choice: &'a Reach<'a>,
}

impl Way<'_> {
    /// Returns what to take for a thing that the first choice cannot have.
    pub(super) fn of(&self, thing: Thing, kind: impl Fn(Kind) -> bool) -> Option<Thing> {
        if self.first_choice.round(thing).is_some() {
            return None;
        }
        self.reach.way(thing, kind)
    }

    /// Returns that by which a thing can be had: the first choice where that will do.
    fn reach_of(&self, thing: Thing) -> &Reach<'_> {
        if self.first_choice.round(thing).is_some() { self.first_choice } else { self.reach }
    }
}

/// Makes a route, step by step.
pub(super) struct Finder<'a> {
    pub(super) index: &'a Index<'a>,
    pub(super) plan: &'a ResolvedPlan,
    pub(super) placement: &'a Placement,
    pub(super) scenario: Option<&'a Scenario>,
    pub(super) way: Option<&'a Way<'a>>,
    pub(super) route: Route,
    supply: Supply,
    losses: Losses,
    /// What taken steps need.
    pending: VecDeque<Thing>,
    /// Places and secrets whose own needs are taken already.
    followed: HashSet<Thing, ahash::RandomState>,
}

impl<'a> Finder<'a> {
    /// Finds the route by the first choice in the file, or by another way where that one is stuck.
    pub(super) fn find(
        index: &'a Index<'a>,
        placement: &'a Placement,
        request: &Request<'_>,
        way: Option<&'a Way<'a>>,
    ) -> Route {
        let plan = index.plan;
        let scenario = request.scenario.and_then(|id| plan.scenarios.get(id));
        let route = Route {
            scenario: request.scenario.cloned(),
            operation: request.operation,
            harm: scenario.map(|scenario| Harm::of(plan, scenario)).unwrap_or_default(),
            assets: Column::new(&index.asset_ids),
            chosen: Column::new(&index.step_ids),
            lived_in: lived_in(plan, placement),
            ..Route::default()
        };
        let supply = Supply::new(index, &route);
        let losses = Losses::default();
        let (pending, followed) = (VecDeque::new(), HashSet::default());
        let mut finder =
            Self { index, plan, placement, scenario, way, route, supply, losses, pending, followed };
        finder.find_goals();
        finder.choose(request.only);
        finder.route
    }

    /// Returns what the scenario does with an asset.
    pub(super) fn state(&self, asset: usize) -> Option<AssetState> {
        self.route.assets.at(asset).map(|route| route.state)
    }

    fn is_goal(&self, asset: usize) -> bool {
        self.state(asset).is_some_and(AssetState::is_goal)
    }

    /// Whether a step belongs to the plan in this scenario, environment and operation.
    fn applies(&self, step: &ResolvedStep) -> bool {
        why_not(self.plan, &self.route, step, step).is_none()
    }

    /// Returns the first step that would provide a place, if it could be done.
    fn first_provider(&self, place: usize) -> Option<usize> {
        self.index.providers.of(place).find(|at| self.applies(&self.plan.steps[*at]))
    }

    /// Returns why a place or a person is not to be relied on; nothing if it is well, or something else.
    pub(super) fn fall_of(&self, thing: Thing) -> Option<&Fall> {
        let id = match thing {
            Thing::Place(at) => self.plan.places.get_index(at).map(|(id, _)| id),
            Thing::Person(at) => self.plan.people.get_index(at).map(|(id, _)| id),
            Thing::Step(_) | Thing::Asset(_) | Thing::Secret(_) | Thing::Copy(..) => None,
        };
        self.route.harm.of_place(id?.as_str())
    }

    /// Says why a place cannot be used; nothing if it is there or a step can provide it.
    pub(super) fn against_place(&self, place: &Id) -> Option<String> {
        let Some(at) = self.plan.places.get_index_of(place) else {
            return Some("is not a place of this plan".to_owned());
        };
        if self.supply.has(at) {
            return None;
        }
        let nobody = match self.first_provider(at) {
            Some(at) => format!("and {}, which provides it, cannot be done", self.plan.steps[at].id),
            None => "and no step provides it".to_owned(),
        };
        Some(match self.route.harm.of_place(place.as_str()) {
            Some(fall) => format!("{} {nobody}", fall.why()),
            None => format!("is not there {nobody}"),
        })
    }

    /// Whether a place or a person can be had, as far as places and people alone can tell.
    fn is_usable(&self, thing: Thing) -> bool {
        match thing {
            Thing::Place(at) => self.supply.has(at),
            Thing::Person(_) => self.fall_of(thing).is_none(),
            Thing::Step(_) | Thing::Asset(_) | Thing::Secret(_) | Thing::Copy(..) => true,
        }
    }

    /// Whether a thing is no step that `when` or the environment takes out.
    fn may_be_done(&self, thing: Thing) -> bool {
        let Thing::Step(at) = thing else { return true };
        self.applies(&self.plan.steps[at])
    }

    /// Returns the first step that can provide a place: one whose own places and people can be had.
    fn provider_of(&self, place: usize) -> Option<usize> {
        let other = self.other(Thing::Place(place), Kind::ProvidedBy);
        let fits = |at: &usize| other.is_none_or(|other| other == *at) && self.supply.can_provide(*at);
        self.index.providers.of(place).find(fits)
    }

    /// Returns the step that provides a place or restores an asset where the first choice is stuck.
    fn other(&self, thing: Thing, by: Kind) -> Option<usize> {
        match self.way?.of(thing, |kind| kind == by)? {
            Thing::Step(step) => Some(step),
            _ => None,
        }
    }

    fn choose(&mut self, only: &[Id]) {
        let plan = self.plan;
        let is_wanted = |id: &Id| only.is_empty() || only.contains(id);
        let wanted: Vec<usize> =
            (0..).zip(plan.assets.keys()).filter(|(_, id)| is_wanted(id)).map(|(at, _)| at).collect();
        let mut goals: Vec<(u32, usize)> = wanted
            .iter()
            .filter(|at| self.is_goal(**at))
            .map(|at| (plan.assets[*at].priority.map_or(u32::MAX, std::num::NonZeroU32::get), *at))
            .collect();
        goals.sort_unstable();
        for (_, asset) in goals {
            self.bring_back(asset);
            self.take_pending();
        }
        // What is held up comes back by itself, once what it needs is there.
        for asset in wanted {
            if self.state(asset) == Some(AssetState::Interrupted) {
                let thing = Thing::Asset(asset);
                self.want(self.index.needs(thing), thing);
                self.take_pending();
            }
        }
        // Without a scenario there is one route: all the steps.
        if self.scenario.is_none() && self.route.operation == Operation::Recover && only.is_empty() {
            for at in (0..plan.steps.len()).filter(|at| self.index.is_own_step(*at)) {
                self.take(at);
            }
            self.take_pending();
        }
        for (at, id) in plan.assets.keys().enumerate() {
            let asset = self.route.assets.at_mut(at);
            if let Some(asset) = asset.filter(|asset| !is_wanted(id) && asset.restored_by.is_none()) {
                asset.state = AssetState::Untouched;
                asset.why = "not asked for".into();
            }
        }
    }

    fn bring_back(&mut self, at: usize) {
        let (index, plan) = (self.index, self.plan);
        let has_answer = |route: &super::AssetRoute| route.restored_by.is_some() || route.stranded.is_some();
        if self.route.assets.at(at).is_none_or(has_answer) {
            return;
        }
        let candidates = index.restorers.of(at);
        let mut against_all = Vec::new();
        let other = self.other(Thing::Asset(at), Kind::RestoredBy);
        for step_at in candidates {
            let step = &plan.steps[step_at];
            if !self.applies(step) {
                continue;
            }
            match self.against_step(step_at, at) {
                None if other.is_some_and(|other| other != step_at) => {
                    self.route.against.insert(step_at, WAITS.into());
                }
                None => {
                    self.take(step_at);
                    return;
                }
                Some(why) => {
                    against_all.push(format!("{}: {why}", step.id));
                    self.route.against.insert(step_at, why.into());
                }
            }
        }
        // The step that would bring it back, if the environment leaves it out.
        let left_out = index.restorers.of(at).map(|at| &plan.steps[at].id);
        let left_out = left_out.into_iter().find(|id| plan.omit.contains(id));
        let Some(route) = self.route.assets.at_mut(at) else { return };
        if let (Some(step), true) = (left_out, against_all.is_empty()) {
            route.state = AssetState::LeftOut;
            route.why = format!("not exercised: {step} is left out in this environment").into();
            return;
        }
        let why = if against_all.is_empty() {
            "no step restores it".to_owned()
        } else {
            format!("no step can restore it ({})", against_all.join("; "))
        };
        route.stranded = Some(why);
    }

    /// Says why a step cannot bring an asset back; nothing if it can.
    fn against_step(&self, step: usize, asset: usize) -> Option<String> {
        if !self.plan.steps[step].common.from.is_empty() {
            let (choice, against) = self.copy_for(step, Some(asset));
            if choice.is_none() {
                let reasons: Vec<String> =
                    against.iter().map(|(copy, why)| format!("{copy} {why}")).collect();
                return Some(format!("no copy is usable: {}", reasons.join("; ")));
            }
        }
        for need in self.index.needs(Thing::Step(step)) {
            let bad = |thing: &Thing| !self.is_usable(*thing);
            if need.any.iter().filter(|thing| !bad(thing)).count() < need.enough() {
                let thing = *need.any.iter().find(|thing| bad(thing))?;
                let id = self.index.name_of(thing);
                let why = match thing {
                    Thing::Place(_) => self.against_place(&Id::trusted(&id)),
                    _ => self.fall_of(thing).map(Fall::why),
                };
                return Some(format!("needs {id}, which {}", why.unwrap_or_default()));
            }
        }
        None
    }

    fn copy_for(&self, step: usize, asset: Option<usize>) -> (Option<CopyChoice>, Vec<(Id, String)>) {
        let scenario = self.scenario.map(|scenario| (scenario, &self.route.harm));
        let mut passed_over = Vec::new();
        let other = self.other_copy(step);
        let restored = together(self.index, &self.route, step, asset);
        let mut chosen: Option<CopyChoice> = None;
        for copy in &self.plan.steps[step].common.from {
            let loss = restored
                .clone()
                .find_map(|(asset, was)| self.losses.of(self.plan, scenario, copy, asset, was));
            if let Some(chosen) = &mut chosen {
                chosen.others.extend(loss.is_none().then(|| copy.clone()));
                continue;
            }
            match loss {
                None if other.as_ref().is_some_and(|other| other != copy.as_str()) => {
                    passed_over.push((copy.clone(), WAITS.to_owned()));
                }
                None => {
                    let passed_over = std::mem::take(&mut passed_over);
                    chosen = Some(CopyChoice { copy: copy.clone(), passed_over, others: Vec::new() });
                }
                Some(loss) => passed_over.push((copy.clone(), loss.why)),
            }
        }
        (chosen, passed_over)
    }

    /// Returns the copy to take where the first choice is stuck.
    fn other_copy(&self, step: usize) -> Option<String> {
        let copy = self.way?.of(Thing::Step(step), |kind| kind == Kind::From)?;
        Some(self.index.name_of(copy))
    }

    /// Takes a step onto the route, and whatever it needs.
    fn take(&mut self, at: usize) {
        let (index, plan) = (self.index, self.plan);
        let step = &plan.steps[at];
        if self.route.chosen.has(at) || !self.applies(step) {
            return;
        }
        let first = first_restored(index, &self.route, at);
        let copy = first.and_then(|asset| self.copy_for(at, Some(asset)).0);
        let read = copy.as_ref().and_then(|choice| index.copy(&choice.copy));
        self.route.chosen.set(at, StepChoice { copy: copy.map(Box::new) });
        let me = Thing::Step(at);
        for asset in index.restores.of(at) {
            let home = self.route.assets.at_mut(asset).and_then(|route| {
                route.restored_by.get_or_insert_with(|| step.id.clone());
                plan.places.get_index_of(route.home.as_ref()?)
            });
            if let Some(home) = home.filter(|home| !index.provides.has(at, *home)) {
                self.pending.push_back(Thing::Place(home));
            }
            self.want(index.needs(Thing::Asset(asset)), me);
        }
        for place in index.provides.of(at) {
            self.want(index.within(place), me);
        }
        let on = step.common.on.as_ref().filter(|on| !matches!(on.as_str(), "home" | "controller"));
        if let Some(on) = on.and_then(|on| index.thing(on.as_str())) {
            self.pending.push_back(on);
        }
        self.want(index.needs(me), me);
        let inner = index.parts(at).filter_map(|at| plan.steps.get(at));
        let secrets = step.common.secrets.iter().chain(inner.flat_map(|part| &part.common.secrets));
        let secrets = secrets.filter_map(|secret| index.thing(secret.as_str()));
        self.pending.extend(secrets);
        if let Some(copy) = read {
            self.want_copy(copy);
        }
        if !matches!(*step.action, Action::Manual { .. }) {
            self.want_controller(me);
        }
    }

    /// Takes what reading a copy takes.
    fn want_copy(&mut self, copy: Thing) {
        for requirement in self.index.always(copy).1 {
            match requirement.kind {
                Kind::LiesIn | Kind::Key => self.pending.extend(&*requirement.any),
                _ => self.want(std::slice::from_ref(requirement), copy),
            }
        }
    }

    /// Takes what reaching a controller takes: the first that is there, or else the first that can be provided.
    fn want_controller(&mut self, step: Thing) {
        let controllers = || self.index.controllers().iter().copied();
        let wanted = self
            .other_controller(step)
            .or_else(|| controllers().find(|place| self.stands(*place)))
            .or_else(|| controllers().find(|place| self.is_usable(*place)));
        if let Some(place) = wanted.filter(|place| !self.followed.contains(place)) {
            self.pending.push_back(place);
        }
    }

    /// Whether a place is there, before anything is done.
    fn stands(&self, place: Thing) -> bool {
        let Thing::Place(at) = place else { return false };
        self.route.exists(self.plan, at) && self.fall_of(place).is_none()
    }

    /// Returns the controller to take where the first choice is stuck.
    fn other_controller(&self, step: Thing) -> Option<Thing> {
        self.way?.reach_of(step).way(step, |kind| kind == Kind::Controller)
    }

    /// Takes what the taken steps need, and what that needs. A list, since chains of needs can be long.
    fn take_pending(&mut self) {
        while let Some(thing) = self.pending.pop_front() {
            self.take_need(thing);
        }
    }

    /// Of what is needed, wants all that is needed for sure; of several that will do, the first that can be had.
    fn want(&mut self, needs: &[Requirement], by: Thing) {
        for need in needs {
            if let [only] = &*need.any {
                self.pending.push_back(*only);
                continue;
            }
            let enough: Vec<Thing> = match self.other_of(need, by) {
                Some(others) => need.any.iter().copied().filter(|thing| others.contains(thing)).collect(),
                None => need
                    .any
                    .iter()
                    .copied()
                    .filter(|thing| self.is_usable(*thing) && self.may_be_done(*thing))
                    .take(need.enough())
                    .collect(),
            };
            let wanted: &[Thing] = if enough.len() < need.enough() { &need.any } else { &enough };
            self.pending.extend(wanted);
        }
    }

    /// Returns what serves a need where the first choice is stuck.
    fn other_of(&self, need: &Requirement, by: Thing) -> Option<Vec<Thing>> {
        let reach = self.way?.reach_of(by);
        let requirement = reach.requirements(by).iter().find(|requirement| requirement.any == need.any)?;
        Some(reach.serving(by, requirement).into_owned())
    }

    fn take_need(&mut self, thing: Thing) {
        match thing {
            Thing::Step(at) if self.index.is_own_step(at) => self.take(at),
            Thing::Asset(at) if self.is_goal(at) => self.bring_back(at),
            Thing::Place(at) => {
                if self.followed.insert(thing) {
                    self.want(self.index.needs(thing), thing);
                }
                if self.stands(thing) {
                    return;
                }
                if let Some(step) = self.provider_of(at).or_else(|| self.first_provider(at)) {
                    self.take(step);
                }
            }
            Thing::Secret(_) if self.followed.insert(thing) => {
                self.want(self.index.needs(thing), thing);
            }
            Thing::Step(_) | Thing::Asset(_) | Thing::Person(_) | Thing::Secret(_) | Thing::Copy(..) => {}
        }
    }
}

/// Returns the places in which assets live that have moved, and all that these places are in.
fn lived_in(plan: &ResolvedPlan, placement: &Placement) -> HashSet<usize, ahash::RandomState> {
    let mut open: Vec<&Id> = placement.homes.values().collect();
    let mut lived_in = HashSet::default();
    while let Some(place) = open.pop() {
        let Some((at, _, declared)) = plan.places.get_full(place) else { continue };
        if lived_in.insert(at) {
            open.extend(declared.in_.iter().flat_map(Need::ids));
        }
    }
    lived_in
}
