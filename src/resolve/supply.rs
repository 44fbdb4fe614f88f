//! Which places can be there at all: those that stand, and those that steps can provide.
//!
//! This looks at places and people alone. What else a step relies on is looked at once the route is known, so that a
//! secret that cannot be had is told as a story and not as a place that nobody provides.

use std::collections::{HashMap, HashSet};

use super::{Harm, ResolvedPlan};
use crate::plan::Need;
use crate::value::Id;

/// The places that can be there, and the steps that can provide them.
#[derive(Debug, Default)]
pub(super) struct Supply<'a> {
    places: HashSet<&'a str>,
    steps: HashSet<usize>,
}

impl<'a> Supply<'a> {
    /// Works it out by going forward from what stands, each step once: chains of places can be long.
    pub(super) fn new(plan: &'a ResolvedPlan, harm: &Harm, providers: &HashMap<&'a str, Vec<usize>>) -> Self {
        let mut supply = Self::default();
        let stands = |id: &Id| {
            plan.places.get(id).is_some_and(|place| place.exists) && harm.of_place(id.as_str()).is_none()
        };
        let mut ready: Vec<&'a Id> = plan.places.keys().filter(|id| stands(id)).collect();
        supply.places.extend(ready.iter().map(|id| id.as_str()));
        let mut steps: Vec<usize> = providers.values().flatten().copied().collect();
        steps.sort_unstable();
        steps.dedup();
        // What waits for a place: the steps that need it, or provide something in it.
        let mut waiting: HashMap<&'a str, Vec<usize>> = HashMap::new();
        for at in &steps {
            for id in wants(plan, *at).flat_map(Need::ids).filter(|id| plan.places.contains_key(*id)) {
                waiting.entry(id.as_str()).or_default().push(*at);
            }
        }
        let mut open = steps;
        loop {
            for at in open.drain(..) {
                if !supply.steps.contains(&at) && supply.can_do(plan, harm, at) {
                    supply.steps.insert(at);
                    let provided = plan.steps[at].common.provides.iter();
                    let new = provided.filter(|id| supply.places.insert(id.as_str()));
                    ready.extend(new);
                }
            }
            let Some(place) = ready.pop() else { return supply };
            open.extend(waiting.get(place.as_str()).into_iter().flatten());
        }
    }

    fn can_do(&self, plan: &'a ResolvedPlan, harm: &Harm, at: usize) -> bool {
        let own = &plan.steps[at].common.provides;
        let is_had = |id: &Id| {
            let has_fallen = plan.people.contains_key(id) && harm.of_place(id.as_str()).is_some();
            let is_missing = plan.places.contains_key(id) && !self.places.contains(id.as_str());
            own.contains(id) || !(has_fallen || is_missing)
        };
        wants(plan, at).all(|need| need.is_met(is_had))
    }

    /// Whether a place can be there.
    pub(super) fn has(&self, place: &Id) -> bool {
        self.places.contains(place.as_str())
    }

    /// Whether a step can provide what it provides.
    pub(super) fn can_provide(&self, step: usize) -> bool {
        self.steps.contains(&step)
    }
}

/// What a step needs, and what the places that it provides are in.
fn wants(plan: &ResolvedPlan, at: usize) -> impl Iterator<Item = &Need> {
    let common = &plan.steps[at].common;
    let parents = common.provides.iter().filter_map(|id| plan.places.get(id)).flat_map(|place| &place.in_);
    common.needs.iter().chain(parents)
}
