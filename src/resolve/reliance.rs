//! What each thing of a plan relies on, and where that is written.

use std::collections::HashMap;

use super::copies::{copy_of, loss_of};
use super::finder::why_not;
use super::route::{AssetRoute, AssetState, Route};
use super::{ResolvedPlan, ResolvedStep, Section};
use crate::document::KeyPath;
use crate::plan::{Action, Need};
use crate::value::Id;

/// Something that a recovery may rely on, by its position in the resolved plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Thing {
    /// A step that is over.
    Step(usize),
    /// An asset that is healthy.
    Asset(usize),
    /// A place that is there and can be reached.
    Place(usize),
    /// A person who can act.
    Person(usize),
    /// A secret that can be fetched.
    Secret(usize),
    /// A copy that can be read: backup and copy.
    Copy(usize, usize),
}

/// Of these things so many must be there.
#[derive(Clone, Debug)]
pub(super) struct Requirement {
    pub(super) any: Vec<Thing>,
    pub(super) at_least: usize,
    pub(super) kind: Kind,
}

/// In which way something is relied on; this is what tells where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `needs`, by position.
    Needs(usize),
    /// `needs` of an asset that the step restores: asset and position.
    Inherited(usize, usize),
    /// The home of an asset that the step restores.
    Home(usize),
    /// The place where the step is done.
    On,
    /// A machine from which drplan can run.
    Controller,
    /// A secret of the step, by position.
    Secret(usize),
    /// The copy that the step restores from.
    From,
    /// Who does a manual step.
    By,
    /// Who approves.
    Approve,
    /// A step that restores the asset.
    RestoredBy,
    /// A step that provides the place.
    ProvidedBy,
    /// What a place that the step provides is in: place and position.
    Within(usize, usize),
    /// What a person who has fallen would take.
    Alive,
    /// Where the copy lies.
    LiesIn,
    /// The secret that the copy is encrypted with.
    Key,
}

/// What a plan has, whatever the route.
pub(super) struct Index<'a> {
    plan: &'a ResolvedPlan,
    names: HashMap<&'a str, Thing>,
    parts: HashMap<&'a str, Vec<usize>>,
    controllers: Vec<Thing>,
}

impl<'a> Index<'a> {
    /// Looks through a plan.
    pub(super) fn new(plan: &'a ResolvedPlan) -> Self {
        let mut names = HashMap::with_capacity(plan.steps.len() + plan.assets.len());
        let mut controllers = Vec::new();
        for (at, id) in plan.people.keys().enumerate() {
            names.insert(id.as_str(), Thing::Person(at));
        }
        for (at, name) in plan.secrets.keys().enumerate() {
            names.insert(name.as_str(), Thing::Secret(at));
        }
        for (at, (id, place)) in plan.places.iter().enumerate() {
            names.insert(id.as_str(), Thing::Place(at));
            if place.controller {
                controllers.push(Thing::Place(at));
            }
        }
        for (at, id) in plan.assets.keys().enumerate() {
            names.insert(id.as_str(), Thing::Asset(at));
        }
        let mut parts: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, step) in plan.steps.iter().enumerate() {
            match &step.part_of {
                Some(whole) => parts.entry(whole.as_str()).or_default().push(at),
                None => {
                    names.insert(step.id.as_str(), Thing::Step(at));
                }
            }
        }
        Self { plan, names, parts, controllers }
    }
}

/// What everything relies on in one route, or in whatever way a plan allows.
pub(super) struct Reliance<'a> {
    plan: &'a ResolvedPlan,
    index: &'a Index<'a>,
    route: &'a Route,
    restorers: HashMap<&'a str, Vec<usize>>,
    providers: HashMap<&'a str, Vec<usize>>,
    /// Whether each step is on the route.
    chosen: Vec<bool>,
    /// What the route does with each asset.
    assets: Vec<Option<&'a AssetRoute>>,
    /// Whether every way that the plan allows counts, or the chosen one alone.
    every_way: bool,
}

impl<'a> Reliance<'a> {
    /// Takes the steps of the route alone.
    pub(super) fn of_route(index: &'a Index<'a>, route: &'a Route) -> Self {
        Self::new(index, route, false)
    }

    /// Takes every step, home and copy that could serve in the scenario of the route.
    pub(super) fn of_every_way(index: &'a Index<'a>, route: &'a Route) -> Self {
        Self::new(index, route, true)
    }

    fn new(index: &'a Index<'a>, route: &'a Route, every_way: bool) -> Self {
        let plan = index.plan;
        let (mut restorers, mut providers) = (HashMap::new(), HashMap::new());
        let is_chosen = |step: &ResolvedStep| route.chosen.contains_key(&step.id);
        let chosen: Vec<bool> = plan.steps.iter().map(is_chosen).collect();
        for (at, step) in plan.steps.iter().enumerate() {
            let counts = step.part_of.is_none()
                && step.section == Section::Steps
                && if every_way { why_not(plan, route, step).is_none() } else { chosen[at] };
            if counts {
                for asset in &step.common.restores {
                    restorers.entry(asset.as_str()).or_insert_with(Vec::new).push(at);
                }
                for place in &step.common.provides {
                    providers.entry(place.as_str()).or_insert_with(Vec::new).push(at);
                }
            }
        }
        let assets = plan.assets.keys().map(|id| route.assets.get(id)).collect();
        Self { plan, index, route, restorers, providers, chosen, assets, every_way }
    }

    /// Returns the thing of a name.
    pub(super) fn thing(&self, name: &str) -> Option<Thing> {
        self.index.names.get(name).copied()
    }

    /// Whether a place or a person has not been there before, or has fallen: without help it is not there.
    pub(super) fn is_gone(&self, thing: Thing) -> bool {
        match thing {
            Thing::Place(at) => {
                self.plan.places.get_index(at).is_none_or(|(id, place)| {
                    !place.exists || self.route.harm.of_place(id.as_str()).is_some()
                })
            }
            Thing::Person(at) => {
                let person = self.plan.people.get_index(at);
                person.is_none_or(|(id, _)| self.route.harm.of_place(id.as_str()).is_some())
            }
            Thing::Asset(_) | Thing::Step(_) | Thing::Secret(_) | Thing::Copy(..) => false,
        }
    }

    /// Whether nothing need be waited for: it is there already, or is no step or asset itself.
    pub(super) fn stands(&self, thing: Thing) -> bool {
        match thing {
            Thing::Place(_) | Thing::Person(_) => !self.is_gone(thing),
            Thing::Secret(_) | Thing::Copy(..) => true,
            Thing::Step(_) => false,
            Thing::Asset(at) => {
                let state = self.asset(at).map(|asset| asset.state);
                matches!(state, None | Some(AssetState::Untouched | AssetState::LeftOut))
            }
        }
    }

    /// Whether a step is not done on the route, so that it serves nobody who can have another.
    pub(super) fn is_left_out(&self, thing: Thing) -> bool {
        let Thing::Step(at) = thing else { return false };
        !self.every_way
            && self.plan.steps.get(at).is_none_or(|step| !self.route.chosen.contains_key(&step.id))
    }

    /// Returns what a thing relies on. Of each requirement enough must be there; one that nothing can
    /// meet has too few things in it.
    pub(super) fn of(&self, thing: Thing) -> Vec<Requirement> {
        let mut needed = Vec::new();
        match thing {
            Thing::Step(at) => {
                if let Some(step) = self.plan.steps.get(at) {
                    self.of_step(at, step, &mut needed);
                }
            }
            Thing::Asset(at) => self.of_asset(at, &mut needed),
            Thing::Place(at) => self.of_place(at, &mut needed),
            Thing::Person(_) => {
                if self.is_gone(thing) {
                    needed.push(Requirement { any: Vec::new(), at_least: 1, kind: Kind::Alive });
                }
            }
            Thing::Secret(at) => {
                if let Some((_, secret)) = self.plan.secrets.get_index(at) {
                    self.add_needs(&secret.needs, Kind::Needs, &mut needed);
                }
            }
            Thing::Copy(backup, copy) => self.of_copy(backup, copy, &mut needed),
        }
        needed
    }

    fn asset(&self, at: usize) -> Option<&'a AssetRoute> {
        self.assets.get(at).copied().flatten()
    }

    fn of_step(&self, at: usize, step: &ResolvedStep, needed: &mut Vec<Requirement>) {
        let common = &step.common;
        let is_chosen = self.chosen.get(at).is_some_and(|is_chosen| *is_chosen);
        if !self.every_way && !is_chosen {
            // A step that the route leaves out is not waited for.
            return;
        }
        self.add_needs(&common.needs, Kind::Needs, needed);
        for asset in &common.restores {
            let Some((at, _, asset)) = self.plan.assets.get_full(asset) else { continue };
            let before = needed.len();
            self.add_needs(&asset.needs, |need| Kind::Inherited(at, need), needed);
            // What the step brings back itself it does not wait for.
            self.leave_out(&mut needed[before..], &common.restores);
            // Wherever the step is done, the asset comes back at its home; a step that makes the home itself has it.
            let homes = self.homes(at);
            let provides =
                |home: &Thing| common.provides.iter().any(|id| self.thing(id.as_str()) == Some(*home));
            if !homes.is_empty() && !homes.iter().any(provides) {
                needed.push(Requirement { any: homes, at_least: 1, kind: Kind::Home(at) });
            }
        }
        for place in &common.provides {
            // What is in a lost site cannot be made there again before the site is back.
            if let Some((at, _, place)) = self.plan.places.get_full(place) {
                let before = needed.len();
                self.add_needs(&place.in_, |need| Kind::Within(at, need), needed);
                self.leave_out(&mut needed[before..], &common.provides);
            }
        }
        if !self.index.controllers.is_empty() && !matches!(step.action, Action::Manual { .. }) {
            let any = self.index.controllers.clone();
            needed.push(Requirement { any, at_least: 1, kind: Kind::Controller });
        }
        let parts = self.index.parts.get(step.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let inner = || parts.iter().filter_map(|at| self.plan.steps.get(*at));
        let mut places: Vec<&Id> =
            std::iter::once(step).chain(inner()).filter_map(|step| step.common.on.as_ref()).collect();
        places.dedup();
        // What a step makes itself is there when it is done; but nobody logs in to a host before it is made.
        let is_made = |on: &Id| {
            common.provides.contains(on) && self.plan.places.get(on).is_none_or(|place| place.ssh.is_none())
        };
        let is_elsewhere = |on: &&Id| !matches!(on.as_str(), "home" | "controller") && !is_made(on);
        for on in places.into_iter().filter(is_elsewhere) {
            self.add_one(on.as_str(), Kind::On, needed);
        }
        // A part has taken over the secrets of the step that uses the recipe.
        let inner =
            inner().flat_map(|part| &part.common.secrets).filter(|secret| !common.secrets.contains(secret));
        for (at, secret) in common.secrets.iter().chain(inner).enumerate() {
            self.add_one(secret.as_str(), Kind::Secret(at), needed);
        }
        if !common.from.is_empty() {
            let any = self.copies(step);
            needed.push(Requirement { any, at_least: 1, kind: Kind::From });
        }
        match &step.action {
            Action::Manual { by: Some(by), .. } => self.add_people(&[by], 1, Kind::By, needed),
            Action::Approve(approve) => {
                let by: Vec<&Id> = approve.by.iter().collect();
                let quorum = approve.quorum.map_or(1, |quorum| usize::try_from(quorum.get()).unwrap_or(1));
                self.add_people(&by, quorum, Kind::Approve, needed);
            }
            _ => {}
        }
    }

    /// Takes what a step does itself out of what it requires.
    fn leave_out(&self, requirements: &mut [Requirement], own: &[Id]) {
        for requirement in requirements {
            let is_own = |thing: &Thing| own.iter().any(|id| self.thing(id.as_str()) == Some(*thing));
            let count = requirement.any.len();
            requirement.any.retain(|thing| !is_own(thing));
            requirement.at_least = requirement.at_least.saturating_sub(count - requirement.any.len());
        }
    }

    fn of_asset(&self, at: usize, needed: &mut Vec<Requirement>) {
        let Some((id, asset)) = self.plan.assets.get_index(at) else { return };
        let state = self.asset(at).map_or(AssetState::Untouched, |route| route.state);
        match state {
            AssetState::Untouched | AssetState::LeftOut => return,
            AssetState::Interrupted => {}
            _ => {
                let steps = self.restorers.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
                let any: Vec<Thing> = steps.iter().map(|at| Thing::Step(*at)).collect();
                let at_least = if self.every_way { 1 } else { any.len().max(1) };
                needed.push(Requirement { any, at_least, kind: Kind::RestoredBy });
            }
        }
        self.add_needs(&asset.needs, Kind::Needs, needed);
    }

    fn of_place(&self, at: usize, needed: &mut Vec<Requirement>) {
        let Some((id, place)) = self.plan.places.get_index(at) else { return };
        if self.is_gone(Thing::Place(at)) {
            let steps = self.providers.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let any = steps.iter().map(|at| Thing::Step(*at)).collect();
            needed.push(Requirement { any, at_least: 1, kind: Kind::ProvidedBy });
        }
        self.add_needs(&place.needs, Kind::Needs, needed);
    }

    fn of_copy(&self, backup: usize, copy: usize, needed: &mut Vec<Requirement>) {
        let Some((_, backup)) = self.plan.backups.get_index(backup) else { return };
        let Some((_, copy)) = backup.copies.get_index(copy) else { return };
        if let Some(place) = &copy.in_ {
            self.add_one(place.as_str(), Kind::LiesIn, needed);
        }
        if let Some(key) = &copy.key {
            self.add_one(key.as_str(), Kind::Key, needed);
        }
        self.add_needs(&copy.needs, Kind::Needs, needed);
    }

    fn homes(&self, asset: usize) -> Vec<Thing> {
        let Some((_, declared)) = self.plan.assets.get_index(asset) else { return Vec::new() };
        let Some(route) = self.asset(asset) else { return Vec::new() };
        let moves = matches!(route.state, AssetState::Lost | AssetState::Wanted);
        let homes: Vec<&Id> = if self.every_way && moves {
            declared.homes.iter().collect()
        } else {
            route.home.iter().collect()
        };
        homes.into_iter().filter_map(|home| self.thing(home.as_str())).collect()
    }

    /// Returns the copies that a step may restore from: the chosen one, or all that can be used.
    fn copies(&self, step: &ResolvedStep) -> Vec<Thing> {
        let thing = |reference: &Id| {
            let (backup, _, copy, _) = copy_of(self.plan, reference.as_str())?;
            let (at, _, backup) = self.plan.backups.get_full(backup)?;
            Some(Thing::Copy(at, backup.copies.get_index_of(copy)?))
        };
        if !self.every_way {
            let choice = self.route.chosen.get(&step.id).and_then(|choice| choice.copy.as_ref());
            return choice.into_iter().filter_map(|choice| thing(&choice.copy)).collect();
        }
        let scenario = self.route.scenario.as_ref().and_then(|id| self.plan.scenarios.get(id));
        let scenario = scenario.map(|scenario| (scenario, &self.route.harm));
        let state = |asset: &&Id| self.route.assets.get(*asset);
        let goal =
            step.common.restores.iter().find(|asset| state(asset).is_some_and(|route| route.state.is_goal()));
        let Some(asset) = goal.or_else(|| step.common.restores.first()) else {
            return step.common.from.iter().filter_map(thing).collect();
        };
        let was = self.route.assets.get(asset).and_then(|route| route.was.as_ref());
        let is_held = |id: &Id| self.plan.backups.values().any(|backup| backup.of.contains(id));
        let others: Vec<(&Id, Option<&Id>)> = step
            .common
            .restores
            .iter()
            .filter(|id| *id != asset && state(id).is_some_and(|route| route.state.is_goal()) && is_held(id))
            .map(|id| (id, self.route.assets.get(id).and_then(|route| route.was.as_ref())))
            .collect();
        let usable = |copy: &&Id| {
            let all = std::iter::once((asset, was)).chain(others.iter().copied());
            all.into_iter().all(|(asset, was)| loss_of(self.plan, scenario, copy, asset, was).is_none())
        };
        step.common.from.iter().filter(usable).filter_map(thing).collect()
    }

    fn add_needs(&self, needs: &[Need], kind: impl Fn(usize) -> Kind, needed: &mut Vec<Requirement>) {
        for (at, need) in needs.iter().enumerate() {
            // What has no name here, such as a step of another section, is waited for by nobody.
            let any: Vec<Thing> = need.ids().iter().filter_map(|id| self.thing(id.as_str())).collect();
            let unknown = need.ids().len() - any.len();
            let at_least = need.at_least().saturating_sub(unknown);
            if at_least > 0 {
                needed.push(Requirement { any, at_least, kind: kind(at) });
            }
        }
    }

    fn add_one(&self, name: &str, kind: Kind, needed: &mut Vec<Requirement>) {
        if let Some(thing) = self.thing(name) {
            needed.push(Requirement { any: vec![thing], at_least: 1, kind });
        }
    }

    /// Adds that so many of some people, or of those with some roles, must be there.
    fn add_people(&self, by: &[&Id], at_least: usize, kind: Kind, needed: &mut Vec<Requirement>) {
        let fits = |(_, (id, person)): &(usize, (&Id, &crate::plan::Person))| {
            by.iter().any(|by| *by == *id || person.roles.contains(by))
        };
        let people = self.plan.people.iter().enumerate().filter(fits);
        let any: Vec<Thing> = people.map(|(at, _)| Thing::Person(at)).collect();
        // Where nobody is named, nobody can be missing.
        if !any.is_empty() {
            needed.push(Requirement { any, at_least, kind });
        }
    }

    /// Returns the name of a thing, as it is written.
    pub(super) fn name(&self, thing: Thing) -> String {
        let plan = self.plan;
        let name = match thing {
            Thing::Step(at) => plan.steps.get(at).map(|step| step.id.to_string()),
            Thing::Asset(at) => plan.assets.get_index(at).map(|(id, _)| id.to_string()),
            Thing::Place(at) => plan.places.get_index(at).map(|(id, _)| id.to_string()),
            Thing::Person(at) => plan.people.get_index(at).map(|(id, _)| id.to_string()),
            Thing::Secret(at) => plan.secrets.get_index(at).map(|(name, _)| name.to_string()),
            Thing::Copy(backup, copy) => plan.backups.get_index(backup).and_then(|(id, backup)| {
                backup.copies.get_index(copy).map(|(copy, _)| format!("{id}.{copy}"))
            }),
        };
        name.unwrap_or_default()
    }

    /// Returns where a thing is declared.
    pub(super) fn declared(&self, thing: Thing) -> KeyPath {
        let name = self.name(thing);
        let root = KeyPath::root();
        match thing {
            Thing::Step(at) => self.plan.steps.get(at).map_or(root, ResolvedStep::key_path),
            Thing::Asset(_) => root.key("assets").key(&name),
            Thing::Place(_) => root.key("places").key(&name),
            Thing::Person(_) => root.key("people").key(&name),
            Thing::Secret(_) => root.key("secrets").key(&name),
            Thing::Copy(..) => {
                let (backup, copy) = name.split_once('.').unwrap_or_default();
                root.key("backups").key(backup).key("copies").key(copy)
            }
        }
    }
}
