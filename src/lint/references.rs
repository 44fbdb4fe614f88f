//! Everything in a plan that names something else in it.

use std::sync::Arc;

use super::NameKind;
use crate::document::{KeyPath, Part, Trail};
use crate::plan::{Action, Copy, Need, PlaceOverlay, Plan, Step, Wait};
use crate::probe::Probe;
use crate::value::{Id, Name, OneOrMany, Table};

use NameKind::{Asset, Environment, Person, Place, Role, Scenario, Secret, Step as AStep, Var};

/// A name, where it stands, and what it may be the name of.
#[derive(Debug)]
pub struct Reference<'a> {
    /// Where it stands.
    pub path: KeyPath,
    /// Whether it is a key or a value there.
    pub part: Part,
    /// The name.
    pub name: &'a str,
    /// What it may be the name of.
    pub wanted: Wanted,
}

/// What a name may be the name of.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// One of these kinds, or one of these words.
    Kinds(&'static [NameKind], &'static [&'static str]),
    /// A copy with its backup: `nightly.s3`.
    Copy,
    /// A copy of the same backup: `s3`.
    Sibling,
}

const SPOTS: Wanted = Wanted::Kinds(&[Place], &["home", "controller"]);
const THINGS: Wanted = Wanted::Kinds(NameKind::THINGS, &[]);
const PLACES: Wanted = Wanted::Kinds(&[Place], &[]);
const ASSETS: Wanted = Wanted::Kinds(&[Asset], &[]);
const SECRETS: Wanted = Wanted::Kinds(&[Secret], &[]);
const STEPS: Wanted = Wanted::Kinds(&[AStep], &[]);
const DOERS: Wanted = Wanted::Kinds(&[Person, Role], &[]);
const PEOPLE: Wanted = Wanted::Kinds(&[Person], &[]);
const SCENARIOS: Wanted = Wanted::Kinds(&[Scenario], &[]);
const ENVIRONMENTS: Wanted = Wanted::Kinds(&[Environment], &[]);
const LOSABLE: Wanted = Wanted::Kinds(&[Place, Person], &[]);
const FENCED: Wanted = Wanted::Kinds(&[Place, Asset], &[]);
const TARGETS: Wanted = Wanted::Kinds(&[Asset], &["all"]);
const OTHERS: Wanted = Wanted::Kinds(&[AStep], &["starter"]);
const VARS: Wanted = Wanted::Kinds(&[Var], &[]);

/// Returns everything in a plan that names something else in it.
pub fn references(plan: &Plan) -> Vec<Reference<'_>> {
    references_where(plan, &|_, _| true)
}

/// Returns those of the [`references`] of which name and meaning are of interest.
pub(super) fn references_where<'a>(
    plan: &'a Plan,
    is_wanted: &dyn Fn(&'a str, Wanted) -> bool,
) -> Vec<Reference<'a>> {
    let mut walk = Walk { found: Vec::new(), is_wanted };
    walk.plan(plan);
    walk.found
}

struct Walk<'a, 'w> {
    found: Vec<Reference<'a>>,
    is_wanted: &'w dyn Fn(&'a str, Wanted) -> bool,
}

impl<'a> Walk<'a, '_> {
    fn add(&mut self, path: &Trail<'_>, part: Part, name: &'a str, wanted: Wanted) {
        if (self.is_wanted)(name, wanted) {
            self.found.push(Reference { path: path.to_path(), part, name, wanted });
        }
    }

    fn one(&mut self, path: &Trail<'_>, name: &'a str, wanted: Wanted) {
        self.add(path, Part::Value, name, wanted);
    }

    fn key(&mut self, path: &Trail<'_>, name: &'a str, wanted: Wanted) {
        self.add(&path.key(name), Part::Key, name, wanted);
    }

    fn maybe(&mut self, path: &Trail<'_>, key: &str, id: Option<&'a Id>, wanted: Wanted) {
        if let Some(id) = id {
            self.one(&path.key(key), id.as_str(), wanted);
        }
    }

    fn ids(&mut self, path: &Trail<'_>, key: &str, ids: &'a [Id], wanted: Wanted) {
        if ids.is_empty() {
            return;
        }
        let path = path.key(key);
        for (at, id) in ids.iter().enumerate() {
            self.one(&path.index(at), id.as_str(), wanted);
        }
    }

    fn secrets(&mut self, path: &Trail<'_>, names: &'a [Name]) {
        for (at, name) in names.iter().enumerate() {
            self.one(&path.key("secrets").index(at), name.as_str(), SECRETS);
        }
    }

    fn needs(&mut self, path: &Trail<'_>, key: &str, needs: &'a [Need], wanted: Wanted) {
        if needs.is_empty() {
            return;
        }
        let path = path.key(key);
        for (at, need) in needs.iter().enumerate() {
            let path = path.index(at);
            match need {
                Need::One(id) => self.one(&path, id.as_str(), wanted),
                Need::Any(redundant) => self.ids(&path, "any", &redundant.any, wanted),
            }
        }
    }

    fn probes(&mut self, path: &Trail<'_>, key: &str, probes: &'a [Arc<Probe>]) {
        for (at, probe) in probes.iter().enumerate() {
            self.maybe(&path.key(key).index(at), "on", probe.on.as_ref(), SPOTS);
        }
    }

    fn one_or_many(&mut self, path: &Trail<'_>, ids: Option<&'a OneOrMany<Id>>, wanted: Wanted) {
        match ids.map_or([].as_slice(), |ids| ids) {
            [only] => self.one(path, only.as_str(), wanted),
            many => {
                many.iter().enumerate().for_each(|(at, id)| self.one(&path.index(at), id.as_str(), wanted));
            }
        }
    }

    fn plan(&mut self, plan: &'a Plan) {
        let root = Trail::root();
        if let Some(activation) = &plan.activation {
            self.maybe(&root.key("activation"), "by", activation.by.as_ref(), DOERS);
        }
        let people = root.key("people");
        for (id, person) in &plan.people {
            self.needs(&people.key(id.as_str()), "in", &person.in_, PLACES);
        }
        let secrets = root.key("secrets");
        for (name, secret) in &plan.secrets {
            self.needs(&secrets.key(name.as_str()), "needs", &secret.needs, THINGS);
        }
        let places = root.key("places");
        for (id, place) in &plan.places {
            let path = places.key(id.as_str());
            self.needs(&path, "in", &place.in_, PLACES);
            self.ids(&path, "erasable_by", place.erasable_by.as_deref().unwrap_or_default(), PLACES);
            self.needs(&path, "needs", &place.needs, THINGS);
        }
        let assets = root.key("assets");
        for (id, asset) in &plan.assets {
            let path = assets.key(id.as_str());
            self.ids(&path, "homes", &asset.homes, PLACES);
            self.needs(&path, "needs", &asset.needs, THINGS);
            self.needs(&path, "wants", &asset.wants, THINGS);
            self.probes(&path, "health", &asset.health);
        }
        let backups = root.key("backups");
        for (id, backup) in &plan.backups {
            let path = backups.key(id.as_str());
            self.ids(&path, "of", &backup.of, ASSETS);
            self.maybe(&path.key("job"), "on", backup.job.as_ref().and_then(|job| job.on.as_ref()), PLACES);
            for (id, copy) in &backup.copies {
                self.copy(&path.key("copies").key(id.as_str()), copy);
            }
        }
        for (at, consistent) in plan.consistent.iter().enumerate() {
            self.ids(&root.key("consistent").index(at), "assets", &consistent.assets, ASSETS);
        }
        let policy = root.key("policy");
        self.keys(&policy.key("integrity"), &plan.policy.integrity.0, TARGETS);
        for (at, exception) in plan.policy.exceptions.iter().enumerate() {
            let path = policy.key("except");
            let path = path.index(at);
            self.maybe(&path, "asset", exception.asset.as_ref(), ASSETS);
            self.maybe(&path, "scenario", exception.scenario.as_ref(), SCENARIOS);
            self.maybe(&path, "step", exception.step.as_ref(), STEPS);
            self.maybe(&path, "place", exception.place.as_ref(), PLACES);
        }
        let scenarios = root.key("scenarios");
        for (id, scenario) in &plan.scenarios {
            let path = scenarios.key(id.as_str());
            self.ids(&path, "lose", &scenario.lose, LOSABLE);
            self.ids(&path, "damage", &scenario.damage, ASSETS);
            self.ids(&path, "compromise", &scenario.compromise, PLACES);
            self.keys(&path.key("targets"), &scenario.targets, TARGETS);
        }
        for (section, steps) in
            [("prepare", &plan.prepare), ("steps", &plan.steps), ("cleanup", &plan.cleanup)]
        {
            for (id, step) in steps {
                self.step(&root.key(section).key(id.as_str()), step);
            }
        }
        self.environments(plan);
    }

    fn keys<V: 'static>(&mut self, path: &Trail<'_>, table: &'a Table<Id, V>, wanted: Wanted) {
        table.keys().for_each(|id| self.key(path, id.as_str(), wanted));
    }

    fn environments(&mut self, plan: &'a Plan) {
        for (id, environment) in &plan.environments {
            let root = Trail::root();
            let environments = root.key("environments");
            let path = environments.key(id.as_str());
            self.keys(&path.key("places"), &environment.places, PLACES);
            for (id, place) in &environment.places {
                let places = path.key("places");
                let path = places.key(id.as_str());
                match place {
                    PlaceOverlay::Mapped(other) => self.one(&path, other.as_str(), PLACES),
                    PlaceOverlay::Changed(change) => {
                        self.needs(&path, "in", change.in_.as_deref().unwrap_or_default(), PLACES);
                    }
                }
            }
            for (name, secret) in &environment.secrets {
                let path = path.key("secrets");
                self.key(&path, name.as_str(), SECRETS);
                self.needs(&path.key(name.as_str()), "needs", &secret.needs, THINGS);
            }
            self.keys(&path.key("people"), &environment.people, PEOPLE);
            environment.vars.keys().for_each(|name| self.key(&path.key("vars"), name.as_str(), VARS));
            self.ids(&path, "reads", &environment.reads, THINGS);
            self.ids(&path, "omit", &environment.omit, STEPS);
        }
    }

    fn copy(&mut self, path: &Trail<'_>, copy: &'a Copy) {
        self.maybe(path, "from", copy.from.as_ref(), Wanted::Sibling);
        self.maybe(path, "in", copy.in_.as_ref(), PLACES);
        self.ids(path, "erasable_by", copy.erasable_by.as_deref().unwrap_or_default(), PLACES);
        if let Some(immutable) = &copy.immutable {
            self.ids(&path.key("immutable"), "except", &immutable.except, PLACES);
        }
        if let Some(key) = &copy.key {
            self.one(&path.key("key"), key.as_str(), SECRETS);
        }
        self.needs(path, "needs", &copy.needs, THINGS);
        self.probes(path, "verify", &copy.verify);
    }

    fn step(&mut self, path: &Trail<'_>, step: &'a Step) {
        let common = &step.common;
        self.needs(path, "needs", &common.needs, THINGS);
        self.ids(path, "restores", &common.restores, ASSETS);
        self.ids(path, "provides", &common.provides, PLACES);
        self.ids(path, "fences", &common.fences, FENCED);
        self.ids(path, "from", &common.from, Wanted::Copy);
        self.maybe(path, "on", common.on.as_ref(), SPOTS);
        self.secrets(path, &common.secrets);
        self.probes(path, "preconditions", &common.preconditions);
        self.probes(path, "verify", &common.verify);
        if let Some(unless) = &common.unless {
            self.maybe(&path.key("unless"), "on", unless.on.as_ref(), SPOTS);
        }
        if let Some(when) = &common.when {
            let path = path.key("when");
            self.one_or_many(&path.key("scenario"), when.scenario.as_ref(), SCENARIOS);
            self.one_or_many(&path.key("environment"), when.environment.as_ref(), ENVIRONMENTS);
        }
        match &*step.action {
            Action::Manual { by, .. } => self.maybe(path, "by", by.as_ref(), DOERS),
            Action::Approve(approve) => {
                let path = path.key("approve");
                self.ids(&path, "by", &approve.by, DOERS);
                self.maybe(&path, "distinct_from", approve.distinct_from.as_ref(), OTHERS);
            }
            Action::Wait(Wait::Until(probe)) => self.maybe(&path.key("wait"), "on", probe.on.as_ref(), SPOTS),
            Action::Wait(Wait::For(_))
            | Action::Run { .. }
            | Action::Http { .. }
            | Action::Use { .. }
            | Action::Plan { .. } => {}
        }
    }
}
