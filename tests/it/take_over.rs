//! A run goes on at another machine: explicitly, on record, and never beside a controller that still lives.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use crate::stage::{Ran, Running, Stage, until};

/// A stage with a step that waits at the gate, and one behind it.
fn stage() -> Stage {
    let stage = Stage::new(
        "steps:\n  a: { run: 'echo a >>ledger; read -r line <gate' }\n  b: { needs: [a], run: echo b >>ledger }\n",
    );
    stage.fifo("gate");
    stage
}

/// Begins drplan on a machine that has another name; all else of it is this one.
fn start_away(stage: &Stage, args: &[&str]) -> Running {
    let drplan = stage.drplan(args);
    let mut away = Command::new("unshare");
    if !geteuid().is_root() {
        away.args(["--user", "--map-root-user"]);
    }
    away.args(["--uts", "sh", "-c", "hostname away && exec \"$@\"", "sh"]);
    away.arg(drplan.get_program()).args(drplan.get_args());
    let values = drplan.get_envs().filter_map(|(name, value)| Some((name, value?)));
    away.env_clear().envs(values).stdin(Stdio::null());
    if let Some(folder) = drplan.get_current_dir() {
        away.current_dir(folder);
    }
    stage.begin(away)
}

/// Begins a run at the other machine, and waits until it works.
fn begun_away(stage: &Stage) -> Running {
    let run = start_away(stage, &["execute", "plan.yaml", "--yes"]);
    until("a runs", || stage.process_of("a", 1).is_some() && !stage.ledger().is_empty());
    run
}

fn take_over(stage: &Stage) -> Ran {
    stage.run(&["resume", "latest", "--take-over", "it is under water"])
}

#[test]
fn a_run_of_a_machine_that_is_gone_is_taken_over_with_a_reason() {
    let stage = stage();
    begun_away(&stage).crash();
    let status = stage.run(&["status"]).exits(0).says("on away").says("nobody can see whether that is gone");
    assert!(status.out.contains("--take-over"), "{}", status.out);
    let records = stage.journal().len();
    stage.run(&["resume", "latest"]).exits(2).says("is controlled by tester on away").says("--take-over");
    stage.run(&["resume", "latest", "--take-over", " "]).exits(2).says("needs a reason");
    assert_eq!(stage.journal().len(), records, "a refusal leaves the journal alone");
    let run = stage.start(&["resume", "latest", "--take-over", "it is under water"]);
    until("it is taken over", || !stage.told("run_resumed").is_empty());
    stage.let_go("gate");
    run.ends().exits(0).says("Taken over from tester on away").says("it is under water");
    assert_eq!(stage.ledger(), ["a", "b"]);
    let taken = &stage.last("run_resumed", "")["taken_over"];
    assert_eq!((&taken["from"]["host"], &taken["reason"]), (&"away".into(), &"it is under water".into()));
    stage.run(&["report"]).exits(0).says("taken over from tester on away");
}

#[test]
fn a_run_whose_controller_lives_is_not_taken_over() {
    let stage = stage();
    let run = begun_away(&stage);
    take_over(&stage).exits(2).says("it is held by tester on away");
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["a", "b"]);
}

#[test]
fn a_run_that_was_left_on_purpose_goes_on_anywhere() {
    let stage = Stage::new("steps: { a: { manual: Look. } }\n");
    start_away(&stage, &["execute", "plan.yaml", "--yes"]).ends().exits(4);
    stage.run(&["done", "latest", "a"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
    assert!(stage.last("run_resumed", "")["taken_over"].is_null());
}

#[test]
fn a_controller_that_was_taken_for_dead_does_nothing_more() {
    let stage = stage();
    let theirs = begun_away(&stage);
    // Storage on which the locks of one machine mean nothing to the other: the file is there, its lock is not.
    let lock = stage.run_dir().join("lock");
    let plans = fs::read_dir(lock.ancestors().nth(3).unwrap().join("locks"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for lock in plans.chain([lock.clone()]) {
        let name = fs::read(&lock).unwrap();
        fs::remove_file(&lock).unwrap();
        fs::write(&lock, name).unwrap();
    }
    let ours = stage.start(&["resume", "latest", "--take-over", "it does not answer"]);
    until("it is taken over", || !stage.told("run_resumed").is_empty());
    stage.let_go("gate");
    theirs.ends().exits(2).says("the run was taken over by tester on").says("nothing more was started here");
    ours.ends().exits(0);
    assert_eq!(stage.ledger(), ["a", "b"]);
}
