//! What a soak has found, as a table.

use std::collections::BTreeMap;

use super::account::{FAULTS, Fault};
use super::events::{KINDS, Kind};
use super::run::{Account, ENDS, End};

/// Counts what became of all runs.
#[derive(Debug, Default)]
pub(super) struct Table {
    runs: usize,
    events: BTreeMap<Kind, usize>,
    ends: BTreeMap<End, usize>,
    faults: BTreeMap<Fault, usize>,
    unknowable: usize,
}

impl Table {
    pub(super) fn add(&mut self, account: &Account) {
        self.runs += 1;
        self.unknowable += account.unknowable;
        *self.ends.entry(account.end).or_default() += 1;
        for kind in &account.events {
            *self.events.entry(*kind).or_default() += 1;
        }
        for finding in &account.findings {
            *self.faults.entry(finding.fault).or_default() += 1;
        }
    }

    pub(super) fn events(&self) -> usize {
        self.events.values().sum()
    }

    pub(super) fn shown(&self) -> String {
        let mut shown = String::new();
        let mut line = |name: &str, count: usize| shown.push_str(&format!("  {name:<34} {count:>6}\n"));
        for (kind, name) in KINDS {
            line(name, self.events.get(&kind).copied().unwrap_or_default());
        }
        line("events", self.events());
        line("runs", self.runs);
        for (end, name) in ENDS {
            line(name, self.ends.get(&end).copied().unwrap_or_default());
        }
        line("nobody could know (exit 4)", self.unknowable);
        for (fault, name) in FAULTS {
            line(name, self.faults.get(&fault).copied().unwrap_or_default());
        }
        shown
    }
}
