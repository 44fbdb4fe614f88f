//! Things move in a real run, that is written down beside the plan, and failback moves them home again.

use std::fs;

use crate::stage::{Stage, until};

const PLAN: &str = "
places:
  old: { kind: host }
  new: { kind: host }
assets:
  shop: { kind: app, homes: [old, new], health: [{ run: 'true' }] }
  wiki: { kind: app, homes: [new], health: [{ run: 'true' }] }
scenarios:
  loss: { title: The old host is gone, lose: [old] }
steps:
  move: { restores: [shop], when: { operation: recover }, run: echo out >>ledger, rerun: safe }
  leave: { when: { operation: failback }, wait: 0s }
  move-back: { restores: [shop], needs: [leave], when: { operation: failback }, run: echo home >>ledger, rerun: safe }
";

fn recorded(stage: &Stage) -> Option<String> {
    fs::read_to_string(stage.path().join("plan.placement.yaml")).ok()
}

#[test]
fn where_things_live_now_is_recorded_and_undone_by_failback() {
    let stage = Stage::new(PLAN);
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert_eq!(recorded(&stage), None, "a dry run moves nothing");

    let told = stage.execute(&[]).exits(0);
    assert!(told.err.contains("plan.placement.yaml says where things live now"), "{}", told.err);
    let text = recorded(&stage).unwrap();
    assert!(text.contains("shop: new") && !text.contains("wiki"), "{text}");
    // The next run starts from there: the old host may be lost again, and takes nothing with it.
    stage.execute(&[]).exits(0).says("Nothing is to be done");

    let back = stage.execute(&["--operation", "failback"]).exits(0);
    assert!(back.err.contains("says where things live now"), "{}", back.err);
    let text = recorded(&stage).unwrap();
    assert!(!text.contains("shop"), "{text}");
}

#[test]
fn going_home_has_approvals_of_its_own() {
    let people = "people: { ana: { name: Ana, contact: x, roles: [lead] } }\n";
    let asks = PLAN.replace(
        "leave: { when: { operation: failback }, wait: 0s }",
        "leave: { when: { operation: failback }, approve: { by: [lead], ask: Is the old host sound? } }",
    );
    let stage = Stage::new(&format!("{people}{asks}"));
    stage.execute(&[]).exits(0);
    assert_eq!(stage.told("answer_awaited").len(), 0, "the way out asks nobody");
    stage.execute(&["--operation", "failback"]).exits(4).says("leave: an answer");
    assert_eq!(stage.ledger(), ["out"]);
    assert!(recorded(&stage).unwrap().contains("shop: new"));
    stage.run(&["approve", "latest", "leave", "--as", "ana"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.ledger(), ["out", "home"]);
    assert!(!recorded(&stage).unwrap().contains("shop"));
}

#[test]
fn what_is_not_healthy_yet_is_recorded_when_it_is() {
    let stage = Stage::new(&PLAN.replace("run: echo out", "run: test -e open && echo out"));
    stage.execute(&[]).exits(3);
    assert_eq!(recorded(&stage), None);
    stage.write("open", "");
    stage.run(&["retry", "latest", "move", "--reason", "it is open now"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0).says("says where things live now");
    assert!(recorded(&stage).unwrap().contains("shop: new"));
}

#[test]
fn what_cannot_be_recorded_is_told_and_does_not_spoil_the_recovery() {
    let stage = Stage::new(&PLAN.replace("run: echo out", "run: mkdir plan.placement.yaml && echo out"));
    let ran = stage.execute(&[]).exits(0);
    assert!(ran.err.contains("cannot record where things live now"), "{}", ran.err);
}

#[test]
fn a_crash_before_it_is_recorded_does_not_lose_it() {
    // Who reads the file waits until somebody writes to it.
    let stage = Stage::new(&PLAN.replace("run: echo out", "run: mkfifo plan.placement.yaml; echo out"));
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("it has moved", || stage.path().join("plan.placement.yaml").exists());
    let held = fs::OpenOptions::new().write(true).open(stage.path().join("plan.placement.yaml")).unwrap();
    assert!(stage.told("run_finished").is_empty(), "the run is over, and nobody would record it");
    run.crash();
    drop(held);
    fs::remove_file(stage.path().join("plan.placement.yaml")).unwrap();
    stage.run(&["resume", "latest"]).exits(0).says("says where things live now");
    assert!(recorded(&stage).unwrap().contains("shop: new"));
}

/// Two assets; between them a person looks, and may have the first one taken back.
const LOOKED_AT: &str = "
places:
  old: { kind: host }
  new: { kind: host }
assets:
  shop: { kind: app, homes: [old, new], health: [{ run: 'true' }] }
  site: { kind: app, homes: [old, new], needs: [shop], health: [{ run: 'true' }] }
scenarios:
  loss: { title: The old host is gone, lose: [old] }
steps:
  move: { restores: [shop], run: echo out >>ledger, undo: echo in >>ledger, rerun: safe }
  look: { needs: [shop], when: { operation: recover }, manual: Look at it. }
  look-home: { needs: [shop], when: { operation: failback }, manual: Look at it. }
  publish: { restores: [site], needs: [{ any: [look, look-home] }], run: 'true' }
";

#[test]
fn what_is_taken_back_lives_where_it_did() {
    for more in ["", "each: [a, b], "] {
        let stage = Stage::new(&LOOKED_AT.replace("run: echo out", &format!("{more}run: echo out")));
        stage.execute(&[]).exits(4);
        assert!(recorded(&stage).unwrap().contains("shop: new"), "the run may be left here for good");
        stage.run(&["abort", "latest", "--undo", "--reason", "the wrong copy"]).exits(0);
        let text = recorded(&stage).unwrap();
        assert!(!text.contains("shop"), "{text}");
    }

    // What could not be taken back, or was given up without, is where it was brought.
    let failing = LOOKED_AT.replace("undo: echo in >>ledger", "undo: exit 1");
    for (plan, undo) in [(failing.as_str(), Some("--undo")), (LOOKED_AT, None)] {
        let stage = Stage::new(plan);
        stage.execute(&[]).exits(4);
        let args = ["abort", "latest", "--reason", "the wrong copy"];
        stage.run(&args.into_iter().chain(undo).collect::<Vec<_>>()).says("GIVEN UP");
        assert!(recorded(&stage).unwrap().contains("shop: new"));
    }
}

#[test]
fn a_failback_that_is_taken_back_leaves_things_where_they_were() {
    let stage = Stage::new(LOOKED_AT);
    stage.execute(&[]).exits(4);
    stage.run(&["done", "latest", "look"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
    stage.execute(&["--operation", "failback"]).exits(4);
    assert!(!recorded(&stage).unwrap().contains("shop"), "it is home");
    stage.run(&["abort", "latest", "--undo", "--reason", "too early"]).says("GIVEN UP");
    let text = recorded(&stage).unwrap();
    assert!(text.contains("shop: new") && text.contains("site: new"), "{text}");
}
