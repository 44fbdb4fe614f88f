//! What each thing of a plan relies on, in one route or in every way that the plan allows.

use super::ResolvedPlan;
use super::any_of::AnyOf;
use super::copies::Losses;
use super::index::Index;
use super::lists::{Lists, small};
use super::reasons::why_not;
use super::route::{AssetRoute, AssetState, Route};
use crate::plan::Scenario;
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
    Copy(u32, u32),
}

impl Thing {
    /// Returns its name, as it is written.
    pub(super) fn name(self, plan: &ResolvedPlan) -> String {
        let name = match self {
            Self::Step(at) => plan.steps.get(at).map(|step| step.id.to_string()),
            Self::Asset(at) => plan.assets.get_index(at).map(|(id, _)| id.to_string()),
            Self::Place(at) => plan.places.get_index(at).map(|(id, _)| id.to_string()),
            Self::Person(at) => plan.people.get_index(at).map(|(id, _)| id.to_string()),
            Self::Secret(at) => plan.secrets.get_index(at).map(|(name, _)| name.to_string()),
            Self::Copy(backup, copy) => plan.backups.get_index(backup as usize).and_then(|(id, backup)| {
                backup.copies.get_index(copy as usize).map(|(copy, _)| format!("{id}.{copy}"))
            }),
        };
        name.unwrap_or_default()
    }
}

/// Of these things so many must be there.
#[derive(Clone, Debug)]
pub(super) struct Requirement {
    pub(super) any: AnyOf,
    pub(super) at_least: u32,
    pub(super) kind: Kind,
}

impl Requirement {
    /// How many must be there.
    pub(super) const fn enough(&self) -> usize {
        self.at_least as usize
    }
}

/// In which way something is relied on; this is what tells where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `needs`, by position.
    Needs(u32),
    /// `needs` of an asset that the step restores: asset and position.
    Inherited(u32, u32),
    /// The home of an asset that the step restores.
    Home(u32),
    /// The place where the step is done.
    On,
    /// A machine from which drplan can run.
    Controller,
    /// A secret of the step, by position.
    Secret(u32),
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
    Within(u32, u32),
    /// What a person who has fallen would take.
    Alive,
    /// Where the copy lies.
    LiesIn,
    /// The secret that the copy is encrypted with.
    Key,
}

/// What a thing relies on. Of each requirement enough must be there; one that nothing can meet has too few things
/// in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Requirements<'a> {
    /// What the plan says whatever happens.
    before: &'a [Requirement],
    /// What follows from the route; the copy that it restores from, if it does so, comes last.
    own: &'a [Requirement],
    /// What the plan says whatever happens.
    after: &'a [Requirement],
}

impl<'a> Requirements<'a> {
    /// Puts what follows from a route in its place among what the plan says whatever happens.
    pub(super) fn new(always: (&'a [Requirement], &'a [Requirement]), own: &'a [Requirement]) -> Self {
        Self { before: always.0, own, after: always.1 }
    }

    /// Goes through them.
    pub(super) fn iter(self) -> impl Iterator<Item = &'a Requirement> + Clone {
        let copy = self.own.iter().rposition(|requirement| requirement.kind == Kind::From);
        let (own, from) = self.own.split_at(copy.unwrap_or(self.own.len()));
        self.before.iter().chain(own).chain(self.after).chain(from)
    }

    /// Whether nothing is required.
    pub(super) const fn is_empty(self) -> bool {
        self.before.is_empty() && self.own.is_empty() && self.after.is_empty()
    }
}

/// What everything relies on in one route, or in whatever way a plan allows.
pub(super) struct Reliance<'a, 'r> {
    pub(super) index: &'a Index<'a>,
    route: &'r Route,
    /// Whether each place, and each person, has fallen.
    fallen: (Vec<bool>, Vec<bool>),
    /// Whether every way that the plan allows counts, or the chosen one alone.
    every_way: bool,
    losses: Losses,
}

impl<'a, 'r> Reliance<'a, 'r> {
    /// Takes the steps of the route alone.
    pub(super) fn of_route(index: &'a Index<'a>, route: &'r Route) -> Self {
        Self::new(index, route, false)
    }

    /// Takes every step, home and copy that could serve in the scenario of the route.
    pub(super) fn of_every_way(index: &'a Index<'a>, route: &'r Route) -> Self {
        Self::new(index, route, true)
    }

    fn new(index: &'a Index<'a>, route: &'r Route, every_way: bool) -> Self {
        let has_fallen = |id: &Id| route.harm.of_place(id.as_str()).is_some();
        let places = index.plan.places.keys().map(has_fallen).collect();
        let people = index.plan.people.keys().map(has_fallen).collect();
        Self { index, route, fallen: (places, people), every_way, losses: Losses::default() }
    }

    /// Whether a place or a person has not been there before, or has fallen: without help it is not there.
    pub(super) fn is_gone(&self, thing: Thing) -> bool {
        let is_set = |list: &[bool], at: usize| list.get(at).copied().unwrap_or(true);
        match thing {
            Thing::Place(at) => is_set(&self.fallen.0, at) || !self.route.exists(self.index.plan, at),
            Thing::Person(at) => is_set(&self.fallen.1, at),
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
        !self.every_way && !self.route.chosen.has(at)
    }

    /// Whether a thing relies on anything: a step that the route leaves out is not waited for, and what is not hit waits
    /// for nothing.
    pub(super) fn counts(&self, thing: Thing) -> bool {
        match thing {
            Thing::Step(_) => !self.is_left_out(thing),
            Thing::Asset(_) => !self.stands(thing),
            Thing::Place(_) | Thing::Person(_) | Thing::Secret(_) | Thing::Copy(..) => true,
        }
    }

    /// Returns what a thing that counts relies on because of the route; the copy that it restores from comes last.
    pub(super) fn own(&self, thing: Thing) -> Vec<Requirement> {
        match thing {
            Thing::Step(at) => self.homes_of(at).chain(self.from(at)).collect(),
            Thing::Asset(at) => self.of_asset(at),
            Thing::Place(at) if self.is_gone(thing) => {
                let any = self.steps(&self.index.providers, at);
                vec![Requirement { any, at_least: 1, kind: Kind::ProvidedBy }]
            }
            Thing::Person(_) if self.is_gone(thing) => {
                vec![Requirement { any: Vec::new().into(), at_least: 1, kind: Kind::Alive }]
            }
            Thing::Place(_) | Thing::Person(_) | Thing::Secret(_) | Thing::Copy(..) => Vec::new(),
        }
    }

    fn asset(&self, at: usize) -> Option<&'r AssetRoute> {
        self.route.assets.at(at)
    }

    /// Of some steps, returns those that are on the route, or that could be.
    fn steps(&self, steps: &Lists, of: usize) -> AnyOf {
        let plan = self.index.plan;
        let counts = |at: &usize| {
            if self.every_way {
                let step = plan.steps.get(*at);
                step.is_some_and(|step| why_not(plan, self.route, step, step).is_none())
            } else {
                self.route.chosen.has(*at)
            }
        };
        steps.of(of).filter(counts).map(Thing::Step).collect()
    }

    /// Returns the homes of what a step restores, as the route has chosen them.
    fn homes_of(&self, at: usize) -> impl Iterator<Item = Requirement> {
        let index = self.index;
        index.restores.of(at).filter_map(move |asset| {
            // Wherever the step is done, the asset comes back at its home; a step that makes the home itself has it.
            let any = self.homes(asset);
            let provides = |home: &Thing| matches!(home, Thing::Place(home) if index.provides.has(at, *home));
            let counts = !any.is_empty() && !any.iter().any(provides);
            counts.then_some(Requirement { any, at_least: 1, kind: Kind::Home(small(asset)) })
        })
    }

    /// Returns the copy that a step restores from, as the route has chosen it.
    fn from(&self, at: usize) -> Option<Requirement> {
        let step = self.index.plan.steps.get(at)?;
        let any = || self.copies(at);
        (!step.common.from.is_empty()).then(|| Requirement { any: any(), at_least: 1, kind: Kind::From })
    }

    fn of_asset(&self, at: usize) -> Vec<Requirement> {
        if self.asset(at).is_none_or(|route| route.state == AssetState::Interrupted) {
            return Vec::new();
        }
        let any = self.steps(&self.index.restorers, at);
        let at_least = if self.every_way { 1 } else { small(any.len().max(1)) };
        vec![Requirement { any, at_least, kind: Kind::RestoredBy }]
    }

    fn homes(&self, asset: usize) -> AnyOf {
        let Some((_, declared)) = self.index.plan.assets.get_index(asset) else { return Vec::new().into() };
        let Some(route) = self.asset(asset) else { return Vec::new().into() };
        let moves = matches!(route.state, AssetState::Lost | AssetState::Wanted);
        let homes = if self.every_way && moves { declared.homes.as_slice() } else { route.home.as_slice() };
        homes.iter().filter_map(|home| self.index.thing(home.as_str())).collect()
    }

    /// Returns the copies that a step may restore from: the chosen one, or all that can be used.
    fn copies(&self, at: usize) -> AnyOf {
        let index = self.index;
        if !self.every_way {
            let choice = self.route.chosen.at(at).and_then(|choice| choice.copy.as_ref());
            return choice.into_iter().filter_map(|choice| index.copy(&choice.copy)).collect();
        }
        let Some(step) = index.plan.steps.get(at) else { return Vec::new().into() };
        let restored = together(index, self.route, at, first_restored(index, self.route, at));
        let scenario = self.scenario();
        let usable = |copy: &&Id| {
            restored
                .clone()
                .all(|(asset, was)| self.losses.of(index.plan, scenario, copy, asset, was).is_none())
        };
        step.common.from.iter().filter(usable).filter_map(|copy| index.copy(copy)).collect()
    }

    fn scenario(&self) -> Option<(&'a Scenario, &'r super::Harm)> {
        let id = self.route.scenario.as_ref()?;
        Some((self.index.plan.scenarios.get(id)?, &self.route.harm))
    }
}

/// Returns which of the assets that a step restores comes first: a goal, if one is.
pub(super) fn first_restored(index: &Index<'_>, route: &Route, step: usize) -> Option<usize> {
    let mut restores = index.restores.of(step);
    let first = restores.clone().next();
    restores.find(|at| route.assets.at(*at).is_some_and(|asset| asset.state.is_goal())).or(first)
}

/// Returns what a step restores from one copy, each with where it has lived: one asset, and whatever else is a goal
/// and has data.
pub(super) fn together<'a, 'r>(
    index: &'r Index<'a>,
    route: &'r Route,
    step: usize,
    first: Option<usize>,
) -> impl Iterator<Item = (&'a Id, Option<&'r Id>)> + Clone {
    let is_goal = |at: usize| route.assets.at(at).is_some_and(|asset| asset.state.is_goal());
    let is_held = |at: usize| index.is_held.get(at).is_some_and(|is_held| *is_held);
    let others = index.restores.of(step).filter(move |at| Some(*at) != first && is_goal(*at) && is_held(*at));
    first.into_iter().chain(others).filter_map(|at| {
        let (id, _) = index.plan.assets.get_index(at)?;
        Some((id, route.assets.at(at).and_then(|asset| asset.was.as_ref())))
    })
}
