//! Every exit code and its meaning. They do not depend on the output format.

use std::process::ExitCode;

/// How the program ends. Where several fit, the first of 2, 4, 3, 5, 1 is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, and nothing found.
    Done,
    /// 1: findings at error level; a runbook has drifted; a dry run found that the real thing would fail; a
    /// backup that fails, or of which nobody can know.
    Found,
    /// 2: wrong use, or drplan could not do it: an unreadable file, something that this version cannot do yet.
    Unable,
    /// 3: the run ended with a failed or skipped step, or was given up, also where what it had done was taken back.
    Failed,
    /// 4: the run is stopped, interrupted, held, or waits for a person; it can be resumed.
    Suspended,
    /// 5: the run is done, but a target was missed.
    Missed,
}

impl Exit {
    /// All of them, for the book.
    pub const ALL: [Self; 6] =
        [Self::Done, Self::Found, Self::Unable, Self::Failed, Self::Suspended, Self::Missed];

    /// Returns the number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::Unable => 2,
            Self::Failed => 3,
            Self::Suspended => 4,
            Self::Missed => 5,
        }
    }

    /// Returns what the code means, for the book.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "Done, and nothing found.",
            Self::Found => {
                "Findings at error level; a runbook that has drifted; a dry run that found the real thing impossible; a backup that fails, or of which nobody can know."
            }
            Self::Unable => {
                "Wrong use, or drplan could not do it: an unreadable file, or something that this version cannot do yet."
            }
            Self::Failed => {
                "The run ended with a failed or skipped step, or was given up, also where what it had done was taken back."
            }
            Self::Suspended => {
                "The run is stopped, interrupted, held, or waits for a person. It can be resumed."
            }
            Self::Missed => "The run is done, but a recovery target was missed.",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
