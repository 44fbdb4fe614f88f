//! What the controller and the keeper say to each other: one JSON object a line.
//!
//! The two are always of one binary at the start, but a keeper may live through an upgrade, so the
//! handshake names the version and a mismatch is refused in words. A field that an older side can
//! ignore may be added; everything else raises [`VERSION`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::value::{Id, Length, Stamp};

/// The version of the messages and of the files in an attempt's folder.
pub const VERSION: u32 = 1;

/// How long a step may tidy up between TERM and KILL if the plan says nothing.
const GRACE: Length = Length::from_secs(10);

/// An attempt of a step, to be started.
#[derive(Clone, Serialize, Deserialize)]
pub struct Job {
    /// The step, by its path.
    pub step: Id,
    /// Counts from 1.
    pub attempt: u32,
    /// The program and its arguments; never with a secret in it.
    pub program: Vec<String>,
    /// The whole environment, but for what the keeper adds (`DRPLAN_OUTPUT`, `DRPLAN_TOKEN`).
    pub env: BTreeMap<String, String>,
    /// Where it runs; absolute.
    pub cwd: PathBuf,
    /// What must not stand in any output.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The time limit; enforced also while no controller is there.
    #[serde(default)]
    pub timeout: Option<Length>,
    /// How long it may tidy up between TERM and KILL.
    #[serde(default = "grace")]
    pub grace: Length,
    /// Whether a start of this attempt that nobody holds any more is put out of the way: what it does cannot be done twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

const fn grace() -> Length {
    GRACE
}

impl Job {
    /// Makes a job without secrets, with an empty environment, no time limit and the usual grace.
    pub fn new(step: Id, attempt: u32, program: Vec<String>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            step,
            attempt,
            program,
            env: BTreeMap::new(),
            cwd: cwd.into(),
            secrets: Vec::new(),
            timeout: None,
            grace: GRACE,
            again: false,
        }
    }
}

/// Shows what may be shown: neither environment nor secrets.
impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("step", &self.step)
            .field("attempt", &self.attempt)
            .field("program", &self.program)
            .field("cwd", &self.cwd)
            .field("timeout", &self.timeout)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// What the controller asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Start an attempt; each is started once at most.
    Start(Box<Job>),
    /// End an attempt: TERM, after its grace KILL, then what left its group.
    Stop {
        /// The step.
        step: Id,
        /// The attempt.
        attempt: u32,
    },
    /// The outcome is in the journal; the keeper need not tell it again.
    Acknowledge {
        /// The step.
        step: Id,
        /// The attempt.
        attempt: u32,
    },
    /// Nothing more will be asked: exit once nothing runs and no daemon holds a pipe.
    Finish,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was never there: why.
    NotStarted(String),
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// By itself, or by somebody who is not the keeper.
    Ended,
    /// Its time limit was reached.
    TimedOut,
    /// The controller asked for it.
    Stopped,
}

/// How an attempt ended: what `outcome.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The step.
    pub step: Id,
    /// The attempt.
    pub attempt: u32,
    /// How the process ended.
    pub exit: Exit,
    /// Why.
    pub cause: Cause,
    /// The process; none if it was not started.
    pub pid: Option<i32>,
    /// When it was started.
    pub started: Stamp,
    /// When its end was seen.
    pub ended: Stamp,
    /// Bytes that it wrote to standard output, kept or not.
    pub stdout_bytes: u64,
    /// Bytes that it wrote to standard error, kept or not.
    pub stderr_bytes: u64,
    /// Bytes of output that should be in a file and are not, because it could not be written.
    pub lost_bytes: u64,
    /// Whether a secret stood in what it wrote to `$DRPLAN_OUTPUT`; it was taken out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_secret: bool,
}

/// Why the keeper did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The attempt was started before, by this keeper or an earlier one.
    #[error("this attempt was started before")]
    AlreadyStarted,
    /// There is nothing to stop.
    #[error("this attempt does not run")]
    NotRunning,
    /// The intent could not be written, so nothing was started.
    #[error("the start could not be recorded: {0}")]
    Unrecorded(String),
    /// The job makes no sense.
    #[error("{0}")]
    Malformed(String),
}

/// What the keeper tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// An attempt runs. Told to a controller that attaches; one that asked for the start is told when it ended, or
    /// why it was not begun.
    Started {
        /// The step.
        step: Id,
        /// The attempt.
        attempt: u32,
        /// Its process.
        pid: i32,
    },
    /// An attempt ended.
    Ended(Outcome),
    /// A request was refused, and nothing was done.
    Refused {
        /// The step.
        step: Id,
        /// The attempt.
        attempt: u32,
        /// Why.
        why: Refusal,
    },
    /// After an attach: everything that the keeper knew has been told.
    AllTold,
    /// A newer controller has taken over; this connection ends.
    Replaced,
}

/// The first line from the controller.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) v: u32,
}

/// The first line from the keeper.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Welcome {
    pub(super) v: u32,
    pub(super) pid: i32,
    /// Why the controller is turned away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
}
