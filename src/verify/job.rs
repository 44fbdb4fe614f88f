//! Looks whether what makes a backup is installed, and whether it ran.

use std::path::Path;

use tokio::task::spawn_blocking;

use super::ask::Asking;
use super::promise::Promise;
use super::subject::Subject;
use super::{Kind, Problem, Severity};
use crate::jobs::{Asked, LogAsked, Scheduler, StampAsked, Standing, look};
use crate::plan::{Job, Points, Start};
use crate::value::{Length, Moment};

/// Returns what is wrong with the job that makes a copy; nothing if the plan names none, or the copy is made from another.
pub(super) async fn problems(
    asking: Asking<'_>,
    subject: &Subject<'_>,
    promise: &Promise<'_>,
) -> Vec<Problem> {
    let Some(job) = subject.backup.job.clone().filter(|_| subject.copy.from.is_none()) else {
        return Vec::new();
    };
    if !subject.is_home_here {
        let what = "the job that makes it is on another machine".to_owned();
        let help = "run `drplan verify --here PLACE` on the machine where it is installed";
        return vec![Problem::new(Kind::JobNotRun, Severity::Unknown, what, help)];
    }
    let schedule = match &subject.backup.points {
        // What cron fires by is the time zone of the machine; only without one the two can be compared.
        Points::Cron { expression, timezone: None } => Some(expression.clone()),
        Points::Cron { .. } | Points::Every(_) | Points::Continuous => None,
    };
    let max_age = promise.expected.as_ref().ok().and_then(|expected| asking.now.since(expected.newest));
    let now = asking.now;
    let asked = spawn_blocking(move || ask(&job, schedule.as_deref(), max_age, now)).await;
    asked.unwrap_or_default()
}

fn ask(job: &Job, schedule: Option<&str>, max_age: Option<Length>, now: Moment) -> Vec<Problem> {
    let scheduler = match &job.start {
        Start::CronFile(file) => Scheduler::CronFile(file.into()),
        Start::Crontab(user) => Scheduler::Crontab(user.clone()),
        Start::Timer(name) => Scheduler::Timer(name.clone()),
        Start::Unsaid => Scheduler::Other,
    };
    let is_success = |line: &str| job.log.as_ref().is_some_and(|log| log.success.matches(line));
    let is_failure = |line: &str| {
        job.log.as_ref().and_then(|log| log.failure.as_ref()).is_some_and(|bad| bad.matches(line))
    };
    let signs = look(&Asked {
        root: Path::new("/"),
        scheduler: &scheduler,
        user: job.user.as_deref(),
        runs: job.runs.as_deref(),
        schedule,
        stamp: job.stamp.as_ref().map(|file| StampAsked { file: Path::new(file), max_age }),
        log: job.log.as_ref().map(|log| LogAsked {
            file: Path::new(&log.file),
            is_success: &is_success,
            is_failure: &is_failure,
            max_age,
        }),
        now,
    });
    let problems = signs.into_iter().filter_map(|sign| {
        let severity = match sign.standing {
            Standing::Good => return None,
            Standing::Unknown => Severity::Unknown,
            Standing::Wrong => Severity::Failure,
        };
        Some(Problem::new(Kind::JobNotRun, severity, sign.what, sign.help))
    });
    problems.collect()
}
