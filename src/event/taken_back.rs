//! What a run has taken back of what it had carried out, and what is left of it.

use super::{OutlineKind, RunState, StepState};
use crate::value::Id;

/// Something that was carried out and was not taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The step.
    pub step: Id,
    /// Why it was not taken back.
    pub why: String,
    /// How it is taken back, if the plan says so.
    pub undo: Option<String>,
}

/// What was taken back, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenBack {
    /// The steps that were taken back, in this order.
    pub undone: Vec<Id>,
    /// What is left, the last first as far as it has an undo.
    pub left: Vec<Left>,
}

impl RunState {
    /// Whether a step was carried out and taken back.
    pub fn is_undone(&self, step: &str) -> bool {
        self.undo_of(step).is_some_and(|undo| matches!(undo.state, StepState::Done { .. }))
    }

    /// Whether a step, or a part of it, was carried out and taken back.
    pub fn is_undone_in_part(&self, whole: &str) -> bool {
        self.nodes().iter().zip(&self.steps).any(|(node, record)| {
            node.undoes.as_ref().is_some_and(|undone| undone.is_of(whole))
                && matches!(record.state, StepState::Done { .. })
        })
    }

    /// Returns what was taken back and what was not; nothing if nothing was to be.
    pub fn taken_back(&self) -> Option<TakenBack> {
        self.undoing.then(|| {
            let mut taken = TakenBack::default();
            for (node, record) in self.nodes().iter().zip(&self.steps) {
                let Some(step) = node.undoes.clone().filter(|_| node.kind == OutlineKind::Undo) else {
                    continue;
                };
                let note = record.note.as_deref().unwrap_or("nobody knows why");
                let why = match &record.state {
                    StepState::Done { .. } => {
                        taken.undone.push(step);
                        continue;
                    }
                    StepState::Failed { .. } => format!("its undo failed: {note}"),
                    StepState::Skipped => format!("its undo was skipped: {note}"),
                    StepState::Pending => "its undo was not begun".to_owned(),
                    state => format!("its undo is {}", state.title()),
                };
                taken.left.push(Left { step, why, undo: node.undo.as_deref().map(str::to_owned) });
            }
            for step in &self.left {
                let skipped =
                    self.step(step.as_str()).is_some_and(|record| record.state == StepState::Skipped);
                let why =
                    if skipped { "it was begun, and then skipped by a person" } else { "it has no undo" };
                let undo = self
                    .nodes()
                    .iter()
                    .find(|node| node.id == *step)
                    .and_then(|node| node.undo.as_deref().map(str::to_owned));
                taken.left.push(Left { step: step.clone(), why: why.to_owned(), undo });
            }
            taken
        })
    }
}
