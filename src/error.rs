//! What can go wrong with drplan itself or with the machine: the text, what to do, and the exit code.
//!
//! What is wrong with a plan is a finding, never an error.

use std::fmt;

use crate::exit::Exit;
use crate::workspace;

/// Something that kept drplan from doing what it was asked.
#[derive(Debug)]
pub struct Error {
    /// What went wrong; fits after "error: ".
    pub message: String,
    /// What to do, if anything is known.
    pub hint: Option<String>,
    /// How the program ends.
    pub exit: Exit,
}

impl Error {
    /// Makes an error of wrong use, or of something that cannot be done.
    pub fn unable(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Unable }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<workspace::Error> for Error {
    fn from(error: workspace::Error) -> Self {
        Self::unable(error.to_string())
    }
}

impl From<workspace::RewriteError> for Error {
    fn from(error: workspace::RewriteError) -> Self {
        Self::unable(error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::unable(error.to_string())
    }
}
