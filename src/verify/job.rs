//! Looks whether what makes a backup is installed, and whether it ran.

use std::path::{Path, PathBuf};

use super::ask::Asking;
use super::{JobSeen, Kind, Problem, Severity};
use crate::effect::{Env, scrub};
use crate::jobs::{Ask, Asked, LogAsked, Scheduler, Sign, StampAsked, Standing, look};
use crate::plan::{Backup, Job, Points, Starter};
use crate::resolve::{Placement, newest_expected};
use crate::value::{Id, Length, Moment};

/// A systemd that needs longer than this to say how it stands is asked in vain.
const PATIENCE: Length = Length::from_secs(20);

/// Looks at the jobs of a plan's own backups; where assets are named, at those of their backups.
pub async fn look_at_jobs(asking: Asking<'_>, placement: &Placement, assets: &[String]) -> Vec<JobSeen> {
    let mut seen = Vec::new();
    for (id, backup) in asking.plan.backups.iter().filter(|(id, _)| !id.as_str().contains('/')) {
        let is_wanted = assets.is_empty()
            || backup.of.iter().any(|asset| assets.iter().any(|wanted| wanted == asset.as_str()));
        if let (Some(job), true) = (&backup.job, is_wanted) {
            seen.push(look_at(asking, placement, id, backup, job).await);
        }
    }
    seen
}

async fn look_at(asking: Asking<'_>, placement: &Placement, id: &Id, backup: &Backup, job: &Job) -> JobSeen {
    let problem = |severity, what: String, help: String| Problem::new(Kind::JobNotRun, severity, what, help);
    let place = place_of(asking, placement, backup, job);
    if let Some((place, other)) = place.and_then(|place| asking.plan.mapped.get_key_value(place)) {
        let what = format!("it was not looked for: {other} stands in for {place}, where it runs");
        let note = problem(Severity::Note, what, "`drplan verify` without an environment looks".to_owned());
        let (backup, job) = (id.clone(), shown(&job.starter));
        return JobSeen { backup, job, verdict: None, good: Vec::new(), problems: vec![note] };
    }
    let is_here = |place: &&Id| {
        asking.here == Some(place) || asking.plan.places.get(*place).is_none_or(|place| place.ssh.is_none())
    };
    let signs = match place.filter(|place| !is_here(place)) {
        Some(place) => Err(place),
        None => {
            let (job, points, now) = (job.clone(), backup.points.clone(), asking.now);
            let due = due(asking, id, backup);
            let mut env = Env { values: asking.ground.inherited.clone(), ..Env::default() };
            scrub(&mut env);
            let (inspector, runtime) = (asking.inspector.clone(), tokio::runtime::Handle::current());
            let ask = move |words: &[&str]| {
                let said = runtime.block_on(inspector.read(words, &env.values, PATIENCE));
                said.map_err(|why| format!("{}: {why}", words.first().copied().unwrap_or_default()))
            };
            Ok(tokio::task::spawn_blocking(move || signs(&job, &points, due, &ask, now)).await)
        }
    };
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    match signs {
        Ok(Ok(signs)) => {
            for sign in signs {
                match sign.standing {
                    Standing::Good => good.push(sign.what),
                    Standing::Unknown => problems.push(problem(Severity::Unknown, sign.what, sign.help)),
                    Standing::Wrong => problems.push(problem(Severity::Failure, sign.what, sign.help)),
                }
            }
        }
        Ok(Err(error)) => {
            let help = "report this: drplan has a fault";
            problems.push(problem(Severity::Unknown, error.to_string(), help.to_owned()));
        }
        Err(place) => problems.push(problem(
            Severity::Unknown,
            format!("it runs on {place}, another machine"),
            format!("run `drplan verify --here {place}` on {place}"),
        )),
    }
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let verdict =
        problems.iter().map(|problem| problem.severity).max().filter(|worst| *worst > Severity::Note);
    JobSeen { backup: id.clone(), job: shown(&job.starter), verdict, good, problems }
}

fn shown(starter: &Starter) -> String {
    match starter {
        Starter::Cron { file, .. } => file.clone(),
        Starter::Crontab(account) => format!("crontab of {account}"),
        Starter::Timer(timer) => timer.clone(),
    }
}

/// Returns the machine on which the job runs.
fn place_of<'a>(
    asking: Asking<'a>,
    placement: &'a Placement,
    backup: &'a Backup,
    job: &'a Job,
) -> Option<&'a Id> {
    let home = || {
        let asset = backup.of.iter().next()?;
        placement.homes.get(asset).or_else(|| asking.plan.assets.get(asset)?.homes.first())
    };
    job.on.as_ref().or_else(home)
}

/// Returns the moment since which the job must have run: that of the newest point that a copy of its own should have.
fn due(asking: Asking<'_>, id: &Id, backup: &Backup) -> Option<Moment> {
    let own = backup.copies.iter().filter(|(_, copy)| copy.from.is_none());
    let expected =
        own.filter_map(|(copy, _)| newest_expected(asking.plan, &format!("{id}.{copy}"), asking.now).ok());
    expected.filter(|expected| !expected.is_continuous).map(|expected| expected.newest).min()
}

fn signs(job: &Job, points: &Points, due: Option<Moment>, ask: Ask<'_>, now: Moment) -> Vec<Sign> {
    let (scheduler, user) = match &job.starter {
        Starter::Cron { file, user } => (Scheduler::CronFile(PathBuf::from(file)), user.as_deref()),
        Starter::Crontab(account) => (Scheduler::Crontab(account.clone()), None),
        Starter::Timer(timer) => (Scheduler::Timer(timer.clone()), None),
    };
    let schedule = match points {
        Points::Cron { expression, .. } => Some(expression.as_str()),
        Points::Every(_) | Points::Continuous => None,
    };
    let is_success = |line: &str| job.log.as_ref().is_some_and(|log| log.success.matches(line));
    let is_failure = |line: &str| {
        job.log.as_ref().and_then(|log| log.failure.as_ref()).is_some_and(|failure| failure.matches(line))
    };
    let log = job.log.as_ref().map(|log| LogAsked {
        file: Path::new(&log.file),
        is_success: &is_success,
        is_failure: &is_failure,
        max_age: log.max_age,
    });
    let stamp =
        job.stamp.as_ref().map(|stamp| StampAsked { file: Path::new(&stamp.file), max_age: stamp.max_age });
    look(&Asked {
        root: Path::new("/"),
        scheduler: &scheduler,
        user,
        runs: job.runs.as_deref(),
        schedule,
        stamp,
        log,
        due,
        ask,
        now,
    })
}
