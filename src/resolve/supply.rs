//! Which places can be there at all: those that stand, and those that steps can provide.
//!
//! This looks at places and people alone. What else a step relies on is looked at once the route is known, so that a
//! secret that cannot be had is told as a story and not as a place that nobody provides.

use super::Route;
use super::index::Index;
use super::reasons::why_not;
use super::reliance::{Requirement, Thing};
use crate::value::Id;

/// The places that can be there, and the steps that can provide them, by position.
#[derive(Debug, Default)]
pub(super) struct Supply {
    places: Vec<bool>,
    people: Vec<bool>,
    steps: Vec<bool>,
}

impl Supply {
    /// Works it out by going forward from what stands, each step once: chains of places can be long.
    pub(super) fn new(index: &Index<'_>, route: &Route) -> Self {
        let plan = index.plan;
        let is_well = |id: &Id| route.harm.of_place(id.as_str()).is_none();
        let mut supply = Self {
            places: (0..)
                .zip(plan.places.keys())
                .map(|(at, id)| route.exists(plan, at) && is_well(id))
                .collect(),
            people: plan.people.keys().map(is_well).collect(),
            steps: vec![false; plan.steps.len()],
        };
        let mut open: Vec<usize> = (0..plan.places.len()).flat_map(|at| index.providers.of(at)).collect();
        open.sort_unstable();
        open.dedup();
        open.retain(|at| why_not(plan, route, &plan.steps[*at], &plan.steps[*at]).is_none());
        // What waits for a place: the steps that need it, or provide something in it.
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); plan.places.len()];
        for at in &open {
            for thing in wants(index, *at).flat_map(|need| need.any.iter()) {
                if let Thing::Place(place) = thing {
                    waiting[*place].push(*at);
                }
            }
        }
        let mut ready: Vec<usize> = (0..plan.places.len()).filter(|at| supply.places[*at]).collect();
        loop {
            for at in open.drain(..) {
                if !supply.steps[at] && supply.can_do(index, at) {
                    supply.steps[at] = true;
                    for place in index.provides.of(at) {
                        if !std::mem::replace(&mut supply.places[place], true) {
                            ready.push(place);
                        }
                    }
                }
            }
            let Some(place) = ready.pop() else { return supply };
            open.extend(&waiting[place]);
        }
    }

    fn can_do(&self, index: &Index<'_>, at: usize) -> bool {
        let is_had = |thing: &&Thing| match thing {
            Thing::Place(place) => self.places[*place] || index.provides.has(at, *place),
            Thing::Person(person) => self.people[*person],
            Thing::Step(_) | Thing::Asset(_) | Thing::Secret(_) | Thing::Copy(..) => true,
        };
        wants(index, at).all(|need| need.any.iter().filter(is_had).count() >= need.enough())
    }

    /// Whether a place can be there.
    pub(super) fn has(&self, place: usize) -> bool {
        self.places.get(place).is_some_and(|is_there| *is_there)
    }

    /// Whether a step can provide what it provides.
    pub(super) fn can_provide(&self, step: usize) -> bool {
        self.steps.get(step).is_some_and(|can| *can)
    }
}

/// What a step needs, and what the places that it provides are in.
fn wants<'i>(index: &'i Index<'_>, at: usize) -> impl Iterator<Item = &'i Requirement> {
    let parents = index.provides.of(at).flat_map(|place| index.within(place));
    index.needs(Thing::Step(at)).iter().chain(parents)
}
