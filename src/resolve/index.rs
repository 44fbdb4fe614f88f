//! What a plan says whatever happens: who is who, and what each thing relies on in every scenario.
//!
//! Made once for a plan; its routes look here, so that no name is looked up twice.

use std::collections::HashMap;
use std::sync::Arc;

use super::any_of::AnyOf;
use super::column::Ids;
use super::copies::copy_of;
use super::lists::{Lists, small};
use super::reliance::{Kind, Requirement, Thing};
use super::{ResolvedPlan, ResolvedStep, Section};
use crate::document::KeyPath;
use crate::plan::{Action, Need, Person};
use crate::value::Id;

/// What a plan has, by position.
pub(super) struct Index<'a> {
    pub(super) plan: &'a ResolvedPlan,
    pub(super) step_ids: Arc<Ids>,
    pub(super) asset_ids: Arc<Ids>,
    /// Of each step that others are part of, all of these.
    parts: Lists,
    /// Of each part, the step that it is directly part of.
    groups: Vec<Option<u32>>,
    controllers: AnyOf,
    /// Of each asset, the steps that restore it.
    pub(super) restorers: Lists,
    /// Of each place, the steps that provide it.
    pub(super) providers: Lists,
    /// Of each step, the assets that it restores.
    pub(super) restores: Lists,
    /// Of each step, the places that it provides.
    pub(super) provides: Lists,
    /// Of each asset, those that need it.
    pub(super) dependants: Lists,
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
struct Always {
    /// How many of them are its own needs; these come first.
    own: u32,
    /// How many of them come before what follows from the route.
    before: u32,
    requirements: Box<[Requirement]>,
}

type Pairs = Vec<(u32, u32)>;

/// The people of each list of people and roles: many steps name the same.
type Crews<'a> = HashMap<&'a [Id], AnyOf, ahash::RandomState>;

impl<'a> Index<'a> {
    /// Looks through a plan.
    pub(super) fn new(plan: &'a ResolvedPlan) -> Self {
        let mut index = Self {
            plan,
            step_ids: Ids::new(plan.steps.iter().map(|step| &step.id)),
            asset_ids: Ids::new(plan.assets.keys()),
            parts: Lists::default(),
            groups: vec![None; plan.steps.len()],
            controllers: Vec::new().into(),
            restorers: Lists::default(),
            providers: Lists::default(),
            restores: Lists::default(),
            provides: Lists::default(),
            dependants: Lists::default(),
            is_held: vec![false; plan.assets.len()],
            steps: Vec::new(),
            assets: Vec::new(),
            places: Vec::new(),
            within: Vec::new(),
            secrets: Vec::new(),
            copies: Vec::new(),
        };
        index.join();
        index.require();
        index
    }

    fn join(&mut self) {
        let plan = self.plan;
        let controllers = plan.places.values().enumerate().filter(|(_, place)| place.controller);
        self.controllers = controllers.map(|(at, _)| Thing::Place(at)).collect();
        // Pairs of a thing and a step, or the other way round.
        let (mut restores, mut restored_by, mut provides, mut provided_by) = Default::default();
        for (at, step) in plan.steps.iter().enumerate() {
            self.groups[at] = step.group().and_then(|id| self.step_ids.position(id)).map(small);
            let brings_back = self.groups[at].is_none() && step.section == Section::Steps;
            let add = |of_step: &mut Pairs, of_thing: &mut Pairs, thing: usize| {
                of_step.push((small(at), small(thing)));
                of_thing.extend(brings_back.then_some((small(thing), small(at))));
            };
            for asset in self.assets_of(&step.common.restores) {
                add(&mut restores, &mut restored_by, asset);
            }
            for place in step.common.provides.iter().filter_map(|id| plan.places.get_index_of(id)) {
                add(&mut provides, &mut provided_by, place);
            }
        }
        let (steps, assets, places) = (plan.steps.len(), plan.assets.len(), plan.places.len());
        self.restores = Lists::new(steps, &restores);
        self.restorers = Lists::new(assets, &restored_by);
        self.provides = Lists::new(steps, &provides);
        self.providers = Lists::new(places, &provided_by);
        let whole = |at: usize| self.groups(at).map(move |of| (small(of), small(at)));
        let parts: Pairs = (0..steps).flat_map(whole).collect();
        self.parts = Lists::new(steps, &parts);
        let needed = |(at, asset): (usize, &Arc<crate::plan::Asset>)| -> Pairs {
            let needed = self.assets_of(asset.needs.iter().flat_map(Need::ids));
            needed.map(|needed| (small(needed), small(at))).collect()
        };
        let dependants: Pairs = plan.assets.values().enumerate().flat_map(needed).collect();
        self.dependants = Lists::new(assets, &dependants);
        for backup in plan.backups.values() {
            for held in backup.of.iter().filter_map(|id| self.asset_ids.position(id)) {
                self.is_held[held] = true;
            }
        }
    }

    fn assets_of<'i>(&self, ids: impl IntoIterator<Item = &'i Id>) -> impl Iterator<Item = usize> {
        ids.into_iter().filter_map(|id| self.asset_ids.position(id))
    }

    fn require(&mut self) {
        let plan = self.plan;
        self.assets = plan.assets.values().map(|asset| self.needed(&asset.needs, Kind::Needs)).collect();
        self.places = plan.places.values().map(|place| self.needed(&place.needs, Kind::Needs)).collect();
        let within = |(at, place): (usize, &Arc<crate::plan::Place>)| {
            self.needed(&place.in_, |need| Kind::Within(small(at), need))
        };
        self.within = plan.places.values().enumerate().map(within).collect();
        self.secrets = plan.secrets.values().map(|secret| self.needed(&secret.needs, Kind::Needs)).collect();
        let copies = plan.backups.values();
        self.copies =
            copies.map(|backup| backup.copies.values().map(|copy| self.of_copy(copy)).collect()).collect();
        let mut crews = Crews::default();
        let steps = plan.steps.iter().enumerate();
        self.steps = steps.map(|(at, step)| self.of_step(at, step, &mut crews)).collect();
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

    fn of_step(&self, at: usize, step: &'a ResolvedStep, crews: &mut Crews<'a>) -> Always {
        let common = &step.common;
        let mut all = self.needed(&common.needs, Kind::Needs);
        let own = small(all.len());
        for asset in self.restores.of(at) {
            // What the step brings back itself it does not wait for.
            let brings =
                |thing: &Thing| matches!(thing, Thing::Asset(other) if self.restores.has(at, *other));
            let inherited = self.assets[asset].iter().map(|need| Requirement {
                kind: match need.kind {
                    Kind::Needs(at) => Kind::Inherited(small(asset), at),
                    other => other,
                },
                ..need.clone()
            });
            all.extend(inherited.filter_map(|need| without(need, brings)));
        }
        let before = small(all.len());
        for place in self.provides.of(at) {
            // What is in a lost site cannot be made there again before the site is back.
            let makes = |thing: &Thing| matches!(thing, Thing::Place(other) if self.provides.has(at, *other));
            all.extend(self.within[place].iter().filter_map(|need| without(need.clone(), makes)));
        }
        if !self.controllers.is_empty() && !matches!(*step.action, Action::Manual { .. }) {
            all.push(Requirement { any: self.controllers.clone(), at_least: 1, kind: Kind::Controller });
        }
        let parts = || self.parts.of(at).filter_map(|at| self.plan.steps.get(at));
        let mut places: Vec<&Id> =
            std::iter::once(step).chain(parts()).filter_map(|step| step.common.on.as_ref()).collect();
        places.dedup();
        // What a step makes itself is there when it is done; but nobody logs in to a host before it is made.
        let is_made = |on: &Id| {
            common.provides.contains(on) && self.plan.places.get(on).is_none_or(|place| place.ssh.is_none())
        };
        let is_elsewhere = |on: &&Id| !matches!(on.as_str(), "home" | "controller") && !is_made(on);
        all.extend(places.into_iter().filter(is_elsewhere).filter_map(|on| self.one(on.as_str(), Kind::On)));
        // A part has taken over the secrets of the step that uses the recipe.
        let inner =
            parts().flat_map(|part| &part.common.secrets).filter(|secret| !common.secrets.contains(secret));
        let secrets = common.secrets.iter().chain(inner).enumerate();
        all.extend(secrets.filter_map(|(at, secret)| self.one(secret.as_str(), Kind::Secret(small(at)))));
        for step in std::iter::once(step).chain(parts()) {
            match &*step.action {
                Action::Manual { by: Some(by), .. } => {
                    all.extend(self.people(std::slice::from_ref(by), 1, Kind::By, crews));
                }
                Action::Approve(approve) => {
                    let quorum = approve.quorum.map_or(1, std::num::NonZeroU32::get);
                    all.extend(self.people(&approve.by, quorum, Kind::Approve, crews));
                }
                _ => {}
            }
        }
        Always { own, before, requirements: all.into() }
    }

    fn needed(&self, needs: &[Need], kind: impl Fn(u32) -> Kind) -> Vec<Requirement> {
        let mut needed = Vec::with_capacity(needs.len());
        for (at, need) in needs.iter().enumerate() {
            // What has no name here, such as a step of another section, is waited for by nobody.
            let any: AnyOf = need.ids().iter().filter_map(|id| self.thing(id.as_str())).collect();
            let unknown = need.ids().len() - any.len();
            let at_least = need.at_least().saturating_sub(unknown);
            if at_least > 0 {
                needed.push(Requirement { any, at_least: small(at_least), kind: kind(small(at)) });
            }
        }
        needed
    }

    fn one(&self, name: &str, kind: Kind) -> Option<Requirement> {
        self.thing(name).map(|thing| Requirement { any: AnyOf::One(thing), at_least: 1, kind })
    }

    /// Returns that so many of some people, or of those with some roles, must be there.
    fn people(&self, by: &'a [Id], at_least: u32, kind: Kind, crews: &mut Crews<'a>) -> Option<Requirement> {
        let any = crews.entry(by).or_insert_with(|| {
            let fits = |id: &Id, person: &Person| by.iter().any(|by| by == id || person.roles.contains(by));
            let people = self.plan.people.iter().enumerate().filter(|(_, (id, person))| fits(id, person));
            people.map(|(at, _)| Thing::Person(at)).collect()
        });
        let any = any.clone();
        // Where nobody is named, nobody can be missing.
        (!any.is_empty()).then_some(Requirement { any, at_least, kind })
    }

    /// Returns the thing of a name; of steps, only one that a person wrote has a name of its own.
    pub(super) fn thing(&self, name: &str) -> Option<Thing> {
        let plan = self.plan;
        let step = self.step_ids.position(name).filter(|at| plan.steps[*at].part_of.is_none());
        step.map(Thing::Step)
            .or_else(|| self.asset_ids.position(name).map(Thing::Asset))
            .or_else(|| plan.places.get_index_of(name).map(Thing::Place))
            .or_else(|| plan.secrets.get_index_of(name).map(Thing::Secret))
            .or_else(|| plan.people.get_index_of(name).map(Thing::Person))
    }

    /// Returns the steps that are part of one, directly or not.
    pub(super) fn parts(&self, step: usize) -> impl Iterator<Item = usize> {
        self.parts.of(step)
    }

    /// Returns the steps that one is part of, the nearest first.
    pub(super) fn groups(&self, step: usize) -> impl Iterator<Item = usize> {
        let group = |at: usize| self.groups.get(at).copied().flatten().map(|at| at as usize);
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
        Some(Thing::Copy(small(at), small(backup.copies.get_index_of(copy)?)))
    }

    /// Returns what a thing relies on in every scenario: what comes before, and what after, that which follows from
    /// the route.
    pub(super) fn always(&self, thing: Thing) -> (&[Requirement], &[Requirement]) {
        match thing {
            Thing::Step(at) => self
                .steps
                .get(at)
                .map(|always| always.requirements.split_at(always.before as usize))
                .unwrap_or_default(),
            Thing::Asset(at) => (&[], at_position(&self.assets, at)),
            Thing::Place(at) => (&[], at_position(&self.places, at)),
            Thing::Secret(at) => (&[], at_position(&self.secrets, at)),
            Thing::Copy(backup, copy) => (
                &[],
                self.copies
                    .get(backup as usize)
                    .map(|copies| at_position(copies, copy as usize))
                    .unwrap_or_default(),
            ),
            Thing::Person(_) => (&[], &[]),
        }
    }

    /// Returns what a thing says itself that it needs.
    pub(super) fn needs(&self, thing: Thing) -> &[Requirement] {
        match thing {
            Thing::Step(at) => self
                .steps
                .get(at)
                .and_then(|always| always.requirements.get(..always.own as usize))
                .unwrap_or_default(),
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
    if need.any.iter().any(&is_own) {
        need.any = need.any.iter().copied().filter(|thing| !is_own(thing)).collect();
    }
    need.at_least = need.at_least.saturating_sub(small(count - need.any.len()));
    (need.at_least > 0).then_some(need)
}
