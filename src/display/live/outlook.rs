//! What is to come: when each node can be done at the earliest, and which nodes decide the end.

use super::model::Model;
use crate::event::{OutlineKind, StepState};
use crate::value::{Length, Stamp};

/// What is to come, by the plan's estimates and by what has happened.
///
/// Limits on what runs at the same time are not in it: nothing ends sooner than it says.
#[derive(Debug)]
pub(super) struct Outlook {
    /// Time from now until a node is done at the earliest.
    pub(super) until: Vec<Length>,
    /// The nodes that decide the end, as they follow each other.
    pub(super) critical: Vec<usize>,
    /// The failed node without which a node cannot be done.
    pub(super) blocked: Vec<Option<usize>>,
    /// Whether some node on the way to a node has no estimate.
    pub(super) is_vague: Vec<bool>,
}

impl Outlook {
    pub(super) fn new(model: &Model, now: &Stamp) -> Self {
        let nodes = model.state.nodes();
        let mut outlook = Self {
            until: vec![Length::ZERO; nodes.len()],
            critical: Vec::new(),
            blocked: vec![None; nodes.len()],
            is_vague: vec![false; nodes.len()],
        };
        // Which of those that a node waits for ends last.
        let mut decider = vec![None; nodes.len()];
        for &at in &model.order {
            let state = &model.state.steps[at].state;
            if state.releases() {
                continue;
            }
            let mut begins = Length::ZERO;
            for &before in nodes[at].after.iter().filter(|before| **before < nodes.len()) {
                if model.state.steps[before].state.releases() {
                    continue;
                }
                if decider[at].is_none() || outlook.until[before] > begins {
                    decider[at] = Some(before);
                    begins = outlook.until[before];
                }
                outlook.blocked[at] = outlook.blocked[at].or(outlook.blocked[before]);
                outlook.is_vague[at] |= outlook.is_vague[before];
            }
            if matches!(state, StepState::Failed { .. } | StepState::Unknown { .. }) {
                outlook.blocked[at] = Some(at);
            }
            // A group is closed, and an asset looked at, in no time worth an estimate.
            let is_work = !matches!(nodes[at].kind, OutlineKind::Group | OutlineKind::Health);
            outlook.is_vague[at] |= nodes[at].takes.is_none() && is_work;
            // What has taken longer than it should takes nobody knows how much longer.
            let is_over = state.is_open() && model.spent(at, now) > nodes[at].takes;
            outlook.is_vague[at] |= is_work && is_over;
            outlook.until[at] = begins.saturating_add(remaining(model, at, now));
        }
        let ends = |at: &usize| nodes[*at].kind != OutlineKind::Cleanup;
        let open = |at: &usize| !model.state.steps[*at].state.releases();
        // Of equals the one that stands last, since it may wait for the other.
        let last = model.order.iter().copied().filter(open).filter(ends).max_by_key(|at| outlook.until[*at]);
        let mut next = last;
        while let Some(at) = next {
            outlook.critical.push(at);
            next = decider[at];
        }
        outlook.critical.reverse();
        outlook
    }

    /// Returns the time until the run's end at the earliest.
    pub(super) fn end(&self) -> Length {
        self.critical.last().map_or(Length::ZERO, |at| self.until[*at])
    }
}

fn remaining(model: &Model, at: usize, now: &Stamp) -> Length {
    let takes = model.state.nodes()[at].takes.unwrap_or(Length::ZERO);
    match &model.state.steps[at].state {
        StepState::Running { .. } | StepState::Awaiting { .. } => {
            takes.saturating_sub(model.spent(at, now).unwrap_or(Length::ZERO))
        }
        StepState::Retrying { .. } => {
            takes.saturating_add(model.until_retry(at, now).unwrap_or(Length::ZERO))
        }
        _ => takes,
    }
}
