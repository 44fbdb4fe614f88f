//! What `drplan verify` has last seen of the backups.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::value::{Id, Length, Moment};

/// The version of the format that is understood.
const VERSION: u32 = 1;

/// What `drplan verify` has last seen of the copies of plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The moment of the last look, at whatever copies.
    pub at: Moment,
    copies: BTreeMap<(Id, Id), SeenCopy>,
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
    plan: Id,
    copies: Vec<Copy>,
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
        let copies = told.plans.into_iter().flat_map(|Plan { plan, copies }| {
            copies.into_iter().map(move |Copy { id, as_of, limit, problems }| {
                let of = |severity: &str| problems.iter().find(|problem| problem.severity == severity);
                let wrong = match (of("failure"), of("unknown")) {
                    (Some(problem), _) => Some(Wrong::Fails(problem.what.clone())),
                    (None, Some(problem)) => Some(Wrong::Unknown(problem.what.clone())),
                    (None, None) => None,
                };
                ((plan.clone(), id), SeenCopy { at: as_of.unwrap_or(told.as_of), wrong, limit })
            })
        });
        Ok(Self { at: told.as_of, copies: copies.collect() })
    }

    /// Returns what was seen of a copy, such as `nightly.s3`; nothing if nobody has looked.
    pub fn copy(&self, plan: &Id, copy: &str) -> Option<&SeenCopy> {
        self.copies.iter().find(|((of, id), _)| of == plan && id.as_str() == copy).map(|(_, seen)| seen)
    }
}
