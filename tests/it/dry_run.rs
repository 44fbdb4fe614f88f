//! Dry runs: all is looked at, nothing is done, and what cannot be known is said.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::stage::{Ran, Stage};

const DRY: [&str; 3] = ["execute", "plan.yaml", "--dry-run"];

/// What a dry run has found out about something.
#[track_caller]
fn found(stage: &Stage, what: &str) -> Value {
    let checks = stage.journal().into_iter().filter(|event| event["type"] == "checked");
    let found = checks.into_iter().find(|check| check["what"] == what);
    found.unwrap_or_else(|| panic!("{what:?} was not looked for: {:#?}", stage.journal()))
}

/// Carries out a dry run, and forgets those before: two of one second have no order.
#[track_caller]
fn dry(stage: &Stage, more: &[&str]) -> Ran {
    let _ = fs::remove_dir_all(stage.path().join(".drplan/runs"));
    stage.run(&[&DRY[..], more].concat())
}

/// A program that says which version it is.
fn tool(stage: &Stage, name: &str, script: &str) {
    let name = format!("bin/{name}");
    stage.write(&name, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(stage.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// All files below a folder but the runs, with what they hold.
fn all_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file() && !path.to_string_lossy().contains(".drplan/") {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

// Confinement.

#[test]
fn a_probe_of_a_dry_run_writes_nothing_but_into_a_folder_of_its_own() {
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().display().to_string();
    let stage = Stage::new(&format!(
        "steps:\n\
         \x20 a:\n\
         \x20   run: echo a >>ledger\n\
         \x20   unless:\n\
         \x20     run: |\n\
         \x20       set +e\n\
         \x20       (: >here); (: >>drplan.yaml); (: >\"$HOME/home\"); (: >{other}/tmp); (rm drplan.yaml); (: >$DRPLAN_STATE)\n\
         \x20       mkdir folder; touch plan.yaml; ln plan.yaml link; mv plan.yaml moved\n\
         \x20       : >/dev/null && : >\"$TMPDIR/mine\" && cat <<<ok && test -s drplan.yaml -a -e \"$TMPDIR/mine\"\n\
         \x20     expect: {{ matches: ok }}\n",
    ));
    let before = all_files(stage.path());
    let written = fs::metadata(stage.path().join("plan.yaml")).unwrap().modified().unwrap();
    dry(&stage, &[]).exits(0).says("Probes are confined");
    assert_eq!(stage.last("probes_confined", "")["by"], "mounts", "this machine can do that");
    assert!(stage.has_told("step_unneeded", "a"), "the probe could do what it may: {:#?}", stage.journal());
    assert_eq!(all_files(stage.path()), before);
    assert_eq!(fs::metadata(stage.path().join("plan.yaml")).unwrap().modified().unwrap(), written);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert!(!stage.run_dir().join("probe-tmp").exists(), "the folder of the probes goes with them");
    let report = fs::read_to_string(stage.run_dir().join("report.md")).unwrap();
    assert!(report.contains("Probes were confined"), "{report}");
    // The real run asks the same probe as it is.
    stage.execute(&[]).exits(0);
    assert!(elsewhere.path().join("tmp").exists());
}

/// Runs a script as a confined probe is run.
fn confined(by: &str, folder: &Path, script: &str) -> std::process::Output {
    let tmp = folder.join("tmp");
    fs::create_dir_all(&tmp).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drplan"));
    command.args(["confined-probe", "--by", by, "--tmp"]).arg(&tmp).args(["--", "bash", "-c", script]);
    command.current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn landlock_keeps_a_probe_from_writing_where_namespaces_are_not_allowed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("there"), "text").unwrap();
    let script = "(: >new); (: >there); (rm there); mkdir folder; mv there moved; cat there; : >/dev/null && : >\"$TMPDIR/mine\"";
    let output = confined("landlock", dir.path(), script);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "text");
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(fs::read_to_string(dir.path().join("there")).unwrap(), "text");
}

#[test]
fn a_plain_user_is_confined_as_well() {
    // Whoever runs the tests: in a namespace of users in which it is not root it has no more rights than a plain one.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let tmp = dir.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    let script = "(: >new) 2>/dev/null; id -u; : >\"$TMPDIR/mine\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-user=1234", "--map-group=1234", env!("CARGO_BIN_EXE_drplan")])
        .args(["confined-probe", "--by", "mounts", "--tmp"])
        .arg(&tmp)
        .args(["--", "bash", "-c", script])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1234\n");
    assert!(!dir.path().join("new").exists() && !tmp.join("mine").exists());
}

#[test]
fn probes_that_must_write_can_be_let() {
    let stage =
        Stage::new("steps: { a: { run: echo a >>ledger, unless: { run: 'echo x >>written; exit 1' } } }\n");
    stage.write("drplan.yaml", "defaults: { confine: false }\n");
    dry(&stage, &[]).exits(0).says("NOT CONFINED");
    assert_eq!((stage.read("written"), stage.ledger().len()), ("x\n".to_owned(), 0));
    let report = fs::read_to_string(stage.run_dir().join("report.md")).unwrap();
    assert!(report.contains("**not confined**"), "{report}");
}

// Tools.

#[test]
fn tools_are_looked_for_in_their_versions() {
    let stage = Stage::new(
        "vars: { PATH: './bin:/usr/bin:/bin' }\n\
         steps:\n\
         \x20 a: { run: echo a >>ledger, needs_tools: [sh, 'new >=2.1 <3', 'silent >=1', 'errs >=7', never-heard-of] }\n\
         \x20 b: { run: echo b >>ledger, needs_tools: [sh, 'old >=16'] }\n",
    );
    tool(&stage, "new", "echo \"new (GNU new) 2.10.1\"");
    tool(&stage, "old", "echo old 9.6; echo asked >>asked");
    tool(&stage, "silent", "test \"$1\" = -V && echo 1.5 >&2");
    tool(&stage, "errs", "echo nothing to see");
    let ran = dry(&stage, &[]).exits(1).says("IMPOSSIBLE").says("never-heard-of");
    assert!(ran.out.contains("3 things that it needs are not there"), "{}", ran.out);
    let sh = found(&stage, "tool sh");
    assert_eq!((sh["found"].as_str(), sh["steps"].to_string()), (Some("met"), "[\"a\",\"b\"]".to_owned()));
    for (what, verdict, note) in [
        ("tool new >=2.1 <3", "met", "version 2.10.1"),
        ("tool silent >=1", "met", "version 1.5"),
        ("tool errs >=7", "unmet", "does not tell its version: nothing to see"),
        ("tool old >=16", "unmet", "version 9.6"),
        ("tool never-heard-of", "unmet", "not found in PATH"),
    ] {
        let check = found(&stage, what);
        assert_eq!(check["found"], verdict, "{check}");
        assert!(check["note"].as_str().unwrap().contains(note), "{check}");
    }
    assert_eq!((stage.ledger().len(), stage.has("asked")), (0, false));
    // All of it is told, though some of it is missing.
    assert_eq!(stage.told("step_finished").len(), 2);
    fs::remove_dir_all(stage.path().join(".drplan/runs")).unwrap();
    stage.run(&["execute", "plan.yaml", "--dry-run=plan"]).exits(0);
    assert!(stage.told("checked").is_empty(), "a dry run of the plan alone asks nothing");
}

#[test]
fn tools_of_recipes_are_looked_for() {
    let stage = Stage::new("steps: { a: { use: mine } }\n");
    stage.write(
        "mine.yaml",
        "version: 1\nrecipe: mine\ntitle: Mine\ntools: [never-heard-of]\nsteps: { x: { run: echo x >>ledger } }\n",
    );
    dry(&stage, &[]).exits(1);
    assert_eq!(found(&stage, "tool never-heard-of")["steps"].to_string(), "[\"a\"]");
}

#[test]
fn tools_are_looked_for_though_an_input_is_not_known_yet() {
    let stage = Stage::new(
        "steps:\n  where: { run: echo FOLDER=x >>$DRPLAN_OUTPUT, outputs: [FOLDER] }\n\
         \x20 a: { needs: [where], use: mine, with: { folder: $FOLDER } }\n",
    );
    stage.write(
        "recipes/mine.yaml",
        "version: 1\nrecipe: mine\ntitle: Mine\ninputs: { folder: { description: F } }\ntools: [sed]\nsteps: { x: { run: echo x >>ledger } }\n",
    );
    dry(&stage, &[]).exits(0);
    assert_eq!(found(&stage, "tool sed")["found"], "met");
}

#[test]
fn what_only_a_yes_comes_before_is_looked_at() {
    let stage = Stage::new(
        "steps:\n  leave: { approve: { by: [ops], ask: Go on? } }\n  pause: { needs: [leave], wait: 1s }\n\
         \x20 a: { needs: [pause], preconditions: [ { file: is-there } ], run: echo a >>ledger }\n\
         people: { eve: { name: Eve, roles: [ops], contact: eve } }\n",
    );
    dry(&stage, &[]).exits(1).says("is-there");
    stage.write("is-there", "");
    dry(&stage, &[]).exits(0);
}

#[test]
fn a_tool_that_a_step_before_may_bring_is_not_known() {
    let stage = Stage::new(
        "places: { new: { kind: host, exists: false } }\n\
         steps:\n\
         \x20 build: { provides: [new], run: echo a >>ledger }\n\
         \x20 use: { needs: [new], on: new, run: echo b >>ledger, needs_tools: [never-heard-of] }\n",
    );
    dry(&stage, &[]).exits(0).says("build comes first");
    assert_eq!(found(&stage, "tool never-heard-of")["found"], "unknown");
}

#[test]
fn what_is_no_tool_is_a_finding() {
    let stage = Stage::new("steps: { a: { run: 'true', needs_tools: ['psql >>15'] } }\n");
    stage.run(&["check", "plan.yaml"]).exits(1).says("psql >=15 <17");
}

// People.

#[test]
fn an_approval_that_nobody_can_give_makes_it_impossible() {
    let stage = Stage::new(
        "people:\n\
         \x20 ana: { name: Ana, roles: [lead] }\n\
         \x20 ivan: { name: Ivan, roles: [lead] }\n\
         steps:\n\
         \x20 go: { approve: { by: [lead], distinct_from: starter, quorum: 2 } }\n\
         \x20 work: { manual: Do it., by: lead }\n",
    );
    dry(&stage, &["--as", "ana"]).exits(1).says("besides ana");
    assert_eq!(found(&stage, "approval by lead")["found"], "unmet");
    assert_eq!(found(&stage, "work by lead")["found"], "met");
    // Who begins it is none of the two: the account.
    let ran = dry(&stage, &[]).exits(0).says("ana (no key), ivan (no key)");
    let ran = ran.says("will need the approval of ana or ivan").says("will have to be done by ana or ivan");
    assert!(!ran.out.contains("drplan approve"), "nobody is waited for: {}", ran.out);
}

// Room.

#[test]
fn a_recovery_point_must_fit_where_it_goes() {
    let recipe = "version: 1\nrecipe: mine\ntitle: Mine\n\
        inputs: { into: { type: path, description: Where } }\n\
        steps: { x: { run: echo x >>ledger } }\n";
    let stage = Stage::new(
        "places: { base: { kind: host } }\n\
         assets: { data: { kind: files, homes: [base] } }\n\
         backups: { nightly: { of: [data], points: { every: 1d }, copies: { vault: { at: vault, keep: 7d } } } }\n\
         steps: { restore: { restores: [data], from: [nightly.vault], use: mine, with: { into: 'srv/data' } } }\n",
    );
    stage.write("mine.yaml", recipe);
    stage.write("vault/20261102T000000Z/x", "text");
    dry(&stage, &[]).exits(0);
    assert_eq!(found(&stage, "room for the recovery point")["found"], "met");
    assert_eq!(found(&stage, "room for the run's record")["found"], "met");
    // A file that says that it is larger than any disk of a test.
    let huge = fs::File::create(stage.path().join("vault/20261102T000000Z/huge")).unwrap();
    huge.set_len(8 << 40).unwrap();
    dry(&stage, &[]).exits(1).says("8192 GiB needed");
    assert_eq!(found(&stage, "room for the recovery point")["found"], "unmet");
    assert_eq!(stage.ledger().len(), 0);
}

// What cannot be known.

#[test]
fn unknown_values_reach_exactly_what_depends_on_them() {
    let stage = Stage::new(
        "people: { ana: { name: Ana } }\n\
         steps:\n\
         \x20 make: { outputs: [HOST_IP, PORT], run: echo make >>ledger }\n\
         \x20 use-it: { needs: [make], run: 'echo \"$HOST_IP\" >>ledger' }\n\
         \x20 recipe: { needs: [make], use: mine, with: { address: \"<$PORT>\" } }\n\
         \x20 after: { needs: [make], run: echo after >>ledger }\n\
         \x20 stranger: { run: 'echo \"${HOST_IP-nothing}\" >>ledger', unless: { file: never } }\n\
         \x20 dns: { needs: [use-it], manual: 'Set the record to $HOST_IP, for $$5.' }\n",
    );
    stage.write(
        "mine.yaml",
        "version: 1\nrecipe: mine\ntitle: Mine\ninputs: { address: { description: Where } }\nsteps: { note: { run: 'echo \"$INPUT_ADDRESS\" >>ledger' } }\n",
    );
    dry(&stage, &[]).exits(0).says("not known before the real thing: HOST_IP");
    let mut unknown: Vec<String> = stage
        .journal()
        .into_iter()
        .filter(|event| event["type"] == "values_unknown")
        .map(|event| format!("{} {}", event["step"].as_str().unwrap(), event["names"]))
        .collect();
    unknown.sort();
    assert_eq!(
        unknown,
        [
            "dns [\"HOST_IP\"]",
            "recipe [\"PORT\"]",
            "recipe/note [\"INPUT_ADDRESS\",\"PORT\"]",
            "use-it [\"HOST_IP\"]"
        ],
    );
    let report = fs::read_to_string(stage.run_dir().join("report.md")).unwrap();
    assert!(report.contains("## Not known before the real thing"), "{report}");
    assert_eq!(stage.ledger().len(), 0);
}

#[test]
fn a_point_is_unknown_only_where_one_is_restored() {
    // No copy is restored here: the variable will never have a value, and that is no secret of the future.
    let stage = Stage::new("steps: { a: { use: mine, with: { address: \"$POINT_PATH\" } } }\n");
    stage.write(
        "mine.yaml",
        "version: 1\nrecipe: mine\ntitle: Mine\ninputs: { address: { description: Where } }\nsteps: { note: { run: 'echo \"$INPUT_ADDRESS\" >>ledger' } }\n",
    );
    dry(&stage, &[]).exits(1).says("`$POINT_PATH` has no value here");
    stage.execute(&[]).exits(3);
    assert_eq!(stage.ledger().len(), 0);
}

// The timeline.

#[test]
fn expected_times_stand_against_the_targets() {
    let stage = Stage::new(
        "places: { base: { kind: host }, spare: { kind: host } }\n\
         assets: { data: { kind: files, homes: [base, spare], rto: 1h, health: [ { file: never } ] } }\n\
         scenarios: { loss: { title: Loss, lose: [base], detect: 10m, decide: 5m } }\n\
         steps:\n\
         \x20 a: { run: echo a >>ledger, takes: 20m }\n\
         \x20 b: { restores: [data], needs: [a], on: home, run: echo b >>ledger, takes: 40m }\n",
    );
    // What was expected and not reached is told; whether it could be done at all is the exit code.
    dry(&stage, &[]).exits(0).says("1h15m").says("missed");
    let report: Value =
        serde_json::from_slice(&fs::read(stage.run_dir().join("report.json")).unwrap()).unwrap();
    let rto = &report["assets"][0]["rto"];
    assert_eq!((rto["verdict"].as_str(), rto["achieved"].as_str()), (Some("missed"), Some("1h15m")));
    assert_eq!(stage.ledger().len(), 0);
}

#[test]
fn a_dry_run_takes_as_long_as_check_says() {
    let stage = Stage::new(
        "places: { base: { kind: host }, spare: { kind: host }, vault: { kind: tape, erasable_by: [] } }\n\
         people: { ana: { name: Ana, contact: x, arrives: 2h } }\n\
         assets:\n\
         \x20 data: { kind: files, homes: [base, spare], rto: 3h, rpo: none, health: [ { file: never } ] }\n\
         \x20 site: { kind: app, homes: [base, spare], needs: [data], rto: 4h, rpo: none, health: [ { file: never } ] }\n\
         backups: { nightly: { of: [data], points: { every: 1d }, copies: { vault: { in: vault, at: vault, keep: 30d, fetch: 50m } } } }\n\
         scenarios: { loss: { title: Loss, lose: [base], detect: 10m, decide: 5m } }\n\
         steps:\n\
         \x20 restore: { restores: [data], from: [nightly.vault], on: home, use: mine, takes: 40m }\n\
         \x20 go: { needs: [data], approve: { by: [ana] }, takes: 10m }\n\
         \x20 open: { restores: [site], needs: [go], run: 'true', takes: 5m }\n",
    );
    stage.write(
        "recipes/mine.yaml",
        "version: 1\nrecipe: mine\ntitle: Mine\nsteps: { x: { run: 'true' }, y: { needs: [x], run: 'true', takes: 15m } }\n",
    );
    stage.write("vault/20261122T140509Z", "data");
    // 15m + 50m + 40m; Ana is there after 2h and says yes after 10m more; then 5m.
    let graph = stage.run(&["graph", "plan.yaml"]).exits(0);
    let dry = stage.run(&["execute", "plan.yaml", "--dry-run=plan"]).exits(0);
    for (asset, time, length) in [("data", "1h45m", "1h45m"), ("site", "2h30m", "2h30m")] {
        assert!(graph.out.contains(&format!("healthy {time} after the incident")), "{}", graph.out);
        let line = dry.out.lines().find(|line| line.trim_start().starts_with(&format!("{asset}  ")));
        assert!(line.is_some_and(|line| line.contains(&format!("  {length} "))), "{asset}: {}", dry.out);
    }
}

// Secrets.

#[test]
fn a_secret_command_is_asked_exactly_as_often_as_is_said() {
    // Confined or not: what fetches a secret is let write, as password managers do; so it can count.
    let stage = Stage::new(
        "secrets:\n\
         \x20 KEY: { command: 'echo asked >>asked; cat vault/key' }\n\
         \x20 OTHER: { command: 'echo other >>asked; cat vault/key' }\n\
         \x20 PIN: { ask: 'The PIN?' }\n\
         steps:\n\
         \x20 a: { run: echo a >>ledger, secrets: [KEY], unless: { run: 'test \"$KEY\" = nothing' } }\n\
         \x20 b: { run: echo b >>ledger, secrets: [KEY, PIN] }\n\
         \x20 c: { run: echo c >>ledger }\n",
    );
    stage.write("vault/key", "TheCanarySings-dry\n");
    dry(&stage, &[]).exits(0);
    // Once for each step that names it, and never for one that does not.
    assert_eq!(stage.read("asked"), "asked\nasked\n");
    assert_eq!(stage.ledger().len(), 0);
    for file in ["journal.jsonl", "report.md", "report.json"] {
        let text = fs::read_to_string(stage.run_dir().join(file)).unwrap();
        assert!(!text.contains("TheCanarySings"), "{file}: {text}");
    }
    fs::remove_file(stage.path().join("asked")).unwrap();
    stage.run(&["execute", "plan.yaml", "--dry-run=plan"]).exits(0);
    assert!(!stage.has("asked"), "a dry run of the plan alone asks nothing");
}

#[test]
fn a_secret_that_cannot_be_fetched_makes_it_impossible() {
    let stage = Stage::new(
        "secrets: { KEY: { command: 'echo locked >&2; exit 1' } }\nsteps: { a: { run: echo a >>ledger, secrets: [KEY] } }\n",
    );
    dry(&stage, &[]).exits(1).says("KEY");
    assert_eq!(stage.ledger().len(), 0);
}
