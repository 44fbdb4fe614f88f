//! Asks the running systemd and its journal; judges nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::machine::Machine;
use crate::value::Moment;

/// What is asked of a unit; systemd leaves out what a unit of its kind does not have.
const PROPERTIES: [&str; 21] = [
    "Id",
    "LoadState",
    "LoadError",
    "ActiveState",
    "SubState",
    "Result",
    "NeedDaemonReload",
    "Job",
    "ActiveEnterTimestamp",
    "InactiveExitTimestamp",
    "ConditionResult",
    "ConditionTimestamp",
    "AssertResult",
    "AssertTimestamp",
    "Unit",
    "LastTriggerUSec",
    "ExecMainStartTimestamp",
    "ExecMainExitTimestamp",
    "ExecMainCode",
    "ExecMainStatus",
    "SuccessExitStatus",
];

/// What systemd notes in its journal, by the ids of its catalogue.
const BEGINS: &str = "7d4958e842da4a758f6c1cdc7b36dcc5";
const ENDED_WELL: &str = "7ad2d189f7e94e70a38c781354912448";
const ENDED_BADLY: &str = "d9b373ed55a64feb8242e02dbe79a49c";
const NOT_STARTED: &str = "be02cf6855d2428ba40df7e9d022f03d";

/// So many of the newest records are read: some four for each run.
const RECORDS: &str = "400";

/// The running systemd.
#[derive(Clone, Copy)]
pub(super) struct Manager<'a> {
    machine: &'a dyn Machine,
}

/// What systemd tells of a unit.
pub(super) struct Shown(BTreeMap<String, String>);

/// A run of a service that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) began: Moment,
    pub(super) ended: Moment,
    /// How it failed, if it did.
    pub(super) failure: Option<String>,
}

impl<'a> Manager<'a> {
    pub(super) fn new(machine: &'a dyn Machine) -> Self {
        Self { machine }
    }

    /// Asks how a unit stands.
    pub(super) fn show(self, unit: &str) -> Result<Shown, String> {
        let properties = format!("--property={}", PROPERTIES.join(","));
        let said = self.machine.ask(&["systemctl", "show", "--no-pager", &properties, "--", unit])?;
        let values = said.lines().filter_map(|line| line.split_once('='));
        let shown = Shown(values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
        if shown.value("Id").is_empty() || shown.value("LoadState").is_empty() {
            return Err("systemctl does not answer as it should".to_owned());
        }
        Ok(shown)
    }

    /// Reads from the journal which runs of a service have ended, the oldest first.
    pub(super) fn runs(self, service: &str) -> Result<Vec<Run>, String> {
        let of_service = format!("UNIT={service}");
        // What the service prints itself is not asked for: it might say anything.
        let words = ["journalctl", "--quiet", "--no-pager", "--output=json", "-n", RECORDS, "_PID=1"];
        let said = self.machine.ask(&[words.as_slice(), &[&of_service]].concat())?;
        let mut runs: Vec<Run> = Vec::new();
        let mut began = None;
        for line in said.lines() {
            let record: Value = serde_json::from_str(line)
                .map_err(|_| "journalctl does not answer as it should".to_owned())?;
            let field = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
            let micros: i64 = field("__REALTIME_TIMESTAMP")
                .parse()
                .map_err(|_| "journalctl does not answer as it should".to_owned())?;
            let time = Moment::from_unix_millis(micros / 1000);
            let failure = match field("MESSAGE_ID") {
                BEGINS => {
                    began = Some(time);
                    continue;
                }
                ENDED_WELL => None,
                ENDED_BADLY => Some(field("UNIT_RESULT").to_owned()),
                // That a start has failed is said of a run that has failed, too.
                NOT_STARTED if field("JOB_RESULT") != "failed" => Some(field("JOB_RESULT").to_owned()),
                _ => continue,
            };
            runs.push(Run { began: began.take().unwrap_or(time), ended: time, failure });
        }
        Ok(runs)
    }
}

impl Shown {
    /// Returns a property; nothing if systemd does not tell it.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    /// Returns a time, as systemd prints it for who lives in UTC: `Sun 2026-11-29 08:42:28 UTC`.
    pub(super) fn moment(&self, name: &str) -> Option<Moment> {
        let [_, date, time, "UTC"] = self.value(name).split(' ').collect::<Vec<_>>()[..] else { return None };
        format!("{date}T{time}Z").parse().ok()
    }
}
