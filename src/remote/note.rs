//! What a courier leaves behind beside the outcome, where an exit code cannot say it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::keeper;
use crate::value::Id;

const FILE: &str = "remote.json";

/// Why a courier has no exit code of the step to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// The step was certainly not started; why.
    NotStarted(String),
    /// It was started, and nobody can know how it ended; why.
    Interrupted(String),
}

/// Returns what the courier of an attempt has left, if it has left anything.
pub fn note(run_dir: &Path, step: &Id, attempt: u32) -> Option<Note> {
    let text = std::fs::read(keeper::attempt_folder(run_dir, step, attempt).join(FILE)).ok()?;
    serde_json::from_slice(&text).ok()
}

#[expect(clippy::disallowed_methods, reason = "the courier writes into the attempt's folder")]
pub(super) fn leave(folder: &Path, note: &Note) -> std::io::Result<()> {
    std::fs::write(folder.join(FILE), serde_json::to_vec(note)?)
}

pub(super) fn clear(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(FILE));
}
