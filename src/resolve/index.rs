//! What a plan says whatever happens: who is who, and what each thing relies on in every scenario.
//!
//! Made once for a plan; its routes look here, so that no name is looked up twice.

use std::collections::HashMap;
use std::sync::Arc;

use super::column::Ids;
use super::copies::copy_of;
use super::reliance::{Kind, Requirement, Thing};
use super::{ResolvedPlan, ResolvedStep, Section};
use crate::document::KeyPath;
use crate::plan::{Action, Need};
use crate::value::Id;

/// What a plan has, by position.
pub(super) struct Index<'a> {
    pub(super) plan: &'a ResolvedPlan,
    pub(super) step_ids: Arc<Ids>,
    pub(super) asset_ids: Arc<Ids>,
    names: HashMap<&'a str, Thing, ahash::RandomState>,
    /// Of each step that others are part of, all of these.
    parts: Vec<Vec<usize>>,
    /// Of each part, the step that it is directly part of.
    groups: Vec<Option<usize>>,
    controllers: Vec<Thing>,
    /// Of each asset, the steps that restore it.
    pub(super) restorers: Vec<Vec<usize>>,
    /// Of each place, the steps that provide it.
    pub(super) providers: Vec<Vec<usize>>,
    /// Of each step, the assets that it restores.
    pub(super) restores: Vec<Vec<usize>>,
    /// Of each step, the places that it provides.
    pub(super) provides: Vec<Vec<usize>>,
    /// Of each asset, those that need it.
    pub(super) dependants: Vec<Vec<usize>>,
    /// Whether a backup holds each asset.
    pub(super) is_held: Vec<bool>,
    /// What each thing relies on in every scenario, before and after what follows from the route.
    steps: Vec<Always>,
    assets: Vec<Vec<Requirement>>,
    places: Vec<Vec<Requirement>>,
    /// What each place is in.
    within: Vec<Vec<Requirement>>,
    secrets: Vec<Vec<Requirement>>,
    copies: Vec<Vec<Vec<Requirement>>>,
}

/// What a step relies on in every scenario.
#[derive(Default)]
struct Always {
    /// How many of `before` are its own needs.
    own: usize,
    before: Vec<Requirement>,
    after: Vec<Requirement>,
}

impl<'a> Index<'a> {
    /// Looks through a plan.
    pub(super) fn new(plan: &'a ResolvedPlan) -> Self {
        let mut index = Self {
            plan,
            step_ids: Ids::new(plan.steps.iter().map(|step| &step.id)),
            asset_ids: Ids::new(plan.assets.keys()),
            names: HashMap::default(),
            parts: vec![Vec::new(); plan.steps.len()],
            groups: vec![None; plan.steps.len()],
            controllers: Vec::new(),
            restorers: vec![Vec::new(); plan.assets.len()],
            providers: vec![Vec::new(); plan.places.len()],
            restores: Vec::with_capacity(plan.steps.len()),
            provides: Vec::with_capacity(plan.steps.len()),
            dependants: vec![Vec::new(); plan.assets.len()],
            is_held: vec![false; plan.assets.len()],
            steps: Vec::new(),
            assets: Vec::new(),
            places: Vec::new(),
            within: Vec::new(),
            secrets: Vec::new(),
            copies: Vec::new(),
        };
        index.name();
        index.join();
        index.require();
        index
    }

    fn name(&mut self) {
        let plan = self.plan;
        self.names.reserve(plan.steps.len() + plan.assets.len() + plan.places.len());
        self.names.extend(plan.people.keys().enumerate().map(|(at, id)| (id.as_str(), Thing::Person(at))));
        self.names.extend(plan.secrets.keys().enumerate().map(|(at, id)| (id.as_str(), Thing::Secret(at))));
        for (at, (id, place)) in plan.places.iter().enumerate() {
            self.names.insert(id.as_str(), Thing::Place(at));
            if place.controller {
                self.controllers.push(Thing::Place(at));
            }
        }
        self.names.extend(plan.assets.keys().enumerate().map(|(at, id)| (id.as_str(), Thing::Asset(at))));
        let whole = plan.steps.iter().enumerate().filter(|(_, step)| step.part_of.is_none());
        self.names.extend(whole.map(|(at, step)| (step.id.as_str(), Thing::Step(at))));
    }

    fn join(&mut self) {
        let plan = self.plan;
        for (at, step) in plan.steps.iter().enumerate() {
            let restores = self.assets_of(&step.common.restores);
            let provides = self.places_of(&step.common.provides);
            if let Some(group) = step.group().and_then(|id| self.step_ids.position(id)) {
                self.groups[at] = Some(group);
            } else if step.section == Section::Steps {
                for asset in &restores {
                    self.restorers[*asset].push(at);
                }
                for place in &provides {
                    self.providers[*place].push(at);
                }
            }
            self.restores.push(restores);
            self.provides.push(provides);
        }
        for at in 0..plan.steps.len() {
            let mut group = self.groups[at];
            while let Some(of) = group {
                self.parts[of].push(at);
                group = self.groups[of];
            }
        }
        for (at, asset) in plan.assets.values().enumerate() {
            let needed: Vec<&Id> = asset.needs.iter().flat_map(Need::ids).collect();
            for needed in self.assets_of(needed) {
                self.dependants[needed].push(at);
            }
        }
        for held in
            plan.backups.values().flat_map(|backup| self.assets_of(backup.of.iter())).collect::<Vec<_>>()
        {
            self.is_held[held] = true;
        }
    }

    fn assets_of<'i>(&self, ids: impl IntoIterator<Item = &'i Id>) -> Vec<usize> {
        ids.into_iter().filter_map(|id| self.asset_ids.position(id)).collect()
    }

    fn places_of(&self, ids: &[Id]) -> Vec<usize> {
        ids.iter().filter_map(|id| self.plan.places.get_index_of(id)).collect()
    }

    fn require(&mut self) {
        let plan = self.plan;
        self.assets = plan.assets.values().map(|asset| self.needed(&asset.needs, Kind::Needs)).collect();
        self.places = plan.places.values().map(|place| self.needed(&place.needs, Kind::Needs)).collect();
        let within = |(at, place): (usize, &crate::plan::Place)| {
            self.needed(&place.in_, |need| Kind::Within(at, need))
        };
        self.within = plan.places.values().enumerate().map(within).collect();
        self.secrets = plan.secrets.values().map(|secret| self.needed(&secret.needs, Kind::Needs)).collect();
        let copies = plan.backups.values();
        self.copies =
            copies.map(|backup| backup.copies.values().map(|copy| self.of_copy(copy)).collect()).collect();
        self.steps = plan.steps.iter().enumerate().map(|(at, step)| self.of_step(at, step)).collect();
    }

    fn of_copy(&self, copy: &crate::plan::Copy) -> Vec<Requirement> {
        let mut needed = Vec::new();
        if let Some(place) = &copy.in_ {
            needed.extend(self.one(place.as_str(), Kind::LiesIn));
        }
        if let Some(key) = &copy.key {
            needed.extend(self.one(key.as_str(), Kind::Key));
        }
        needed.extend(self.needed(&copy.needs, Kind::Needs));
        needed
    }

    fn of_step(&self, at: usize, step: &ResolvedStep) -> Always {
        let common = &step.common;
        let mut before = self.needed(&common.needs, Kind::Needs);
        let own = before.len();
        for asset in &self.restores[at] {
            // What the step brings back itself it does not wait for.
            let brings =
                |thing: &Thing| matches!(thing, Thing::Asset(other) if self.restores[at].contains(other));
            let inherited = self.assets[*asset].iter().map(|need| Requirement {
                kind: match need.kind {
                    Kind::Needs(at) => Kind::Inherited(*asset, at),
                    other => other,
                },
                ..need.clone()
            });
            before.extend(inherited.filter_map(|need| without(need, brings)));
        }
        let mut after = Vec::new();
        for place in &self.provides[at] {
            // What is in a lost site cannot be made there again before the site is back.
            let makes =
                |thing: &Thing| matches!(thing, Thing::Place(other) if self.provides[at].contains(other));
            after.extend(self.within[*place].iter().filter_map(|need| without(need.clone(), makes)));
        }
        if !self.controllers.is_empty() && !matches!(*step.action, Action::Manual { .. }) {
            after.push(Requirement { any: self.controllers.clone(), at_least: 1, kind: Kind::Controller });
        }
        let parts = || self.parts[at].iter().filter_map(|at| self.plan.steps.get(*at));
        let mut places: Vec<&Id> =
            std::iter::once(step).chain(parts()).filter_map(|step| step.common.on.as_ref()).collect();
        places.dedup();
        // What a step makes itself is there when it is done; but nobody logs in to a host before it is made.
        let is_made = |on: &Id| {
            common.provides.contains(on) && self.plan.places.get(on).is_none_or(|place| place.ssh.is_none())
        };
        let is_elsewhere = |on: &&Id| !matches!(on.as_str(), "home" | "controller") && !is_made(on);
        after
            .extend(places.into_iter().filter(is_elsewhere).filter_map(|on| self.one(on.as_str(), Kind::On)));
        // A part has taken over the secrets of the step that uses the recipe.
        let inner =
            parts().flat_map(|part| &part.common.secrets).filter(|secret| !common.secrets.contains(secret));
        let secrets = common.secrets.iter().chain(inner).enumerate();
        after.extend(secrets.filter_map(|(at, secret)| self.one(secret.as_str(), Kind::Secret(at))));
        for step in std::iter::once(step).chain(parts()) {
            match &*step.action {
                Action::Manual { by: Some(by), .. } => after.extend(self.people(&[by], 1, Kind::By)),
                Action::Approve(approve) => {
                    let by: Vec<&Id> = approve.by.iter().collect();
                    let quorum =
                        approve.quorum.map_or(1, |quorum| usize::try_from(quorum.get()).unwrap_or(1));
                    after.extend(self.people(&by, quorum, Kind::Approve));
                }
                _ => {}
            }
        }
        Always { own, before, after }
    }

    fn needed(&self, needs: &[Need], kind: impl Fn(usize) -> Kind) -> Vec<Requirement> {
        let mut needed = Vec::with_capacity(needs.len());
        for (at, need) in needs.iter().enumerate() {
            // What has no name here, such as a step of another section, is waited for by nobody.
            let any: Vec<Thing> = need.ids().iter().filter_map(|id| self.thing(id.as_str())).collect();
            let unknown = need.ids().len() - any.len();
            let at_least = need.at_least().saturating_sub(unknown);
            if at_least > 0 {
                needed.push(Requirement { any, at_least, kind: kind(at) });
            }
        }
        needed
    }

    fn one(&self, name: &str, kind: Kind) -> Option<Requirement> {
        self.thing(name).map(|thing| Requirement { any: vec![thing], at_least: 1, kind })
    }

    /// Returns that so many of some people, or of those with some roles, must be there.
    fn people(&self, by: &[&Id], at_least: usize, kind: Kind) -> Option<Requirement> {
        let fits = |(_, (id, person)): &(usize, (&Id, &crate::plan::Person))| {
            by.iter().any(|by| *by == *id || person.roles.contains(by))
        };
        let people = self.plan.people.iter().enumerate().filter(fits);
        let any: Vec<Thing> = people.map(|(at, _)| Thing::Person(at)).collect();
        // Where nobody is named, nobody can be missing.
        (!any.is_empty()).then_some(Requirement { any, at_least, kind })
    }

    /// Returns the thing of a name.
    pub(super) fn thing(&self, name: &str) -> Option<Thing> {
        self.names.get(name).copied()
    }

    /// Returns the steps that are part of one, directly or not.
    pub(super) fn parts(&self, step: usize) -> &[usize] {
        self.parts.get(step).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the steps that one is part of, the nearest first.
    pub(super) fn groups(&self, step: usize) -> impl Iterator<Item = usize> {
        let group = |at: usize| self.groups.get(at).copied().flatten();
        std::iter::successors(group(step), move |at| group(*at))
    }

    /// Returns the step that a person wrote: the step itself, or the one of which it came.
    pub(super) fn whole(&self, step: usize) -> usize {
        self.groups(step).last().unwrap_or(step)
    }

    /// Whether a step is one that a person wrote under `steps`.
    pub(super) fn is_own_step(&self, at: usize) -> bool {
        self.plan.steps.get(at).is_some_and(|step| step.part_of.is_none() && step.section == Section::Steps)
    }

    /// Returns the copy of a reference, such as `nightly.s3`.
    pub(super) fn copy(&self, reference: &Id) -> Option<Thing> {
        let (backup, _, copy, _) = copy_of(self.plan, reference.as_str())?;
        let (at, _, backup) = self.plan.backups.get_full(backup)?;
        Some(Thing::Copy(at, backup.copies.get_index_of(copy)?))
    }

    /// Returns what a thing relies on in every scenario: what comes before, and what after, that which follows from
    /// the route.
    pub(super) fn always(&self, thing: Thing) -> (&[Requirement], &[Requirement]) {
        match thing {
            Thing::Step(at) => self
                .steps
                .get(at)
                .map(|always| (always.before.as_slice(), always.after.as_slice()))
                .unwrap_or_default(),
            Thing::Asset(at) => (&[], at_position(&self.assets, at)),
            Thing::Place(at) => (&[], at_position(&self.places, at)),
            Thing::Secret(at) => (&[], at_position(&self.secrets, at)),
            Thing::Copy(backup, copy) => {
                (&[], self.copies.get(backup).map(|copies| at_position(copies, copy)).unwrap_or_default())
            }
            Thing::Person(_) => (&[], &[]),
        }
    }

    /// Returns what a thing says itself that it needs.
    pub(super) fn needs(&self, thing: Thing) -> &[Requirement] {
        match thing {
            Thing::Step(at) => {
                self.steps.get(at).and_then(|always| always.before.get(..always.own)).unwrap_or_default()
            }
            _ => self.always(thing).1,
        }
    }

    /// Returns what a place is in.
    pub(super) fn within(&self, place: usize) -> &[Requirement] {
        at_position(&self.within, place)
    }

    /// Returns the machines from which drplan can run.
    pub(super) fn controllers(&self) -> &[Thing] {
        &self.controllers
    }

    /// Returns the name of a thing, as it is written.
    pub(super) fn name_of(&self, thing: Thing) -> String {
        thing.name(self.plan)
    }

    /// Returns where a thing is declared.
    pub(super) fn declared(&self, thing: Thing) -> KeyPath {
        let name = self.name_of(thing);
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

fn at_position(list: &[Vec<Requirement>], at: usize) -> &[Requirement] {
    list.get(at).map(Vec::as_slice).unwrap_or_default()
}

/// Takes what a step does itself out of what it requires; nothing if nothing is left of it.
fn without(mut need: Requirement, is_own: impl Fn(&Thing) -> bool) -> Option<Requirement> {
    let count = need.any.len();
    need.any.retain(|thing| !is_own(thing));
    need.at_least = need.at_least.saturating_sub(count - need.any.len());
    (need.at_least > 0).then_some(need)
}
