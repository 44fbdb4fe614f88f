//! Drill records under `evidence/`.

use crate::drplan::Drplan;
use crate::stage::Stage;

const CLEAN: &str = "version: 1\nplan: clean\nsteps:\n  a: { run: ./a.sh, takes: 1m }\n";

fn check(file: &str, text: &str) -> Drplan {
    Drplan::new().file("drplan.yaml", "{}\n").plan(CLEAN).file(file, text).args(["check", "plan.yaml"])
}

#[test]
fn what_is_no_record_is_a_warning_at_the_file() {
    check("evidence/2026/a.json", "{\n  \"version\": 1,\n  \"id\": 7\n}\n").expect(
        0,
        &[
            "warning[bad-evidence]",
            "a.json is no drill record: invalid type",
            "evidence/2026/a.json:3:",
            "1 warning",
        ],
        &[],
    );
    check("evidence/a.json", "not even JSON").expect(0, &["a.json is no drill record", "a.json:1:"], &[]);
    check("evidence/a.json", "{\"version\": 2, \"new\": true}").expect(
        0,
        &["a.json is a record of version 2, and this drplan reads version 1"],
        &[],
    );
    check("evidence/a.json", "\"").args(["check", "plan.yaml", "--deny", "warnings"]).expect(
        1,
        &["error[bad-evidence]"],
        &[],
    );
}

#[test]
fn what_is_no_json_and_what_belongs_to_a_run_is_passed_over() {
    check("evidence/notes.md", "# Notes\n").expect(0, &["no problems"], &[]);
    check("evidence/run/report.json", "{}").file("evidence/run/journal.jsonl", "").expect(
        0,
        &["no problems"],
        &[],
    );
}

#[test]
fn a_link_is_not_followed() {
    let drplan = check("secret.txt", "{\"password\": \"hunter2\"}");
    std::fs::create_dir(drplan.path("evidence")).unwrap();
    std::os::unix::fs::symlink("../secret.txt", drplan.path("evidence/a.json")).unwrap();
    let shown = drplan.expect(0, &["a.json is a link, which is not followed"], &[]);
    assert!(!shown.stdout.contains("hunter2"), "{}", shown.stdout);
}

#[test]
fn a_folder_that_is_a_link_is_not_followed() {
    let drplan = check("elsewhere/a.json", "{}");
    std::os::unix::fs::symlink("elsewhere", drplan.path("evidence")).unwrap();
    drplan.expect(0, &["evidence is a link, which is not followed"], &[]);
}

#[test]
fn the_folder_can_be_set() {
    check("drills/a.json", "{}").expect(0, &["no problems"], &[]);
    check("drills/a.json", "{}").file("drplan.yaml", "evidence: drills\n").expect(0, &["bad-evidence"], &[]);
}

#[test]
fn the_next_drill_is_predicted_from_what_the_last_ones_took() {
    // The plan thinks that it takes ten minutes; it takes a moment.
    let stage = Stage::new(
        "places: { here: { kind: host }, sandbox: { kind: host } }
assets: { data: { kind: files, homes: [here], rto: 1h, health: [ { file: restored } ] } }
scenarios: { loss: { title: L, damage: [data], detect: 5m, decide: 5m } }
steps: { restore: { restores: [data], use: inner, takes: 10m } }
environments: { drill: { places: { here: sandbox } } }
",
    );
    stage.write(
        "recipes/inner.yaml",
        "recipe: inner\nversion: 1\ntitle: T\ndescription: D\nsteps:\n  one: { run: sleep 0.2 }\n  two: { needs: [one], run: 'date >restored' }\n",
    );
    let drill = || {
        stage.execute(&["--drill", "--plain"]).exits(0);
        let said = stage.run(&["report", "latest", "--format", "json"]).exits(0).out;
        serde_json::from_str::<serde_json::Value>(&said).unwrap()
    };
    let length = |value: &serde_json::Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{value}"))
            .parse::<drplan::value::Length>()
            .unwrap()
            .as_millis()
    };
    let minute = 60_000;
    let first = drill();
    let asset = &first["assets"][0];
    assert_eq!(asset["predicted"]["drills"], 0);
    let (half, most) = (length(&asset["predicted"]["p50"]), length(&asset["predicted"]["p95"]));
    assert!(15 * minute < half && half < most, "{asset:#}");
    // What has parts took as long as they did.
    let steps = first["steps"].as_array().unwrap();
    let whole = steps.iter().find(|step| step["id"] == "restore").unwrap();
    assert!(length(&whole["whole"]) >= 200 && length(&whole["duration"]) < 200, "{whole:#}");
    assert!(stage.run(&["report"]).exits(0).out.contains("by the plan's estimates"));

    let record = stage.run(&["report", "latest", "--format", "record"]).exits(0).out;
    stage.write("evidence/first.json", &record);
    let second = drill();
    let asset = &second["assets"][0];
    assert_eq!(asset["predicted"]["drills"], 1);
    let (half, most) = (length(&asset["predicted"]["p50"]), length(&asset["predicted"]["p95"]));
    let reached = length(&asset["rto"]["achieved"]);
    assert!(half <= most && half < 12 * minute && most < 20 * minute && reached < 11 * minute, "{asset:#}");
    let told = stage.run(&["report"]).exits(0).out;
    assert!(told.contains("from 1 drill |"), "{told}");
    let step = second["steps"].as_array().unwrap().iter().find(|step| step["id"] == "restore").unwrap();
    assert!(length(&step["estimate"]) < minute, "what was measured is the estimate: {step:#}");
}

/// What somebody changes in a record.
type Change = fn(&mut serde_json::Value);

#[test]
fn a_record_that_cannot_be_so_counts_for_nothing() {
    let plan = "places: { here: { kind: host }, sandbox: { kind: host } }
assets: { data: { kind: files, homes: [here], rto: 1h, rpo: none, health: [ { run: 'true' } ] } }
scenarios: { loss: { title: L, damage: [data] } }
policy: { drills: { every: 90d } }
steps: { restore: { restores: [data], run: 'true', takes: 10m } }
environments: { drill: { places: { here: sandbox } } }
";
    let stage = Stage::new(plan);
    stage.execute(&["--drill"]).exits(0);
    let record = stage.run(&["report", "latest", "--format", "record"]).exits(0).out;
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let told = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut changed = record.clone();
        change(&mut changed);
        stage.write("evidence/drill.json", &changed.to_string());
        let found = stage.run(&["check", "plan.yaml"]);
        // Findings are broken into lines.
        found.out.replace("\n  │ ", " ")
    };
    let good = told(&|_| {});
    assert!(!good.contains("bad-evidence") && !good.contains("drill-overdue"), "{good}");
    let noted = told(&|record| record["gaps"] = serde_json::json!(["the list of telephones was old"]));
    assert!(!noted.contains("bad-evidence"), "people fill in what they have seen: {noted}");

    let cases: [(Change, &str); 6] = [
        (
            |record| record["ended"] = "2136-12-01T04:07:08Z".into(),
            "is of 2136-12-01 04:07:08 UTC, which is still to come",
        ),
        (
            |record| record["result"] = "failed".into(),
            "says that it passed, and that its run did not end well",
        ),
        (
            |record| record["steps"][0]["state"] = "skipped".into(),
            "says that it passed, and that `restore` is SKIPPED",
        ),
        (
            |record| record["targets"][0]["rto"]["verdict"] = "missed".into(),
            "says that it passed, and that the recovery time of `data` is missed",
        ),
        (
            |record| record["targets"][0]["rto"]["achieved"] = "3h".into(),
            "says that it passed, and that the recovery time of `data` was 3h and met 1h",
        ),
        (
            |record| record["not_exercised"] = serde_json::json!([{ "step": "restore", "why": "omitted" }]),
            "says that it passed, and that `restore` was not exercised",
        ),
    ];
    for (change, why) in cases {
        let told = told(&change);
        assert!(told.contains(&format!("drill.json {why}")), "{why}: {told}");
        assert!(told.contains("no good drill of `loss` is on record"), "{why}: {told}");
    }
}
