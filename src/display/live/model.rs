//! What the events of a run add up to, as far as the view needs more than the run's state.

use std::collections::BTreeMap;

use crate::event::{Event, RunResult, RunState, StepState};
use crate::value::{Id, Length, Moment, Stamp};

/// A question that a person has not answered.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// People or roles; anybody if empty.
    pub(super) from: Vec<Id>,
    pub(super) approval: bool,
    pub(super) text: String,
    pub(super) since: Stamp,
}

/// A run as it stands.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) state: RunState,
    /// The nodes, each after those that it waits for.
    pub(super) order: Vec<usize>,
    /// How long a question may stay open, by its step.
    expires: BTreeMap<Id, Length>,
    asks: BTreeMap<usize, Ask>,
    /// What the last look at a node has found, while it is not content.
    looks: BTreeMap<usize, String>,
    /// When the next attempt begins.
    retries: BTreeMap<usize, (Stamp, Length)>,
    /// Whether somebody controls the run, where that is known.
    pub(super) is_controlled: Option<bool>,
    /// Why the view may be wrong.
    pub(super) trouble: Option<String>,
}

impl Model {
    pub(super) fn new(expires: BTreeMap<Id, Length>) -> Self {
        Self { expires, ..Self::default() }
    }

    /// Takes in an event. One that does not fit is told, and the rest is shown all the same.
    pub(super) fn apply(&mut self, stamp: &Stamp, event: &Event) {
        if let Err(error) = self.state.apply(event, stamp) {
            self.trouble = Some(format!("an event makes no sense: {error}"));
            return;
        }
        if matches!(event, Event::RunStarted(_) | Event::UndoBegan { .. }) {
            self.order = order(&self.state);
        }
        let Some(at) = event.subject().and_then(|id| self.state.position(id.as_str())) else { return };
        if let Event::StillWaiting { why, .. } = event {
            self.looks.insert(at, why.clone());
            return;
        }
        match event {
            Event::AnswerAwaited { from, approval, text, .. } => {
                let since = self.state.steps[at].begun.clone().unwrap_or_else(|| stamp.clone());
                let ask = Ask { from: from.clone(), approval: *approval, text: text.clone(), since };
                self.asks.insert(at, ask);
            }
            Event::HandedOver { to, .. } => {
                if let Some(ask) = self.asks.get_mut(&at) {
                    ask.from = vec![to.clone()];
                }
            }
            Event::RetryPlanned { delay, .. } => {
                self.retries.insert(at, (stamp.clone(), *delay));
            }
            _ => {}
        }
        let state = &self.state.steps[at].state;
        if !matches!(state, StepState::Awaiting { .. }) {
            self.asks.remove(&at);
        }
        if !matches!(state, StepState::Running { .. }) {
            self.looks.remove(&at);
        }
        if !matches!(state, StepState::Retrying { .. }) {
            self.retries.remove(&at);
        }
    }

    /// Returns the open questions, the oldest first.
    pub(super) fn asks(&self) -> Vec<(usize, &Ask)> {
        let mut asks: Vec<(usize, &Ask)> = self.asks.iter().map(|(at, ask)| (*at, ask)).collect();
        asks.sort_by_key(|(_, ask)| ask.since.at);
        asks
    }

    /// Returns the open question of a node.
    pub(super) fn ask(&self, at: usize) -> Option<&Ask> {
        self.asks.get(&at)
    }

    /// Returns how long a question still stays open and when that ends; nothing if it stays open.
    pub(super) fn expiry(&self, at: usize, now: &Stamp) -> Option<(Length, Moment)> {
        let expires = *self.expires.get(&self.state.nodes().get(at)?.id)?;
        let left = expires.saturating_sub(now.since(&self.ask(at)?.since));
        Some((left, now.at.plus(left)))
    }

    /// Returns what the last look at a node has found, while it is not content.
    pub(super) fn look(&self, at: usize) -> Option<&str> {
        self.looks.get(&at).map(String::as_str)
    }

    /// Returns the time until the next attempt of a node begins.
    pub(super) fn until_retry(&self, at: usize, now: &Stamp) -> Option<Length> {
        self.retries.get(&at).map(|(since, delay)| delay.saturating_sub(now.since(since)))
    }

    /// Returns how long the last attempt of a node runs or ran.
    pub(super) fn spent(&self, at: usize, now: &Stamp) -> Option<Length> {
        let record = self.state.steps.get(at)?;
        let end = if record.state.is_open() { now } else { record.ended.as_ref().unwrap_or(now) };
        record.begun.as_ref().map(|begun| end.since(begun))
    }

    /// Whether nothing more is to be expected of the run.
    pub(super) const fn is_over(&self) -> bool {
        matches!(
            self.state.result,
            Some(RunResult::Done | RunResult::Aborted | RunResult::Possible | RunResult::Impossible)
        ) || matches!(self.state.result, Some(RunResult::Failed))
    }
}

/// Orders the nodes so that each stands after those that it waits for.
fn order(state: &RunState) -> Vec<usize> {
    let nodes = state.nodes();
    let mut waits: Vec<usize> = nodes.iter().map(|node| node.after.len()).collect();
    let mut dependants = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        for before in node.after.iter() {
            match dependants.get_mut(*before) {
                Some(list) => list.push(at),
                // A journal names a node that is not there: nobody waits for it.
                None => waits[at] -= 1,
            }
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).filter(|at| waits[*at] == 0).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for dependant in &dependants[at] {
            waits[*dependant] -= 1;
            if waits[*dependant] == 0 {
                order.push(*dependant);
            }
        }
    }
    order
}
