//! Crashes, signals, damaged files, full disks: nothing runs twice, nothing is lost, nothing is guessed.

use std::fs;

use drplan::keeper::start_time;
use rustix::process::Signal;

use crate::small_disk::SmallDisk;
use crate::stage::{Running, Stage, until};

/// A step `a` whose first attempt is held at the gate, and a step `b` after it.
fn held(more: &str) -> Stage {
    held_with("", more)
}

/// The same, with more of a plan before its steps.
fn held_with(head: &str, more: &str) -> Stage {
    let stage = Stage::new(&format!(
        "{head}steps:\n  a:\n    run: |\n      echo a >>ledger\n      if [ \"$(wc -l <ledger)\" = 1 ]; then read -r line <gate; fi\n    {more}\n  b: {{ needs: [a], run: echo b >>ledger }}\n"
    ));
    stage.fifo("gate");
    stage
}

/// Begins a run and waits until `a` has begun its work.
fn begun(stage: &Stage) -> Running {
    begun_as(stage, "--yes")
}

fn begun_as(stage: &Stage, mode: &str) -> Running {
    let run = stage.start(&["execute", "plan.yaml", mode]);
    until("a runs", || stage.process_of("a", 1).is_some() && !stage.ledger().is_empty());
    run
}

/// Resumes a run and waits until it has been taken up.
fn resumed(stage: &Stage) -> Running {
    let before = stage.told("run_resumed").len();
    let run = stage.start(&["resume", "latest"]);
    until("it is taken up", || {
        stage.told("run_resumed").len() > before && stage.has_told("step_judged", "a")
    });
    run
}

// Crashes.

#[test]
fn a_crash_of_the_controller_loses_nothing() {
    let stage = held("takes: 3h");
    begun(&stage).crash();
    let (pid, began) = stage.process_of("a", 1).unwrap();
    assert_eq!(start_time(pid).unwrap(), Some(began), "the step died with the controller");
    stage.run(&["status"]).exits(0).says("its controller is gone").says("drplan resume");
    stage.run(&["runs"]).exits(0).says("its controller is gone");
    let run = resumed(&stage);
    assert_eq!(start_time(pid).unwrap(), Some(began), "another process took its place");
    assert_eq!(stage.last("step_judged", "a")["verdict"], "kept");
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["a", "b"]);
    assert_eq!(stage.last("step_finished", "a")["attempt"], 1);
}

#[test]
fn a_step_that_ended_without_its_controller_is_not_repeated() {
    let stage = held("takes: 1s");
    begun(&stage).crash();
    stage.let_go("gate");
    until("a ended", || stage.run_dir().join("steps/a/1/outcome.json").exists());
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.ledger(), ["a", "b"]);
}

#[test]
fn without_a_keeper_a_step_that_may_be_repeated_is_repeated() {
    for lock in ["", "\n    lock: one-at-a-time"] {
        let stage = held(&format!("rerun: safe{lock}"));
        let run = begun(&stage);
        run.crash();
        stage.crash_keeper();
        // Its process lives on: it is awaited, and only then judged.
        let run = resumed(&stage);
        assert_eq!(stage.ledger(), ["a"]);
        stage.let_go("gate");
        run.ends().exits(0);
        assert_eq!(stage.ledger(), ["a", "a", "b"]);
        assert_eq!(stage.last("step_finished", "a")["attempt"], 2);
    }
}

/// A run whose controller and keeper died, and whose step has ended with nobody to see how.
fn unseen(more: &str) -> Stage {
    unseen_in(held(more), "--yes")
}

fn unseen_in(stage: Stage, mode: &str) -> Stage {
    begun_as(&stage, mode).crash();
    stage.crash_keeper();
    let (pid, began) = stage.process_of("a", 1).unwrap();
    stage.let_go("gate");
    until("a is gone", || start_time(pid).unwrap() != Some(began));
    stage
}

#[test]
fn without_a_keeper_a_person_decides_about_the_rest() {
    for rerun in ["ask", "never"] {
        let stage = unseen(&format!("rerun: {rerun}"));
        stage.run(&["resume", "latest"]).exits(4).says("a person must say").says("drplan retry");
        stage.run(&["status"]).exits(0).says("a person must decide");
        assert_eq!(stage.ledger(), ["a"]);
        stage.run(&["retry", "latest", "a", "--reason", "looked, and it was not done"]).exits(0);
        stage.run(&["resume", "latest"]).exits(0);
        assert_eq!(stage.ledger(), ["a", "a", "b"]);
    }
    let stage = unseen("rerun: ask");
    stage.run(&["resume", "latest"]).exits(4);
    stage.run(&["skip", "latest", "a", "--reason", "looked, and it was done"]).exits(0);
    // A skipped step does not read as clean.
    stage.run(&["resume", "latest"]).exits(3);
    assert_eq!(stage.ledger(), ["a", "b"]);
}

#[test]
fn what_nobody_knows_of_keeps_its_lock_until_a_person_has_decided() {
    for decision in ["retry", "skip"] {
        let stage = unseen("lock: one\n  c: { lock: one, run: echo c >>ledger }");
        stage.run(&["resume", "latest"]).exits(4).says("a person must say");
        assert_eq!(stage.ledger(), ["a"], "its lock was given to another");
        stage.run(&[decision, "latest", "a", "--reason", "looked"]).exits(0);
        stage.run(&["resume", "latest"]).exits(if decision == "retry" { 0 } else { 3 });
        let mut ledger = stage.ledger();
        ledger.sort();
        assert_eq!(ledger.join(""), if decision == "retry" { "aabc" } else { "abc" });
    }
}

#[test]
fn what_nobody_knows_of_does_not_keep_what_tidies_up_from_its_lock() {
    let cleanup = "environments: { drill: {} }\ncleanup: { z: { lock: one, run: echo z >>ledger } }\n";
    let stage = unseen_in(held_with(cleanup, "lock: one"), "--drill");
    stage.run(&["resume", "latest"]).exits(4);
    stage.run(&["abort", "latest", "--reason", "restored elsewhere"]).exits(0);
    assert_eq!(stage.ledger(), ["a", "z"]);
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
}

#[test]
fn a_run_that_waits_for_a_decision_can_be_given_up() {
    let stage = unseen("rerun: ask");
    stage.run(&["resume", "latest"]).exits(4);
    stage.run(&["abort", "latest", "--reason", ""]).exits(2).says("reason");
    stage.run(&["abort", "latest", "--reason", "restored elsewhere"]).exits(0);
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
    stage.run(&["resume", "latest"]).exits(2).says("the run is over");
}

#[test]
fn work_that_its_probe_finds_done_is_not_repeated() {
    for probe in ["unless: { file: mark }", "verify: [ { file: ledger } ]"] {
        let stage = unseen(probe);
        stage.write("mark", "");
        stage.run(&["resume", "latest"]).exits(0);
        assert_eq!(stage.ledger(), ["a", "b"], "{probe}");
    }
    let stage = unseen("verify: [ { file: mark } ]");
    stage.run(&["resume", "latest"]).exits(4);
}

#[test]
fn outputs_of_work_that_is_found_done_are_not_lost() {
    let stage = Stage::new(
        "steps:\n  a:\n    outputs: [X]\n    verify: [ { file: ledger } ]\n    run: |\n      echo X=7 >>$DRPLAN_OUTPUT; echo a >>ledger; read -r line <gate\n  b: { needs: [a], run: 'echo \"b$X\" >>ledger' }\n",
    );
    stage.fifo("gate");
    begun(&stage).crash();
    stage.crash_keeper();
    let run = resumed(&stage);
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["a", "b7"]);
}

/// Begins a run, crashes its controller once the journal has so many records, and resumes it.
fn crash_after(records: usize) -> bool {
    let stage = Stage::new(
        "people: { ana: { name: Ana, contact: x } }\nplaces: { base: { kind: host } }\n\
         assets: { data: { kind: files, homes: [base], health: [ { file: ledger } ] } }\n\
         backups: { nightly: { of: [data], points: { every: 1d }, copies: { vault: { at: vault, keep: 7d } } } }\n\
         steps:\n\
         \x20 make: { outputs: [X], run: 'echo make >>ledger; echo X=1 >>$DRPLAN_OUTPUT' }\n\
         \x20 done: { needs: [make], unless: { file: ledger }, run: echo done >>ledger }\n\
         \x20 restore: { needs: [done], restores: [data], from: [nightly.vault], run: 'echo restore >>ledger; test $POINT_ID = 20261102T000000Z' }\n\
         \x20 again: { needs: [data], retry: { times: 1, delay: 1ms }, run: 'echo again >>again; test $(wc -l <again) = 2' }\n\
         \x20 pause: { needs: [data], wait: 5ms }\n\
         \x20 locked: { needs: [data], lock: one, run: 'mkdir busy; echo locked >>ledger; rmdir busy' }\n\
         \x20 too: { needs: [data], lock: one, run: 'mkdir busy; echo too >>ledger; rmdir busy' }\n\
         \x20 last: { needs: [again, pause, locked, too], verify: [ { file: again } ], run: 'echo last$X >>ledger' }\n",
    );
    stage.write("vault/20261102T000000Z/x", "");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    let mut run = Some(run);
    let is_over = |stage: &Stage| stage.journal().last().is_some_and(|event| event["type"] == "run_finished");
    until("there are so many records", || stage.journal().len() >= records || is_over(&stage));
    run.take().unwrap().crash();
    if is_over(&stage) {
        return false;
    }
    stage.run(&["resume", "latest"]).exits(0);
    let mut ledger = stage.ledger();
    ledger.sort();
    assert_eq!(ledger, ["last1", "locked", "make", "restore", "too"], "crashed after {records} records");
    assert_eq!(stage.read("again"), "again\nagain\n", "crashed after {records} records");
    // The journal agrees: each was finished once.
    let mut finished = stage.told("step_finished");
    finished.sort();
    assert_eq!(finished, ["again", "data", "last", "locked", "make", "pause", "restore", "too"]);
    true
}

#[test]
fn a_crash_after_any_record_repeats_nothing() {
    let crashed = (1..40).take_while(|records| crash_after(*records)).count();
    assert!(crashed >= 10, "only {crashed} crashes");
}

// The files of a run.

fn stopped() -> Stage {
    let stage = Stage::new(
        "steps:\n  a: { run: echo a >>ledger }\n  go: { needs: [a], manual: Look. }\n  b: { needs: [go], run: echo b >>ledger }\n",
    );
    stage.execute(&[]).exits(4);
    stage
}

fn goes_on(stage: &Stage) {
    stage.run(&["approve", "latest", "go"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.ledger(), ["a", "b"]);
}

#[test]
fn a_torn_end_of_the_journal_is_mended_and_told() {
    let stage = held("takes: 1s");
    begun(&stage).crash();
    let journal = stage.run_dir().join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{text}{{\"v\":1,\"n\":")).unwrap();
    // To look changes nothing.
    stage.run(&["status"]).exits(0).says("its controller is gone");
    let run = stage.start(&["resume", "latest"]);
    until("it is mended", || stage.has_told("journal_mended", ""));
    stage.let_go("gate");
    run.ends().exits(0).says("11 bytes of an unfinished record were cut off");
    assert_eq!(stage.ledger(), ["a", "b"]);
}

#[test]
fn a_changed_journal_is_refused() {
    let stage = stopped();
    let journal = stage.run_dir().join("journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut flipped = whole.clone();
    flipped[second + 40] ^= 1;
    fs::write(&journal, &flipped).unwrap();
    stage.run(&["resume", "latest"]).exits(2).says("record 2").says("restore the file from a copy");
    stage.run(&["abort", "latest", "--reason", "it is broken"]).exits(2).says("record 2");
    fs::write(&journal, "Dear diary,\n").unwrap();
    stage.run(&["resume", "latest"]).exits(2).says("record 1");
    fs::remove_file(&journal).unwrap();
    stage.run(&["resume", "latest"]).exits(2).says("there is no journal");
    fs::write(&journal, &whole).unwrap();
    goes_on(&stage);
}

#[test]
fn a_changed_frozen_plan_is_refused_and_a_changed_plan_is_told() {
    let stage = stopped();
    let frozen = stage.run_dir().join("frozen/run.json");
    let whole = fs::read_to_string(&frozen).unwrap();
    fs::write(&frozen, whole.replace("echo b", "echo c")).unwrap();
    stage.run(&["resume", "latest"]).exits(2).says("has been changed since");
    fs::write(&frozen, whole).unwrap();
    let plan = stage.read("plan.yaml").replace("echo b", "echo c");
    stage.write("plan.yaml", &plan);
    stage.run(&["approve", "latest", "go"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0).says("keeps to");
    assert_eq!(stage.ledger(), ["a", "b"]);
    assert_eq!(stage.last("run_resumed", "")["plan_changed"], true);
}

// Signals and requests.

#[test]
fn the_first_interrupt_waits_for_what_runs() {
    let stage = held("takes: 1s");
    let run = begun(&stage);
    run.signal(Signal::INT);
    until("it is heard", || stage.has_told("stop_asked", ""));
    stage.let_go("gate");
    run.ends().exits(4).says("drplan resume");
    assert_eq!(stage.ledger(), ["a"]);
    assert_eq!(stage.last("step_finished", "a")["outcome"]["result"], "done");
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.ledger(), ["a", "b"]);
}

#[test]
fn an_interrupt_takes_no_attempt_away() {
    let stage = Stage::new(
        "steps: { a: { run: 'echo a >>ledger; read -r line <gate; test $(wc -l <ledger) = 2', retry: { times: 1, delay: 1ms } } }\n",
    );
    stage.fifo("gate");
    let run = begun(&stage);
    run.signal(Signal::INT);
    until("it is heard", || stage.has_told("stop_asked", ""));
    stage.let_go("gate");
    run.ends().exits(4);
    let run = stage.start(&["resume", "latest"]);
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["a", "a"]);
}

#[test]
fn the_second_interrupt_ends_what_runs() {
    for (rerun, code) in [("safe", 0), ("ask", 4)] {
        let stage = held(&format!("rerun: {rerun}"));
        let run = begun(&stage);
        let (pid, began) = stage.process_of("a", 1).unwrap();
        run.signal(Signal::INT);
        until("it is heard", || stage.has_told("stop_asked", ""));
        run.signal(Signal::INT);
        run.ends().exits(4);
        assert_ne!(start_time(pid).unwrap(), Some(began), "the step was not ended");
        stage.run(&["resume", "latest"]).exits(code);
        assert_eq!(stage.ledger().len(), if code == 0 { 3 } else { 1 });
    }
}

#[test]
fn an_interrupt_does_not_sit_out_a_wait_or_a_delay() {
    for step in [
        "wait: 1h",
        "wait: { file: never, every: 1h }, timeout: 3h",
        "run: exit 1, retry: { times: 1, delay: 1h, max_delay: 1h }",
    ] {
        let stage = Stage::new(&format!("steps:\n  a: {{ {step} }}\n"));
        let run = stage.start(&["execute", "plan.yaml", "--yes"]);
        let event = if step.starts_with("run") { "retry_planned" } else { "step_started" };
        until("it waits", || stage.has_told(event, "a"));
        run.signal(Signal::TERM);
        run.ends().exits(4);
        stage.run(&["abort", "latest", "--reason", "enough"]);
        assert_eq!(stage.last("run_finished", "")["result"], "aborted");
    }
}

#[test]
fn a_run_is_given_up_with_and_without_its_controller() {
    let stage = held("rerun: safe");
    let run = begun(&stage);
    let (pid, began) = stage.process_of("a", 1).unwrap();
    stage.run(&["abort", "latest", "--reason", "the old host is back"]).exits(0);
    run.ends().exits(3);
    assert_ne!(start_time(pid).unwrap(), Some(began), "the step was not ended");
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
    stage.run(&["report"]).exits(0).says("the old host is back");
    let stage = held("rerun: safe");
    begun(&stage).crash();
    let (pid, began) = stage.process_of("a", 1).unwrap();
    stage.run(&["abort", "latest", "--reason", "the old host is back"]).exits(0);
    assert_ne!(start_time(pid).unwrap(), Some(began), "the step was not ended");
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
    assert_eq!(stage.ledger(), ["a"]);
}

#[test]
fn a_request_to_a_run_without_a_controller_says_so() {
    let stage = held("takes: 1s");
    begun(&stage).crash();
    stage.run(&["skip", "latest", "b", "--reason", "not today"]).exits(0).says("nobody controls the run now");
}

// Full disks.

#[test]
fn a_full_disk_starts_nothing_more_and_loses_nothing() {
    let disk = SmallDisk::of(256);
    let fill = disk.path().join("fill");
    // Two long outputs make a record that fits into no page that is there already.
    let stage = Stage::new(&format!(
        "steps:\n  a:\n    outputs: [X, Y]\n    run: |\n      long=$(printf '%04000d' 7); echo X=$long >>$DRPLAN_OUTPUT; echo Y=$long >>$DRPLAN_OUTPUT\n      echo a >>ledger; cat /dev/zero >'{}' 2>/dev/null || true\n  b: {{ needs: [a], run: 'echo b >>ledger; test \"${{#X}}\" = 4000' }}\n",
        fill.display()
    ))
    .with_state(&disk.path().join("state"));
    stage.execute(&[]).exits(2).says("journal").says("drplan resume");
    assert_eq!(stage.ledger(), ["a"]);
    assert!(!stage.has_told("step_started", "b"));
    stage.run(&["status"]).exits(0);
    fs::remove_file(&fill).unwrap();
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.ledger(), ["a", "b"]);
    drop(stage);
    drop(disk);
}
