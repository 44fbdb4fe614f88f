//! Steps on other hosts: the keeper holds a courier, which holds the connection.

use std::collections::BTreeMap;

use super::Afar;
use crate::remote::{self, Attempt, Task};
use crate::value::{Id, Length};

/// How much later than the keeper the host itself ends a step: only where no connection could bring the word.
const LATER: Length = Length::from_secs(30);

/// A step that is to be carried out on a host.
#[derive(Debug)]
pub struct RemoteStep<'s> {
    /// The step.
    pub step: &'s Id,
    /// Counts from 1.
    pub attempt: u32,
    /// The program and its arguments.
    pub program: Vec<String>,
    /// Its complete environment here; what this machine says of itself is left out.
    pub values: &'s BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Option<Length>,
    /// Whether it may have been started before.
    pub again: bool,
    /// Whether it is given up: it is ended where it is found, and never started.
    pub find: bool,
    /// Attempts of which the outcome is on record: the host empties them.
    pub done: Vec<String>,
    /// Attempts that were emptied: the host removes them.
    pub emptied: Vec<String>,
}

/// Returns the name of an attempt on a host.
pub fn attempt_name(step: &Id, attempt: u32) -> String {
    Attempt::name_of(step.as_str(), attempt)
}

/// Makes the command that carries out a step on a host: the program with its argument, and its whole environment.
///
/// # Errors
///
/// When script and values are too long to be handed over.
pub fn remote_job(
    afar: &Afar,
    step: RemoteStep<'_>,
) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
    let RemoteStep { step, attempt, program, values, timeout, again, find, done, emptied } = step;
    let seconds = |limit: Length| (limit.as_millis() + LATER.as_millis()).div_ceil(1000);
    let (name, limit) = (attempt_name(step, attempt), timeout.map_or(0, seconds));
    let values = afar.values(values);
    afar.job(Task::Attempt(Box::new(Attempt { name, program, values, limit, again, find, done, emptied })))
}

/// Carries out the errand in the environment, and returns the exit code: of a step, its own.
pub fn carry_out_errand() -> i32 {
    remote::run_errand()
}
