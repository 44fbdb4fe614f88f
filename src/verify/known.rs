//! What an earlier `drplan verify --record` has seen, for who asks later.

use std::path::{Path, PathBuf};

use super::{CopySeen, Verification};
use crate::value::Id;

/// What was seen before.
#[derive(Clone, Debug, Default)]
pub struct Known(Option<Verification>);

/// Returns the file in which `--record` keeps what it has seen, below the folder of runs and locks.
pub fn known_file(state: &Path) -> PathBuf {
    state.join("verification.json")
}

impl Known {
    /// Reads what was recorded; what is not there, or of another version, is as if it had never been.
    pub fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let verification = serde_json::from_str::<Verification>(&text).ok();
        Self(verification.filter(|verification| verification.version == Verification::VERSION))
    }

    /// Returns what was seen, if anything was.
    pub const fn verification(&self) -> Option<&Verification> {
        self.0.as_ref()
    }

    /// Returns what was seen of a copy.
    pub fn copy(&self, plan: &Id, copy: &Id) -> Option<&CopySeen> {
        let plan = self.0.as_ref()?.plans.iter().find(|seen| seen.plan == *plan)?;
        plan.copies.iter().find(|seen| seen.copy == *copy)
    }
}
