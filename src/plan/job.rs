//! What makes a backup, and how to see that it did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::probe::Pattern;
use crate::value::{Id, Length};

/// What makes a backup on a machine: exactly one of `cron`, `crontab` and `timer`. `drplan verify` looks whether it is
/// installed, whether it can run, and whether it did.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Job")]
pub struct RawJob {
    /// An entry in this file: `/etc/crontab`, or a file in `/etc/cron.d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^/"))]
    cron: Option<String>,
    /// An entry in the crontab of this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    crontab: Option<String>,
    /// This systemd timer, such as `backup.timer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "\\.timer$"))]
    timer: Option<String>,
    /// The account as which the entry of `cron` must run.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The program that must be run, as it stands in the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    runs: Option<String>,
    /// Where it runs; without it, at the home of the first asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<Id>,
    /// A file that the job writes when it has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    stamp: Option<Stamp>,
    /// The log of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<JobLog>,
}

/// A file that a job writes when it has succeeded: with its UTC time inside, or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// The file.
    #[schemars(regex(pattern = "^/"))]
    pub file: String,
    /// How long ago that may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Length>,
}

/// The log of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobLog {
    /// The file.
    #[schemars(regex(pattern = "^/"))]
    pub file: String,
    /// What a line that tells of success matches.
    pub success: Pattern,
    /// What a line that tells of failure matches; after the last success there may be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Pattern>,
    /// How long ago the last success may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Length>,
}

/// What starts a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starter {
    /// An entry in `/etc/crontab`, or in a file of `/etc/cron.d`, as this account if one is given.
    Cron {
        /// The file.
        file: String,
        /// The account.
        user: Option<String>,
    },
    /// An entry in the crontab of an account.
    Crontab(String),
    /// A systemd timer.
    Timer(String),
}

/// What makes a backup on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawJob", into = "RawJob")]
pub struct Job {
    /// What starts it.
    pub starter: Starter,
    /// The program that must be run, as it stands in the entry.
    pub runs: Option<String>,
    /// Where it runs; without it, at the home of the first asset.
    pub on: Option<Id>,
    /// A file that the job writes when it has succeeded.
    pub stamp: Option<Stamp>,
    /// The log of the job.
    pub log: Option<JobLog>,
}

impl Job {
    /// The keys of which a job has exactly one.
    pub const STARTERS: [&'static str; 3] = ["cron", "crontab", "timer"];
}

impl TryFrom<RawJob> for Job {
    type Error = String;

    fn try_from(raw: RawJob) -> Result<Self, String> {
        let starter = match (raw.cron, raw.crontab, raw.timer, raw.user) {
            (Some(file), None, None, user) => Starter::Cron { file, user },
            (_, _, _, Some(_)) => return Err("`user` belongs to `cron`".into()),
            (None, Some(account), None, None) => Starter::Crontab(account),
            (None, None, Some(timer), None) => Starter::Timer(timer),
            _ => return Err(format!("a job has exactly one of {}", Self::STARTERS.join(", "))),
        };
        Ok(Self { starter, runs: raw.runs, on: raw.on, stamp: raw.stamp, log: raw.log })
    }
}

impl From<Job> for RawJob {
    fn from(job: Job) -> Self {
        let raw = Self { runs: job.runs, on: job.on, stamp: job.stamp, log: job.log, ..Self::default() };
        match job.starter {
            Starter::Cron { file, user } => Self { cron: Some(file), user, ..raw },
            Starter::Crontab(account) => Self { crontab: Some(account), ..raw },
            Starter::Timer(timer) => Self { timer: Some(timer), ..raw },
        }
    }
}

impl JsonSchema for Job {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        RawJob::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RawJob::json_schema(generator)
    }
}
