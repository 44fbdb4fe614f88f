//! What `--record` keeps of looks that ask about a part only, and who reads it.

use std::fs;

use serde_json::Value;

use super::of_now;
use crate::stage::Stage;

/// Two backups, each with a job that leaves a stamp, and restores that need a file.
const PLAN: &str = "\
places: { vps: { kind: host }, sandbox: { kind: host } }
assets: { a: { kind: files, homes: [vps], rpo: 26h }, b: { kind: files, homes: [vps], rpo: 26h } }
backups:
  one: { of: [a], points: { every: 24h }, takes: 10m, job: { cron: /etc/cron.d/none-of-a-test }, copies: { local: { at: one, keep: 30d } } }
  two: { of: [b], points: { every: 24h }, takes: 10m, job: { cron: /etc/cron.d/none-of-b-test }, copies: { local: { at: two, keep: 30d }, other: { at: other, keep: 30d } } }
scenarios:
  bug: { title: Bug, damage: [a], found_after: 0s }
  flood: { title: Flood, damage: [a, b], found_after: 0s }
steps:
  get-a: { restores: [a], from: [one.local], on: home, preconditions: [ { title: A is ready, file: ready-a } ], run: 'true', takes: 5m }
  get-b: { restores: [b], from: [two.local], on: home, preconditions: [ { title: B is ready, file: ready-b } ], run: 'true', takes: 5m }
environments: { drill: { places: { vps: sandbox } } }
";

fn stage() -> Stage {
    let stage = Stage::new(PLAN);
    for folder in ["one", "two", "other"] {
        fs::create_dir(stage.path().join(folder)).unwrap();
        stage.write(&format!("{folder}/{}", of_now()), "content");
    }
    stage
}

/// Looks, and returns what is on record after it.
fn record(stage: &Stage, more: &[&str]) -> Value {
    stage.run(&[&["verify", "plan.yaml", "--record"], more].concat());
    serde_json::from_str(&stage.read(".drplan/verification.json")).unwrap()
}

/// Returns what is on record of each thing of a kind: its name, its scenarios, its verdict.
fn names(record: &Value, plan: usize, kind: &str, name: &str) -> Vec<String> {
    let things = record["plans"][plan][kind].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = things
        .iter()
        .map(|thing| {
            assert!(thing["as_of"].is_string(), "it does not say when it was looked at: {thing:#}");
            let scenarios = thing["scenarios"]
                .as_array()
                .map(|all| all.iter().map(|id| format!(" {}", id.as_str().unwrap())).collect::<String>());
            let verdict = thing["verdict"].as_str().map(|word| format!(" {word}")).unwrap_or_default();
            format!("{}{}{verdict}", thing[name].as_str().unwrap(), scenarios.unwrap_or_default())
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_look_at_a_part_keeps_what_was_seen_of_the_rest() {
    let stage = stage();
    let all = record(&stage, &["--preconditions"]);
    let kinds = [("copies", "copy"), ("jobs", "backup"), ("restores", "step"), ("assets", "asset")];
    let of = |record: &Value| kinds.map(|(kind, name)| names(record, 0, kind, name));
    let [copies, jobs, restores, assets] = of(&all);
    assert_eq!(copies, ["one.local", "two.local", "two.other"]);
    assert_eq!(jobs, ["one failure", "two failure"]);
    assert_eq!(restores, ["get-a bug flood failure", "get-b flood failure"]);
    assert_eq!(assets, ["a", "b"]);
    // Neither a copy, nor an asset, nor all but the restores takes anything away.
    for part in
        [&["--copy", "two.other"] as &[&str], &["--asset", "b"], &[], &["--asset", "a", "--preconditions"]]
    {
        assert_eq!(of(&record(&stage, part)), [&copies[..], &jobs, &restores, &assets], "{part:?}");
    }
    // What was mended is well where it was asked for, and there alone.
    stage.write("ready-a", "");
    stage.write("ready-b", "");
    let [.., restores, _] = of(&record(&stage, &["--asset", "a", "--preconditions"]));
    assert_eq!(restores, ["get-a bug flood", "get-b flood failure"]);
    let [.., restores, _] = of(&record(&stage, &["--preconditions"]));
    assert_eq!(restores, ["get-a bug flood", "get-b flood"]);
    // What the plan has no more is forgotten: a backup, its job, a scenario, a step that needs nothing any more.
    let plan = stage.read("plan.yaml");
    let shorter: String =
        plan.lines().filter(|line| !line.starts_with("  bug:")).map(|line| line.to_owned() + "\n").collect();
    stage.write(
        "plan.yaml",
        &shorter
            .replace(", other: { at: other, keep: 30d }", "")
            .replace("job: { cron: /etc/cron.d/none-of-b-test }, ", ""),
    );
    let [copies, jobs, restores, _] = of(&record(&stage, &["--copy", "one.local"]));
    assert_eq!(
        (copies, jobs),
        (vec!["one.local".to_owned(), "two.local".to_owned()], vec!["one failure".to_owned()])
    );
    assert_eq!(restores, ["get-a flood", "get-b flood"]);
    stage.write(
        "plan.yaml",
        &shorter.replace("preconditions: [ { title: B is ready, file: ready-b } ], ", ""),
    );
    let [.., restores, _] = of(&record(&stage, &["--preconditions"]));
    assert_eq!(restores, ["get-a flood"]);
}

#[test]
fn what_stands_in_for_a_place_is_another_record() {
    let stage = stage();
    record(&stage, &["--preconditions"]);
    let both = record(&stage, &["--environment", "drill", "--preconditions"]);
    let environments: Vec<&Value> =
        both["plans"].as_array().unwrap().iter().map(|plan| &plan["environment"]).collect();
    assert_eq!(environments, [&Value::from("drill"), &Value::Null]);
    // In the drill nothing is wrong with the jobs; without it everything is as it was.
    assert_eq!(names(&both, 0, "jobs", "backup"), ["one", "two"]);
    assert_eq!(names(&both, 1, "jobs", "backup"), ["one failure", "two failure"]);
    let html = || {
        stage.run(&["render", "--bundle", "dr.html", "plan.yaml"]).exits(0);
        stage.read("dr.html")
    };
    assert!(html().contains("none-of-a-test is not there"), "{}", html());
}

#[test]
fn check_and_the_bundle_tell_what_was_seen_of_jobs_and_restores() {
    let stage = stage();
    record(&stage, &["--preconditions"]);
    record(&stage, &["--copy", "two.other"]);
    let check = || stage.run(&["check", "plan.yaml", "--state", ".drplan"]);
    let found = check().exits(1);
    found
        .says("error[backup-found-bad]")
        .says("the job of `one` failed when it was looked at on")
        .says("/etc/cron.d/none-of-a-test is not")
        .says("error[restore-not-ready]")
        .says("`get-a` could not have been done in bug, flood when it was looked at on")
        .says("ready-a is not there");
    stage.run(&["render", "--bundle", "dr.html", "plan.yaml"]).exits(0);
    let html = stage.read("dr.html");
    assert!(html.contains("/ready-b is not there") && html.contains("(Seen at "), "{html}");
    // Without a record, and once all is there, nothing of it is told.
    let silent = stage.run(&["check", "plan.yaml"]);
    assert!(
        !silent.out.contains("restore-not-ready") && !silent.out.contains("the job of"),
        "{}",
        silent.out
    );
    stage.write("ready-a", "");
    stage.write("ready-b", "");
    record(&stage, &["--preconditions"]);
    assert!(!check().out.contains("restore-not-ready"), "{}", check().out);
}
