//! The two roads to a host: a session of the connection that is there, and the client of OpenSSH.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use super::outlives::{until_begun, waiting_stage};
use super::sshd::Sshd;
use super::{EXECUTE, kept, run, stage_with, start};
use crate::stage::{Stage, until};

/// Three steps, one after the other.
const THREE: &str = "steps:\n  a: { on: vps, run: 'echo \"$WORD\" ${LANG-none}' }\n  b: { needs: [a], on: vps, run: 'echo \"$WORD\" ${LANG-none}' }\n  c: { needs: [b], on: vps, run: 'echo \"$WORD\" ${LANG-none}; exit 7' }\n";

/// Lets the `ssh` of a stage write down what it is started for; more lines go into its configuration.
fn watched(sshd: &Sshd, plan: &str, configuration: &str) -> Stage {
    let stage = stage_with(sshd, plan);
    stage.write("ssh_config", &(stage.read("ssh_config") + configuration));
    let note = format!("#!/bin/sh\necho \"$*\" >>'{}'\n", stage.path().join("calls").display());
    // The file is there, and may be executed.
    stage.write("bin/ssh", &stage.read("bin/ssh").replacen("#!/bin/sh\n", &note, 1));
    stage
}

/// How often the client was started: to make or join a connection, and to tell its configuration.
fn calls(stage: &Stage) -> (usize, usize) {
    let calls = stage.read("calls");
    let told = calls.lines().filter(|line| line.starts_with("-G ")).count();
    (calls.lines().count() - told, told)
}

#[test]
fn visits_join_the_connection_that_is_there_without_the_client() {
    let sshd = Sshd::with("AcceptEnv LANG LC_*");
    let stage = watched(&sshd, &format!("vars: {{ WORD: it }}\n{THREE}"), "  SendEnv LANG LC_*\n");
    run(&stage, &EXECUTE).exits(3);
    assert_eq!(stage.last("step_finished", "c")["outcome"]["failure"]["code"], 7);
    assert_eq!(calls(&stage), (1, 1), "{}", stage.read("calls"));
    // The host's language is its own on the first visit, which the client made, as on the others.
    for step in ["a", "b", "c"] {
        assert_eq!(kept(&stage, step, "stdout"), "it none\n");
    }
}

#[test]
fn a_configuration_that_wants_more_of_a_session_gets_the_client() {
    let sshd = Sshd::with("AcceptEnv WORD");
    let stage = watched(&sshd, THREE, "  SetEnv WORD=of-the-user\n");
    run(&stage, &EXECUTE).exits(3);
    for step in ["a", "b", "c"] {
        assert_eq!(kept(&stage, step, "stdout"), "of-the-user none\n");
    }
    let (started, told) = calls(&stage);
    assert!(started >= 3 && told == 1, "{}", stage.read("calls"));
}

/// The process that holds the connection which visits of a stage share: it works where they do.
fn master(stage: &Stage) -> Pid {
    let is_it = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        // In the background it calls itself so, and names its socket.
        words.starts_with(b"ssh: ") && folder.starts_with(stage.path())
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    Pid::from_raw(pids.find(is_it).expect("there is a connection")).unwrap()
}

/// A waiting stage whose step is visited by a session of a connection that an earlier step has made.
fn joined(sshd: &Sshd) -> Stage {
    let stage = waiting_stage(sshd);
    let plan = stage.read("plan.yaml");
    let first = plan.replace(
        "steps:\n  long:\n",
        "steps:\n  first: { on: vps, run: 'true' }\n  long:\n    needs: [first]\n",
    );
    stage.write("plan.yaml", &first);
    stage
}

#[test]
fn a_session_whose_connection_dies_is_made_again() {
    let sshd = Sshd::start();
    let stage = joined(&sshd);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    kill_process(master(&stage), Signal::KILL).unwrap();
    until("the loss is told", || {
        kept(&stage, "long", "stderr").contains("the connection that visits share has ended")
    });
    // Its socket is left behind, and nobody listens there.
    stage.let_go("go");
    running.ends().exits(0);
    assert_eq!(kept(&stage, "long", "stdout"), "before ***\ngo\nafter ***\n");
    assert_eq!(stage.ledger(), ["began", "192.0.2.9"]);
}

#[test]
fn a_session_of_a_connection_that_stands_still_ends_with_its_step() {
    let sshd = Sshd::start();
    let stage = joined(&sshd);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    let master = master(&stage);
    kill_process(master, Signal::STOP).unwrap();
    stage.let_go("go");
    until("it ends", || sshd.has_outcome());
    assert!(!stage.has_told("step_finished", "long"));
    kill_process(master, Signal::CONT).unwrap();
    running.ends().exits(0);
    assert_eq!(kept(&stage, "long", "stdout"), "before ***\ngo\nafter ***\n");
}
