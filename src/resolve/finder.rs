//! Finds which steps bring back what a scenario hits.

use std::collections::{HashMap, HashSet, VecDeque};

use super::copies::{CopyChoice, copy_of, loss_of};
use super::reach::Reach;
use super::reliance::{Kind, Reliance, Thing};
use super::route::{AssetRoute, AssetState, Request, Route, StepChoice};
use super::supply::Supply;
use super::{Harm, Placement, ResolvedPlan, ResolvedStep, Section};
use crate::plan::{Action, Need, Operation, Scenario, When};
use crate::value::Id;

/// Whether a step belongs to the plan in this scenario, environment and operation.
pub(super) fn applies(plan: &ResolvedPlan, route: &Route, step: &ResolvedStep) -> bool {
    why_not(plan, route, step).is_none()
}

pub(super) fn why_not(plan: &ResolvedPlan, route: &Route, step: &ResolvedStep) -> Option<String> {
    let whole = step.part_of.as_ref().and_then(|group| plan.step(group.as_str())).unwrap_or(step);
    if plan.omit.iter().any(|omitted| omitted.as_str() == whole.written_as()) {
        return Some(format!(
            "left out in {}",
            plan.environment.as_ref().map_or("this environment", Id::as_str)
        ));
    }
    let When { scenario, environment, operation } = whole.common.when.as_ref()?;
    let outside = |wanted: &Option<crate::value::OneOrMany<Id>>, is: Option<&Id>| {
        wanted.as_ref().is_some_and(|wanted| !is.is_some_and(|is| wanted.contains(is)))
    };
    if outside(scenario, route.scenario.as_ref()) {
        return Some("`when` limits it to other scenarios".to_owned());
    }
    if outside(environment, plan.environment.as_ref()) {
        return Some("`when` limits it to other environments".to_owned());
    }
    if operation.is_some_and(|operation| operation != route.operation) {
        return Some("`when` limits it to another operation".to_owned());
    }
    None
}

/// Another way than the first in the file, for what cannot be had by that one.
pub(super) struct Way<'a> {
    /// What relies on what, in every way that the plan allows.
    pub(super) reliance: &'a Reliance<'a>,
    /// What can be had then.
    pub(super) reach: &'a Reach,
    /// What can be had by the first choice; there it stays.
    pub(super) first_choice: &'a Reach,
}

impl Way<'_> {
    /// Returns what to take for a thing that the first choice cannot have.
    fn of(&self, thing: Thing, kind: impl Fn(Kind) -> bool) -> Option<Thing> {
        if self.first_choice.round(thing).is_some() {
            return None;
        }
        self.reach.way(thing, kind)
    }

    /// Returns that by which a thing can be had: the first choice where that will do.
    fn reach_of(&self, thing: Thing) -> &Reach {
        if self.first_choice.round(thing).is_some() { self.first_choice } else { self.reach }
    }
}

/// Why an alternative was passed over that comes before the one that was taken.
const WAITS: &str = "would wait for what it brings back";

/// Makes a route, step by step.
pub(super) struct Finder<'a> {
    plan: &'a ResolvedPlan,
    placement: &'a Placement,
    scenario: Option<&'a Scenario>,
    way: Option<&'a Way<'a>>,
    route: Route,
    providers: HashMap<&'a str, Vec<usize>>,
    restorers: HashMap<&'a str, Vec<usize>>,
    supply: Supply<'a>,
    steps: HashMap<&'a str, usize>,
    /// The parts of each step that uses a recipe.
    parts: HashMap<&'a str, Vec<usize>>,
    /// What taken steps need, and why: "needed by restore-db".
    pending: VecDeque<(Id, String)>,
    /// Places and secrets whose own needs are taken already.
    followed: HashSet<&'a str>,
}

impl<'a> Finder<'a> {
    /// Finds the route by the first choice in the file, or by another way where that one is stuck.
    pub(super) fn find(
        plan: &'a ResolvedPlan,
        placement: &'a Placement,
        request: &Request<'_>,
        way: Option<&'a Way<'a>>,
    ) -> Route {
        let scenario = request.scenario.and_then(|id| plan.scenarios.get(id));
        let route = Route {
            scenario: request.scenario.cloned(),
            operation: request.operation,
            harm: scenario.map(|scenario| Harm::of(plan, scenario)).unwrap_or_default(),
            ..Route::default()
        };
        let mut finder = Self {
            plan,
            placement,
            scenario,
            way,
            route,
            providers: HashMap::new(),
            restorers: HashMap::new(),
            supply: Supply::default(),
            steps: HashMap::new(),
            parts: HashMap::new(),
            pending: VecDeque::new(),
            followed: HashSet::new(),
        };
        finder.index();
        finder.supply = Supply::new(plan, &finder.route.harm, &finder.providers);
        finder.find_goals();
        finder.choose(request.only);
        finder.explain_the_rest();
        finder.route
    }

    fn index(&mut self) {
        let plan = self.plan;
        for (at, step) in plan.steps.iter().enumerate() {
            if let Some(whole) = &step.part_of {
                self.parts.entry(whole.as_str()).or_default().push(at);
                continue;
            }
            if step.section != Section::Steps {
                continue;
            }
            self.steps.insert(step.id.as_str(), at);
            if let Some(why) = why_not(plan, &self.route, step) {
                self.route.passed_over.insert(step.id.clone(), why);
                continue;
            }
            for place in &step.common.provides {
                self.providers.entry(place.as_str()).or_default().push(at);
            }
            for asset in &step.common.restores {
                self.restorers.entry(asset.as_str()).or_default().push(at);
            }
        }
    }

    // What is hit.

    fn find_goals(&mut self) {
        for (id, asset) in &self.plan.assets {
            let was = self.placement.homes.get(id).or_else(|| asset.homes.first()).cloned();
            let (state, why) = self.first_look(id, was.as_ref(), asset.homes.first());
            let mut route = AssetRoute {
                state,
                why,
                home: was.clone(),
                was,
                homes_passed_over: Vec::new(),
                restored_by: None,
                stranded: None,
            };
            if matches!(state, AssetState::Lost | AssetState::Wanted) && !asset.homes.is_empty() {
                self.choose_home(id, &asset.homes, &mut route);
            } else if state == AssetState::Returning {
                route.home = asset.homes.first().cloned();
            }
            self.route.assets.insert(id.clone(), route);
        }
        self.follow_needs();
    }

    fn first_look(&self, id: &Id, was: Option<&Id>, first: Option<&Id>) -> (AssetState, String) {
        if self.route.operation == Operation::Failback {
            return match (was, first) {
                (Some(was), Some(first)) if was != first => {
                    (AssetState::Returning, format!("lives in {was} and goes back to {first}"))
                }
                _ => (AssetState::Untouched, "lives where it belongs".to_owned()),
            };
        }
        if self.scenario.is_none() {
            return (AssetState::Wanted, "the plan has no scenarios: everything comes back".to_owned());
        }
        if let Some((was, fall)) = was.and_then(|was| Some((was, self.route.harm.of_place(was.as_str())?))) {
            return (AssetState::Lost, format!("its home {was} {}", fall.why()));
        }
        if self.route.harm.is_damaged(id) {
            return (AssetState::Damaged, "its data is spoiled".to_owned());
        }
        // What it needs besides other assets: a place or a person that has fallen holds it up as well.
        let needs = self.plan.assets.get(id).map(|asset| asset.needs.as_slice()).unwrap_or_default();
        let stands = |id: &Id| self.route.harm.of_place(id.as_str()).is_none();
        if let Some(need) = needs.iter().find(|need| !need.is_met(stands))
            && let Some((gone, fall)) =
                need.ids().iter().find_map(|id| Some((id, self.route.harm.of_place(id.as_str())?)))
        {
            return (AssetState::Interrupted, format!("{gone}, which it needs, {}", fall.why()));
        }
        (AssetState::Untouched, "not hit".to_owned())
    }

    fn choose_home(&self, asset: &Id, homes: &[Id], route: &mut AssetRoute) {
        route.home = None;
        let other = self.other_home(asset);
        for home in homes {
            match self.against_place(home) {
                None if other.is_some_and(|other| other != home) => {
                    route.homes_passed_over.push((home.clone(), WAITS.to_owned()));
                }
                None => {
                    route.home = Some(home.clone());
                    return;
                }
                Some(why) => route.homes_passed_over.push((home.clone(), why)),
            }
        }
        let reasons: Vec<String> =
            route.homes_passed_over.iter().map(|(home, why)| format!("{home} {why}")).collect();
        route.stranded = Some(format!("no home is left: {}", reasons.join("; ")));
    }

    /// Returns the home to take where the first choice is stuck.
    fn other_home(&self, asset: &Id) -> Option<&'a Id> {
        let way = self.way?;
        let at = self.plan.assets.get_index_of(asset)?;
        let step = way.of(Thing::Asset(at), |kind| kind == Kind::RestoredBy)?;
        match way.reach.way(step, |kind| kind == Kind::Home(at))? {
            Thing::Place(place) => self.plan.places.get_index(place).map(|(id, _)| id),
            _ => None,
        }
    }

    /// Says why a place cannot be used; nothing if it is there or a step can provide it.
    fn against_place(&self, place: &Id) -> Option<String> {
        if self.supply.has(place) {
            return None;
        }
        let nobody = match self.providers.get(place.as_str()).and_then(|steps| steps.first()) {
            Some(at) => format!("and {}, which provides it, cannot be done", self.plan.steps[*at].id),
            None => "and no step provides it".to_owned(),
        };
        if let Some(fall) = self.route.harm.of_place(place.as_str()) {
            return Some(format!("{} {nobody}", fall.why()));
        }
        match self.plan.places.get(place) {
            Some(_) => Some(format!("is not there {nobody}")),
            None => Some("is not a place of this plan".to_owned()),
        }
    }

    /// Returns the first step that can provide a place: one whose own places and people can be had.
    fn provider_of(&self, place: &Id) -> Option<usize> {
        let candidates = self.providers.get(place.as_str()).map(Vec::as_slice).unwrap_or_default();
        let other = self.other_provider(place);
        let fits = |at: &usize| other.is_none_or(|other| other == *at) && self.supply.can_provide(*at);
        candidates.iter().copied().find(fits)
    }

    /// Returns the step that provides a place where the first choice is stuck.
    fn other_provider(&self, place: &Id) -> Option<usize> {
        let at = self.plan.places.get_index_of(place)?;
        match self.way?.of(Thing::Place(at), |kind| kind == Kind::ProvidedBy)? {
            Thing::Step(step) => Some(step),
            _ => None,
        }
    }

    /// What needs something that moves is moved along; what needs something that is down is interrupted.
    fn follow_needs(&mut self) {
        let plan = self.plan;
        let mut dependants: HashMap<&str, Vec<&'a Id>> = HashMap::new();
        for (id, asset) in &plan.assets {
            for need in asset.needs.iter().flat_map(Need::ids) {
                dependants.entry(need.as_str()).or_default().push(id);
            }
        }
        let hit = plan.assets.keys().filter(|id| self.route.assets[*id].state != AssetState::Untouched);
        let mut queue: VecDeque<&'a Id> = hit.collect();
        while let Some(need) = queue.pop_front() {
            for id in dependants.get(need.as_str()).map(Vec::as_slice).unwrap_or_default() {
                let Some((state, why)) = self.hit_through_needs(id) else { continue };
                if let Some(asset) = self.route.assets.get_mut(*id) {
                    asset.state = state;
                    asset.why = why;
                    queue.push_back(id);
                }
            }
        }
    }

    /// Says what becomes of an asset through what it needs; nothing if that changes nothing.
    fn hit_through_needs(&self, id: &Id) -> Option<(AssetState, String)> {
        let now = self.route.assets.get(id)?;
        if now.state.is_goal() {
            return None;
        }
        // Of several that will do, enough that are not hit are enough.
        let untouched =
            |need: &Id| self.route.assets.get(need).is_some_and(|asset| asset.state == AssetState::Untouched);
        let needs = self.plan.assets.get(id)?.needs.iter().filter(|need| !need.is_met(untouched));
        let needed = needs.flat_map(Need::ids);
        let hit: Vec<(&Id, &AssetRoute)> = needed
            .filter_map(|need| Some((need, self.route.assets.get(need)?)))
            .filter(|(_, need)| need.state != AssetState::Untouched)
            .collect();
        let moved = hit.iter().find(|(_, need)| need.state.is_goal() && need.home != need.was);
        if let Some((need, other)) = moved {
            let to = other.home.as_ref().map_or("nowhere", Id::as_str);
            return Some((AssetState::MovedUnder, format!("{need}, which it needs, moves to {to}")));
        }
        match (hit.first(), now.state) {
            (Some((need, _)), AssetState::Untouched) => {
                Some((AssetState::Interrupted, format!("{need}, which it needs, is down")))
            }
            _ => None,
        }
    }

    // What brings it back.

    fn choose(&mut self, only: &[Id]) {
        let mut goals: Vec<(u32, usize, &'a Id)> = self
            .plan
            .assets
            .iter()
            .enumerate()
            .filter(|(_, (id, _))| self.route.assets[*id].state.is_goal())
            .filter(|(_, (id, _))| only.is_empty() || only.contains(id))
            .map(|(at, (id, asset))| (asset.priority.map_or(u32::MAX, std::num::NonZeroU32::get), at, id))
            .collect();
        goals.sort_unstable();
        for (_, _, asset) in goals {
            self.bring_back(asset);
            self.take_pending();
        }
        // What is held up comes back by itself, once what it needs is there.
        for (id, asset) in &self.plan.assets {
            let is_held_up = self.route.assets[id].state == AssetState::Interrupted;
            if is_held_up && (only.is_empty() || only.contains(id)) {
                self.want(&asset.needs, id.as_str(), &format!("needed by {id}"));
                self.take_pending();
            }
        }
        // Without a scenario there is one route: all the steps.
        if self.scenario.is_none() && self.route.operation == Operation::Recover && only.is_empty() {
            for step in self.plan.section(Section::Steps).filter(|step| step.part_of.is_none()) {
                self.take(step, "the plan has no scenarios: every step runs".to_owned());
            }
            self.take_pending();
        }
        if !only.is_empty() {
            let wanted: HashSet<&Id> = only.iter().collect();
            for (id, asset) in &mut self.route.assets {
                if !wanted.contains(id) && asset.restored_by.is_none() {
                    asset.state = AssetState::Untouched;
                    "not asked for".clone_into(&mut asset.why);
                }
            }
        }
    }

    fn bring_back(&mut self, asset: &'a Id) {
        if self.route.assets[asset].restored_by.is_some() || self.route.assets[asset].stranded.is_some() {
            return;
        }
        let candidates = self.restorers.get(asset.as_str()).cloned().unwrap_or_default();
        let mut against_all = Vec::new();
        let other = self.other_step(asset);
        for at in candidates {
            let step = &self.plan.steps[at];
            match self.against_step(step, asset) {
                None if other.is_some_and(|other| other != at) => {
                    self.route.passed_over.insert(step.id.clone(), WAITS.to_owned());
                }
                None => {
                    self.take(step, format!("restores {asset}"));
                    return;
                }
                Some(why) => {
                    against_all.push(format!("{}: {why}", step.id));
                    self.route.passed_over.insert(step.id.clone(), why);
                }
            }
        }
        if against_all.is_empty()
            && let Some(step) = self.left_out_step_of(asset)
        {
            let why = format!("not exercised: {step} is left out in this environment");
            if let Some(route) = self.route.assets.get_mut(asset) {
                route.state = AssetState::LeftOut;
                route.why = why;
            }
            return;
        }
        let why = if against_all.is_empty() {
            "no step restores it".to_owned()
        } else {
            format!("no step can restore it ({})", against_all.join("; "))
        };
        if let Some(route) = self.route.assets.get_mut(asset) {
            route.stranded = Some(why);
        }
    }

    /// Returns the step to take where the first choice is stuck.
    fn other_step(&self, asset: &Id) -> Option<usize> {
        let at = self.plan.assets.get_index_of(asset)?;
        match self.way?.of(Thing::Asset(at), |kind| kind == Kind::RestoredBy)? {
            Thing::Step(step) => Some(step),
            _ => None,
        }
    }

    /// Returns the step that would bring an asset back, if the environment leaves it out.
    fn left_out_step_of(&self, asset: &Id) -> Option<&'a Id> {
        let restores = |step: &&ResolvedStep| step.common.restores.contains(asset);
        let mut steps = self.plan.section(Section::Steps).filter(restores);
        steps.find(|step| self.plan.omit.contains(&step.id)).map(|step| &step.id)
    }

    /// Says why a step cannot bring an asset back; nothing if it can.
    fn against_step(&self, step: &'a ResolvedStep, asset: &Id) -> Option<String> {
        if !step.common.from.is_empty() {
            let (choice, against) = self.copy_for(step, asset);
            if choice.is_none() {
                let reasons: Vec<String> =
                    against.iter().map(|(copy, why)| format!("{copy} {why}")).collect();
                return Some(format!("no copy is usable: {}", reasons.join("; ")));
            }
        }
        for need in &step.common.needs {
            let bad = |id: &Id| {
                (self.plan.places.contains_key(id) || self.plan.people.contains_key(id))
                    .then(|| self.against_place_or_person(id))
                    .flatten()
            };
            if !need.is_met(|id| bad(id).is_none()) {
                let id = need.ids().iter().find(|id| bad(id).is_some())?;
                return Some(format!("needs {id}, which {}", bad(id).unwrap_or_default()));
            }
        }
        None
    }

    fn against_place_or_person(&self, id: &Id) -> Option<String> {
        if self.plan.people.contains_key(id) {
            return self.route.harm.of_place(id.as_str()).map(super::Fall::why);
        }
        self.against_place(id)
    }

    fn copy_for(&self, step: &'a ResolvedStep, asset: &Id) -> (Option<CopyChoice>, Vec<(Id, String)>) {
        let was = self.route.assets.get(asset).and_then(|asset| asset.was.as_ref());
        let scenario = self.scenario.map(|scenario| (scenario, &self.route.harm));
        let mut passed_over = Vec::new();
        let other = self.other_copy(step);
        for copy in &step.common.from {
            let others = self.other_goals(step, asset);
            let loss = loss_of(self.plan, scenario, copy, asset, was).or_else(|| {
                others.iter().find_map(|(other, was)| loss_of(self.plan, scenario, copy, other, *was))
            });
            match loss {
                None if other.as_ref().is_some_and(|other| other != copy.as_str()) => {
                    passed_over.push((copy.clone(), WAITS.to_owned()));
                }
                None => return (Some(CopyChoice { copy: copy.clone(), passed_over }), Vec::new()),
                Some(loss) => passed_over.push((copy.clone(), loss.why)),
            }
        }
        (None, passed_over)
    }

    /// Returns what else a step restores from the same copy, and where that has lived; what no backup holds has no data.
    fn other_goals(&self, step: &'a ResolvedStep, asset: &Id) -> Vec<(&'a Id, Option<&Id>)> {
        let is_held = |id: &Id| self.plan.backups.values().any(|backup| backup.of.contains(id));
        let others = step.common.restores.iter().filter(|id| *id != asset && self.is_goal(id) && is_held(id));
        others.map(|id| (id, self.route.assets.get(id).and_then(|route| route.was.as_ref()))).collect()
    }

    /// Returns the copy to take where the first choice is stuck.
    fn other_copy(&self, step: &ResolvedStep) -> Option<String> {
        let way = self.way?;
        let thing = way.reliance.thing(step.id.as_str())?;
        let copy = way.of(thing, |kind| kind == Kind::From)?;
        Some(way.reliance.name(copy))
    }

    /// Takes a step onto the route, and whatever it needs.
    fn take(&mut self, step: &'a ResolvedStep, why: String) {
        if self.route.chosen.contains_key(&step.id) || why_not(self.plan, &self.route, step).is_some() {
            return;
        }
        let asset = step.common.restores.iter().find(|asset| self.is_goal(asset));
        let asset = asset.or_else(|| step.common.restores.first());
        let copy = asset.and_then(|asset| self.copy_for(step, asset).0);
        let read = copy.as_ref().map(|choice| choice.copy.clone());
        self.route.passed_over.remove(&step.id);
        self.route.chosen.insert(step.id.clone(), StepChoice { why, copy });
        let needed = format!("needed by {}", step.id);
        for asset in &step.common.restores {
            let home = match self.route.assets.get_mut(asset) {
                Some(route) => {
                    route.restored_by.get_or_insert_with(|| step.id.clone());
                    route.home.clone()
                }
                None => None,
            };
            if let Some(home) = home.filter(|home| !step.common.provides.contains(home)) {
                self.pending.push_back((home, format!("home of {asset}")));
            }
            if let Some(asset) = self.plan.assets.get(asset) {
                self.want(&asset.needs, step.id.as_str(), &needed);
            }
        }
        for place in &step.common.provides {
            if let Some(place) = self.plan.places.get(place) {
                self.want(&place.in_, step.id.as_str(), &needed);
            }
        }
        let on = step.common.on.as_ref().filter(|on| !matches!(on.as_str(), "home" | "controller"));
        if let Some(on) = on {
            self.pending.push_back((on.clone(), format!("{} is done there", step.id)));
        }
        self.want(&step.common.needs, step.id.as_str(), &needed);
        let parts = self.parts.get(step.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let inner = parts.iter().filter_map(|at| self.plan.steps.get(*at));
        for secret in step.common.secrets.iter().chain(inner.flat_map(|part| &part.common.secrets)) {
            self.pending.push_back((Id::trusted(secret), needed.clone()));
        }
        if let Some(copy) = read {
            self.want_copy(&copy, &needed);
        }
        if !matches!(step.action, Action::Manual { .. }) {
            self.want_controller(step, &needed);
        }
    }

    /// Takes what reading a copy takes.
    fn want_copy(&mut self, reference: &Id, why: &str) {
        let Some((_, _, _, copy)) = copy_of(self.plan, reference.as_str()) else { return };
        if let Some(place) = &copy.in_ {
            self.pending.push_back((place.clone(), format!("{reference} lies there")));
        }
        if let Some(key) = &copy.key {
            self.pending.push_back((Id::trusted(key), format!("{reference} is encrypted with it")));
        }
        self.want(&copy.needs, reference.as_str(), why);
    }

    /// Takes what reaching a controller takes: the first that is there, or else the first that can be provided.
    fn want_controller(&mut self, step: &ResolvedStep, why: &str) {
        let plan = self.plan;
        let controllers = || plan.places.iter().filter(|(_, place)| place.controller).map(|(id, _)| id);
        let stands = |id: &&Id| plan.places[*id].exists && self.route.harm.of_place(id.as_str()).is_none();
        let wanted = self
            .other_controller(step)
            .or_else(|| controllers().find(stands))
            .or_else(|| controllers().find(|id| self.against_place(id).is_none()));
        if let Some(id) = wanted.filter(|id| !self.followed.contains(id.as_str())) {
            self.pending.push_back((id.clone(), why.to_owned()));
        }
    }

    /// Returns the controller to take where the first choice is stuck.
    fn other_controller(&self, step: &ResolvedStep) -> Option<&'a Id> {
        let way = self.way?;
        let thing = way.reliance.thing(step.id.as_str())?;
        match way.reach_of(thing).way(thing, |kind| kind == Kind::Controller)? {
            Thing::Place(place) => self.plan.places.get_index(place).map(|(id, _)| id),
            _ => None,
        }
    }

    /// Takes what the taken steps need, and what that needs. A list, since chains of needs can be long.
    fn take_pending(&mut self) {
        while let Some((id, why)) = self.pending.pop_front() {
            self.take_need(&id, why);
        }
    }

    /// Of what is needed, wants all that is needed for sure; of several that will do, the first that can be had.
    fn want(&mut self, needs: &[Need], by: &str, why: &str) {
        for need in needs {
            let usable = |id: &&Id| {
                let known = self.plan.places.contains_key(*id) || self.plan.people.contains_key(*id);
                !known || self.against_place_or_person(id).is_none()
            };
            let enough: Vec<&Id> = match self.other_of(need, by) {
                Some(others) => need.ids().iter().filter(|id| others.contains(&id.to_string())).collect(),
                None => need.ids().iter().filter(usable).take(need.at_least()).collect(),
            };
            let ids = if enough.len() < need.at_least() { need.ids().iter().collect() } else { enough };
            let wanted: Vec<(Id, String)> = ids.into_iter().map(|id| (id.clone(), why.to_owned())).collect();
            self.pending.extend(wanted);
        }
    }

    /// Returns what serves a need where the first choice is stuck.
    fn other_of(&self, need: &Need, by: &str) -> Option<Vec<String>> {
        let (way, Need::Any(_)) = (self.way?, need) else { return None };
        let thing = way.reliance.thing(by)?;
        let things: Vec<Thing> = need.ids().iter().filter_map(|id| way.reliance.thing(id.as_str())).collect();
        let reach = way.reach_of(thing);
        let requirement = reach.requirements(thing).iter().find(|requirement| requirement.any == things)?;
        let serving = reach.serving(thing, requirement);
        Some(serving.iter().map(|thing| way.reliance.name(*thing)).collect())
    }

    fn take_need(&mut self, id: &Id, why: String) {
        let plan = self.plan;
        if let Some(at) = self.steps.get(id.as_str()) {
            self.take(&plan.steps[*at], why);
        } else if let Some((asset, _)) = plan.assets.get_key_value(id) {
            if self.is_goal(asset) {
                self.bring_back(asset);
            }
        } else if let Some((id, place)) = plan.places.get_key_value(id) {
            if self.followed.insert(id.as_str()) {
                self.want(&place.needs, id.as_str(), &format!("{id} is reached with it"));
            }
            if place.exists && self.route.harm.of_place(id.as_str()).is_none() {
                return;
            }
            let any = || self.providers.get(id.as_str()).and_then(|providers| providers.first().copied());
            if let Some(at) = self.provider_of(id).or_else(any) {
                self.take(&plan.steps[at], format!("provides {id}, {why}"));
            }
        } else if let Some((name, secret)) = plan.secrets.get_key_value(id.as_str())
            && self.followed.insert(name.as_str())
        {
            self.want(&secret.needs, name.as_str(), &format!("{name} is fetched with it"));
        }
    }

    fn is_goal(&self, asset: &Id) -> bool {
        self.route.assets.get(asset).is_some_and(|asset| asset.state.is_goal())
    }

    /// Says of every step that was not taken why it was not.
    fn explain_the_rest(&mut self) {
        // Made in one go: a map that grows one by one is slow where most steps are passed over.
        let mut rest: Vec<(Id, String)> = Vec::new();
        for step in self.plan.section(Section::Steps).filter(|step| step.part_of.is_none()) {
            if self.route.chosen.contains_key(&step.id) || self.route.passed_over.contains_key(&step.id) {
                continue;
            }
            let restored = step.common.restores.iter().find_map(|asset| {
                let by = self.route.assets.get(asset)?.restored_by.as_ref()?;
                Some(format!("{asset} is restored by {by}, which comes first"))
            });
            let why = restored.unwrap_or_else(|| {
                if !step.common.restores.is_empty() {
                    let assets: Vec<&str> = step.common.restores.iter().map(Id::as_str).collect();
                    format!("{} need not be brought back", assets.join(", "))
                } else if step.common.provides.is_empty() {
                    "nothing that runs needs it".to_owned()
                } else {
                    let places: Vec<&str> = step.common.provides.iter().map(Id::as_str).collect();
                    format!("{} is not needed, or there", places.join(", "))
                }
            });
            rest.push((step.id.clone(), why));
        }
        self.route.passed_over.append(&mut rest.into_iter().collect());
    }
}
