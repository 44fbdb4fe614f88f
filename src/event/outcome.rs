//! How a step ended.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Length;

/// How an attempt of a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It was carried out, and its verification passed.
    Done,
    /// It did not do what it should.
    Failed {
        /// What went wrong.
        failure: Failure,
    },
    /// A dry run: it would be carried out, and nothing is known of what it leaves.
    Assumed,
}

/// What went wrong in an attempt of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    /// The command ended with an exit code other than 0.
    Exit {
        /// The exit code.
        code: i32,
    },
    /// The command was ended by a signal that drplan did not send.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// The command could not be started.
    NotStarted {
        /// Why.
        why: String,
    },
    /// The time limit was reached and the command was ended.
    TimedOut {
        /// The time limit.
        after: Length,
    },
    /// The command was to be ended, and its host could not be told so: it may still run there.
    OutOfReach {
        /// Why it was to be ended.
        why: String,
    },
    /// The command ended well, but the verification says that its work is not done.
    Unverified {
        /// What the verification found.
        why: String,
    },
    /// An asset did not become healthy in time.
    Unhealthy {
        /// What the last look found.
        why: String,
    },
    /// An output is undeclared, missing or malformed.
    BadOutput {
        /// Which and how.
        why: String,
    },
    /// A person refused, or said that it cannot be done.
    Refused {
        /// Who.
        by: String,
    },
    /// Nobody answered in time.
    Expired {
        /// The time limit.
        after: Length,
    },
    /// An HTTP request did not give what was expected, or a value that it needs is missing.
    Request {
        /// What came instead.
        why: String,
    },
    /// A person asked for the run to be stopped, and the command was ended.
    Stopped,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit { code } => write!(f, "exit code {code}"),
            Self::Signal { signal } => write!(f, "ended by signal {signal}"),
            Self::NotStarted { why } => write!(f, "could not be started: {why}"),
            Self::TimedOut { after } => write!(f, "ran longer than its limit of {after}"),
            Self::OutOfReach { why } => {
                write!(f, "{why}, and its host could not be told to end it: it may still run there")
            }
            Self::Unverified { why } => write!(f, "verification failed: {why}"),
            Self::Unhealthy { why } => write!(f, "did not become healthy: {why}"),
            Self::BadOutput { why } => write!(f, "outputs: {why}"),
            Self::Refused { by } => write!(f, "refused by {by}"),
            Self::Expired { after } => write!(f, "nobody answered within {after}"),
            Self::Request { why } => write!(f, "request: {why}"),
            Self::Stopped => f.write_str("stopped on request"),
        }
    }
}
