//! People in a run: what they are asked, who may answer, and what their answers do.

use std::fs;

use crate::stage::{Running, Stage, until};

const PEOPLE: &str = "people:\n\
    \x20 ana: { name: Ana, contact: x, roles: [lead] }\n\
    \x20 ivan: { name: Ivan, contact: x, roles: [lead, operator] }\n\
    \x20 eve: { name: Eve, contact: x }\n";

fn stage(steps: &str) -> Stage {
    Stage::new(&format!("{PEOPLE}steps:\n{steps}"))
}

/// A run that stays, and has asked what the step asks.
fn waiting(stage: &Stage, step: &str) -> Running {
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait"]);
    until("it asks", || stage.has_told("answer_awaited", step));
    run
}

#[test]
fn a_run_without_a_terminal_says_what_to_type() {
    let stage = stage(
        "  go: { approve: { by: [lead], ask: May it go on? } }\n  dns: { needs: [go], manual: Set the record., by: operator }\n  last: { needs: [dns], run: echo last >>ledger }\n",
    );
    let ran = stage.execute(&[]).exits(4).says("May it go on?");
    let run = stage.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    let ran = ran.says(&format!("drplan approve {run} go --as "));
    ran.says(&format!("drplan resume {run}"));
    stage.run(&["status"]).exits(0).says(&format!("answer with: drplan approve {run} go --as PERSON\n"));
    // Not the wrong person, not nobody, not something that is not asked.
    stage.run(&["approve", "latest", "go", "--as", "eve"]).exits(2).says("these may: ana, ivan");
    stage.run(&["approve", "latest", "go"]).exits(2).says("--as PERSON");
    stage.run(&["approve", "latest", "last", "--as", "ana"]).exits(2).says("does not wait for an answer");
    stage.run(&["approve", "latest", "goo", "--as", "ana"]).exits(2).says("go");
    stage.run(&["resume", "latest"]).exits(4);
    stage
        .run(&["approve", "latest", "go", "--as", "ana", "--note", "looks good"])
        .exits(0)
        .says("drplan resume");
    stage.run(&["resume", "latest"]).exits(4).says("Set the record.");
    stage.run(&["approve", "latest", "dns", "--as", "ana"]).exits(2).says("these may: ivan");
    stage.run(&["approve", "latest", "dns", "--as", "ivan"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.ledger(), ["last"]);
    stage.run(&["report"]).exits(0).says("looks good");
}

#[test]
fn yes_begins_a_run_and_approves_nothing() {
    let stage = stage("  go: { approve: { by: [ana] } }\n");
    stage.run(&["execute", "plan.yaml", "--yes", "--as", "ana"]).exits(4);
    assert!(!stage.has_told("answered", "go"));
    stage.run(&["execute", "plan.yaml", "--yes", "--as", "nobody"]).exits(2).says("not a person of the plan");
}

#[test]
fn two_who_must_agree_are_two_people() {
    let stage = stage(
        "  go: { approve: { by: [lead], quorum: 2 } }\n  last: { needs: [go], run: echo last >>ledger }\n",
    );
    let run = waiting(&stage, "go");
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    until("it is heard", || stage.told("answered").len() == 1);
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(2).says("ana has agreed already");
    until("it is on record", || stage.has_told("answer_rejected", "go"));
    assert!(!stage.has_told("step_finished", "go"), "one person counted twice");
    stage.run(&["approve", "latest", "go", "--as", "ivan"]).exits(0).says("controller hears it");
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["last"]);
}

#[test]
fn whoever_started_a_run_does_not_approve_it() {
    let stage = stage("  go: { approve: { by: [lead], distinct_from: starter } }\n");
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait", "--as", "ana"]);
    until("it asks", || stage.has_told("answer_awaited", "go"));
    stage.run(&["approve", "latest", "go", "--as", "ana"]);
    until("it is heard", || stage.has_told("answer_rejected", "go"));
    assert!(!stage.has_told("answered", "go"));
    stage.run(&["approve", "latest", "go", "--as", "ivan"]).exits(0);
    run.ends().exits(0);
}

#[test]
fn whoever_did_the_work_does_not_approve_it() {
    let stage = stage(
        "  work: { manual: Do it., by: operator }\n  go: { needs: [work], approve: { by: [lead], distinct_from: work } }\n",
    );
    let run = waiting(&stage, "work");
    stage.run(&["approve", "latest", "work", "--as", "ivan"]).exits(0);
    until("it asks", || stage.has_told("answer_awaited", "go"));
    stage.run(&["approve", "latest", "go", "--as", "ivan"]);
    until("it is heard", || stage.has_told("answer_rejected", "go"));
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    run.ends().exits(0);
}

#[test]
fn a_refusal_fails_the_step() {
    let stage =
        stage("  go: { approve: { by: [lead] } }\n  last: { needs: [go], run: echo last >>ledger }\n");
    stage.execute(&[]).exits(4);
    stage.run(&["approve", "latest", "go", "--as", "ana", "--refuse", "--note", "too early"]).exits(0);
    stage.run(&["resume", "latest"]).exits(3).says("refused by ana");
    assert_eq!(stage.ledger().len(), 0);
    stage.run(&["report"]).exits(0).says("too early");
}

#[test]
fn what_was_agreed_to_before_a_refusal_counts_no_more() {
    let stage = stage("  go: { approve: { by: [lead], quorum: 2 } }\n");
    let run = waiting(&stage, "go");
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    until("it is heard", || stage.told("answered").len() == 1);
    stage.run(&["approve", "latest", "go", "--as", "ivan", "--refuse"]).exits(2).says("says why");
    stage.run(&["approve", "latest", "go", "--as", "ivan", "--refuse", "--note", "no"]).exits(0);
    run.ends().exits(3);
    stage.run(&["retry", "latest", "go", "--reason", "they talked"]).exits(0);
    stage.run(&["resume", "latest"]).exits(4);
    stage.run(&["approve", "latest", "go", "--as", "ivan"]).exits(0);
    stage.run(&["resume", "latest"]).exits(4);
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
}

#[test]
fn a_question_that_nobody_answers_ends() {
    let steps = |on_expiry: &str| {
        format!(
            "  go: {{ approve: {{ by: [lead], expires: 1s, on_expiry: {on_expiry} }} }}\n  last: {{ needs: [go], run: echo last >>ledger }}\n"
        )
    };
    let stop = stage(&steps("stop"));
    stop.run(&["execute", "plan.yaml", "--yes", "--wait"]).exits(3).says("nobody answered within 1s");
    assert_eq!(stop.ledger().len(), 0);
    // A second attempt has a time of its own.
    stop.run(&["retry", "latest", "go", "--reason", "they were at lunch"]).exits(0);
    stop.run(&["resume", "latest"]).exits(4);
    stop.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    let on = stage(&steps("continue"));
    // It went on without an answer, and does not read as clean.
    on.run(&["execute", "plan.yaml", "--yes", "--wait"]).exits(3).says("the plan says to go on");
    assert_eq!(on.ledger(), ["last"]);
}

#[test]
fn an_answer_from_elsewhere_is_heard_at_once() {
    let stage = stage("  go: { approve: { by: [ana] } }\n  last: { needs: [go], run: echo last >>ledger }\n");
    let run = waiting(&stage, "go");
    stage.run(&["status"]).exits(0).says("waiting for a person").says("under way");
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["last"]);
}

#[test]
fn a_person_goes_on_without_a_step_that_waits_or_has_not_begun() {
    let stage = stage(
        "  go: { approve: { by: [ana] } }\n  later: { needs: [go], run: echo later >>ledger }\n  last: { needs: [later], run: echo last >>ledger }\n",
    );
    let run = waiting(&stage, "go");
    stage.run(&["skip", "latest", "later", "--reason", "no time"]).exits(0);
    until("it is heard", || stage.has_told("step_skipped", "later"));
    stage.run(&["skip", "latest", "go", "--reason", "no time"]).exits(0);
    run.ends().exits(3);
    assert_eq!(stage.ledger(), ["last"]);
}

#[test]
fn a_step_is_skipped_while_its_probe_is_asked() {
    let stage = stage(
        "  a: { run: echo a >>ledger, unless: { run: 'echo >asked; read -r line <gate; exit 1' } }\n  b: { needs: [a], run: echo b >>ledger }\n",
    );
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("it is asked", || stage.has("asked"));
    stage.run(&["skip", "latest", "a", "--reason", "no time"]).exits(0);
    until("it is heard", || stage.has_told("step_skipped", "a"));
    stage.let_go("gate");
    run.ends().exits(3);
    assert_eq!(stage.ledger(), ["b"]);
}

#[test]
fn a_request_that_makes_no_sense_is_put_aside() {
    let stage = stage("  go: { approve: { by: [ana] } }\n");
    let run = waiting(&stage, "go");
    fs::write(stage.run_dir().join("inbox/x.json"), "{").unwrap();
    until("it is put aside", || stage.run_dir().join("inbox/bad/x.json").exists());
    stage.run(&["retry", "latest", "go", "--reason", "why not"]).exits(0);
    until("it is heard", || stage.has_told("answer_rejected", "go"));
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    run.ends().exits(0);
}

/// Whether an approval that must come from another one than who did `STEP` is refused to who did all its parts.
fn is_kept_from_approving(stage: &Stage, parts: &[&str]) {
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait"]);
    for part in parts {
        until("the part is asked for", || stage.has_told("answer_awaited", part));
        stage.run(&["done", "latest", part, "--as", "ivan"]).exits(0);
    }
    until("it asks", || stage.has_told("answer_awaited", "go"));
    let asked = stage.last("answer_awaited", "go");
    assert_eq!(asked["from"], serde_json::json!(["ana"]), "who did a part is asked");
    stage.run(&["approve", "latest", "go", "--as", "ivan"]).exits(2).says("must be another person than work");
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    run.ends().exits(0);
}

#[test]
fn whoever_did_a_part_of_the_work_does_not_approve_it() {
    let go = "  go: { needs: [work], approve: { by: [lead], distinct_from: work } }\n";
    let items = stage(&format!("  work: {{ each: [eu, us], manual: Do it., by: lead }}\n{go}"));
    is_kept_from_approving(&items, &["work@eu", "work@us"]);

    let child = stage(&format!("  work: {{ plan: child/child.yaml }}\n{go}"));
    child.write(
        "child/child.yaml",
        "version: 1\nplan: child\nsteps: { look: { manual: Look. }, then: { needs: [look], run: 'true' } }\n",
    );
    is_kept_from_approving(&child, &["work/look"]);

    let recipe = stage(&format!("  work: {{ use: by-hand }}\n{go}"));
    recipe.write(
        "recipes/by-hand.yaml",
        "recipe: by-hand\nversion: 1\ntitle: By hand\nsteps: { look: { manual: Look. } }\n",
    );
    is_kept_from_approving(&recipe, &["work/look"]);
}

#[test]
fn who_must_not_answer_is_not_asked() {
    let stage = stage("  go: { approve: { by: [lead], distinct_from: starter } }\n");
    let ran = stage.run(&["execute", "plan.yaml", "--yes", "--as", "ana"]).exits(4);
    ran.says("needs the approval of ivan:");
    stage.run(&["status"]).exits(0).says("waits for ivan\n");
    stage.run(&["approve", "latest", "go"]).exits(2).says("--as PERSON, one of: ivan\n");
    stage.run(&["approve", "latest", "go", "--as", "eve"]).exits(2).says("these may: ivan\n");
    stage
        .run(&["approve", "latest", "go", "--as", "ana"])
        .exits(2)
        .says("must be another person than starter");
}

#[test]
fn what_was_said_to_a_run_that_nobody_controls_is_shown() {
    let stage = stage("  go: { approve: { by: [lead] } }\n  last: { needs: [go], run: 'test -e open' }\n");
    stage.execute(&[]).exits(4);
    stage.run(&["approve", "latest", "go", "--as", "ana", "--note", "looks good"]).exits(0);
    let told = stage.run(&["status"]).exits(0).says("ana has said yes: looks good");
    told.says("is heard when the run goes on");
    stage.run(&["resume", "latest"]).exits(3);
    let told = stage.run(&["status"]).exits(0);
    assert!(!told.out.contains("is heard when"), "it was heard: {}", told.out);
    stage.run(&["retry", "latest", "last", "--reason", "it is open now"]).exits(0);
    stage.run(&["status"]).exits(0).says("has asked to try it again: it is open now");
    stage.run(&["abort", "latest", "--reason", "enough"]).exits(0);
    let told = stage.run(&["status"]).exits(0);
    assert!(!told.out.contains("is heard when"), "the run is over: {}", told.out);
}
