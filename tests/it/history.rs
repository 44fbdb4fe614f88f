//! Drill records under `evidence/`.

use crate::drplan::Drplan;

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
