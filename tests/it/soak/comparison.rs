//! The comparison itself: a ledger or a journal that was falsified is found.

use serde_json::{Value, json};

use super::account::{Fault, Ledgers, check_chain, compare};
use super::course::{Course, Work};
use crate::stage::Stage;

/// Two steps here, the second after the first, and one on a host.
fn course() -> Course {
    let work = |id: &str, host, repeatable| Work { id: id.to_owned(), host, repeatable };
    let work = vec![work("a", None, false), work("b", None, true), work("far", Some("alpha"), false)];
    Course { files: Vec::new(), work }
}

fn events() -> Vec<Value> {
    let node = |id: &str, after: Value| json!({ "id": id, "after": after });
    let nodes = json!([node("a", json!([])), node("b", json!([0])), node("far", json!([]))]);
    let mut events = vec![json!({ "type": "run_started", "nodes": nodes })];
    for step in ["a", "b", "far"] {
        events.push(json!({ "type": "step_started", "step": step }));
        let outcome = json!({ "result": "done" });
        events.push(json!({ "type": "step_finished", "step": step, "outcome": outcome }));
    }
    events.push(json!({ "type": "run_finished", "result": "done" }));
    events
}

const HERE: &str = "begin a 7 1.0\nend a 7 2.0\nbegin b 8 3.0\nend b 8 4.0\n";
const THERE: &str = "begin far 9 1.0\nend far 9 2.0\n";

/// Compares two ledgers with a journal, and returns the faults without repetition.
fn faults(here: &str, there: &str, events: &[Value]) -> Vec<Fault> {
    let (course, mut ledgers) = (course(), Ledgers::default());
    ledgers.read(&course, None, here);
    ledgers.read(&course, Some("alpha"), there);
    let mut faults: Vec<Fault> =
        compare(&course, &ledgers, events).into_iter().map(|finding| finding.fault).collect();
    faults.sort();
    faults.dedup();
    faults
}

#[test]
fn ledgers_that_say_what_the_journal_says_are_found_right() {
    assert_eq!(faults(HERE, THERE, &events()), []);
    // What may be repeated was.
    assert_eq!(faults(&format!("{HERE}begin b 10 5.0\nend b 10 6.0\n"), THERE, &events()), []);
}

#[test]
fn a_falsified_ledger_is_found() {
    assert_eq!(faults(HERE, "", &events()), [Fault::Lost]);
    assert_eq!(faults(HERE, &THERE.replace("end far 9 2.0\n", ""), &events()), [Fault::Lost]);
    assert_eq!(faults(HERE, &THERE.repeat(2), &events()), [Fault::Twice]);
    let beside = HERE.replace("end b 8 4.0\n", "begin b 10 3.5\nend b 10 5.0\nend b 8 4.0\n");
    assert_eq!(faults(&beside, THERE, &events()), [Fault::Twice]);
    assert_eq!(faults(&format!("{HERE}{THERE}"), "", &events()), [Fault::NotOnRecord]);
    assert_eq!(faults(&format!("{HERE}begin a/undo 11 5.0\n"), THERE, &events()), [Fault::NotOnRecord]);
    assert_eq!(
        faults(&HERE.replace("begin b 8 3.0", "begin b 8 1.5"), THERE, &events()),
        [Fault::OutOfOrder]
    );
    assert_eq!(faults("what\n", "", &[]), [Fault::NotOnRecord]);
}

#[test]
fn a_falsified_journal_is_found() {
    let mut unsaid = events();
    unsaid.retain(|event| event["step"] != "far");
    assert_eq!(faults(HERE, THERE, &unsaid), [Fault::NotOnRecord]);
    unsaid.push(json!({ "type": "step_started", "step": "far/undo" }));
    assert_eq!(faults(HERE, "begin far/undo 11 5.0\n", &unsaid), [Fault::Lost, Fault::NotOnRecord]);
    let stage = Stage::new("steps: { a: { run: 'true' } }\n");
    stage.execute(&[]).exits(0);
    let journal = std::fs::read_to_string(stage.run_dir().join("journal.jsonl")).unwrap();
    assert_eq!(check_chain(&journal), []);
    for falsified in [
        journal.replacen("\"a\"", "\"b\"", 1),
        journal.lines().skip(1).map(|line| format!("{line}\n")).collect(),
        journal.replace("\"hash\"", "\"cash\""),
    ] {
        assert_eq!(check_chain(&falsified)[0].fault, Fault::BrokenChain, "{falsified}");
    }
}
