//! What was seen of a job.

/// How a thing that was looked at stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// As it must be.
    Good,
    /// Nobody can say from here.
    Unknown,
    /// Not so that the job can run, or it did not run.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// How it stands.
    pub standing: Standing,
    /// What was seen, for people.
    pub what: String,
    /// What to do; empty where nothing is to be done.
    pub help: String,
}

/// What to do where something is there that drplan may not see.
pub(super) const NO_RIGHT: &str = "give the account under which drplan looks there the right to read it (`ls -l` shows who has it), or run drplan as one that has it";

impl Sign {
    pub(super) fn good(what: impl Into<String>) -> Self {
        Self { standing: Standing::Good, what: what.into(), help: String::new() }
    }

    pub(super) fn wrong(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { standing: Standing::Wrong, what: what.into(), help: help.into() }
    }

    pub(super) fn unknown(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { standing: Standing::Unknown, what: what.into(), help: help.into() }
    }
}
