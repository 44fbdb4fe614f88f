//! What a run is given.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::event::{Mode, RunStarted};
use crate::resolve::{Course, ResolvedPlan};
use crate::value::Length;

/// What a run is given, by a person or by its frozen files.
#[derive(Debug)]
pub struct Setup<'a> {
    /// The plan.
    pub plan: &'a ResolvedPlan,
    /// What is carried out.
    pub course: &'a Course,
    /// How the run begins.
    pub start: RunStarted,
    /// Who controls the run now; on resume another than who began it.
    pub account: String,
    /// The variables that commands inherit from the controller.
    pub inherited: BTreeMap<String, String>,
    /// The plan's folder, where commands run.
    pub folder: PathBuf,
    /// The program that carries out HTTP steps: drplan itself.
    pub exe: PathBuf,
    /// How many steps run at the same time.
    pub max_parallel: usize,
    /// How long an asset may take to become healthy, and a probe that is waited for to be content.
    pub patience: Length,
    /// How long to wait at the end for messages that are still on their way.
    pub last_words: Length,
    /// Whether to stay when only people are waited for and none is at the terminal.
    pub stays: bool,
}

impl Setup<'_> {
    /// Returns what kind of run it is.
    pub const fn mode(&self) -> Mode {
        self.start.mode
    }
}

/// How a controller leaves a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The run is over.
    Over,
    /// It can be resumed.
    Suspended,
}
