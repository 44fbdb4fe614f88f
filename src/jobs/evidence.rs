//! Whether a job ran: by the stamp that it leaves, by its log, and by what cron and systemd have noted.

use std::path::{Path, PathBuf};

use super::machine::{Machine, Meta};
use super::sign::{NO_RIGHT, Sign};
use crate::value::{Length, Moment};

/// Clocks of a machine and of whoever writes a time may differ by this.
const CLOCKS_DIFFER: Length = Length::from_secs(600);

/// The stamp that a job leaves when it has succeeded.
#[derive(Clone, Copy, Debug)]
pub struct StampAsked<'a> {
    /// The file.
    pub file: &'a Path,
    /// How old it may be.
    pub max_age: Option<Length>,
}

/// The log of a job.
#[derive(Clone, Copy)]
pub struct LogAsked<'a> {
    /// The file.
    pub file: &'a Path,
    /// Whether a line says that the job has succeeded.
    pub is_success: &'a dyn Fn(&str) -> bool,
    /// Whether a line says that it has failed.
    pub is_failure: &'a dyn Fn(&str) -> bool,
    /// How old the last success may be.
    pub max_age: Option<Length>,
}

/// Returns when a file was last written.
pub(super) fn changed(meta: Meta) -> Option<Moment> {
    Some(Moment::from_unix_millis(meta.written.checked_mul(1000)?))
}

/// When a job should have succeeded last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// By the plan: at or after this moment.
    pub(super) due: Option<Moment>,
    /// The present.
    pub(super) now: Moment,
}

/// Looks at a stamp: the time in it, else the time at which it was written.
pub(super) fn stamp(system: &dyn Machine, asked: StampAsked<'_>, wanted: Wanted) -> Sign {
    let shown = asked.file.display();
    let meta = match system.metadata(asked.file) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Sign::wrong(
                format!("the job has never succeeded: there is no {shown}"),
                "run the job by hand and see what it says",
            );
        }
        Err(error) => return cannot_read(asked.file, &error),
    };
    let inside = system.text(asked.file).ok().and_then(|text| time_in(text.lines().last()?));
    let Some(time) = inside.or_else(|| changed(meta)) else {
        return Sign::unknown(format!("{shown} has no time"), "have the job write its UTC time there");
    };
    wanted.hold(&format!("by {shown} the job last succeeded"), time, asked.max_age)
}

/// Looks at a log: its last success, and whether it has failed since.
pub(super) fn log(system: &dyn Machine, asked: LogAsked<'_>, wanted: Wanted) -> Sign {
    let shown = asked.file.display();
    let text = match system.end_of(asked.file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Sign::wrong(
                format!("there is no log {shown}"),
                "see whether the job writes it, and where",
            );
        }
        Err(error) => return cannot_read(asked.file, &error),
    };
    let text = with_rotated(system, asked.file, text, asked.is_success);
    let lines: Vec<&str> = text.lines().collect();
    let Some(at) = lines.iter().rposition(|line| (asked.is_success)(line)) else {
        return Sign::wrong(
            format!("no line of {shown} says that the job has succeeded"),
            "run the job by hand and see what it says; see whether `success` is what it writes",
        );
    };
    let (success, after) =
        (lines.get(at).copied().unwrap_or_default(), lines.get(at + 1..).unwrap_or_default());
    if after.iter().any(|line| (asked.is_failure)(line)) {
        return Sign::wrong(format!("by {shown} the job has failed since it last succeeded"), "read the log");
    }
    let said = format!("by {shown} the job last succeeded");
    if let Some(time) = time_in(success) {
        return wanted.hold(&said, time, asked.max_age);
    }
    // No line is younger than the file.
    let written = system.metadata(asked.file).ok().and_then(changed);
    let age = written.and_then(|written| wanted.now.since(written)).unwrap_or(Length::ZERO);
    let is_old = match asked.max_age {
        Some(max_age) => age > max_age,
        None => written.is_some_and(|written| wanted.is_missed_by(written)),
    };
    match asked.max_age {
        _ if is_old => Sign::wrong(
            format!("nothing was written to {shown} for {}", age.for_people()),
            "find out why the job runs no more",
        ),
        None => Sign::good(format!("{shown} ends with a success")),
        Some(_) => Sign::unknown(
            format!("when the job last succeeded cannot be read from {shown}"),
            "have it write the time into the line, as 2026-11-22T02:00:00Z",
        ),
    }
}

/// Puts before a log without a line that is looked for what was taken out of it: logs are rotated between two runs.
fn with_rotated(
    system: &dyn Machine,
    file: &Path,
    text: String,
    is_looked_for: &dyn Fn(&str) -> bool,
) -> String {
    if text.lines().any(is_looked_for) {
        return text;
    }
    let before = PathBuf::from(format!("{}.1", file.display()));
    system.end_of(&before).map_or(text.clone(), |before| format!("{before}{text}"))
}

fn cannot_read(file: &Path, error: &std::io::Error) -> Sign {
    Sign::unknown(format!("{} cannot be read: {error}", file.display()), NO_RIGHT)
}

impl Wanted {
    /// Whether the plan wants something younger than what is of this moment.
    pub(super) fn is_missed_by(self, time: Moment) -> bool {
        self.due.is_some_and(|due| time.plus(CLOCKS_DIFFER) < due)
    }

    /// Holds the last success to how old it may be: as the plan says of it, else by the schedule.
    fn hold(self, said: &str, time: Moment, max_age: Option<Length>) -> Sign {
        let help = "find out why the job runs no more, or fails: look at its log";
        if time > self.now.plus(CLOCKS_DIFFER) {
            return Sign::wrong(format!("{said} at {time}, which is in the future"), "set the clock right");
        }
        let age = self.now.since(time).unwrap_or(Length::ZERO);
        let old = max_age.map_or_else(|| age.for_people(), |max_age| age.for_people_against(max_age));
        let said = format!("{said} {old} ago ({time})");
        match (max_age, self.due) {
            (Some(max_age), _) if age > max_age => {
                Sign::wrong(format!("{said}; that may be {max_age}"), help)
            }
            (None, Some(due)) if self.is_missed_by(time) => {
                Sign::wrong(format!("{said}; by the plan it should have since {due}"), help)
            }
            _ => Sign::good(said),
        }
    }
}

/// Finds a time with a zone in a line: as rsyslog writes it at the beginning, or in UTC anywhere.
pub(super) fn time_in(line: &str) -> Option<Moment> {
    let first = line.split_whitespace().next()?;
    first.trim_matches(['[', ']', ':']).parse().ok().or_else(|| Moment::find_in(line))
}

/// What the system has noted of a job of cron.
pub(super) struct Started {
    /// When cron last started it.
    pub(super) at: Moment,
    /// How it has failed right after.
    pub(super) failed: Option<String>,
    /// When the last line of the log was written.
    pub(super) written: Option<Moment>,
}

/// So many of the newest lines that cron has written into the journal are read.
const LINES: &str = "5000";

/// Returns when cron last started a command, and whether it has failed right after, by the system's log, else by its
/// journal.
///
/// What stands there is not older than what is kept; nothing found says nothing.
pub(super) fn started_by_cron(system: &dyn Machine, is_it: &dyn Fn(&str) -> bool) -> Option<Started> {
    let is_start = |line: &str| command_of(line).is_some_and(|(_, command)| is_it(command));
    for file in ["/var/log/cron.log", "/var/log/cron", "/var/log/syslog"].map(Path::new) {
        let Ok(text) = system.end_of(file) else { continue };
        let text = with_rotated(system, file, text, &is_start);
        if let Some((at, failed)) = last_start(&text, &is_start) {
            return Some(Started { at, failed, written: system.metadata(file).ok().and_then(changed) });
        }
    }
    // No machine without a journal is asked for it.
    system.metadata(Path::new("/run/systemd/journal")).ok()?;
    let words = ["journalctl", "--quiet", "--no-pager", "--output=short-iso", "-n", LINES];
    // As Debian's cron calls itself, and as that of Red Hat and SUSE does.
    let by_cron = ["CRON", "CROND", "cron", "crond"].map(|name| format!("SYSLOG_IDENTIFIER={name}"));
    let words: Vec<&str> = words.into_iter().chain(by_cron.iter().map(String::as_str)).collect();
    let text = system.ask(&words).ok()?;
    let (at, failed) = last_start(&text, &is_start)?;
    Some(Started { at, failed, written: text.lines().rev().find_map(time_in) })
}

fn last_start(text: &str, is_start: &dyn Fn(&str) -> bool) -> Option<(Moment, Option<String>)> {
    let lines: Vec<&str> = text.lines().filter(|line| line.to_ascii_uppercase().contains("CRON")).collect();
    let at = lines.iter().rposition(|line| is_start(line))?;
    let line = lines.get(at)?;
    let (job, _) = command_of(line)?;
    let failed = lines.get(at + 1..).unwrap_or_default().iter().find_map(|line| {
        let (_, rest) = line.split_once("error (grandchild #")?;
        let (pid, rest) = rest.split_once(' ')?;
        (Some(pid) == job).then(|| rest.trim_end_matches(')').to_owned())
    });
    Some((time_in(line)?, failed))
}

/// Returns the process and the command in `CMD ([17] /usr/local/bin/backup)`, as `cron -L 15` writes it; without it there
/// is no process.
fn command_of(line: &str) -> Option<(Option<&str>, &str)> {
    let (_, rest) = line.split_once(") CMD (")?;
    let command = rest.trim_end().strip_suffix(')')?;
    let of_process = command.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    Some(of_process.map_or((None, command), |(process, command)| (Some(process), command)))
}
