//! Clocks: incident, declaration, start, restore and health are kept apart, and nothing that is done to the
//! calendar falsifies how long anything took.

use std::fs;
use std::process::Command;

use drplan::value::Length;
use serde_json::Value;

use crate::stage::{Stage, until};

const PLAN: &str = "\
places: { base: { kind: host }, spare: { kind: host } }
people: { ana: { name: Ana } }
assets:
  data: { kind: files, homes: [base, spare], rto: 3h, rpo: 36500d, health: [ { file: healthy } ] }
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

// Clocks that are really moved.

/// The library that shows a program another calendar.
pub(crate) fn faketime() -> &'static str {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    assert!(fs::exists(library).unwrap(), "libfaketime is missing (Debian: faketime)");
    library
}

/// A calendar that a test moves while drplan runs by it. Nothing else is moved: the boot clock goes on as it does.
struct Calendar {
    file: tempfile::TempPath,
}

impl Calendar {
    fn new() -> Self {
        let calendar = Self { file: tempfile::NamedTempFile::new().unwrap().into_temp_path() };
        calendar.is_off_by("+0");
        calendar
    }

    fn is_off_by(&self, seconds: &str) {
        // At once, so that nobody reads half of it.
        let new = self.file.with_extension("new");
        fs::write(&new, seconds).unwrap();
        fs::rename(&new, &self.file).unwrap();
    }

    fn rules(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", faketime())
            .env("FAKETIME_TIMESTAMP_FILE", &*self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DISABLE_SHM", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
    }
}

fn length(value: &Value) -> Length {
    value.as_str().unwrap_or_else(|| panic!("no length: {value}")).parse().unwrap()
}

/// Holds every length in the report to the longest that it can be.
fn nothing_took_as_long_as(report: &Value, longest: Length) {
    assert!(length(&report["assets"][0]["rto"]["achieved"]) < longest, "{report:#}");
    assert!(length(&report["duration"]) < longest, "{report:#}");
    for step in report["steps"].as_array().unwrap() {
        if !step["duration"].is_null() {
            assert!(length(&step["duration"]) < longest, "{step:#}");
        }
    }
}

#[test]
fn a_calendar_that_is_moved_under_a_live_run_is_told_and_falsifies_nothing() {
    let stage = Stage::new(
        &PLAN
            .replace("manual: Look at it.", "run: cat to-ask")
            .replace("run: touch healthy", "run: 'cat to-restore; touch healthy'"),
    );
    stage.write("vault/20261122T000000Z/x", "");
    stage.fifo("to-ask");
    stage.fifo("to-restore");
    let calendar = Calendar::new();
    let mut execute = stage.drplan(&["execute", "plan.yaml", "--yes"]);
    calendar.rules(&mut execute);
    let run = stage.begin(execute);
    until("it runs", || stage.has_told("step_started", "ask"));
    calendar.is_off_by("+86400");
    stage.let_go("to-ask");
    until("it goes on", || stage.has_told("step_started", "restore"));
    calendar.is_off_by("-3600");
    stage.let_go("to-restore");
    run.ends().exits(0).says("was moved forward by").says("was moved back by");
    let jumps: Vec<i64> = stage
        .journal()
        .iter()
        .filter(|event| event["type"] == "clock_jumped")
        .map(|event| event["by_ms"].as_i64().unwrap())
        .collect();
    let [ahead, back] = jumps[..] else { panic!("not two jumps: {jumps:?}") };
    assert!((ahead - 86_400_000).abs() < 60_000 && (back + 90_000_000).abs() < 60_000, "{jumps:?}");
    // Detection and decision are not assumed in a real run: all that counts is what it took.
    nothing_took_as_long_as(&report(&stage), Length::from_secs(600));
}

#[test]
fn another_time_zone_in_mid_run_changes_nothing() {
    let stage = Stage::new(PLAN);
    stage.write("vault/20261122T000000Z/x", "");
    let at = |zone: &str, args: &[&str]| {
        let mut command = stage.drplan(args);
        command.env("TZ", zone);
        stage.begin(command).ends()
    };
    at("America/New_York", &["execute", "plan.yaml", "--yes"]).exits(4);
    at("Asia/Tokyo", &["approve", "latest", "ask"]).exits(0);
    at("Pacific/Kiritimati", &["resume", "latest"]).exits(0);
    assert!(!stage.has_told("clock_jumped", ""));
    nothing_took_as_long_as(&report(&stage), Length::from_secs(600));
}

#[test]
fn a_suspended_laptop_was_away_for_as_long_as_it_was() {
    let stage = Stage::new(PLAN);
    stage.write("vault/20261122T000000Z/x", "");
    stage.execute(&[]).exits(4);
    // In a day of sleep the boot clock and the calendar go on; the clock that counts only work stands still.
    let calendar = Calendar::new();
    calendar.is_off_by("+86400");
    let a_day_later = |args: &[&str]| {
        let drplan = stage.drplan(args);
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--time", "--boottime", "86400", "--"]);
        command.arg(drplan.get_program()).args(drplan.get_args());
        command.env_clear().current_dir(stage.path());
        for (name, value) in drplan.get_envs() {
            command.env(name, value.unwrap());
        }
        calendar.rules(&mut command);
        stage.begin(command).ends()
    };
    a_day_later(&["approve", "latest", "ask"]).exits(0);
    a_day_later(&["resume", "latest"]).exits(5);
    assert!(!stage.has_told("clock_jumped", ""), "{:#?}", stage.journal());
    let report = report(&stage);
    let day = Length::from_secs(86_400);
    for took in [&report["duration"], &report["assets"][0]["rto"]["achieved"]] {
        let took = length(took);
        assert!(took >= day && took < day.saturating_add(Length::from_secs(600)), "{took}: {report:#}");
    }
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
