//! What a courier leaves behind beside the outcome: its own end says nothing of that of the step.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::keeper;
use crate::value::Id;

const FILE: &str = "remote.json";

/// What a courier knows of the end of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Nothing yet: if the courier is gone, the step may still run on its host.
    Underway,
    /// It ended with this exit code.
    Ended(i32),
    /// The step was certainly not started; why.
    NotStarted(String),
    /// It was started, and nobody can know how it ended; why.
    Interrupted(String),
}

/// Returns what the courier of an attempt has left, if it was one.
pub fn note(run_dir: &Path, step: &Id, attempt: u32) -> Option<Note> {
    let text = std::fs::read(keeper::attempt_folder(run_dir, step, attempt).join(FILE)).ok()?;
    // A courier may be killed at any moment, and its disk be full.
    Some(serde_json::from_slice(&text).unwrap_or(Note::Underway))
}

/// Says that a courier is underway: nothing is known yet, and nothing stands in the file.
#[expect(clippy::disallowed_methods, reason = "the courier writes into the attempt's folder")]
pub(super) fn begin(folder: &Path) -> std::io::Result<()> {
    std::fs::write(folder.join(FILE), "")
}

#[expect(clippy::disallowed_methods, reason = "the courier writes into the attempt's folder")]
pub(super) fn leave(folder: &Path, note: &Note) -> std::io::Result<()> {
    std::fs::write(folder.join(FILE), serde_json::to_vec(note)?)
}
