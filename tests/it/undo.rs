//! What was carried out is taken back: in reverse of exactly what ran, each undo once, and nothing else.

use crate::stage::{Stage, until};

/// Two steps that can be taken back, and one that is held at the gate.
fn three(more: &str) -> Stage {
    let stage = Stage::new(&format!(
        "steps:\n  a: {{ run: echo a >>ledger, undo: echo undo-a >>ledger }}\n  b: {{ needs: [a], run: echo b >>ledger, undo: echo undo-b >>ledger }}\n  c: {{ needs: [b], run: read -r line <gate }}\n{more}"
    ));
    stage.fifo("gate");
    stage
}

#[test]
fn what_ran_is_taken_back_the_last_first() {
    let stage = three("");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("c runs", || stage.process_of("c", 1).is_some());
    stage.run(&["abort", "latest", "--undo", "--reason", "the wrong copy"]).exits(0).says("takes back");
    run.ends().exits(3);
    assert_eq!(stage.ledger(), ["a", "b", "undo-b", "undo-a"]);
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
    assert_eq!(stage.told("step_finished"), ["a", "b", "c", "b/undo", "a/undo"]);
    assert!(stage.run_dir().join("steps/b/undo/1/outcome.json").exists());
}
