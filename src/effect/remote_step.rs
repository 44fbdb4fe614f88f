//! Steps on other hosts: the keeper holds a courier, which holds the connection.

use std::collections::BTreeMap;
use std::path::Path;

use crate::remote::{self, Attempt, Errand, Host, Task};
use crate::value::{Id, Length};

/// How much later than the keeper the host itself ends a step: only where no connection could bring the word.
const LATER: Length = Length::from_secs(30);

/// A step that is to be carried out on a host.
#[derive(Debug)]
pub struct RemoteStep<'s> {
    /// Where.
    pub host: Host,
    /// The run, by its id.
    pub run: &'s str,
    /// The step.
    pub step: &'s Id,
    /// Counts from 1.
    pub attempt: u32,
    /// The program and its arguments.
    pub program: Vec<String>,
    /// The values that it gets, beside what its login gives.
    pub values: BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Option<Length>,
    /// Whether it may have been started before.
    pub again: bool,
    /// Whether it is only found again, and not started if it never was.
    pub find: bool,
}

/// Makes the command that carries out a step on a host: the program with its argument, and its whole environment.
///
/// # Errors
///
/// When script and values are too long to be handed over.
pub fn remote_job(
    exe: &Path,
    step: RemoteStep<'_>,
    inherited: &BTreeMap<String, String>,
) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
    let RemoteStep { host, run, step, attempt, program, values, timeout, again, find } = step;
    let seconds = |limit: Length| (limit.as_millis() + LATER.as_millis()).div_ceil(1000);
    let attempt = Attempt {
        name: Attempt::name_of(step.as_str(), attempt),
        program,
        values,
        limit: timeout.map_or(0, seconds),
        again,
        find,
    };
    let errand = Errand { host, run: run.to_owned(), task: Task::Attempt(Box::new(attempt)) };
    remote::job(exe, &errand, inherited)
}

/// Carries out the errand in the environment, and returns the exit code: of a step, its own.
pub fn carry_out_errand() -> i32 {
    remote::run_errand()
}
