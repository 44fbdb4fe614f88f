//! The route: what a scenario hits, and how it comes back.
//!
//! One pure function, used by graph, analysis, execute and render alike, so that they cannot disagree.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::copies::{CopyChoice, against};
use super::nodes::{Node, order};
use super::{Harm, Placement, ResolvedPlan, ResolvedStep, Section};
use crate::plan::{Operation, Scenario, When};
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
    /// Needed places that are not there and that nothing provides: place, what needs it, why it is not there.
    pub missing: Vec<(Id, Id, String)>,
    /// The nodes, in the order of the plan, each with what it waits for.
    pub nodes: Vec<Node>,
}

impl Route {
    /// Whether something is there without anything being done: an asset, a place or a person that is not hit.
    fn stands(&self, plan: &ResolvedPlan, id: &Id) -> bool {
        if let Some(asset) = self.assets.get(id) {
            return asset.state == AssetState::Untouched;
        }
        let is_there = plan.places.get(id).is_none_or(|place| place.exists);
        let is_known = plan.places.contains_key(id) || plan.people.contains_key(id);
        is_known && is_there && self.harm.of_place(id.as_str()).is_none()
    }

    /// Returns what of a need must be waited for: of several that will do nothing, if enough of them stand.
    pub(super) fn relied_on<'n>(&self, plan: &ResolvedPlan, need: &'n crate::plan::Need) -> Vec<&'n Id> {
        match need {
            crate::plan::Need::One(id) => vec![id],
            crate::plan::Need::Any(_) if need.is_met(|id| self.stands(plan, id)) => Vec::new(),
            crate::plan::Need::Any(_) => {
                let standing = need.ids().iter().filter(|id| self.stands(plan, id)).count();
                let comes_back = |id: &&Id| {
                    let asset = self.assets.get(*id).is_some_and(|asset| asset.stranded.is_none());
                    asset || self.chosen.contains_key(*id) || plan.places.contains_key(*id)
                };
                let fallen = need.ids().iter().filter(|id| !self.stands(plan, id)).filter(comes_back);
                fallen.take(need.at_least().saturating_sub(standing)).collect()
            }
        }
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
}

/// Finds the route.
pub fn route(plan: &ResolvedPlan, placement: &Placement, request: &Request<'_>) -> Route {
    let scenario = request.scenario.and_then(|id| plan.scenarios.get(id));
    let mut finder = Finder {
        plan,
        placement,
        scenario,
        route: Route {
            scenario: request.scenario.cloned(),
            operation: request.operation,
            harm: scenario.map(|scenario| Harm::of(plan, scenario)).unwrap_or_default(),
            ..Route::default()
        },
        providers: HashMap::new(),
        restorers: HashMap::new(),
        steps: HashMap::new(),
        pending: VecDeque::new(),
    };
    finder.index();
    finder.find_goals();
    finder.choose(request.only);
    finder.explain_the_rest();
    let mut route = finder.route;
    route.nodes = order(plan, &route, request.with_stage);
    route
}

/// Whether a step belongs to the plan in this scenario, environment and operation.
pub(super) fn applies(plan: &ResolvedPlan, route: &Route, step: &ResolvedStep) -> bool {
    why_not(plan, route, step).is_none()
}

fn why_not(plan: &ResolvedPlan, route: &Route, step: &ResolvedStep) -> Option<String> {
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

struct Finder<'a> {
    plan: &'a ResolvedPlan,
    placement: &'a Placement,
    scenario: Option<&'a Scenario>,
    route: Route,
    providers: HashMap<&'a str, Vec<usize>>,
    restorers: HashMap<&'a str, Vec<usize>>,
    steps: HashMap<&'a str, usize>,
    /// What taken steps need: the need, the step, and why.
    pending: VecDeque<(Id, Id, String)>,
}

impl<'a> Finder<'a> {
    fn index(&mut self) {
        let plan = self.plan;
        for (at, step) in plan.steps.iter().enumerate() {
            if step.section != Section::Steps || step.part_of.is_some() {
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
                self.choose_home(&asset.homes, &mut route);
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
        let Some(scenario) = self.scenario else {
            return (AssetState::Wanted, "the plan has no scenarios: everything comes back".to_owned());
        };
        if let Some((was, fall)) = was.and_then(|was| Some((was, self.route.harm.of_place(was.as_str())?))) {
            return (AssetState::Lost, format!("its home {was} {}", fall.why()));
        }
        if scenario.damage.contains(id) {
            return (AssetState::Damaged, "its data is spoiled".to_owned());
        }
        (AssetState::Untouched, "not hit".to_owned())
    }

    fn choose_home(&self, homes: &[Id], route: &mut AssetRoute) {
        route.home = None;
        for home in homes {
            match self.against_place(home) {
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

    /// Says why a place cannot be used; nothing if it is there or a step can provide it.
    fn against_place(&self, place: &Id) -> Option<String> {
        if self.provider_of(place, &mut Vec::new()).is_some() {
            return None;
        }
        if let Some(fall) = self.route.harm.of_place(place.as_str()) {
            return Some(format!("{} and no step provides it", fall.why()));
        }
        match self.plan.places.get(place) {
            Some(place) if !place.exists => Some("is not there and no step provides it".to_owned()),
            Some(_) => None,
            None => Some("is not a place of this plan".to_owned()),
        }
    }

    /// Returns the first step that can provide a place: one whose own places and people can be had.
    fn provider_of(&self, place: &Id, asking: &mut Vec<Id>) -> Option<usize> {
        if asking.contains(place) {
            return None;
        }
        asking.push(place.clone());
        let candidates = self.providers.get(place.as_str()).map(Vec::as_slice).unwrap_or_default();
        let found = candidates.iter().copied().find(|at| {
            let step = &self.plan.steps[*at];
            step.common.needs.iter().all(|need| need.is_met(|id| self.can_be_had(id, asking)))
        });
        asking.pop();
        found
    }

    /// Whether a place or a person is there or can be provided; anything else is taken to be.
    fn can_be_had(&self, id: &Id, asking: &mut Vec<Id>) -> bool {
        let has_fallen = self.route.harm.of_place(id.as_str()).is_some();
        match self.plan.places.get(id) {
            Some(place) => (place.exists && !has_fallen) || self.provider_of(id, asking).is_some(),
            None => !(has_fallen && self.plan.people.contains_key(id)),
        }
    }

    /// What needs something that moves is moved along; what needs something that is down is interrupted.
    fn follow_needs(&mut self) {
        let plan = self.plan;
        let mut dependants: HashMap<&str, Vec<&'a Id>> = HashMap::new();
        for (id, asset) in &plan.assets {
            for need in asset.needs.iter().flat_map(crate::plan::Need::ids) {
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
        let needed = needs.flat_map(crate::plan::Need::ids);
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
        for at in candidates {
            let step = &self.plan.steps[at];
            match self.against_step(step, asset) {
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

    /// Returns the step that would bring an asset back, if the environment leaves it out.
    fn left_out_step_of(&self, asset: &Id) -> Option<&'a Id> {
        let restores = |step: &&ResolvedStep| step.common.restores.contains(asset);
        let mut steps = self.plan.section(Section::Steps).filter(restores);
        steps.find(|step| self.plan.omit.contains(&step.id)).map(|step| &step.id)
    }

    /// Says why a step cannot bring an asset back; nothing if it can.
    fn against_step(&self, step: &ResolvedStep, asset: &Id) -> Option<String> {
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

    fn copy_for(&self, step: &ResolvedStep, asset: &Id) -> (Option<CopyChoice>, Vec<(Id, String)>) {
        let was = self.route.assets.get(asset).and_then(|asset| asset.was.as_ref());
        let scenario = self.scenario.map(|scenario| (scenario, &self.route.harm));
        let mut passed_over = Vec::new();
        for copy in &step.common.from {
            match against(self.plan, scenario, copy, asset, was) {
                None => return (Some(CopyChoice { copy: copy.clone(), passed_over }), Vec::new()),
                Some(why) => passed_over.push((copy.clone(), why)),
            }
        }
        (None, passed_over)
    }

    /// Takes a step onto the route, and whatever it needs.
    fn take(&mut self, step: &'a ResolvedStep, why: String) {
        if self.route.chosen.contains_key(&step.id) || why_not(self.plan, &self.route, step).is_some() {
            return;
        }
        let asset = step.common.restores.iter().find(|asset| self.is_goal(asset));
        let asset = asset.or_else(|| step.common.restores.first());
        let copy = asset.and_then(|asset| self.copy_for(step, asset).0);
        self.route.passed_over.remove(&step.id);
        self.route.chosen.insert(step.id.clone(), StepChoice { why, copy });
        let mut needs: Vec<(Id, String)> = Vec::new();
        for asset in &step.common.restores {
            let home = match self.route.assets.get_mut(asset) {
                Some(route) => {
                    route.restored_by.get_or_insert_with(|| step.id.clone());
                    route.home.clone()
                }
                None => None,
            };
            if step.common.on.as_ref().is_some_and(|on| on.as_str() == "home") {
                needs.extend(home.map(|home| (home, format!("home of {asset}"))));
            }
            if let Some(asset) = self.plan.assets.get(asset) {
                needs.extend(self.wanted_of(&asset.needs, &step.id));
            }
        }
        let on = step.common.on.as_ref().filter(|on| !matches!(on.as_str(), "home" | "controller"));
        needs.extend(on.map(|on| (on.clone(), format!("{} is done there", step.id))));
        needs.extend(self.wanted_of(&step.common.needs, &step.id));
        self.pending.extend(needs.into_iter().map(|(id, why)| (id, step.id.clone(), why)));
    }

    /// Takes what the taken steps need, and what that needs. A list, since chains of needs can be long.
    fn take_pending(&mut self) {
        while let Some((id, by, why)) = self.pending.pop_front() {
            self.take_need(&id, &by, why);
        }
    }

    /// Of what is needed, all that is needed for sure; of several that will do, the first that can be had.
    fn wanted_of(&self, needs: &[crate::plan::Need], by: &Id) -> Vec<(Id, String)> {
        let usable = |id: &&Id| {
            let known = self.plan.places.contains_key(*id) || self.plan.people.contains_key(*id);
            !known || self.against_place_or_person(id).is_none()
        };
        let mut wanted = Vec::new();
        for need in needs {
            let enough: Vec<&Id> = need.ids().iter().filter(usable).take(need.at_least()).collect();
            let ids = if enough.len() < need.at_least() { need.ids().iter().collect() } else { enough };
            wanted.extend(ids.into_iter().map(|id| (id.clone(), format!("needed by {by}"))));
        }
        wanted
    }

    fn take_need(&mut self, id: &Id, by: &Id, why: String) {
        if let Some(at) = self.steps.get(id.as_str()) {
            let plan = self.plan;
            self.take(&plan.steps[*at], why);
        } else if let Some((asset, _)) = self.plan.assets.get_key_value(id) {
            if self.is_goal(asset) {
                self.bring_back(asset);
            }
        } else if let Some(place) = self.plan.places.get(id) {
            let fall = self.route.harm.of_place(id.as_str()).map(super::Fall::why);
            if fall.is_none() && place.exists {
                return;
            }
            let usable = self.provider_of(id, &mut Vec::new());
            let any = || self.providers.get(id.as_str()).and_then(|providers| providers.first().copied());
            if let Some(at) = usable.or_else(any) {
                let plan = self.plan;
                self.take(&plan.steps[at], format!("provides {id}, {why}"));
            } else {
                let gone = fall.unwrap_or_else(|| "is not there".to_owned());
                self.route.missing.push((id.clone(), by.clone(), gone));
            }
        }
    }

    fn is_goal(&self, asset: &Id) -> bool {
        self.route.assets.get(asset).is_some_and(|asset| asset.state.is_goal())
    }

    /// Says of every step that was not taken why it was not.
    fn explain_the_rest(&mut self) {
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
            self.route.passed_over.insert(step.id.clone(), why);
        }
    }
}
