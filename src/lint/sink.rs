//! Where rules put what they find.

use std::collections::HashSet;

use crate::finding::Finding;
use crate::plan::Exception;
use crate::value::Id;

/// What a finding is about, so that an exception can name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The asset.
    pub asset: Option<Id>,
    /// The scenario.
    pub scenario: Option<Id>,
    /// The step, as a person wrote it.
    pub step: Option<Id>,
    /// The place.
    pub place: Option<Id>,
}

impl Subject {
    /// Is about an asset.
    pub fn asset(id: &Id) -> Self {
        Self { asset: Some(id.clone()), ..Self::default() }
    }

    /// Is about a step.
    pub fn step(id: &str) -> Self {
        Self { step: Some(Id::trusted(id)), ..Self::default() }
    }

    /// Is about a place.
    pub fn place(id: &Id) -> Self {
        Self { place: Some(id.clone()), ..Self::default() }
    }

    /// Holds in one scenario.
    #[must_use]
    pub fn within(self, scenario: Option<&Id>) -> Self {
        Self { scenario: scenario.cloned(), ..self }
    }

    /// Concerns an asset as well.
    #[must_use]
    pub fn and_asset(self, id: &Id) -> Self {
        Self { asset: Some(id.clone()), ..self }
    }

    /// Returns what it is about, by the names that things have in an imported plan itself.
    pub(super) fn within_import(&self, prefix: &str) -> Self {
        let own = |id: &Option<Id>| {
            let id = id.as_ref()?;
            let own = id.as_str().strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
            Some(own.map_or_else(|| id.clone(), Id::trusted))
        };
        Self {
            asset: own(&self.asset),
            scenario: self.scenario.clone(),
            step: own(&self.step),
            place: own(&self.place),
        }
    }

    /// Whether an exception is for this.
    pub(super) fn is_excepted_by(&self, exception: &Exception) -> bool {
        let fits = |wanted: &Option<Id>, is: &Option<Id>| wanted.is_none() || wanted == is;
        fits(&exception.asset, &self.asset)
            && fits(&exception.scenario, &self.scenario)
            && fits(&exception.step, &self.step)
            && fits(&exception.place, &self.place)
    }
}

/// Where rules put what they find.
#[derive(Debug, Default)]
pub struct Sink {
    pub(super) found: Vec<Found>,
    /// What is told of the first route alone.
    firsts: HashSet<String>,
}

/// Something that a rule has found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) finding: Finding,
    pub(super) about: Subject,
    /// A name for what is told of the first route alone.
    first: Option<String>,
}

impl Sink {
    /// Takes a finding and what it is about.
    pub fn add(&mut self, finding: Finding, about: Subject) {
        self.found.push(Found { finding, about, first: None });
    }

    /// Takes a finding that is told of the first route alone; `name` tells it from others of the rule.
    pub fn add_first(&mut self, name: impl Into<String>, finding: Finding, about: Subject) {
        self.take(Found { finding, about, first: Some(name.into()) });
    }

    /// Takes what was found on a later route.
    pub(super) fn append(&mut self, later: Self) {
        later.found.into_iter().for_each(|found| self.take(found));
    }

    fn take(&mut self, found: Found) {
        if found.first.as_ref().is_none_or(|name| self.firsts.insert(name.clone())) {
            self.found.push(found);
        }
    }
}
