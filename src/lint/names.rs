//! Everything that has a name in a plan.

use indexmap::IndexMap;

use crate::plan::Plan;
use crate::resolve::ResolvedPlan;

/// What a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A place.
    Place,
    /// An asset.
    Asset,
    /// A person.
    Person,
    /// A role of a person.
    Role,
    /// A secret.
    Secret,
    /// A step.
    Step,
    /// A scenario.
    Scenario,
    /// An environment.
    Environment,
    /// A variable.
    Var,
}

impl NameKind {
    const ALL: [Self; Self::Var as usize + 1] = [
        Self::Place,
        Self::Asset,
        Self::Person,
        Self::Role,
        Self::Secret,
        Self::Step,
        Self::Scenario,
        Self::Environment,
        Self::Var,
    ];

    /// What `needs` may name.
    pub const THINGS: &'static [Self] = &[Self::Step, Self::Asset, Self::Place, Self::Person, Self::Secret];

    /// Returns the word for one of them, with its article.
    pub const fn one(self) -> &'static str {
        match self {
            Self::Place => "a place",
            Self::Asset => "an asset",
            Self::Person => "a person",
            Self::Role => "a role",
            Self::Secret => "a secret",
            Self::Step => "a step",
            Self::Scenario => "a scenario",
            Self::Environment => "an environment",
            Self::Var => "a variable",
        }
    }

    /// Returns the word for one of them.
    pub fn word(self) -> &'static str {
        self.one().split_once(' ').map_or("", |(_, word)| word)
    }

    /// Returns the word for many of them.
    pub fn many(self) -> String {
        match self {
            Self::Person => "people".to_owned(),
            other => format!("{}s", other.word()),
        }
    }
}

/// To what a name belongs; more than one thing if it was given twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds(u16);

impl Kinds {
    fn add(&mut self, kind: NameKind) {
        self.0 |= 1 << kind as u16;
    }

    /// Whether the name belongs to something of a kind.
    pub const fn has(self, kind: NameKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// Returns them, in the order of the language.
    pub fn iter(self) -> impl Iterator<Item = NameKind> {
        NameKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

/// Everything that has a name in a plan, in the order of the plan.
#[derive(Debug, Default)]
pub struct Names<'a>(IndexMap<&'a str, Kinds, ahash::RandomState>);

impl<'a> Names<'a> {
    /// Gathers the names of a plan, and those of what it imports as they are in the whole.
    pub fn of(plan: &'a Plan, whole: &'a ResolvedPlan) -> Self {
        let count = plan.steps.len() + plan.assets.len();
        let mut names = Self(IndexMap::with_capacity_and_hasher(count, ahash::RandomState::default()));
        for (kind, id) in things(plan) {
            names.add(id, kind);
        }
        let roles = plan.people.values().flat_map(|person| &person.roles);
        roles.for_each(|role| names.add(role.as_str(), NameKind::Role));
        plan.scenarios.keys().for_each(|id| names.add(id.as_str(), NameKind::Scenario));
        plan.environments.keys().for_each(|id| names.add(id.as_str(), NameKind::Environment));
        let vars = plan.vars.keys().chain(plan.places.values().flat_map(|place| place.vars.keys()));
        vars.for_each(|name| names.add(name.as_str(), NameKind::Var));
        if !plan.imports.is_empty() {
            names.add_imported(whole);
        }
        names
    }

    /// Of all names in the whole, those with a path are imported; but the parts of a recipe have a path as well.
    fn add_imported(&mut self, whole: &'a ResolvedPlan) {
        let places = whole.places.keys().map(|id| (id, NameKind::Place));
        let assets = whole.assets.keys().map(|id| (id, NameKind::Asset));
        let people = whole.people.keys().map(|id| (id, NameKind::Person));
        let roles = whole.people.values().flat_map(|person| &person.roles).map(|role| (role, NameKind::Role));
        let steps = whole.steps.iter().filter(|step| step.part_of.is_none());
        let steps = steps.map(|step| (&step.id, NameKind::Step));
        for (id, kind) in places.chain(assets).chain(people).chain(roles).chain(steps) {
            if id.as_str().contains('/') {
                self.add(id.as_str(), kind);
            }
        }
    }

    fn add(&mut self, name: &'a str, kind: NameKind) {
        self.0.entry(name).or_default().add(kind);
    }

    /// Returns what a name belongs to.
    pub fn kinds(&self, name: &str) -> Kinds {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Whether a name belongs to something of one of some kinds.
    pub fn has(&self, name: &str, kinds: &[NameKind]) -> bool {
        let is = self.kinds(name);
        kinds.iter().any(|kind| is.has(*kind))
    }

    /// Returns the names of some kinds, in the order of the plan.
    pub fn of_kinds(&self, wanted: &[NameKind]) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(|(_, is)| wanted.iter().any(|kind| is.has(*kind))).map(|(name, _)| *name)
    }
}

/// Returns everything that shares the one namespace, in the order of the language.
pub fn things(plan: &Plan) -> impl Iterator<Item = (NameKind, &str)> {
    let places = plan.places.keys().map(|id| (NameKind::Place, id.as_str()));
    let assets = plan.assets.keys().map(|id| (NameKind::Asset, id.as_str()));
    let people = plan.people.keys().map(|id| (NameKind::Person, id.as_str()));
    let secrets = plan.secrets.keys().map(|name| (NameKind::Secret, name.as_str()));
    let steps = plan.prepare.keys().chain(plan.steps.keys()).chain(plan.cleanup.keys());
    let steps = steps.map(|id| (NameKind::Step, id.as_str()));
    places.chain(assets).chain(people).chain(secrets).chain(steps)
}
