//! Crashes while a run is taken back: each undo happens once, the last first, whatever dies in between.

use rustix::process::{Signal, kill_process};

use super::{hurt, left_to_a_person};
use crate::stage::{Stage, keepers_below, until};

const UNDO: [&str; 5] = ["abort", "latest", "--undo", "--reason", "the wrong copy"];

/// What is in the ledger in the end: nothing is lost, nothing is twice, and the order is the reverse.
const ALL: [&str; 7] = ["a", "b-eu", "b-us", "child", "undo-child", "undo-b", "undo-a"];

/// A run that has failed, with steps of several kinds that can be taken back.
fn failed() -> Stage {
    let stage = Stage::new(
        "steps:\n  a: { run: echo a >>ledger, undo: echo undo-a >>ledger }\n  \
         b: { needs: [a], use: both, with: { words: [eu, us] }, undo: echo undo-b >>ledger }\n  \
         c: { needs: [b], plan: child.yaml }\n  \
         d: { needs: [c], http: { url: 'http://127.0.0.1:9/' } }\n",
    );
    stage.write(
        "recipes/both.yaml",
        "recipe: both\nversion: 1\ntitle: T\ndescription: D\ninputs: { words: { type: list, description: W } }\n\
         steps: { say: { run: 'for word in $INPUT_WORDS; do echo \"b-$word\" >>ledger; done' } }\n",
    );
    stage.write(
        "child.yaml",
        "version: 1\nplan: child\nsteps: { inner: { run: echo child >>ledger, undo: echo undo-child >>ledger } }\n",
    );
    stage.execute(&[]).exits(3);
    stage
}

fn is_taken_back(stage: &Stage) -> bool {
    stage
        .journal()
        .last()
        .is_some_and(|event| event["type"] == "run_finished" && event["result"] == "aborted")
}

/// Carries it to its end, as a person would; returns of how many undos nobody could know whether they had begun.
fn finish(stage: &Stage) -> usize {
    let mut unknowable = 0;
    for _ in 0..10 {
        if is_taken_back(stage) {
            return unknowable;
        }
        let ran = stage.run(&UNDO);
        if ran.code == 2 {
            stage.run(&["resume", "latest"]);
        }
        for step in left_to_a_person(stage) {
            let mark = match step.split('/').next() {
                Some("c") => "undo-child".to_owned(),
                step => format!("undo-{}", step.unwrap_or_default()),
            };
            let verb = if stage.ledger().contains(&mark) { "skip" } else { "retry" };
            stage.run(&[verb, "latest", &step, "--reason", "looked into the ledger"]).exits(0);
            unknowable += 1;
        }
    }
    panic!("it does not come to an end: {:#?}", stage.journal());
}

#[test]
fn a_kill_at_any_sync_while_a_run_is_taken_back_loses_nothing() {
    let mut kills = 0;
    for nth in 1..200 {
        let stage = failed();
        let ran = stage.begin(hurt(&stage.drplan(&UNDO), "fdatasync", "signal=KILL", nth)).ends();
        // The keeper lived: there is nothing that nobody can know.
        assert_eq!(finish(&stage), 0, "killed at {nth}");
        assert_eq!(stage.ledger(), ALL, "killed at {nth}: {:#?}", stage.journal());
        stage.run(&["report", "latest"]).exits(0);
        if ran.code != -9 {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 4, "only {kills} kills");
}

#[test]
fn controller_and_keeper_die_together_while_a_run_is_taken_back() {
    let mut kills = 0;
    for records in 1..60 {
        let stage = failed();
        let before = stage.journal().len();
        let mut run = stage.begin(stage.drplan(&UNDO));
        until("there are so many records", || stage.journal().len() >= before + records || run.is_over());
        if run.is_over() {
            break;
        }
        for keeper in keepers_below(stage.path()) {
            let _ = kill_process(keeper, Signal::KILL);
        }
        run.crash();
        finish(&stage);
        assert_eq!(stage.ledger(), ALL, "died after {records}: {:#?}", stage.journal());
        kills += 1;
    }
    assert!(kills >= 2, "only {kills} kills");
}
