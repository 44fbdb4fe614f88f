//! What was carried out is taken back: in reverse of exactly what ran, each undo once, and nothing else.

use drplan::keeper::start_time;
use rustix::process::Signal;

use crate::stage::{Running, Stage, until};

/// Two steps that can be taken back, and one that fails behind them.
fn failed(more: &str) -> Stage {
    let stage = Stage::new(&format!(
        "steps:\n  a: {{ run: echo a >>ledger, undo: echo undo-a >>ledger }}\n  b: {{ needs: [a], run: echo b >>ledger, undo: {more} }}\n  c: {{ needs: [b], run: exit 7 }}\n"
    ));
    stage.fifo("gate");
    stage.execute(&[]).exits(3).says("c");
    stage
}

const UNDO: [&str; 5] = ["abort", "latest", "--undo", "--reason", "the wrong copy"];

/// Begins to take back, and waits until the undo of `b` has begun its work.
fn undoing(stage: &Stage) -> Running {
    let run = stage.start(&UNDO);
    until("b is being taken back", || stage.process_of("b/undo", 1).is_some() && stage.ledger().len() > 2);
    run
}

const HELD: &str = "'echo undo-b >>ledger; read -r line <gate'";

#[test]
fn what_ran_is_taken_back_the_last_first() {
    let stage = Stage::new(
        "steps:\n  a: { run: echo a >>ledger, undo: echo undo-a >>ledger }\n  b: { needs: [a], run: echo b >>ledger, undo: echo undo-b >>ledger }\n  c: { needs: [b], run: read -r line <gate }\n  d: { needs: [c], run: echo d >>ledger, undo: echo undo-d >>ledger }\n",
    );
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("c runs", || stage.process_of("c", 1).is_some());
    stage.run(&UNDO).exits(0).says("takes back");
    run.ends().exits(3).says("2 undone");
    assert_eq!(stage.ledger(), ["a", "b", "undo-b", "undo-a"]);
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
    assert_eq!(stage.told("step_finished"), ["a", "b", "c", "b/undo", "a/undo"]);
    assert!(stage.run_dir().join("steps/b/undo/1/outcome.json").exists());
    stage.run(&["status"]).exits(0).says("done, undone").says("given up; `drplan report` says what is left");
    // c was begun and has no undo.
    let report = stage.run(&["report", "latest"]).exits(0).says("done, UNDONE").says("taken back IN PART");
    assert!(
        report.out.contains("## Left to do by hand") && report.out.contains("- `c`: it has no undo"),
        "{report:?}"
    );
    stage.run(&["resume", "latest"]).exits(2).says("the run is over");
}

#[test]
fn order_is_that_of_the_ends_and_not_of_the_plan() {
    let stage = Stage::new(
        "steps:\n  slow: { run: 'read -r line <gate; echo slow >>ledger', undo: echo undo-slow >>ledger }\n  fast: { run: echo fast >>ledger, undo: echo undo-fast >>ledger }\n  last: { needs: [slow, fast], run: exit 1, undo: 'echo undo-last >>ledger' }\n",
    );
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("fast is done", || stage.has_told("step_finished", "fast"));
    stage.let_go("gate");
    run.ends().exits(3);
    // A failed step may have done a part of its work: it is taken back too.
    stage.run(&UNDO).exits(0).says("3 undone");
    assert_eq!(stage.ledger(), ["fast", "slow", "undo-last", "undo-slow", "undo-fast"]);
    stage.run(&["report", "latest"]).exits(0).says("GIVEN UP and TAKEN BACK");
}

#[test]
fn what_did_not_run_is_not_taken_back() {
    let stage = Stage::new(
        "people: { ana: { name: Ana, contact: x } }\nsteps:\n\
         \x20 ran: { run: echo ran >>ledger, undo: echo undo-ran >>ledger }\n\
         \x20 unneeded: { needs: [ran], unless: { file: ledger }, run: 'false', undo: echo WRONG >>ledger }\n\
         \x20 skipped: { needs: [ran], run: exit 1, on_failure: continue, undo: echo WRONG >>ledger }\n\
         \x20 missing: { needs: [ran], run: [./missing], on_failure: continue, undo: echo WRONG >>ledger }\n\
         \x20 asked: { needs: [unneeded], manual: Look., undo: echo WRONG >>ledger }\n\
         \x20 never: { needs: [asked], run: 'true', undo: echo WRONG >>ledger }\n",
    );
    stage.execute(&[]).exits(4);
    stage.run(&["skip", "latest", "skipped", "--reason", "done by hand"]).exits(0);
    stage.run(&UNDO).exits(3);
    assert_eq!(stage.ledger(), ["ran", "undo-ran"]);
    let left = stage.run(&["report", "latest", "--format", "json"]).exits(0);
    let left: serde_json::Value = serde_json::from_str(&left.out).unwrap();
    assert_eq!(left["undone"]["steps"], serde_json::json!(["ran"]));
    assert_eq!(left["undone"]["left"][0]["step"], "skipped", "{}", left["undone"]);
    assert_eq!(left["undone"]["left"].as_array().unwrap().len(), 1, "{}", left["undone"]);
}

#[test]
fn a_recipe_is_taken_back_as_a_whole() {
    let recipe = "recipe: two\nversion: 1\ntitle: Two parts\ninputs: { name: { type: path, description: A name. } }\nsteps:\n  one: { run: 'echo one-$INPUT_NAME >>ledger' }\n  two: { needs: [one], run: 'echo two-$INPUT_NAME >>ledger', undo: 'echo undo-two >>ledger' }\nundo: { run: 'echo undo-$INPUT_NAME >>ledger' }\n";
    let plan = |more: &str| {
        let stage = Stage::new(&format!(
            "steps:\n  both: {{ use: two, with: {{ name: x }}{more} }}\n  end: {{ needs: [both], run: exit 1 }}\n"
        ));
        stage.write("recipes/two.yaml", recipe);
        stage.execute(&[]).exits(3);
        stage.run(&UNDO);
        stage
    };
    assert_eq!(plan("").ledger(), ["one-x", "two-x", "undo-x", "undo-two"]);
    // What the step says goes before what the recipe says.
    assert_eq!(plan(", undo: echo mine >>ledger").ledger(), ["one-x", "two-x", "mine", "undo-two"]);
}

#[test]
fn an_undo_has_what_its_step_had() {
    let stage = Stage::new(
        "vars: { COLOUR: red }\nsecrets: { TOKEN: { file: token } }\nplaces: { box: { kind: host, vars: { WHERE: here } } }\nsteps:\n\
         \x20 first: { outputs: [ID], run: 'echo ID=7 >>$DRPLAN_OUTPUT' }\n\
         \x20 make:\n    needs: [first]\n    on: box\n    secrets: [TOKEN]\n    outputs: [MADE, LATER]\n    env: { SHAPE: round }\n\
         \x20   run: 'echo MADE=vm-1 >>$DRPLAN_OUTPUT; exit 1'\n\
         \x20   undo: 'test \"$TOKEN\" = swordfish; echo \"$TOKEN\"; echo $COLOUR $WHERE $SHAPE $ID $MADE >>ledger'\n",
    );
    stage.write("token", "swordfish\n");
    stage.execute(&[]).exits(3);
    stage.run(&UNDO).says("1 undone");
    assert_eq!(stage.ledger(), ["red here round 7 vm-1"]);
    let printed = std::fs::read_to_string(stage.run_dir().join("steps/make/undo/1/stdout")).unwrap();
    assert!(!printed.contains("swordfish") && !printed.is_empty(), "{printed:?}");
}

#[test]
fn an_undo_that_fails_holds_up_nothing_and_is_told() {
    let stage = failed("'echo undo-b >>ledger; exit 5'");
    stage.run(&UNDO).exits(3).says("b/undo").says("exit code 5").says("2 left to be taken back by hand");
    assert_eq!(stage.ledger(), ["a", "b", "undo-b", "undo-a"]);
    let report = stage.run(&["report", "latest"]).exits(0);
    assert!(report.out.contains("- `b`: its undo failed: exit code 5"), "{}", report.out);
}

#[test]
fn a_person_is_asked_where_the_undo_is_theirs() {
    let stage = Stage::new(
        "steps:\n  a: { run: echo a >>ledger, undo: echo undo-a >>ledger }\n  b: { needs: [a], env: { WHAT: DNS }, run: echo b >>ledger, undo: { manual: 'Put $WHAT back.' } }\n  c: { needs: [b], run: exit 7 }\n",
    );
    stage.execute(&[]).exits(3);
    stage.run(&UNDO).exits(4).says("Put DNS back.");
    assert_eq!(stage.ledger(), ["a", "b"], "what comes before it waits");
    stage.run(&["status"]).says("b/undo").says("waits for anybody");
    stage.run(&["approve", "latest", "b/undo"]).exits(0);
    stage.run(&["resume", "latest"]).exits(3).says("2 undone");
    assert_eq!(stage.ledger(), ["a", "b", "undo-a"]);
}

// Crashes.

#[test]
fn a_crash_in_the_middle_goes_on_with_exactly_what_is_left() {
    let stage = failed(HELD);
    undoing(&stage).crash();
    let (pid, began) = stage.process_of("b/undo", 1).unwrap();
    let run = stage.start(&["resume", "latest"]);
    until("it is taken up", || stage.has_told("step_judged", "b/undo"));
    assert_eq!(start_time(pid).unwrap(), Some(began), "another process took its place");
    stage.let_go("gate");
    run.ends().exits(3).says("2 undone");
    assert_eq!(stage.ledger(), ["a", "b", "undo-b", "undo-a"]);
}

#[test]
fn an_undo_whose_end_nobody_saw_is_not_repeated_blindly() {
    for decision in ["retry", "skip"] {
        let stage = failed(HELD);
        undoing(&stage).crash();
        stage.crash_keeper();
        let (pid, began) = stage.process_of("b/undo", 1).unwrap();
        stage.let_go("gate");
        until("it is gone", || start_time(pid).unwrap() != Some(began));
        stage.run(&["resume", "latest"]).exits(4).says("b/undo").says("drplan retry");
        // And once more: it does not become less unknown.
        stage.run(&["resume", "latest"]).exits(4);
        assert_eq!(stage.ledger(), ["a", "b", "undo-b"]);
        stage.run(&[decision, "latest", "a", "--reason", "x"]).exits(0);
        stage.run(&[decision, "latest", "b/undo", "--reason", "I looked"]).exits(0);
        let run = stage.start(&["resume", "latest"]);
        if decision == "retry" {
            until("it is tried again", || stage.process_of("b/undo", 2).is_some());
            stage.let_go("gate");
        }
        run.ends().exits(3);
        let again: &[&str] = if decision == "retry" { &["undo-b"] } else { &[] };
        assert_eq!(stage.ledger(), [&["a", "b", "undo-b"], again, &["undo-a"]].concat());
        assert!(stage.has_told("answer_rejected", "a"), "what is being taken back is not tried again");
    }
}

#[test]
fn a_step_of_which_nobody_knows_whether_it_ran_is_not_taken_back_blindly() {
    let stage = Stage::new(
        "steps:\n  a: { lock: one, run: 'echo a >>ledger; read -r line <gate', undo: echo undo-a >>ledger }\n",
    );
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("a runs", || stage.process_of("a", 1).is_some() && !stage.ledger().is_empty());
    run.crash();
    stage.crash_keeper();
    let (pid, began) = stage.process_of("a", 1).unwrap();
    stage.let_go("gate");
    until("it is gone", || start_time(pid).unwrap() != Some(began));
    stage.run(&["resume", "latest"]).exits(4);
    stage.run(&UNDO).exits(4).says("nobody can know").says("a/undo");
    assert_eq!(stage.ledger(), ["a"]);
    stage.run(&["retry", "latest", "a/undo", "--reason", "I looked, it was done"]).exits(0);
    stage.run(&["resume", "latest"]).exits(3).says("1 undone");
    assert_eq!(stage.ledger(), ["a", "undo-a"]);
}

#[test]
fn taking_back_can_be_stopped_and_taken_up() {
    let stage = failed(HELD);
    let run = undoing(&stage);
    run.signal(Signal::INT);
    until("it was asked to stop", || {
        stage.journal().iter().filter(|e| e["type"] == "stop_asked").count() == 2
    });
    stage.let_go("gate");
    run.ends().exits(4).says("drplan resume");
    assert_eq!(stage.ledger(), ["a", "b", "undo-b"]);
    stage.run(&["resume", "latest"]).exits(3).says("2 undone");
    assert_eq!(stage.ledger(), ["a", "b", "undo-b", "undo-a"]);
}

#[test]
fn taking_back_can_itself_be_given_up() {
    let stage = failed(HELD);
    let run = undoing(&stage);
    stage.run(&["abort", "latest", "--reason", "we keep it"]).exits(0);
    run.ends().exits(3).says("3 left to be taken back by hand");
    assert_eq!(stage.ledger(), ["a", "b", "undo-b"]);
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
}

#[test]
fn a_run_that_was_given_up_stays_so_through_two_crashes() {
    let stage = Stage::new(
        "steps:\n  a: { run: \"trap '' TERM; echo a >>ledger; until test -e go; do sleep 0.02; done\" }\n  b: { needs: [a], run: echo WRONG >>ledger }\n",
    );
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("a runs", || !stage.ledger().is_empty());
    stage.run(&["abort", "latest", "--reason", "x"]).exits(0);
    until("it is asked", || stage.has_told("stop_asked", ""));
    run.crash();
    for times in 1..=2 {
        let run = stage.start(&["resume", "latest"]);
        until("it is taken up", || {
            stage.told("run_resumed").len() == times || stage.has_told("run_finished", "")
        });
        run.crash();
    }
    stage.write("go", "");
    stage.run(&["resume", "latest"]);
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
    assert_eq!(stage.ledger(), ["a"]);
}

#[test]
fn what_is_given_up_is_not_told_to_be_tried_again_and_has_met_nothing() {
    let vault = "20261122T140509Z";
    for each in ["", "each: [one, two], "] {
        let stage = Stage::new(&format!(
            "places: {{ box: {{ kind: host }} }}\n\
             assets: {{ data: {{ kind: files, homes: [box], rto: 1h, rpo: 10y, health: [ {{ run: 'true' }} ] }} }}\n\
             backups: {{ nightly: {{ of: [data], points: {{ every: 1d }}, copies: {{ vault: {{ at: vault, keep: 30d }} }} }} }}\n\
             steps:\n\
             \x20 restore: {{ restores: [data], from: [nightly.vault], {each}run: 'true', undo: 'true' }}\n\
             \x20 last: {{ needs: [data], run: exit 1 }}\n"
        ));
        stage.write(&format!("vault/{vault}"), "data");
        stage.execute(&[]).exits(3).says("drplan retry ");
        let told = stage.run(&UNDO).exits(3);
        assert!(!told.out.contains("drplan retry"), "{}", told.out);
        let told = stage.run(&["report", "latest", "--format", "json"]).exits(0);
        let report: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        for target in ["rto", "rpo"] {
            let reached = &report["assets"][0][target];
            assert_eq!(reached["verdict"], "missed", "{target}: {reached}");
            assert_eq!(reached["why"], "what restored it was taken back");
        }
    }
}
