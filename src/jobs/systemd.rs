//! What the running systemd knows of a timer and of the service that it starts.
//!
//! Their files tell what systemd would do (see `timer.rs`). Whether it has read them, whether the timer waits, and how the
//! service ended, only systemd itself and its journal can tell.

use std::io;
use std::path::Path;

use super::machine::Machine;
use super::manager::{Manager, Run, Shown};
use super::sign::{NO_RIGHT, Sign};
use crate::value::{Length, Moment};

/// A timer may start its service this much before the plan says, as clocks and schedules differ.
const CLOCKS_DIFFER: Length = Length::from_secs(600);

/// What is asked of a timer.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) manager: Manager<'a>,
    pub(super) timer: &'a str,
    /// The moment since which it must have run, by the plan.
    pub(super) due: Option<Moment>,
    /// Whether something else tells of its success: then nothing is missed if systemd remembers no run.
    pub(super) is_told_elsewhere: bool,
}

/// Looks at a timer whose files are there.
pub(super) fn look(system: &dyn Machine, asked: Asked<'_>, signs: &mut Vec<Sign>) {
    let Asked { manager, timer, .. } = asked;
    // What sd_booted(3) asks.
    match system.metadata(Path::new("/run/systemd/system")) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let help = "boot the machine with systemd, or let cron start the job";
            return signs.push(Sign::wrong("systemd does not run: no timer elapses", help));
        }
        Err(error) => {
            let what = format!("whether systemd runs cannot be seen: {error}");
            return signs.push(Sign::unknown(what, NO_RIGHT));
        }
    }
    let unit = match manager.show(timer) {
        Ok(unit) => unit,
        Err(why) => return signs.push(silent(timer, &why)),
    };
    let service = match unit.value("Unit") {
        "" => format!("{}.service", timer.trim_end_matches(".timer")),
        service => service.to_owned(),
    };
    let faults = faults_of_timer(timer, &unit);
    let waits = faults.is_empty();
    signs.extend(faults);
    match manager.show(&service) {
        Err(why) => signs.push(silent(&service, &why)),
        Ok(shown) => {
            let look = Look { asked, timer: &unit, waits, name: &service, service: &shown };
            signs.extend(look.faults());
            signs.extend(look.run());
        }
    }
}

fn silent(unit: &str, why: &str) -> Sign {
    let what = format!("systemd does not tell how {unit} stands: {why}");
    Sign::unknown(what, format!("see what `systemctl show {unit}` says"))
}

/// What is wrong with a unit as systemd has loaded it.
fn faults_of_unit(name: &str, unit: &Shown) -> Option<Sign> {
    match unit.value("LoadState") {
        "loaded" if unit.is("NeedDaemonReload", "yes") => Some(Sign::wrong(
            format!("systemd has not read {name} since it was changed: it does what the old one says"),
            "systemctl daemon-reload",
        )),
        "loaded" => None,
        "masked" => Some(Sign::wrong(
            format!("{name} is masked: it cannot be started"),
            format!("systemctl unmask {name}"),
        )),
        state => {
            // As in `org.freedesktop.systemd1.NoSuchUnit "Unit x.service not found."`.
            let why = unit.value("LoadError").split_once(' ').map_or("", |(_, why)| why.trim_matches('"'));
            let what = format!("systemd cannot load {name} ({state}): {why}");
            Some(Sign::wrong(
                what.trim_end_matches([':', ' ']),
                format!("see what `systemd-analyze verify {name}` says"),
            ))
        }
    }
}

fn faults_of_timer(timer: &str, unit: &Shown) -> Vec<Sign> {
    let mut faults: Vec<Sign> = faults_of_unit(timer, unit).into_iter().collect();
    if !unit.is("LoadState", "loaded") {
        return faults;
    }
    if !unit.is("ActiveState", "active") {
        let what = format!("{timer} is not started ({}): it does not elapse", unit.value("ActiveState"));
        faults.push(Sign::wrong(what, format!("systemctl start {timer}")));
    } else if unit.is("SubState", "elapsed") {
        let what = format!("{timer} has elapsed for the last time: it waits for no other moment");
        faults.push(Sign::wrong(what, "give it `OnCalendar=`"));
    }
    faults
}

/// A look at the service of a timer.
struct Look<'a> {
    asked: Asked<'a>,
    timer: &'a Shown,
    /// Whether the timer will elapse.
    waits: bool,
    name: &'a str,
    service: &'a Shown,
}

impl Look<'_> {
    fn faults(&self) -> Vec<Sign> {
        let (name, timer) = (self.name, self.asked.timer);
        let mut faults: Vec<Sign> = faults_of_unit(name, self.service).into_iter().collect();
        if self.service.is("ActiveState", "active") && self.service.is("SubState", "exited") {
            let what = format!("{name} stays active when it has ended: {timer} does not start it again");
            faults.push(Sign::wrong(what, "take `RemainAfterExit=yes` away"));
        }
        faults.extend(self.not_started());
        faults
    }

    /// The timer has elapsed since it waits, and the service was not started.
    fn not_started(&self) -> Option<Sign> {
        let elapsed = self.timer.moment("LastTriggerUSec")?;
        let is_of_now = self.timer.moment("ActiveEnterTimestamp").is_some_and(|since| elapsed >= since);
        let was_started = self.service.moment("InactiveExitTimestamp").is_some_and(|start| start >= elapsed);
        let is_awaited = !self.service.is("Job", "");
        if !is_of_now || was_started || is_awaited || !self.service.is("LoadState", "loaded") {
            return None;
        }
        let refused = |result: &str, time: &str| {
            self.service.is(result, "no") && self.service.moment(time).is_some_and(|time| time >= elapsed)
        };
        let why = if refused("ConditionResult", "ConditionTimestamp") {
            ": a condition of it is not met"
        } else if refused("AssertResult", "AssertTimestamp") {
            ": an assertion of it is not met"
        } else {
            ""
        };
        let (name, timer) = (self.name, self.asked.timer);
        let what = format!("{timer} elapsed at {elapsed}, and {name} was not started{why}");
        Some(Sign::wrong(what, format!("see what `systemctl status {name}` says")))
    }

    /// Says how the last run ended, and whether it was late.
    fn run(&self) -> Option<Sign> {
        if !self.service.is("LoadState", "loaded") {
            return None;
        }
        let name = self.name;
        let runs_now = self.service.is("ActiveState", "activating")
            || self.service.is("ActiveState", "active") && self.service.is("SubState", "running");
        if runs_now && let Some(began) = self.service.moment("InactiveExitTimestamp") {
            return Some(match self.missed(began) {
                Some(due) => self.late(&format!("{name} runs since {began}"), due),
                None => Sign::good(format!("{name} runs since {began}")),
            });
        }
        let (run, journal) = match self.last_run() {
            Some(run) if run.failure.is_none() => (Some(run), Ok(Vec::new())),
            Some(run) => (Some(run), self.asked.manager.runs(name)),
            None => match self.asked.manager.runs(name) {
                Ok(mut runs) => (runs.pop(), Ok(runs)),
                Err(why) => (None, Err(why)),
            },
        };
        let Some(run) = run else { return self.no_run(journal.err().as_deref()) };
        if let Some(failure) = run.failure {
            let before = journal.ok().and_then(|runs| runs.into_iter().rfind(|run| run.failure.is_none()));
            let before =
                before.map(|run| format!("; it last succeeded at {}", run.ended)).unwrap_or_default();
            let what = format!("{name} failed at {}: {failure}{before}", run.ended);
            return Some(Sign::wrong(
                what,
                format!("see what `journalctl -u {name}` says, and run it by hand"),
            ));
        }
        Some(match self.missed(run.began) {
            Some(due) => self.late(&format!("{name} last succeeded at {}", run.ended), due),
            None => Sign::good(format!("{name} last succeeded at {}", run.ended)),
        })
    }

    /// Returns the last run since the system was booted, as systemd remembers it.
    fn last_run(&self) -> Option<Run> {
        let service = self.service;
        let began = service.moment("ExecMainStartTimestamp")?;
        let ended = service.moment("ExecMainExitTimestamp")?;
        let status = service.value("ExecMainStatus");
        let is_meant = service.value("SuccessExitStatus").split_whitespace().any(|meant| meant == status);
        let failure = match (service.value("Result"), service.value("ExecMainCode")) {
            ("exit-code", _) => Some(format!("exit code {status}")),
            ("signal" | "core-dump", _) => Some(format!("signal {status}")),
            // What `ExecStart=-` says is no failure for systemd, and the backup is not made all the same.
            ("success", "1") if status != "0" && !is_meant => {
                Some(format!("exit code {status}, which its unit tells systemd to ignore"))
            }
            ("success", "2" | "3") if !is_meant => Some(format!("it was ended by signal {status}")),
            ("success", _) => None,
            (result, _) => Some(result.to_owned()),
        };
        Some(Run { began, ended, failure })
    }

    /// Returns since when there should have been a run, if this one began before.
    fn missed(&self, began: Moment) -> Option<Moment> {
        self.asked.due.filter(|due| began.plus(CLOCKS_DIFFER) < *due)
    }

    fn late(&self, what: &str, due: Moment) -> Sign {
        let what = format!("{what}; by the plan it should have begun again at {due}");
        let help = format!(
            "make {} and `points` of the backup say the same, and find out why it did not run",
            self.asked.timer
        );
        Sign::wrong(what, help)
    }

    /// Neither systemd nor its journal knows of a run.
    fn no_run(&self, journal_failed: Option<&str>) -> Option<Sign> {
        let (name, timer) = (self.name, self.asked.timer);
        let since = self.timer.moment("ActiveEnterTimestamp");
        let elapsed = self.timer.moment("LastTriggerUSec");
        if let Some((since, due)) = since.zip(self.asked.due)
            && self.waits
            && since.plus(CLOCKS_DIFFER) < due
            && elapsed.is_none_or(|elapsed| elapsed.plus(CLOCKS_DIFFER) < due)
        {
            let what = format!(
                "{timer} waits since {since} and has not elapsed; by the plan it should have at {due}"
            );
            return Some(Sign::wrong(what, format!("make {timer} and `points` of the backup say the same")));
        }
        if self.asked.is_told_elsewhere {
            return None;
        }
        let why = match journal_failed {
            Some(why) => {
                format!("systemd knows of no run since it was started, and the journal cannot be read: {why}")
            }
            None => "systemd and its journal know of no run".to_owned(),
        };
        let help = "say in the plan which `stamp` or `log` the job leaves; let the journal outlive a start of the machine \
                    (`Storage=persistent` in journald.conf)";
        Some(Sign::unknown(format!("whether {name} ever ran nobody can say: {why}"), help))
    }
}
