//! A route with what rules ask of it, and what stays of it when it is let go.

use std::cell::OnceCell;

use super::Context;
use crate::analysis::{Promises, Survival, promises, survival};
use crate::graph::{Cycle, StepGraph};
use crate::resolve::Route;

/// How what a scenario hits comes back.
#[derive(Debug)]
pub struct Routed {
    /// The route.
    pub route: Route,
    /// Its nodes so that each comes after all that it waits for, or the way round.
    pub order: Result<Vec<usize>, Cycle>,
    promises: OnceCell<Option<Promises>>,
    survival: OnceCell<Vec<Survival>>,
}

impl Routed {
    pub(super) fn new(route: Route) -> Self {
        let order = StepGraph::new(&route.nodes).order();
        Self { route, order, promises: OnceCell::new(), survival: OnceCell::new() }
    }

    /// Returns what the plan promises; what goes round in circles promises nothing.
    pub fn promises(&self, context: &Context<'_>) -> Option<&Promises> {
        let make =
            || Some(promises(context.resolved, &self.route, self.order.as_ref().ok()?, context.basis()));
        self.promises.get_or_init(make).as_ref()
    }

    /// Returns what is left of the data that the scenario takes, asset by asset.
    pub fn survival(&self, context: &Context<'_>) -> Vec<&Survival> {
        match self.promises(context) {
            Some(promises) => promises.assets.iter().filter_map(|asset| asset.survival.as_ref()).collect(),
            None => self.survival.get_or_init(|| survival(context.resolved, &self.route)).iter().collect(),
        }
    }
}

/// Which steps are taken by some route; all that stays of routes.
#[derive(Clone, Debug, Default)]
pub struct Taken(Vec<bool>);

impl Taken {
    pub(super) fn by(route: &Route) -> Self {
        Self(route.chosen.present().collect())
    }

    /// Joins what two routes take.
    #[must_use]
    pub(super) fn or(mut self, other: &Self) -> Self {
        self.0.resize(self.0.len().max(other.0.len()), false);
        for (here, there) in self.0.iter_mut().zip(&other.0) {
            *here |= there;
        }
        self
    }

    /// Whether a route takes a step, by its position in the resolved plan.
    pub fn has(&self, step: usize) -> bool {
        self.0.get(step).is_some_and(|is_taken| *is_taken)
    }
}
