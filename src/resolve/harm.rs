//! What a scenario takes away.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::ResolvedPlan;
use crate::plan::{Need, Scenario};
use crate::value::Id;

/// What happened to a place or a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harmed {
    /// It is gone.
    Lost,
    /// Its login is in wrong hands.
    Compromised,
}

/// Why a place or a person is not to be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fall {
    /// What happened to it.
    pub harmed: Harmed,
    /// From the place itself up to the one that the scenario names; of a long way the middle is left out.
    pub chain: Vec<Id>,
}

impl Fall {
    /// Returns the reason for people: "is lost with fsn".
    pub fn why(&self) -> String {
        let what = match self.harmed {
            Harmed::Lost => "is lost",
            Harmed::Compromised => "is compromised",
        };
        match self.chain.as_slice() {
            [] | [_] => what.to_owned(),
            [_, above @ ..] => {
                let above: Vec<&str> = above.iter().map(Id::as_str).collect();
                format!("{what} with {}", above.join(", which is in "))
            }
        }
    }
}

/// What a scenario takes away: places and people.
#[derive(Clone, Debug, Default)]
pub struct Harm {
    fallen: BTreeMap<Id, Fall>,
    compromised: BTreeSet<Id>,
    erasers: BTreeSet<Id>,
    damaged: BTreeSet<Id>,
}

impl Harm {
    /// Works out what falls in a scenario.
    pub fn of(plan: &ResolvedPlan, scenario: &Scenario) -> Self {
        let mut harm = Self { damaged: scenario.damage.iter().cloned().collect(), ..Self::default() };
        harm.spread(plan, &scenario.lose, Harmed::Lost);
        // Where an intruder is, that counts as well where the place is lost besides.
        let mut intruder = Self::default();
        intruder.spread(plan, &scenario.compromise, Harmed::Compromised);
        harm.compromised = intruder.fallen.keys().cloned().collect();
        for (id, fall) in intruder.fallen {
            harm.fallen.entry(id).or_insert(fall);
        }
        // Of several parents one may be lost and another compromised, which together are too many.
        harm.spread_both(plan);
        harm.erasers = harm.reach_of_the_intruder(plan);
        harm
    }

    /// Returns why a place or person is not to be relied on; nothing if it is well.
    pub fn of_place(&self, id: &str) -> Option<&Fall> {
        self.fallen.get(id)
    }

    /// Returns everything that falls.
    pub fn fallen(&self) -> &BTreeMap<Id, Fall> {
        &self.fallen
    }

    /// Whether an intruder is in a place; it may be lost as well.
    pub fn is_compromised(&self, id: &str) -> bool {
        self.compromised.contains(id)
    }

    /// Returns the places from which an intruder can erase what they may erase.
    pub fn erasers(&self) -> &BTreeSet<Id> {
        &self.erasers
    }

    /// Whether the scenario spoils an asset's data.
    pub fn is_damaged(&self, asset: &Id) -> bool {
        self.damaged.contains(asset)
    }

    fn spread(&mut self, plan: &ResolvedPlan, named: &[Id], harmed: Harmed) {
        for id in named {
            self.fallen.entry(id.clone()).or_insert_with(|| Fall { harmed, chain: vec![id.clone()] });
        }
        if named.is_empty() {
            return;
        }
        // What is in a fallen place falls with it, and what is in that, until nothing more falls.
        let places = plan.places.iter().map(|(id, place)| (id, &place.in_));
        let people = plan.people.iter().map(|(id, person)| (id, &person.in_));
        let held: Vec<(&Id, &Vec<Need>)> = match harmed {
            Harmed::Lost => places.chain(people).collect(),
            Harmed::Compromised => places.collect(),
        };
        let mut inside: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, (_, in_)) in held.iter().enumerate() {
            for above in in_.iter().flat_map(Need::ids) {
                inside.entry(above.as_str()).or_default().push(at);
            }
        }
        let mut open: VecDeque<Id> = named.iter().cloned().collect();
        while let Some(fallen) = open.pop_front() {
            for at in inside.get(fallen.as_str()).map(Vec::as_slice).unwrap_or_default() {
                let (id, in_) = held[*at];
                if self.fallen.contains_key(id) {
                    continue;
                }
                let broken = in_.iter().find(|need| !need.is_met(|above| !self.fell_as(above, harmed)));
                let above =
                    broken.and_then(|need| need.ids().iter().find(|above| self.fell_as(above, harmed)));
                if let Some(fall) = above.and_then(|above| self.fallen.get(above)) {
                    let fall = Fall { harmed, chain: chain(id, &fall.chain) };
                    self.fallen.insert(id.clone(), fall);
                    open.push_back(id.clone());
                }
            }
        }
    }

    fn spread_both(&mut self, plan: &ResolvedPlan) {
        loop {
            let is_down = |id: &Id| self.fallen.contains_key(id);
            let next = plan.places.iter().filter(|(id, _)| !is_down(id)).find_map(|(id, place)| {
                let broken = place.in_.iter().find(|need| !need.is_met(|above| !is_down(above)))?;
                let above = broken.ids().iter().find_map(|above| self.fallen.get(above))?;
                Some((id.clone(), Fall { harmed: above.harmed, chain: chain(id, &above.chain) }))
            });
            let Some((id, fall)) = next else { return };
            self.fallen.insert(id, fall);
        }
    }

    fn fell_as(&self, id: &Id, harmed: Harmed) -> bool {
        self.fallen.get(id).is_some_and(|fall| fall.harmed == harmed)
    }

    /// An intruder can erase from the places that they hold, and from those that these may erase in turn.
    fn reach_of_the_intruder(&self, plan: &ResolvedPlan) -> BTreeSet<Id> {
        let mut reach = self.compromised.clone();
        loop {
            let more: Vec<Id> = plan
                .places
                .iter()
                .filter(|(id, place)| {
                    let erasers = place.erasable_by.as_deref().unwrap_or_default();
                    !reach.contains(*id) && erasers.iter().any(|eraser| reach.contains(eraser))
                })
                .map(|(id, _)| id.clone())
                .collect();
            if more.is_empty() {
                return reach;
            }
            reach.extend(more);
        }
    }
}

/// A longer way up says no more, and ten thousand of them would fill the memory.
const LONGEST_CHAIN: usize = 12;

/// Returns the way up from a place: the place itself, and that of what it is in.
fn chain(id: &Id, above: &[Id]) -> Vec<Id> {
    let (near, root) = match above.split_last() {
        Some((root, near)) => (near, Some(root)),
        None => (above, None),
    };
    let near = near.iter().take(LONGEST_CHAIN);
    std::iter::once(id).chain(near).chain(root).cloned().collect()
}
