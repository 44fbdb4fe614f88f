//! Five hundred places in one run.

use std::fmt::Write;
use std::process::Command;

use super::drplan;
use super::sshd::Sshd;
use crate::stage::{Stage, until};

const PLACES: usize = 500;

/// More descriptors than this neither the controller nor its keeper may hold at once.
const MOST_DESCRIPTORS: u32 = 128;

/// The same limit in KiB of memory, with the program as it is built for tests.
const MOST_MEMORY: u64 = 96 << 10;

#[test]
fn five_hundred_places_take_few_sockets_and_little_memory() {
    let sshd = Sshd::with("MaxStartups 1000");
    let stage = Stage::new("");
    let mut plan = stage.read("plan.yaml") + "places:\n";
    for at in 0..PLACES {
        writeln!(plan, "  p{at}: {{ kind: host, ssh: p{at} }}").unwrap();
    }
    plan.push_str("steps:\n");
    let ledger = stage.path().join("ledger");
    for at in 0..PLACES {
        writeln!(plan, "  s{at}: {{ on: p{at}, run: echo {at} >>{} }}", ledger.display()).unwrap();
    }
    stage.write("plan.yaml", &plan);
    stage.write("ledger", "");
    sshd.known_as("p*", &stage);
    let execute = drplan(&stage, &["execute", "plan.yaml", "--yes", "--max-parallel", "8"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &MOST_DESCRIPTORS.to_string()]);
    limited.arg(execute.get_program()).args(execute.get_args());
    for (name, value) in execute.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = execute.get_current_dir() {
        limited.current_dir(folder);
    }
    let mut running = stage.begin(limited);
    let status = format!("/proc/{}/status", running.pid().as_raw_nonzero());
    let mut peak = 0;
    // A few at a time, so that a slow machine may take as long as it needs.
    for some in (0..=PLACES).step_by(50) {
        until(&format!("{some} steps are done"), || {
            peak = peak.max(peak_of(&status).unwrap_or_default());
            running.is_over() || stage.ledger().len() >= some
        });
    }
    let ran = running.ends().exits(0);
    assert_eq!(stage.ledger().len(), PLACES);
    assert!(!ran.err.contains("could not be removed"), "{}", ran.err);
    assert!(sshd.attempts().is_empty(), "something was left on the host: {:?}", sshd.attempts());
    assert!(peak > 0 && peak < MOST_MEMORY, "the controller took {peak} KiB");
}

/// The most memory that a process has had resident, in KiB.
fn peak_of(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
