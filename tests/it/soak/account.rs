//! Holds what the steps have written down on every host to what the journal says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::course::Course;

/// What can be wrong with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The journal says that it was done, and no ledger does.
    Lost,
    /// What must not be repeated was done twice, or something was done beside itself.
    Twice,
    /// A ledger says that it was done, and the journal does not; or it was done on another host.
    NotOnRecord,
    /// It was begun before what it waits for had ended.
    OutOfOrder,
    /// The chain of the records does not hold, or the record cannot be told.
    BrokenChain,
    /// It does not end, and does not say what it waits for.
    Silent,
    /// It failed although nothing was done to it from which a step may fail.
    Failed,
}

pub(super) const FAULTS: [(Fault, &str); 7] = [
    (Fault::Lost, "lost"),
    (Fault::Twice, "twice"),
    (Fault::NotOnRecord, "not on record"),
    (Fault::OutOfOrder, "out of order"),
    (Fault::BrokenChain, "broken chains"),
    (Fault::Silent, "neither ended nor waiting"),
    (Fault::Failed, "failed for no reason"),
];

/// One thing that is wrong, and what shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) fault: Fault,
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(fault: Fault, what: impl Into<String>) -> Self {
        Self { fault, what: what.into() }
    }
}

/// One time that a step was done.
#[derive(Debug, PartialEq, Eq)]
struct Time {
    process: String,
    /// In microseconds.
    begun: u64,
    /// When it was over, if it was not ended in its middle.
    over: Option<u64>,
    /// Whether it came to its end, and did not fail.
    is_done: bool,
}

/// What stands in the ledgers, by step.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    times: BTreeMap<String, Vec<Time>>,
    foreign: Vec<Finding>,
}

impl Ledgers {
    /// Reads the ledger of a host; nothing for where drplan is.
    pub(super) fn read(&mut self, course: &Course, host: Option<&str>, text: &str) {
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, id, process, at] = words.as_slice() else {
                self.foreign.push(Finding::new(Fault::NotOnRecord, format!("a torn line: {line:?}")));
                continue;
            };
            if course.work_of(id).is_none_or(|work| work.host != host) {
                let what = format!("{id} was done on {}", host.unwrap_or("this machine"));
                self.foreign.push(Finding::new(Fault::NotOnRecord, what));
            }
            let times = self.times.entry((*id).to_owned()).or_default();
            let at = at.replace('.', "").parse().unwrap_or_default();
            if *what == "begin" {
                let process = (*process).to_owned();
                times.push(Time { process, begun: at, over: None, is_done: false });
            } else if let Some(time) = times.iter_mut().rfind(|time| time.process == *process) {
                (time.over, time.is_done) = (Some(at), *what == "end");
            }
        }
    }

    fn of(&self, id: &str) -> &[Time] {
        self.times.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn has_begun(&self, id: &str) -> bool {
        !self.of(id).is_empty()
    }

    /// When a step was done for the first time.
    fn done(&self, id: &str) -> Option<u64> {
        self.of(id).iter().filter(|time| time.is_done).filter_map(|time| time.over).min()
    }
}

fn of<'e>(events: &'e [Value], kind: &str) -> impl Iterator<Item = (&'e str, &'e Value)> {
    let events = events.iter().filter(move |event| event["type"] == kind);
    events.map(|event| (event["step"].as_str().unwrap_or_default(), event))
}

/// Compares ledgers and events.
pub(super) fn compare(course: &Course, ledgers: &Ledgers, events: &[Value]) -> Vec<Finding> {
    let mut findings = ledgers.foreign.clone();
    let mut find = |fault, what: String| findings.push(Finding::new(fault, what));
    let started: BTreeSet<&str> = of(events, "step_started").map(|(step, _)| step).collect();
    let done: BTreeSet<&str> = of(events, "step_finished")
        .filter(|(_, event)| event["outcome"]["result"] == "done")
        .map(|(step, _)| step)
        .collect();
    for step in done.iter().filter(|step| course.work_of(step).is_some()) {
        if ledgers.done(step).is_none() {
            find(Fault::Lost, format!("{step} is done, and nothing of it stands in a ledger"));
        }
    }
    for (id, times) in &ledgers.times {
        let repeatable = course.work_of(id).is_some_and(|work| work.repeatable);
        if !repeatable && times.len() > 1 {
            find(Fault::Twice, format!("{id} was begun {} times", times.len()));
        }
        if times.windows(2).any(|two| two[0].over.is_some_and(|over| over > two[1].begun)) {
            find(Fault::Twice, format!("{id} was done beside itself"));
        }
        if !started.contains(id.as_str()) {
            find(Fault::NotOnRecord, format!("{id} was begun, and the journal holds no start of it"));
        }
        let undone = id.split_once("/undo").map_or("", |(undone, _)| undone);
        // One that was stopped as it began may have written nothing yet.
        if !undone.is_empty() && !started.contains(undone) {
            find(
                Fault::NotOnRecord,
                format!("{undone} was taken back, and the journal holds no start of it"),
            );
        }
    }
    if let Some(ended) = events.iter().rfind(|event| event["type"] == "run_finished") {
        let missing = |work: &&super::course::Work| ledgers.done(&work.id).is_none();
        for work in course.work.iter().filter(|_| ended["result"] == "done").filter(missing) {
            find(Fault::Lost, format!("all is done, and {} stands in no ledger", work.id));
        }
    }
    findings.extend(orders(course, ledgers, events));
    findings
}

/// Holds each begin to the ends of all that it waits for.
fn orders(course: &Course, ledgers: &Ledgers, events: &[Value]) -> Vec<Finding> {
    let Some((_, start)) = of(events, "run_started").next() else { return Vec::new() };
    let Some(nodes) = start["nodes"].as_array() else { return Vec::new() };
    let id = |at: usize| nodes[at]["id"].as_str().unwrap_or_default();
    let skipped: BTreeSet<&str> = of(events, "step_skipped").map(|(step, _)| step).collect();
    let mut findings = Vec::new();
    for at in 0..nodes.len() {
        let (mut before, mut open) = (BTreeSet::new(), vec![at]);
        while let Some(node) = open.pop() {
            for after in nodes[node]["after"].as_array().into_iter().flatten() {
                let after = usize::try_from(after.as_u64().unwrap_or_default()).unwrap();
                if before.insert(after) {
                    open.push(after);
                }
            }
        }
        let Some(first) = ledgers.of(id(at)).first() else { continue };
        for earlier in before.into_iter().filter(|earlier| course.work_of(id(*earlier)).is_some()) {
            let done = ledgers.done(id(earlier));
            if done.map_or(!skipped.contains(id(earlier)), |done| done > first.begun) {
                let what = format!("{} was begun before {} had ended", id(at), id(earlier));
                findings.push(Finding::new(Fault::OutOfOrder, what));
            }
        }
    }
    findings
}

/// Checks the chain of a journal as an auditor does, without any code of drplan.
pub(super) fn check_chain(journal: &str) -> Vec<Finding> {
    let mut prev = "0".repeat(64);
    for (at, line) in journal.lines().enumerate() {
        let parts = line.rsplit_once(",\"hash\":\"");
        let hash = parts.map(|(head, hash)| (head, hash.trim_end_matches("\"}")));
        let holds = hash.is_some_and(|(head, hash)| {
            let own: String =
                Sha256::digest(head.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            own == hash && head.ends_with(&format!(",\"prev\":\"{prev}\""))
        });
        if !holds {
            return vec![Finding::new(Fault::BrokenChain, format!("record {} does not hold", at + 1))];
        }
        prev = hash.map(|(_, hash)| hash.to_owned()).unwrap_or_default();
    }
    Vec::new()
}
