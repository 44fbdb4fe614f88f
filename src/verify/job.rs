//! Looks whether what makes a backup is installed, and whether it ran.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use super::abroad::reach;
use super::ask::Asking;
use super::{JobSeen, Kind, Problem, Severity};
use crate::effect::{Afar, Env, scrub};
use crate::jobs::{Asked, Distant, Here, LogAsked, Machine, Scheduler, Sign, StampAsked, Standing, look};
use crate::plan::{Backup, Job, Points, Starter};
use crate::resolve::{Placement, newest_expected};
use crate::value::{Id, Length, Moment};

/// A systemd that needs longer than this to say how it stands is asked in vain; so is a host of its files.
const PATIENCE: Length = Length::from_secs(20);

/// What is seen of a job leads to the next question some ten times; one that always leads to another is no answer.
const MOST_ROUNDS: usize = 64;

/// Looks at the jobs of a plan's own backups; where assets are named, at those of their backups.
pub async fn look_at_jobs(asking: Asking<'_>, placement: &Placement, assets: &[String]) -> Vec<JobSeen> {
    let looks = wanted(asking, assets).map(|(id, backup, job)| look_at(asking, placement, id, backup, job));
    join_all(looks).await
}

/// Returns the machines on which the jobs run that are looked at.
pub fn places_of_jobs<'a>(
    asking: Asking<'a>,
    placement: &'a Placement,
    assets: &'a [String],
) -> impl Iterator<Item = &'a Id> {
    let places =
        wanted(asking, assets).filter_map(move |(_, backup, job)| place_of(asking, placement, backup, job));
    places.filter(move |place| !asking.plan.mapped.contains_key(*place))
}

fn wanted<'a>(
    asking: Asking<'a>,
    assets: &'a [String],
) -> impl Iterator<Item = (&'a Id, &'a Backup, &'a Job)> {
    let own = asking.plan.backups.iter().filter(|(id, _)| !id.as_str().contains('/'));
    let of_assets = own.filter(|(_, backup)| {
        assets.is_empty()
            || backup.of.iter().any(|asset| assets.iter().any(|wanted| wanted == asset.as_str()))
    });
    of_assets.filter_map(|(id, backup)| Some((id, &**backup, backup.job.as_ref()?)))
}

async fn look_at(asking: Asking<'_>, placement: &Placement, id: &Id, backup: &Backup, job: &Job) -> JobSeen {
    let problem = |severity, what: String, help: String| Problem::new(Kind::JobNotRun, severity, what, help);
    let place = place_of(asking, placement, backup, job);
    if let Some((place, other)) = place.and_then(|place| asking.plan.mapped.get_key_value(place)) {
        let what = format!("it was not looked for: {other} stands in for {place}, where it runs");
        let note = problem(Severity::Note, what, "`drplan verify` without an environment looks".to_owned());
        let (backup, job) = (id.clone(), shown(&job.starter));
        return JobSeen { backup, job, as_of: None, verdict: None, good: Vec::new(), problems: vec![note] };
    }
    let question = Question { job, points: &backup.points, due: due(asking, id, backup), now: asking.now };
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    match ask(asking, place, &question).await {
        Ok(signs) => {
            for sign in signs {
                match sign.standing {
                    Standing::Good => good.push(sign.what),
                    Standing::Unknown => problems.push(problem(Severity::Unknown, sign.what, sign.help)),
                    Standing::Wrong => problems.push(problem(Severity::Failure, sign.what, sign.help)),
                }
            }
        }
        Err((what, help)) => problems.push(problem(Severity::Unknown, what, help)),
    }
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let verdict =
        problems.iter().map(|problem| problem.severity).max().filter(|worst| *worst > Severity::Note);
    JobSeen { backup: id.clone(), job: shown(&job.starter), as_of: None, verdict, good, problems }
}

/// Asks the machine on which a job runs; else what keeps it from being asked, and what to do.
async fn ask(
    asking: Asking<'_>,
    place: Option<&Id>,
    question: &Question<'_>,
) -> Result<Vec<Sign>, (String, String)> {
    let afar = place.map_or(Ok(None), |place| {
        road_to(asking, place).map_err(|why| (why, format!("run `drplan verify --here {place}` on {place}")))
    })?;
    let Some(afar) = afar else {
        return ask_here(asking, question)
            .await
            .map_err(|why| (why, "report this: drplan has a fault".to_owned()));
    };
    ask_afar(asking, &afar, question).await.map_err(|why| {
        let place = &afar.host.place;
        let help = format!(
            "let `ssh {}` work for who runs `drplan verify`, or run `drplan verify --here {place}` there",
            afar.host.address
        );
        (format!("{place}, where it runs, cannot be asked: {why}"), help)
    })
}

/// Returns how the machine of a job is reached; nothing if it is this one.
///
/// # Errors
///
/// Why nobody knows how to reach it.
pub(super) fn road_to(asking: Asking<'_>, place: &Id) -> Result<Option<Afar>, String> {
    let vars = asking.plan.places.get(place).into_iter().flat_map(|place| &place.vars);
    let vars = asking.plan.vars.iter().chain(vars).map(|(name, value)| (name.to_string(), value.to_string()));
    reach(asking, place, &asking.ground.inherited.clone().into_iter().chain(vars).collect())
}

async fn ask_here(asking: Asking<'_>, question: &Question<'_>) -> Result<Vec<Sign>, String> {
    let mut env = Env { values: asking.ground.inherited.clone(), ..Env::default() };
    scrub(&mut env);
    let (inspector, runtime) = (asking.inspector.clone(), tokio::runtime::Handle::current());
    let ask = move |words: &[&str]| {
        let said = runtime.block_on(inspector.read(words, &env.values, PATIENCE));
        said.map_err(|why| format!("{}: {why}", words.first().copied().unwrap_or_default()))
    };
    let Question { job, points, due, now } = question;
    let (job, points, due, now) = ((*job).clone(), (*points).clone(), *due, *now);
    let look = move || {
        let machine = Here { root: Path::new("/"), ask: &ask };
        Question { job: &job, points: &points, due, now }.look(&machine)
    };
    tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())
}

async fn ask_afar(asking: Asking<'_>, afar: &Afar, question: &Question<'_>) -> Result<Vec<Sign>, String> {
    // The name of this visit is a number that nobody can guess.
    let mut machine = Distant::new(asking.visit);
    for _ in 0..MOST_ROUNDS {
        let signs = question.look(&machine);
        let errands = machine.errands();
        if errands.is_empty() {
            return Ok(signs);
        }
        let said = errands
            .iter()
            .map(|errand| asking.inspector.read_afar(afar, errand.text, errand.arguments.clone(), PATIENCE));
        let said = join_all(said).await;
        for (errand, said) in errands.into_iter().zip(said) {
            machine.hear(errand, said)?;
        }
    }
    Err("each answer leads to another question".to_owned())
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

/// What is asked of a job.
struct Question<'a> {
    job: &'a Job,
    points: &'a Points,
    /// The moment since which it must have run.
    due: Option<Moment>,
    now: Moment,
}

impl Question<'_> {
    fn look(&self, machine: &dyn Machine) -> Vec<Sign> {
        let (scheduler, user) = match &self.job.starter {
            Starter::Cron { file, user } => (Scheduler::CronFile(PathBuf::from(file)), user.as_deref()),
            Starter::Crontab(account) => (Scheduler::Crontab(account.clone()), None),
            Starter::Timer(timer) => (Scheduler::Timer(timer.clone()), None),
        };
        let schedule = match self.points {
            Points::Cron { expression, .. } => Some(expression.as_str()),
            Points::Every(_) | Points::Continuous => None,
        };
        let is_success = |line: &str| self.job.log.as_ref().is_some_and(|log| log.success.matches(line));
        let is_failure = |line: &str| {
            self.job
                .log
                .as_ref()
                .and_then(|log| log.failure.as_ref())
                .is_some_and(|failure| failure.matches(line))
        };
        let log = self.job.log.as_ref().map(|log| LogAsked {
            file: Path::new(&log.file),
            is_success: &is_success,
            is_failure: &is_failure,
            max_age: log.max_age,
        });
        let stamp = self
            .job
            .stamp
            .as_ref()
            .map(|stamp| StampAsked { file: Path::new(&stamp.file), max_age: stamp.max_age });
        look(&Asked {
            machine,
            scheduler: &scheduler,
            user,
            runs: self.job.runs.as_deref(),
            schedule,
            stamp,
            log,
            due: self.due,
            now: self.now,
        })
    }
}
