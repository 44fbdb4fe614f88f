//! Gives what a plan names other names, so that plans can be put together without two things having one name.

use std::sync::Arc;

use super::{Action, Backup, Common, Consistent, Copy, Need, Person, Place, Plan, Secret, Wait};
use crate::probe::Probe;
use crate::value::{Id, Name, Table};

/// Words of the language, which stay as they are wherever a place could stand.
const SPOTS: [&str; 2] = ["home", "controller"];
/// The word for all assets.
const ALL: &str = "all";
/// The word for who began the run.
const STARTER: &str = "starter";

/// Gives things and what names them other names.
///
/// Scenarios and environments keep theirs: those of two plans belong together if they are called the same.
pub struct Renaming<'a> {
    new: &'a dyn Fn(&str) -> String,
}

impl<'a> Renaming<'a> {
    /// Makes a renaming from a function that gives the new name.
    pub fn new(new: &'a dyn Fn(&str) -> String) -> Self {
        Self { new }
    }

    /// Renames one id.
    pub fn id(&self, id: &mut Id) {
        *id = Id::trusted((self.new)(id.as_str()));
    }

    fn name(&self, name: &mut Name) {
        *name = Name::trusted((self.new)(name.as_str()));
    }

    fn ids(&self, ids: &mut [Id]) {
        for id in ids {
            self.id(id);
        }
    }

    fn needs(&self, needs: &mut [Need]) {
        for need in needs {
            match need {
                Need::One(id) => self.id(id),
                Need::Any(redundant) => self.ids(&mut redundant.any),
            }
        }
    }

    fn spot(&self, spot: &mut Option<Id>) {
        if let Some(id) = spot.as_mut().filter(|id| !SPOTS.contains(&id.as_str())) {
            self.id(id);
        }
    }

    fn probes<'p>(&self, probes: impl IntoIterator<Item = &'p mut Arc<Probe>>) {
        for probe in probes {
            self.spot(&mut Arc::make_mut(probe).on);
        }
    }

    fn keys<V>(&self, table: &mut Table<Id, V>) {
        *table = std::mem::take(table)
            .into_iter()
            .map(|(mut id, value)| {
                self.id(&mut id);
                (id, value)
            })
            .collect();
    }

    /// Renames the assets of a table in which `all` may stand for all of them.
    fn keys_but_all<V>(&self, table: &mut Table<Id, V>) {
        *table = std::mem::take(table)
            .into_iter()
            .map(|(mut id, value)| {
                if id.as_str() != ALL {
                    self.id(&mut id);
                }
                (id, value)
            })
            .collect();
    }

    /// Renames the places, assets, people, secrets and backups of a plan, and what they name.
    ///
    /// The steps are not renamed: that is done once they are expanded, by [`Self::step`].
    pub fn things(&self, plan: &mut Plan) {
        plan.people.values_mut().for_each(|person| self.person(person));
        plan.secrets.values_mut().for_each(|secret| self.secret(secret));
        plan.places.values_mut().map(Arc::make_mut).for_each(|place| self.place(place));
        for asset in plan.assets.values_mut().map(Arc::make_mut) {
            self.ids(&mut asset.homes);
            self.needs(&mut asset.needs);
            self.needs(&mut asset.wants);
            self.probes(&mut asset.health);
        }
        plan.backups.values_mut().map(Arc::make_mut).for_each(|backup| self.backup(backup));
        for Consistent { assets, .. } in &mut plan.consistent {
            self.ids(assets);
        }
        self.keys(&mut plan.people);
        self.keys(&mut plan.places);
        self.keys(&mut plan.assets);
        self.keys(&mut plan.backups);
        plan.secrets = std::mem::take(&mut plan.secrets)
            .into_iter()
            .map(|(mut name, secret)| {
                self.name(&mut name);
                (name, secret)
            })
            .collect();
    }

    fn person(&self, person: &mut Person) {
        self.ids(&mut person.roles);
        self.needs(&mut person.in_);
    }

    fn secret(&self, secret: &mut Secret) {
        self.needs(&mut secret.needs);
    }

    fn place(&self, place: &mut Place) {
        self.needs(&mut place.in_);
        self.ids(place.erasable_by.as_deref_mut().unwrap_or_default());
        self.needs(&mut place.needs);
    }

    fn backup(&self, backup: &mut Backup) {
        self.ids(&mut backup.of);
        if let Some(on) = backup.job.as_mut().and_then(|job| job.on.as_mut()) {
            self.id(on);
        }
        backup.copies.values_mut().for_each(|copy| self.copy(copy));
    }

    /// `from` names a copy of the same backup, and copies keep their names.
    fn copy(&self, copy: &mut Copy) {
        if let Some(place) = &mut copy.in_ {
            self.id(place);
        }
        self.ids(copy.erasable_by.as_deref_mut().unwrap_or_default());
        if let Some(immutable) = &mut copy.immutable {
            self.ids(&mut immutable.except);
        }
        if let Some(key) = &mut copy.key {
            self.name(key);
        }
        self.needs(&mut copy.needs);
        self.probes(&mut copy.verify);
    }

    /// Renames what a plan says of itself as a whole: who decides, what scenarios take away, what is excepted.
    pub fn claims(&self, plan: &mut Plan) {
        if let Some(by) = plan.activation.as_mut().and_then(|activation| activation.by.as_mut()) {
            self.id(by);
        }
        for scenario in plan.scenarios.values_mut() {
            self.ids(&mut scenario.lose);
            self.ids(&mut scenario.damage);
            self.ids(&mut scenario.compromise);
            self.keys_but_all(&mut scenario.targets);
        }
        self.keys_but_all(&mut plan.policy.integrity.0);
        for exception in &mut plan.policy.exceptions {
            let about = [&mut exception.asset, &mut exception.step, &mut exception.place];
            about.into_iter().flatten().for_each(|id| self.id(id));
        }
    }

    /// Renames what a step names. Inside a recipe, `is_neighbour` tells the steps of the recipe, which keep their names.
    pub fn step(&self, common: &mut Common, action: &mut Action, is_neighbour: &dyn Fn(&str) -> bool) {
        for need in &mut common.needs {
            match need {
                Need::One(id) if is_neighbour(id.as_str()) => {}
                Need::One(id) => self.id(id),
                Need::Any(redundant) => {
                    redundant
                        .any
                        .iter_mut()
                        .filter(|id| !is_neighbour(id.as_str()))
                        .for_each(|id| self.id(id));
                }
            }
        }
        self.ids(&mut common.restores);
        self.ids(&mut common.provides);
        self.ids(&mut common.fences);
        self.ids(&mut common.from);
        self.spot(&mut common.on);
        common.secrets.iter_mut().for_each(|name| self.name(name));
        let probes = common.preconditions.iter_mut().chain(&mut common.verify).chain(&mut common.unless);
        self.probes(probes);
        if let Some(lock) = &mut common.lock {
            self.id(lock);
        }
        match action {
            Action::Manual { by, .. } => by.iter_mut().for_each(|by| self.id(by)),
            Action::Approve(approve) => {
                self.ids(&mut approve.by);
                if let Some(other) = approve.distinct_from.as_mut().filter(|other| other.as_str() != STARTER)
                {
                    self.id(other);
                }
            }
            Action::Wait(Wait::Until(probe)) => self.probes([probe]),
            Action::Wait(Wait::For(_))
            | Action::Run { .. }
            | Action::Http { .. }
            | Action::Use { .. }
            | Action::Plan { .. } => {}
        }
    }
}
