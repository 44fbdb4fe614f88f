//! What a courier is sent out with.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Host;

/// The variable that hands the errand over; never an argument, because anybody may read those.
pub(super) const VARIABLE: &str = "DRPLAN_COURIER";

/// The word after the program's name by which it carries one out; not for people.
pub const COURIER: &str = "courier";

/// Linux takes no longer variable, here and on the host.
const LONGEST: usize = 128 * 1024 - 64;

/// What a courier is sent out with.
#[derive(Serialize, Deserialize)]
pub struct Errand {
    /// Where.
    pub host: Host,
    /// The run, by its id; the host keeps what belongs to it in a folder of this name.
    pub run: String,
    /// What.
    pub task: Task,
}

/// What a courier does at a host.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Starts an attempt unless it was started before, and stays with it until it ends.
    Attempt(Box<Attempt>),
    /// Carries out a command that only looks, once, and ends it with the connection.
    Look(Box<Look>),
}

/// An attempt of a step on a host.
#[derive(Serialize, Deserialize)]
pub struct Attempt {
    /// The step and the attempt's number.
    pub name: String,
    /// The program and its arguments.
    pub program: Vec<String>,
    /// The values that it gets, beside what the login gives.
    pub values: BTreeMap<String, String>,
    /// Seconds after which the host itself ends it; 0 for never.
    pub limit: u64,
    /// Whether it may have been started before: then a host that cannot be reached is tried for ever.
    pub again: bool,
    /// Whether it is given up: it is ended where it is found, and never started.
    pub find: bool,
    /// Attempts of which the outcome is on record: the host empties them.
    pub done: Vec<String>,
    /// Attempts that were emptied: the host removes them.
    pub emptied: Vec<String>,
}

/// A command that only looks.
#[derive(Serialize, Deserialize)]
pub struct Look {
    /// The program and its arguments.
    pub program: Vec<String>,
    /// The values that it gets, beside what the login gives.
    pub values: BTreeMap<String, String>,
    /// The line behind its output after which stands what it has written to `$DRPLAN_OUTPUT`; none if nobody wants to know.
    pub mark: Option<String>,
}

impl Attempt {
    /// Returns the name of an attempt's folder on a host.
    pub fn name_of(step: &str, attempt: u32) -> String {
        format!("{}.{attempt}", step.replace('/', "%"))
    }
}

/// Makes the command that carries out an errand: the program with its argument, and its whole environment.
///
/// # Errors
///
/// When the errand is too long to be handed over.
pub fn job(
    exe: &Path,
    errand: &Errand,
    inherited: &BTreeMap<String, String>,
) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
    let exe = exe.to_str().ok_or("the path of drplan itself is not UTF-8")?;
    let text = serde_json::to_string(errand).map_err(|error| error.to_string())?;
    if text.len() > LONGEST {
        return Err(format!("script and values have {} bytes; at most {LONGEST} can be sent", text.len()));
    }
    let mut env = inherited.clone();
    env.insert(VARIABLE.to_owned(), text);
    // A courier needs little memory, and to clear a huge page takes it a third of its start.
    env.insert("MIMALLOC_ALLOW_THP".to_owned(), "0".to_owned());
    Ok((vec![exe.to_owned(), COURIER.to_owned()], env))
}
