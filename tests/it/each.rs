//! Steps that are done once for each of several.

use crate::stage::{Stage, until};

/// A step for three regions, and one that waits for all of them.
fn three(more: &str, run: &str) -> Stage {
    Stage::new(&format!(
        "steps:\n  notify:\n    each: {more}\n    run: |\n      {run}\n    rerun: safe\n    takes: 1s\n  after: {{ needs: [notify], run: echo after >>ledger, takes: 1s }}\n"
    ))
}

const SAY: &str = "echo \"$DRPLAN_EACH\" >>ledger";

#[test]
fn every_item_is_a_step_of_its_own() {
    let stage = three("[eu, us, ap]", SAY);
    stage.execute(&[]).exits(0);
    let mut ledger = stage.ledger();
    assert_eq!(ledger.pop().as_deref(), Some("after"), "something was not waited for");
    ledger.sort();
    assert_eq!(ledger, ["ap", "eu", "us"]);
    let mut finished = stage.told("step_finished");
    finished.sort();
    assert_eq!(finished, ["after", "notify", "notify@ap", "notify@eu", "notify@us"]);
    stage.run(&["check", "plan.yaml"]).exits(0);
    stage.run(&["graph", "plan.yaml"]).exits(0).says("notify");
}

#[test]
fn items_beyond_the_limit_wait() {
    // Each item looks whether another is under way.
    let alone = "mkdir busy && echo \"$DRPLAN_EACH\" >>ledger && sleep 0.05 && rmdir busy";
    let stage = three("{ of: [eu, us, ap], at_most: 1 }", alone);
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["eu", "us", "ap", "after"]);
    // Two at a time really are two: each of the first two waits for the other.
    let pair = "touch \"in-$DRPLAN_EACH\"; until [ -e in-eu ] && [ -e in-us ]; do sleep 0.01; done; [ $DRPLAN_EACH != ap ] || [ -e out ]; touch out; echo \"$DRPLAN_EACH\" >>ledger";
    let stage = three("{ of: [eu, us, ap], at_most: 2 }", pair);
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger().len(), 4);
}

#[test]
fn an_item_that_is_a_place_is_done_there() {
    let stage = Stage::new(
        "places:\n  eu: { kind: host, vars: { WHERE: europe } }\n  us: { kind: host, vars: { WHERE: america } }\n\
         steps:\n  tell: { each: [eu, us], run: 'echo \"$WHERE\" >>ledger', takes: 1s }\n",
    );
    stage.execute(&[]).exits(0);
    let mut ledger = stage.ledger();
    ledger.sort();
    assert_eq!(ledger, ["america", "europe"]);
}

#[test]
fn one_item_fails_and_nothing_waits_for_the_whole() {
    let run = "[ \"$DRPLAN_EACH\" != us ]; echo \"$DRPLAN_EACH\" >>ledger";
    let stage = three("[eu, us, ap]\n    on_failure: continue", run);
    stage.execute(&[]).exits(3).says("notify@us");
    let mut ledger = stage.ledger();
    ledger.sort();
    assert_eq!(ledger, ["ap", "eu"]);
    assert!(!stage.has_told("step_started", "notify"));
    // The one item is given up by its path; the rest goes on.
    let run = stage.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    stage.run(&["skip", &run, "notify@us", "--reason", "told by phone"]).exits(0);
    stage.run(&["resume", &run]).exits(3);
    assert!(stage.ledger().contains(&"after".to_owned()));
}

#[test]
fn a_crash_in_the_middle_repeats_no_item() {
    let run = "echo \"$DRPLAN_EACH\" >>ledger; if [ $DRPLAN_EACH = us ]; then read -r line <gate; fi";
    let stage = three("{ of: [eu, us, ap], at_most: 1 }", run);
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("us runs", || stage.ledger() == ["eu", "us"]);
    run.crash();
    let run = stage.start(&["resume", "latest"]);
    until("it is taken up", || stage.has_told("step_judged", "notify@us"));
    // The limit holds for what an earlier controller has started.
    assert_eq!(stage.ledger(), ["eu", "us"]);
    assert!(!stage.has_told("step_started", "notify@ap"));
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["eu", "us", "ap", "after"]);
}

#[test]
fn keys_that_are_no_keys_are_told_at_their_place() {
    let check = |each: &str, more: &str| {
        Stage::new(&format!("steps:\n  notify: {{ each: {each}, run: 'true', takes: 1s{more} }}\n"))
            .run(&["check", "plan.yaml"])
            .exits(1)
    };
    check("[eu, eu]", "").says("`eu` stands twice under `each`").says("plan.yaml:5:");
    check("{ of: [eu, us, eu] }", "").says("`eu` stands twice under `each`");
    check("[eu/west]", "").says("cannot be the key of an item");
    check("[eu]", ", outputs: [X]").says("`outputs` does not fit a step with `each`");
}

#[test]
fn the_limit_counts_in_the_recovery_time() {
    let plan = |each: &str| {
        let stage = Stage::new(&format!(
            "places: {{ a: {{ kind: host }}, b: {{ kind: host }} }}\n\
             assets: {{ app: {{ kind: app, homes: [a, b], rto: 1h, owner: x, health: [{{ run: 'true' }}] }} }}\n\
             scenarios: {{ loss: {{ title: Loss, lose: [a], detect: 1m, decide: 1m }} }}\n\
             steps:\n  start: {{ restores: [app], each: {each}, run: 'true', takes: 10m }}\n"
        ));
        stage.run(&["graph", "plan.yaml"]).exits(0)
    };
    plan("[x, y, z]").says("recover 10m");
    plan("{ of: [x, y, z], at_most: 2 }").says("recover 20m");
    plan("{ of: [x, y, z], at_most: 1 }").says("recover 30m");
}
