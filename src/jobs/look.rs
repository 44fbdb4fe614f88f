//! Looks at a job from all sides.

use std::path::{Path, PathBuf};

use super::account::{self, Lookup};
use super::command::{self, CRON_PATH};
use super::cron_file::{CronFile, entries};
use super::cron_table::{Entry, never};
use super::evidence::{self, LogAsked, StampAsked, Started, Wanted};
use super::machine::Machine;
use super::manager::Manager;
use super::sign::{Sign, Standing};
use super::{daemon, systemd, timer};
use crate::value::Moment;

/// What starts a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// An entry in `/etc/crontab` or in a file of `/etc/cron.d`.
    CronFile(PathBuf),
    /// An entry in the crontab of a user.
    Crontab(String),
    /// A systemd timer.
    Timer(String),
}

/// What is asked of a job.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The machine on which it runs.
    pub machine: &'a dyn Machine,
    /// What starts it.
    pub scheduler: &'a Scheduler,
    /// As whom it must run, where the plan says.
    pub user: Option<&'a str>,
    /// The program that it must run, where the plan says.
    pub runs: Option<&'a str>,
    /// When the plan says that it runs, as five fields of cron.
    pub schedule: Option<&'a str>,
    /// The stamp that it leaves.
    pub stamp: Option<StampAsked<'a>>,
    /// The log that it writes.
    pub log: Option<LogAsked<'a>>,
    /// The moment since which it must have run, by the plan.
    pub due: Option<Moment>,
    /// The present.
    pub now: Moment,
}

impl Asked<'_> {
    /// Whether the job itself tells that it has succeeded.
    fn is_told_elsewhere(&self) -> bool {
        self.stamp.is_some() || self.log.is_some()
    }
}

/// Looks whether a job is installed, whether something will start it, and whether it ran.
pub fn look(asked: &Asked<'_>) -> Vec<Sign> {
    let system = asked.machine;
    let mut signs = Vec::new();
    match asked.scheduler {
        Scheduler::CronFile(file) => cron(system, asked, &CronFile::System(file.clone()), &mut signs),
        Scheduler::Crontab(user) => cron(system, asked, &CronFile::User(user.clone()), &mut signs),
        Scheduler::Timer(name) => {
            if timer::look(system, name, asked.runs, &mut signs) {
                let of_systemd = systemd::Asked {
                    manager: Manager::new(asked.machine),
                    timer: name,
                    due: asked.due,
                    is_told_elsewhere: asked.is_told_elsewhere(),
                };
                systemd::look(system, of_systemd, &mut signs);
            }
            if let Some(time) = timer::last_elapsed(system, name) {
                signs.push(Sign::good(format!("{name} last elapsed at {time}")));
            }
        }
    }
    let wanted = Wanted { due: asked.due, now: asked.now };
    signs.extend(asked.stamp.map(|stamp| evidence::stamp(system, stamp, wanted)));
    signs.extend(asked.log.map(|log| evidence::log(system, log, wanted)));
    signs
}

fn cron(system: &dyn Machine, asked: &Asked<'_>, file: &CronFile, signs: &mut Vec<Sign>) {
    let found = entries(system, file);
    match &found {
        Err(sign) => signs.push(sign.clone()),
        Ok(found) => cron_entries(system, asked, file, found, signs),
    }
    signs.push(daemon::cron(system));
    let entry = found.iter().flatten().next();
    let is_it = |command: &str| match asked.runs {
        Some(runs) => command::names_program(command, runs),
        None => entry.is_some_and(|entry| entry.command.trim_end() == command),
    };
    let started = evidence::started_by_cron(system, &is_it);
    let is_on_record = started.as_ref().is_some_and(|started| !is_before_silence(asked, started));
    signs.extend(started.map(|started| sign_of(asked, started)));
    if !is_on_record && !asked.is_told_elsewhere() && signs.iter().all(|sign| sign.standing == Standing::Good)
    {
        signs.push(Sign::unknown(
            "it is installed, and nothing says that it ran: neither the system's log nor its journal",
            "have the job write a file when it has succeeded, and name it in the plan as its `stamp`, or name its `log`; \
             or let drplan run as an account that may read /var/log/syslog or the journal",
        ));
    }
}

/// Whether the log has ended before the job was due: it says nothing of what has come since.
fn is_before_silence(asked: &Asked<'_>, started: &Started) -> bool {
    let wanted = Wanted { due: asked.due, now: asked.now };
    wanted.is_missed_by(started.at) && started.written.is_none_or(|written| wanted.is_missed_by(written))
}

fn sign_of(asked: &Asked<'_>, started: Started) -> Sign {
    let is_missed = Wanted { due: asked.due, now: asked.now }.is_missed_by(started.at);
    let goes_on = !is_before_silence(asked, &started);
    let Started { at, failed, .. } = started;
    match (failed, asked.due) {
        (Some(why), _) => Sign::wrong(
            format!("cron started it at {at}, and it {why}"),
            "run it by hand and see what it says",
        ),
        (None, Some(due)) if is_missed && goes_on => Sign::wrong(
            format!("cron last started it at {at}; by the plan it should have since {due}"),
            "see whether the entry was changed, and whether its machine was on at that hour",
        ),
        // Whether it has succeeded is another question.
        (None, _) => Sign::good(format!("cron last started it at {at}")),
    }
}

fn cron_entries(
    system: &dyn Machine,
    asked: &Asked<'_>,
    file: &CronFile,
    entries: &[Entry],
    signs: &mut Vec<Sign>,
) {
    let path = file.path();
    let shown = path.display();
    let fits = |entry: &&Entry| asked.runs.is_none_or(|runs| command::names_program(&entry.command, runs));
    let Some(entry) = entries.iter().find(fits) else {
        let (what, help) = match asked.runs {
            Some(runs) if entries.iter().any(|entry| entry.is_cut) => (
                format!("no entry of {shown} gets as far as {runs}: a `%` ends the command"),
                "write `\\%` in a crontab",
            ),
            Some(runs) if is_commented_out(system, &path, runs) => {
                (format!("the entry for {runs} in {shown} is commented out"), "take the `#` away")
            }
            Some(runs) => {
                (format!("no entry of {shown} runs {runs}"), "install the entry, or mend `runs` in the plan")
            }
            None => (format!("{shown} has no entry"), "install the entry"),
        };
        return signs.push(Sign::wrong(what, help));
    };
    let user = match (file, &entry.user) {
        (CronFile::User(user), _) => user.clone(),
        (CronFile::System(_), user) => user.clone().unwrap_or_default(),
    };
    let account = match account::find(system, &user) {
        Lookup::Found(account) => Some(account),
        Lookup::Missing => {
            let what = format!(
                "cron ignores {shown}: it runs as `{}`, and there is no such account",
                user.escape_debug()
            );
            return signs.push(Sign::wrong(what, "write the account between the schedule and the command"));
        }
        Lookup::Elsewhere => {
            let what = format!("whether there is an account {user} cannot be seen in /etc/passwd");
            signs.push(Sign::unknown(what, "run the job as an account of the machine"));
            None
        }
    };
    // An entry of another account that is not there stops this one too.
    let unknown = entries
        .iter()
        .filter_map(|entry| entry.user.as_deref())
        .find(|user| account::find(system, user) == Lookup::Missing);
    if let Some(user) = unknown {
        let what = format!(
            "cron ignores {shown}: another entry runs as `{}`, and there is no such account",
            user.escape_debug()
        );
        return signs.push(Sign::wrong(what, "mend that entry: one bad line stops them all"));
    }
    if let Some(wanted) = asked.user.filter(|wanted| *wanted != user) {
        signs.push(Sign::wrong(
            format!("it runs as {user}, not as {wanted}"),
            "mend the entry, or `user` in the plan",
        ));
    }
    if entry.is_cut {
        let what = format!("a `%` cuts the entry in {shown}: the command is `{}`", entry.command.trim_end());
        signs.push(Sign::wrong(what, "write `\\%` in a crontab"));
    }
    if let Some(field) = never(&entry.schedule) {
        let what = format!("it is never started: `{field}` of `{}` goes backwards", entry.schedule);
        signs.push(Sign::wrong(what, "write two ranges, such as 22-23,0-3"));
    }
    if let Some(planned) = asked.schedule
        && normal(planned) != normal(&entry.schedule)
    {
        let what = format!("it is started at `{}`, and the plan says `{planned}`", entry.schedule);
        signs.push(Sign::wrong(what, "make the entry and `points` of the backup say the same"));
    }
    let setting =
        |name: &str| entry.settings.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let path = setting("PATH").unwrap_or(CRON_PATH);
    let programs: std::collections::BTreeSet<&str> =
        asked.runs.into_iter().chain(command::first_program(&entry.command)).collect();
    let mut faults: Vec<Sign> =
        programs.iter().flat_map(|program| command::check(system, program, path, account.as_ref())).collect();
    if let Some(shell) = setting("SHELL") {
        faults.extend(command::check(system, shell, path, account.as_ref()));
    }
    if faults.is_empty() {
        signs.push(Sign::good(format!("{shown} runs it as {user} at `{}`", entry.schedule)));
    }
    signs.append(&mut faults);
}

/// Writes a schedule in one way: names for what they stand for, one space between fields.
fn normal(schedule: &str) -> String {
    let spaced = schedule.split_whitespace().collect::<Vec<_>>().join(" ");
    match spaced.as_str() {
        "@yearly" | "@annually" => "0 0 1 1 *".to_owned(),
        "@monthly" => "0 0 1 * *".to_owned(),
        "@weekly" => "0 0 * * 0".to_owned(),
        "@daily" | "@midnight" => "0 0 * * *".to_owned(),
        "@hourly" => "0 * * * *".to_owned(),
        other => other.split(' ').map(without_zeros).collect::<Vec<_>>().join(" "),
    }
}

fn without_zeros(field: &str) -> &str {
    if field.bytes().all(|byte| byte.is_ascii_digit()) {
        let short = field.trim_start_matches('0');
        if short.is_empty() { "0" } else { short }
    } else {
        field
    }
}

fn is_commented_out(system: &dyn Machine, path: &Path, runs: &str) -> bool {
    let text = system.text(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix('#'))
        .any(|line| command::names_program(line, runs))
}
