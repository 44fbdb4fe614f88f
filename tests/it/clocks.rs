//! Clocks: incident, declaration, start, restore and health are kept apart, and nothing that is done to the
//! calendar falsifies how long anything took.

use std::fs;

use serde_json::Value;

use crate::stage::Stage;

const PLAN: &str = "\
places: { base: { kind: host }, spare: { kind: host } }
people: { ana: { name: Ana } }
assets:
  data: { kind: files, homes: [base, spare], rto: 3h, rpo: 10d, health: [ { file: healthy } ] }
backups: { nightly: { of: [data], points: { every: 1d }, copies: { vault: { in: spare, at: vault, keep: 7d } } } }
scenarios: { loss: { title: Loss, lose: [base], detect: 10m, decide: 5m } }
steps:
  ask: { manual: Look at it. }
  restore: { restores: [data], needs: [ask], from: [nightly.vault], on: home, run: touch healthy }
";

fn report(stage: &Stage) -> Value {
    serde_json::from_slice(&fs::read(stage.run_dir().join("report.json")).unwrap()).unwrap()
}

fn ago(secs: i64) -> String {
    let now = i64::try_from(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis(),
    );
    drplan::value::Moment::from_unix_millis(now.unwrap() - secs * 1000).to_string()
}

#[test]
fn every_clock_is_kept_apart() {
    let stage = Stage::new(PLAN);
    stage.write("vault/20261122T000000Z/x", "");
    let (incident, declared) = (ago(7200), ago(3600));
    stage.execute(&["--incident-at", &incident, "--declared-at", &declared]).exits(4);
    stage.run(&["approve", "latest", "ask"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
    let report = report(&stage);
    let moment = |value: &Value| value.as_str().unwrap().parse::<drplan::value::Moment>().unwrap();
    let data = &report["assets"][0];
    let clocks = [
        &report["incident"],
        &report["declared"],
        &report["started"],
        &data["begun"],
        &data["restored"],
        &data["healthy"],
    ];
    let clocks: Vec<_> = clocks.into_iter().map(moment).collect();
    assert!(clocks.is_sorted(), "{clocks:?}");
    assert_eq!((clocks[0], clocks[1]), (incident.parse().unwrap(), declared.parse().unwrap()));
    // Achieved: two hours, and what the run took; what was lost is from the point until the incident.
    let achieved =
        |what: &str| data[what]["achieved"].as_str().unwrap().parse::<drplan::value::Length>().unwrap();
    let hours = |hours: u64| drplan::value::Length::from_secs(hours * 3600);
    assert!(achieved("rto") >= hours(2) && achieved("rto") < hours(3), "{data:#}");
    let lost = clocks[0].since("2026-11-22T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(achieved("rpo"), lost);
    let text = fs::read_to_string(stage.run_dir().join("report.md")).unwrap();
    assert!(text.contains("Declared: "), "{text}");
}

#[test]
fn moments_that_cannot_be_are_refused() {
    let stage = Stage::new(PLAN);
    let (past, later) = (ago(3600), ago(-3600));
    stage.execute(&["--incident-at", &later]).exits(2).says("lies after");
    stage.execute(&["--declared-at", &later]).exits(2).says("lies after");
    stage.execute(&["--declared-at", &ago(7200), "--incident-at", &past]).exits(2).says("--declared-at");
    assert_eq!(stage.runs().len(), 0);
}

#[test]
fn a_time_zone_that_changes_in_mid_run_changes_nothing() {
    let stage = Stage::new(PLAN);
    stage.write("vault/20261122T000000Z/x", "");
    let in_zone = |zone: &str, args: &[&str]| {
        let mut command = stage.drplan(args);
        command.env("TZ", zone);
        stage.begin(command).ends()
    };
    let incident = ago(60);
    in_zone("Pacific/Kiritimati", &["execute", "plan.yaml", "--yes", "--incident-at", &incident]).exits(4);
    in_zone("America/New_York", &["approve", "latest", "ask"]).exits(0);
    in_zone("Asia/Kathmandu", &["resume", "latest"]).exits(0);
    assert!(stage.told("clock_jumped").is_empty());
    let report = report(&stage);
    let achieved = report["assets"][0]["rto"]["achieved"].as_str().unwrap();
    let achieved: drplan::value::Length = achieved.parse().unwrap();
    assert!(achieved < drplan::value::Length::from_secs(600), "{achieved}");
    assert!(report["started"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_calendar_that_was_moved_while_nobody_was_there_is_told_and_falsifies_nothing() {
    let stage = Stage::new(PLAN);
    stage.write("vault/20261122T000000Z/x", "");
    stage.execute(&[]).exits(4);
    // As if all so far had been written by a clock that was a day ahead: since then it was put back.
    let path = stage.run_dir().join("journal.jsonl");
    let moved = moved(&fs::read_to_string(&path).unwrap(), 86_400);
    fs::write(&path, moved).unwrap();
    stage.run(&["approve", "latest", "ask"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0).says("was moved back by");
    let by_ms = stage.last("clock_jumped", "")["by_ms"].as_i64().unwrap();
    assert!((by_ms + 86_400_000).abs() < 60_000, "{by_ms}");
    let report = report(&stage);
    let length = |value: &Value| value.as_str().unwrap().parse::<drplan::value::Length>().unwrap();
    let minute = drplan::value::Length::from_secs(60);
    assert!(length(&report["assets"][0]["rto"]["achieved"]) < minute, "{report:#}");
    assert!(length(&report["duration"]) < minute, "{report:#}");
    // The timeline is in the order of what happened, not of what the calendar said.
    let text = fs::read_to_string(stage.run_dir().join("report.md")).unwrap();
    let (ask, restore) = (text.find("| `ask`").unwrap(), text.find("| `restore`").unwrap());
    assert!(ask < restore, "{text}");
    assert!(text.contains("the calendar's clock was moved back"), "{text}");
}

/// Puts the calendar of every record ahead by some seconds, or back, and seals the records anew.
pub(crate) fn moved(journal: &str, by_seconds: i64) -> String {
    use sha2::{Digest, Sha256};
    let mut moved = String::new();
    let mut prev = "0".repeat(64);
    for line in journal.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let at = record["at"].as_str().unwrap();
        let millis = at.parse::<drplan::value::Moment>().unwrap().as_unix_millis() + by_seconds * 1000;
        let later = drplan::value::Moment::from_unix_millis(millis);
        let head = line.split(",\"prev\":").next().unwrap();
        let head = head.replacen(&format!("\"at\":\"{at}\""), &format!("\"at\":\"{later}\""), 1);
        let sealed = format!("{head},\"prev\":\"{prev}\"");
        prev = Sha256::digest(sealed.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        moved.push_str(&format!("{sealed},\"hash\":\"{prev}\"}}\n"));
    }
    moved
}
