//! What makes a backup: the entry of cron or the timer that starts it, and what it leaves when it has run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::probe::Pattern;

/// The job that makes a backup, at the home of its assets; at most one of `cron_file`, `crontab` and `timer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Job", extend("minProperties" = 1))]
pub struct RawJob {
    /// The file with its entry: `/etc/crontab`, or a file in `/etc/cron.d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cron_file: Option<String>,
    /// The user in whose crontab its entry is.
    #[serde(skip_serializing_if = "Option::is_none")]
    crontab: Option<String>,
    /// The systemd timer that starts it, such as `backup.timer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    timer: Option<String>,
    /// As whom it must run.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The program that it must run.
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<String>,
    /// A file that it writes when it has succeeded; a UTC time in it goes before the time at which it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    stamp: Option<String>,
    /// The log that it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<JobLog>,
}

/// The log of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobLog {
    /// The file.
    pub file: String,
    /// A line that matches this regular expression says that it has succeeded.
    pub success: Pattern,
    /// A line that matches this one says that it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Pattern>,
}

/// What starts a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// An entry in a file of the system.
    CronFile(String),
    /// An entry in the crontab of a user.
    Crontab(String),
    /// A systemd timer.
    Timer(String),
    /// The plan does not say.
    Unsaid,
}

/// The job that makes a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawJob", into = "RawJob")]
pub struct Job {
    /// What starts it.
    pub start: Start,
    /// As whom it must run.
    pub user: Option<String>,
    /// The program that it must run.
    pub runs: Option<String>,
    /// A file that it writes when it has succeeded.
    pub stamp: Option<String>,
    /// The log that it writes.
    pub log: Option<JobLog>,
}

impl TryFrom<RawJob> for Job {
    type Error = String;

    fn try_from(raw: RawJob) -> Result<Self, String> {
        let starts = [
            raw.cron_file.map(Start::CronFile),
            raw.crontab.map(Start::Crontab),
            raw.timer.map(Start::Timer),
        ];
        let mut starts = starts.into_iter().flatten();
        let start = starts.next().unwrap_or(Start::Unsaid);
        if starts.next().is_some() {
            return Err("a job has at most one of cron_file, crontab, timer".to_owned());
        }
        Ok(Self { start, user: raw.user, runs: raw.runs, stamp: raw.stamp, log: raw.log })
    }
}

impl From<Job> for RawJob {
    fn from(Job { start, user, runs, stamp, log }: Job) -> Self {
        let mut raw = Self { user, runs, stamp, log, ..Self::default() };
        match start {
            Start::CronFile(file) => raw.cron_file = Some(file),
            Start::Crontab(user) => raw.crontab = Some(user),
            Start::Timer(name) => raw.timer = Some(name),
            Start::Unsaid => {}
        }
        raw
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
