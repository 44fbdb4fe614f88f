//! The hold window: at its end a run waits for the decision whether what was done stays.

use crate::sabotage::hurt;
use crate::stage::{Stage, until};

fn held(length: &str, then: &str) -> Stage {
    Stage::new(&format!(
        "activation: {{ when: It burns., hold: {{ for: {length}, then: {then} }} }}\nsteps:\n  a: {{ run: echo a >>ledger, undo: echo undo-a >>ledger }}\n  b: {{ needs: [a], run: echo b >>ledger, undo: echo undo-b >>ledger }}\n"
    ))
}

#[test]
fn without_anybody_a_held_run_can_be_committed_later() {
    let stage = held("1h", "undo");
    stage.execute(&[]).exits(4).says("drplan commit").says("--undo").says("then what was done is taken back");
    stage.run(&["status"]).exits(0).says("drplan commit");
    // Nothing is decided by taking it up.
    stage.run(&["resume", "latest"]).exits(4);
    assert_eq!(stage.told("hold_began").len(), 1, "the time is not begun anew");
    stage.run(&["commit", "latest", "--note", "orders come in"]).exits(0).says("what was done stays");
    assert_eq!(stage.last("run_finished", "")["result"], "done");
    assert_eq!(stage.ledger(), ["a", "b"]);
    stage.run(&["report", "latest"]).exits(0).says("decided that what was done stays: orders come in");
    stage.run(&["commit", "latest"]).exits(2).says("over");
}

#[test]
fn a_held_run_can_be_taken_back() {
    let stage = held("1h", "commit");
    stage.execute(&[]).exits(4);
    stage.run(&["abort", "latest", "--undo", "--reason", "the wrong copy"]).exits(0).says("2 undone");
    assert_eq!(stage.ledger(), ["a", "b", "undo-b", "undo-a"]);
}

#[test]
fn a_controller_that_waits_hears_the_decision_from_another_terminal() {
    for (decision, code, ledger) in [
        (&["commit", "latest"][..], 0, &["a", "b"][..]),
        (&["abort", "latest", "--undo", "--reason", "x"], 3, &["a", "b", "undo-b", "undo-a"]),
    ] {
        let stage = held("1h", "commit");
        let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait"]);
        until("it is held", || stage.has_told("hold_began", ""));
        stage.run(&["status"]).exits(0).says("held: `drplan commit");
        stage.run(decision).exits(0).says("asked");
        run.ends().exits(code);
        assert_eq!(stage.ledger(), ledger);
    }
}

#[test]
fn when_the_time_is_over_the_plan_decides() {
    for (then, code, ledger) in [("commit", 0, &["a", "b"][..]), ("undo", 3, &["a", "b", "undo-b", "undo-a"])]
    {
        // With somebody who waits,
        let stage = held("300ms", then);
        stage.execute(&["--wait"]).exits(code).says("nobody decided within 300ms");
        assert_eq!(stage.ledger(), ledger);
        // and for whoever takes it up later.
        let stage = held("300ms", then);
        let run = stage.execute(&[]);
        if run.code == 4 {
            until("the time is over", || {
                let ran = stage.run(&["resume", "latest"]);
                ran.code == code
            });
        } else {
            run.exits(code);
        }
        assert_eq!(stage.ledger(), ledger);
    }
}

#[test]
fn what_failed_and_what_is_no_real_run_is_not_held() {
    let stage = Stage::new(
        "activation: { when: It burns., hold: { for: 1h, then: commit } }\nenvironments: { lab: {} }\nsteps:\n  a: { run: 'exit 1', on_failure: continue }\n",
    );
    stage.execute(&[]).exits(3);
    for how in [&["--dry-run"][..], &["--yes", "--drill", "--environment", "lab"]] {
        let stage = held("1h", "commit");
        let plan = stage.read("plan.yaml");
        stage.write("plan.yaml", &format!("{plan}environments: {{ lab: {{}} }}\n"));
        stage.run(&[&["execute", "plan.yaml"], how].concat()).exits(0);
        assert!(!stage.has_told("hold_began", ""), "{how:?}");
    }
}

#[test]
fn a_hold_says_for_how_long_and_what_then() {
    for (hold, part) in [
        ("{ for: 30m }", "then"),
        ("{ then: undo }", "for"),
        ("{ for: 30m, then: maybe }", "maybe"),
        ("30m", "hold"),
    ] {
        let stage = Stage::new(&format!(
            "activation: {{ when: It burns., hold: {hold} }}\nsteps:\n  a: {{ run: 'true' }}\n"
        ));
        stage.run(&["check", "plan.yaml"]).exits(1).says(part);
    }
}

// Crashes.

/// Kills the controller at its n-th sync, which may be while it carries out, holds or takes back; whether it came to that.
fn killed_at(nth: usize) -> bool {
    let stage = Stage::new(
        "activation: { when: It burns., hold: { for: 1ms, then: undo } }\nsecrets: { TOKEN: { file: token } }\nsteps:\n\
         \x20 a: { run: echo a >>ledger, undo: echo undo-a >>ledger }\n\
         \x20 b:\n    needs: [a]\n    secrets: [TOKEN]\n    outputs: [X]\n    run: 'echo b >>ledger; echo X=7 >>$DRPLAN_OUTPUT'\n\
         \x20   undo: 'test \"$TOKEN\" = swordfish; echo undo-b$X >>ledger'\n",
    );
    stage.write("token", "swordfish\n");
    let run =
        hurt(&stage.drplan(&["execute", "plan.yaml", "--yes", "--wait"]), "fdatasync", "signal=KILL", nth);
    let ran = stage.begin(run).ends();
    let was_killed = ran.code == -9;
    if !was_killed {
        ran.exits(3);
    } else if stage.journal().is_empty() {
        return true;
    } else if stage.journal().last().unwrap()["type"] != "run_finished" {
        stage.run(&["resume", "latest", "--wait"]).exits(3);
    }
    assert_eq!(stage.ledger(), ["a", "b", "undo-b7", "undo-a"], "killed at sync {nth}");
    assert_eq!(stage.last("run_finished", "")["result"], "aborted", "killed at sync {nth}");
    was_killed
}

#[test]
fn a_kill_at_any_sync_takes_back_exactly_what_ran() {
    let killed = (1..100).take_while(|nth| killed_at(*nth)).count();
    assert!(killed >= 8, "only {killed} kills");
}
