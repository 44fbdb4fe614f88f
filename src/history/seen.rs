//! What `drplan verify` has last seen of the backups.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::value::{Id, Length, Moment};

/// The version of the format that is understood.
const VERSION: u32 = 1;

/// What `drplan verify` has last seen of the backups of plans, without an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The moment of the last look, at whatever copies.
    pub at: Moment,
    copies: BTreeMap<(Id, Id), SeenCopy>,
    jobs: BTreeMap<(Id, Id), SeenThing>,
    restores: Vec<(Id, SeenRestore)>,
}

/// What was seen of what makes a backup, or of what a restore needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenThing {
    /// The moment of the last look at it.
    pub at: Moment,
    /// What is wrong: nothing if it is well, or well enough.
    pub wrong: Option<Wrong>,
}

/// What was seen of what a restore needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRestore {
    /// The step.
    pub step: Id,
    /// The scenarios; none in a plan without scenarios.
    pub scenarios: Vec<Id>,
    /// What was seen.
    pub seen: SeenThing,
}

/// What was seen of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCopy {
    /// The moment of the last look at it.
    pub at: Moment,
    /// What is wrong: nothing if it is well, or well enough.
    pub wrong: Option<Wrong>,
    /// The age that its newest point may have, if the plan says.
    pub limit: Option<Length>,
}

/// What is wrong with a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It fails; how.
    Fails(String),
    /// Nobody knows; why.
    Unknown(String),
}

/// As much of a verification as is read here; the whole stands in its schema.
#[derive(Deserialize)]
struct Verification {
    version: u32,
    as_of: Moment,
    plans: Vec<Plan>,
}

#[derive(Deserialize)]
struct Plan {
    #[serde(rename = "plan")]
    id: Id,
    environment: Option<String>,
    copies: Vec<Copy>,
    #[serde(default)]
    jobs: Vec<Job>,
    #[serde(default)]
    restores: Vec<Restore>,
}

#[derive(Deserialize)]
struct Copy {
    #[serde(rename = "copy")]
    id: Id,
    as_of: Option<Moment>,
    limit: Option<Length>,
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Job {
    backup: Id,
    as_of: Option<Moment>,
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Restore {
    step: Id,
    scenarios: Vec<Id>,
    as_of: Option<Moment>,
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    severity: String,
    what: String,
}

impl Seen {
    /// Reads what `drplan verify --record` keeps, or what `--format json` prints.
    ///
    /// # Errors
    ///
    /// Why it is no such text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let told: Verification = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if told.version != VERSION {
            return Err(format!("it is of version {}, and this drplan reads {VERSION}", told.version));
        }
        let mut seen =
            Self { at: told.as_of, copies: BTreeMap::new(), jobs: BTreeMap::new(), restores: Vec::new() };
        for plan in told.plans.into_iter().filter(|plan| plan.environment.is_none()) {
            let Plan { id: plan, copies, jobs, restores, .. } = plan;
            for Copy { id, as_of, limit, problems } in copies {
                let at = as_of.unwrap_or(told.as_of);
                seen.copies.insert((plan.clone(), id), SeenCopy { at, wrong: wrong(&problems), limit });
            }
            for Job { backup, as_of, problems } in jobs {
                let at = as_of.unwrap_or(told.as_of);
                seen.jobs.insert((plan.clone(), backup), SeenThing { at, wrong: wrong(&problems) });
            }
            for Restore { step, scenarios, as_of, problems } in restores {
                let thing = SeenThing { at: as_of.unwrap_or(told.as_of), wrong: wrong(&problems) };
                seen.restores.push((plan.clone(), SeenRestore { step, scenarios, seen: thing }));
            }
        }
        Ok(seen)
    }

    /// Returns what was seen of a copy, such as `nightly.s3`; nothing if nobody has looked.
    pub fn copy(&self, plan: &Id, copy: &str) -> Option<&SeenCopy> {
        self.copies.iter().find(|((of, id), _)| of == plan && id.as_str() == copy).map(|(_, seen)| seen)
    }

    /// Returns what was seen of the job of a backup; nothing if nobody has looked.
    pub fn job(&self, plan: &Id, backup: &Id) -> Option<&SeenThing> {
        self.jobs.get(&(plan.clone(), backup.clone()))
    }

    /// Returns what was seen of what the restores of a plan need.
    pub fn restores<'a>(&'a self, plan: &'a Id) -> impl Iterator<Item = &'a SeenRestore> {
        self.restores.iter().filter(move |(of, _)| of == plan).map(|(_, seen)| seen)
    }
}

fn wrong(problems: &[Problem]) -> Option<Wrong> {
    let of = |severity: &str| problems.iter().find(|problem| problem.severity == severity);
    match (of("failure"), of("unknown")) {
        (Some(problem), _) => Some(Wrong::Fails(problem.what.clone())),
        (None, Some(problem)) => Some(Wrong::Unknown(problem.what.clone())),
        (None, None) => None,
    }
}
