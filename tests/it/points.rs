//! Which recovery point is restored, and why.

use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::stage::{Stage, until};

/// Points of three days, each with its day inside; the scenarios lose the host, spoil the data, and let somebody in.
fn stage(more: &str) -> Stage {
    let stage = Stage::new(&format!(
        "places: {{ old: {{ kind: host }}, new: {{ kind: host }}, store: {{ kind: host }} }}
assets:
  data: {{ kind: files, homes: [old, new], health: [ {{ file: restored }} ] }}
backups:
  nightly: {{ of: [data], points: {{ every: 1d }}, copies: {{ vault: {{ in: store, at: vault, keep: 30d, erasable_by: [], immutable: 30d{more} }} }} }}
scenarios:
  loss: {{ title: L, lose: [old] }}
  spoiled: {{ title: S, damage: [data], found_after: 1h }}
  intruder: {{ title: I, compromise: [old], found_after: 1h }}
steps:
  restore:
    restores: [data]
    from: [nightly.vault]
    run: 'cat \"$POINT_PATH\" >restored; echo \"$POINT_ID before [$POINT_BEFORE]\" >>ledger'
    rerun: safe
    takes: 1m
"
    ));
    for day in ["20261103", "20261102", "20261101"] {
        point(&stage, day, &format!("data of {day}\n"), true);
    }
    stage
}

/// Makes a point, with the digest of what it should be.
fn point(stage: &Stage, day: &str, text: &str, with_digest: bool) {
    let name = format!("vault/{day}T030000Z.txt");
    stage.write(&name, text);
    if with_digest {
        let sum: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        stage.write(&format!("{name}.sha256"), &format!("{sum}  {day}T030000Z.txt\n"));
    }
}

fn execute(stage: &Stage, args: &[&str]) -> crate::stage::Ran {
    let mut all = vec!["execute", "plan.yaml", "--yes"];
    all.extend(args);
    stage.run(&all)
}

fn why(stage: &Stage) -> String {
    stage.last("point_chosen", "restore")["point"]["why"].as_str().unwrap().to_owned()
}

#[test]
fn after_a_loss_the_newest_is_taken_that_is_what_its_producer_made() {
    let stage = stage("");
    execute(&stage, &["--scenario", "loss"]).exits(0);
    assert_eq!(stage.ledger(), ["20261103T030000Z.txt before []"]);
    assert!(why(&stage).contains("verified just now as far as `digest`"), "{}", why(&stage));
}

#[test]
fn a_point_that_is_not_what_its_producer_made_is_passed_over_and_it_is_said() {
    let stage = stage("");
    stage.write("vault/20261103T030000Z.txt", "data of 2026");
    execute(&stage, &["--scenario", "loss", "--dry-run"])
        .exits(0)
        .says("20261103T030000Z.txt was passed over");
    execute(&stage, &["--scenario", "loss"]).exits(0).says("20261103T030000Z.txt was passed over");
    assert_eq!(stage.read("restored"), "data of 20261102\n");
    stage.run(&["report", "latest"]).exits(0).says("was passed over");
}

#[test]
fn a_probe_of_the_copy_is_asked_before_its_point_is_taken() {
    let stage = stage(", verify: [ { run: 'grep -q 20261101 \"$POINT_PATH\"' } ]");
    execute(&stage, &["--scenario", "loss"]).exits(0);
    assert_eq!(stage.read("restored"), "data of 20261101\n");
    // One that cannot be asked is no reason to restore nothing; it is said.
    let stage = self::stage(", verify: [ { run: 'kill -9 $$' } ]");
    execute(&stage, &["--scenario", "loss"]).exits(0).says("not verified");
    assert_eq!(stage.read("restored"), "data of 20261103\n");
}

#[test]
fn where_no_point_is_good_the_step_fails_and_says_why() {
    let stage = stage(", verify: [ { run: 'false' } ]");
    execute(&stage, &["--scenario", "loss"]).exits(3).says("none of the 3 points");
    assert!(!stage.has("restored"));
    execute(&stage, &["--scenario", "loss", "--dry-run"]).exits(1).says("none of the 3 points");
    execute(&stage, &["--scenario", "loss", "--unverified"]).exits(0);
    assert_eq!(stage.read("restored"), "data of 20261103\n");
}

#[test]
fn after_damage_only_points_from_before_it_are_taken() {
    for scenario in ["spoiled", "intruder"] {
        let stage = stage("");
        execute(&stage, &["--scenario", scenario]).exits(2).says("--harmed-at");
        assert!(stage.runs().is_empty());
        execute(&stage, &["--scenario", scenario, "--harmed-at", "2026-11-02T03:00:00Z"]).exits(0);
        // A point of the very moment is not from before it.
        assert_eq!(stage.ledger(), ["20261101T030000Z.txt before [2026-11-02T03:00:00Z]"], "{scenario}");
        assert!(why(&stage).contains("(2 younger)"), "{}", why(&stage));
    }
}

#[test]
fn the_recovery_point_counts_from_the_harm() {
    let stage = stage("");
    let plan = stage.read("plan.yaml").replace("kind: files, homes", "kind: files, rpo: 12h, homes");
    stage.write("plan.yaml", &plan);
    execute(&stage, &["--scenario", "spoiled", "--harmed-at", "2026-11-02T05:00:00Z"]).exits(0);
    let report = stage.run(&["report", "latest", "--format", "json"]).exits(0);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    let rpo = &report["assets"][0]["rpo"];
    assert_eq!(rpo["achieved"], "2h", "{rpo}");
}

#[test]
fn what_was_lost_is_told_by_the_data_and_not_by_the_name_of_its_point() {
    let stage = stage("");
    // The point of three o'clock holds nothing that is younger than ten at night.
    let plan = stage
        .read("plan.yaml")
        .replace("kind: files, homes", "kind: files, rpo: 3h, newest: cat newest, homes")
        .replace("run: 'cat", "run: 'echo 2026-11-01T22:00:00Z >newest; cat");
    stage.write("plan.yaml", &plan);
    let harmed = ["--scenario", "spoiled", "--harmed-at", "2026-11-02T05:00:00Z"];
    let why = "its newest data is of 2026-11-01 22:00:00 UTC";
    let ran = execute(&stage, &harmed).exits(5);
    assert!(ran.out.contains(&format!("3h      7h       MISSED ({why})")), "{}", ran.out);
    let report = stage.run(&["report", "latest", "--format", "json"]).exits(0);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    let rpo = &report["assets"][0]["rpo"];
    assert_eq!(
        (&rpo["achieved"], &rpo["verdict"], &rpo["why"]),
        (&"7h".into(), &"missed".into(), &why.into())
    );
    let line = format!("| `data` | data lost | 3h | – | 7h | ❌ missed: {why} |");
    let markdown = stage.run(&["report", "latest"]).exits(0).out;
    assert!(markdown.contains(&line), "{markdown}");
    // What says no moment says nothing of what was lost: the asset is not taken for healthy.
    stage.write("plan.yaml", &plan.replace("cat newest", "echo yesterday"));
    execute(&stage, &harmed).exits(3).says("`newest`");
}

/// A point that says inside of which moment it is, whatever its name says.
fn dated(stage: &Stage, day: &str, inside: &str) {
    point(stage, day, &format!("TIME={inside}\n"), true);
}

#[test]
fn what_a_point_holds_inside_counts_and_not_what_its_name_says() {
    let looks =
        ", verify: [ { run: 'cat \"$POINT_PATH\" >>\"$DRPLAN_OUTPUT\"', expect: { facts: [TIME] } } ]";
    let stage = stage(looks);
    // One was begun before the harm, and holds what came after it.
    dated(&stage, "20261103", "2026-11-03T03:20:00Z");
    dated(&stage, "20261102", "2026-11-02T02:58:00Z");
    dated(&stage, "20261101", "2026-11-01T02:58:00Z");
    let plan = stage.read("plan.yaml").replace("kind: files, homes", "kind: files, rpo: 1d, homes");
    stage.write(
        "plan.yaml",
        &plan.replace("echo \"$POINT_ID before", "echo \"$POINT_ID of $POINT_TIME before"),
    );
    let restores = || {
        execute(&stage, &["--scenario", "spoiled", "--harmed-at", "2026-11-03T03:10:00Z"]).exits(5);
        let why = why(&stage);
        assert!(
            why.contains("20261103T030000Z.txt was passed over: it holds 2026-11-03 03:20:00 UTC, and is not from before"),
            "{why}"
        );
        assert_eq!(
            stage.ledger().pop().unwrap(),
            "20261102T030000Z.txt of 2026-11-02T02:58:00Z before [2026-11-03T03:10:00Z]"
        );
        let report = stage.run(&["report", "latest", "--format", "json"]).exits(0);
        let report: Value = serde_json::from_str(&report.out).unwrap();
        assert_eq!(report["assets"][0]["rpo"]["achieved"], "1d12m", "{report:#}");
    };
    restores();
    // What an earlier look has found inside is not forgotten.
    stage.run(&["verify", "plan.yaml", "--record"]);
    assert!(stage.read(".drplan/verification.json").contains("20261103T030000Z.txt"));
    restores();
}

#[test]
fn what_was_changed_since_a_look_is_looked_into_anew() {
    for name in ["vault/20261104T030000Z.txt", "vault/20261104T030000Z/data.txt"] {
        let stage = stage(", verify: [ { run: 'grep -rq data \"$POINT_PATH\"' } ]");
        let plan = stage.read("plan.yaml").replace("cat \"$POINT_PATH\"", "grep -rh . \"$POINT_PATH\"");
        stage.write("plan.yaml", &plan);
        stage.write(name, "data of 20261104\n");
        stage.run(&["verify", "plan.yaml", "--as-of", "2026-11-04T04:00:00Z", "--record"]);
        let restores = |day: &str, as_seen: &str| {
            execute(&stage, &["--scenario", "spoiled", "--harmed-at", "2026-11-05T00:00:00Z"]).exits(0);
            assert_eq!(stage.read("restored"), format!("data of {day}\n"), "{}", why(&stage));
            assert!(why(&stage).contains(as_seen), "{}", why(&stage));
        };
        restores("20261104", "looked into as far as `header` at 2026-11-04 04:00:00 UTC");
        // As many letters, and the time of the file is that of before.
        let path = stage.path().join(name);
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "rot! of 20261104\n").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
        restores("20261103", "20261104T030000Z");
    }
}

#[test]
fn what_looks_into_a_point_is_told_of_which_moment_it_should_be() {
    let asks = "test \"$POINT_TIME $POINT_ID\" = \"2026-11-02T03:00:00Z 20261102T030000Z.txt\"";
    let stage = stage(&format!(", verify: [ {{ run: '{asks}' }} ]"));
    execute(&stage, &["--scenario", "loss"]).exits(0);
    assert_eq!(stage.read("restored"), "data of 20261102\n");
    let told = stage.run(&["verify", "plan.yaml", "--as-of", "2026-11-02T04:00:00Z", "--format", "json"]);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let points = told["plans"][0]["copies"][0]["looked_into"].as_array().unwrap();
    let bad: Vec<&Value> =
        points.iter().filter(|point| point["verdict"] == "failure").map(|point| &point["name"]).collect();
    assert!(!bad.contains(&&Value::from("20261102T030000Z.txt")), "{told:#}");
    assert!(points.iter().any(|point| point["name"] == "20261102T030000Z.txt"), "{told:#}");
}

#[test]
fn a_drill_harms_as_its_last_preparation_begins() {
    let stage = Stage::new(
        "places: { here: { kind: host }, sandbox: { kind: host }, store: { kind: host } }
assets: { data: { kind: files, homes: [here], rpo: 1d, health: [ { file: restored } ] } }
backups:
  nightly: { of: [data], points: { every: 1d }, copies: { vault: { in: store, at: vault, keep: 30d } } }
scenarios: { spoiled: { title: S, damage: [data], found_after: 1h } }
prepare:
  save: { run: 'echo good >\"vault/$(date -u +%Y%m%dT%H%M%SZ)\"; date +%s%3N >saved' }
  spoil: { needs: [save], run: 'date +%s%3N >spoiled' }
steps:
  night: { run: 'echo bad >\"vault/$(date -u -d \"+1 hour\" +%Y%m%dT%H%M%SZ)\"' }
  restore:
    needs: [night]
    restores: [data]
    from: [nightly.vault]
    run: 'cat \"$POINT_PATH\" >restored; date -d \"$POINT_BEFORE\" +%s%3N >before'
environments: { drill: { places: { here: sandbox, store: store } } }
",
    );
    stage.write("vault/notes.txt", "");
    stage.execute(&["--drill", "--plain"]).exits(0);
    assert_eq!(stage.read("restored"), "good\n");
    let at = |name: &str| stage.read(name).trim().parse::<u64>().unwrap();
    assert!(at("saved") <= at("before") && at("before") <= at("spoiled"));
}

#[test]
fn an_older_point_can_be_asked_for_in_any_scenario() {
    let stage = stage("");
    execute(&stage, &["--scenario", "loss", "--before", "2026-11-02T12:00:00+01:00"]).exits(0);
    assert_eq!(stage.ledger(), ["20261102T030000Z.txt before [2026-11-02T11:00:00Z]"]);
}

#[test]
fn what_is_asked_for_must_be_possible() {
    let stage = stage("");
    let told = |args: &[&str], part: &str| {
        execute(&stage, args).exits(2).says(part);
        assert!(stage.runs().is_empty());
    };
    told(&["--scenario", "loss", "--harmed-at", "2026-11-02T00:00:00Z"], "spoils no data");
    told(&["--scenario", "spoiled", "--harmed-at", "2126-11-02T00:00:00Z"], "lies after this machine's time");
    told(&["--scenario", "spoiled", "--harmed-at", "yesterday"], "--harmed-at");
    told(&["--scenario", "spoiled", "--harmed-at", "2026-11-02T00:00:00"], "--harmed-at");
    let both =
        ["--scenario", "spoiled", "--harmed-at", "2026-11-02T00:00:00Z", "--before", "2026-11-02T00:00:00Z"];
    told(&both, "cannot be used with");
    execute(&stage, &["--scenario", "spoiled", "--harmed-at", "2026-10-02T00:00:00Z"])
        .exits(3)
        .says("none of the 3 points");
}

#[test]
fn a_dry_run_takes_the_harm_for_as_old_as_the_plan_says() {
    let stage = stage("");
    let now = now_in_names();
    point(&stage, &now, "data of this minute\n", true);
    execute(&stage, &["--scenario", "spoiled", "--dry-run"]).exits(0).says("20261103T030000Z.txt");
    let start = stage.journal().into_iter().find(|event| event["type"] == "run_started").unwrap();
    assert_eq!(start["harmed"]["assumed"], true);
}

/// This second, as it stands in the names of points.
fn now_in_names() -> String {
    let out = std::process::Command::new("date").args(["-u", "+%Y%m%dT%H%M%SZ-"]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_restore_that_finds_its_point_bad_gets_the_one_before() {
    let stage = stage("");
    let plan = stage.read("plan.yaml").replace(
        "run: 'cat",
        "run: 'grep -q 20261101 \"$POINT_PATH\" || { echo \"POINT_PROBLEM=a table is missing\" >>\"$DRPLAN_OUTPUT\"; exit 1; }; cat",
    );
    stage.write("plan.yaml", &plan);
    let ran = execute(&stage, &["--scenario", "loss"]).exits(0);
    ran.says("a table is missing");
    assert_eq!(stage.ledger(), ["20261101T030000Z.txt before []"]);
    assert_eq!(stage.told("point_refused"), ["restore", "restore"]);
    assert!(
        why(&stage).contains("20261103T030000Z.txt was passed over: a table is missing"),
        "{}",
        why(&stage)
    );
    stage.run(&["report", "latest"]).exits(0).says("a table is missing");
    // Where none is left, that is the end.
    fs::remove_file(stage.path().join("vault/20261101T030000Z.txt")).unwrap();
    fs::remove_file(stage.path().join("plan.placement.yaml")).unwrap();
    execute(&stage, &["--scenario", "loss"]).exits(3).says("none of the 2 points");
}

#[test]
fn a_crash_keeps_the_choice() {
    let stage = stage("");
    let plan =
        stage.read("plan.yaml").replace("run: 'cat", "run: 'echo begun >>begun; read -r line <gate; cat");
    stage.write("plan.yaml", &plan);
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--scenario", "loss"]);
    crate::stage::until("it begins", || stage.has("begun"));
    run.crash();
    // A newer point comes while nobody looks.
    point(&stage, "20261104", "data of 20261104\n", true);
    let run = stage.start(&["resume", "latest"]);
    crate::stage::until("it is taken up", || stage.has_told("step_judged", "restore"));
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["20261103T030000Z.txt before []"]);
}

/// A database and its uploads, which must be of one moment; their restores are ordered only by `needs`.
fn one_moment(within: &str, needs: &str) -> Stage {
    Stage::new(&format!(
        "places: {{ old: {{ kind: host }}, new: {{ kind: host }}, store: {{ kind: host }} }}
assets:
  db: {{ kind: files, homes: [old, new], health: [ {{ file: restored-db }} ] }}
  uploads: {{ kind: files, homes: [old, new], health: [ {{ file: restored-uploads }} ] }}
backups:
  dumps: {{ of: [db], points: {{ every: 1d }}, copies: {{ vault: {{ in: store, at: dumps, keep: 30d }} }} }}
  tars: {{ of: [uploads], points: {{ every: 1d }}, copies: {{ vault: {{ in: store, at: tars, keep: 30d }} }} }}
consistent: [ {{ assets: [db, uploads], within: {within} }} ]
scenarios: {{ loss: {{ title: L, lose: [old] }} }}
steps:
  db-back: {{ restores: [db], from: [dumps.vault], run: 'touch restored-db; echo $POINT_ID >>ledger' }}
  uploads-back: {{ {needs}restores: [uploads], from: [tars.vault], run: 'touch restored-uploads; echo $POINT_ID >>ledger' }}
"
    ))
}

fn points(stage: &Stage, names: &[&str]) {
    for name in names {
        stage.write(name, "data");
    }
}

#[test]
fn assets_that_must_be_of_one_moment_get_points_near_to_each_other() {
    let stage = one_moment("1h", "needs: [db-back], ");
    points(&stage, &["dumps/20261102T030000Z", "tars/20261102T033000Z", "tars/20261103T033000Z"]);
    stage.execute(&["--scenario", "loss"]).exits(0);
    assert_eq!(stage.ledger(), ["20261102T030000Z", "20261102T033000Z"], "the newer one does not fit");
}

#[test]
fn the_points_of_one_moment_are_chosen_together_before_anything_is_restored() {
    // The uploads of the last night were not saved: the newest dump would leave nothing that fits to it.
    let newest = ["dumps/20261103T030000Z", "dumps/20261102T030000Z", "tars/20261102T033000Z"];
    for needs in ["needs: [db-back], ", ""] {
        let stage = one_moment("1h", needs);
        points(&stage, &newest);
        stage.execute(&["--scenario", "loss"]).exits(0);
        let mut ledger = stage.ledger();
        ledger.sort();
        assert_eq!(ledger, ["20261102T030000Z", "20261102T033000Z"]);
    }
    let stage = one_moment("1h", "needs: [db-back], ");
    points(&stage, &newest);
    let dry = stage.run(&["execute", "plan.yaml", "--scenario", "loss", "--dry-run"]).exits(0);
    let why = "20261103T030000Z was passed over: no good point within 1h of it in ";
    assert!(dry.out.contains(why) || dry.err.contains(why), "{}{}", dry.out, dry.err);

    // They were saved, and are not what was sent.
    stage.write("tars/20261103T033000Z", "rotten");
    stage.write("tars/20261103T033000Z.sha256", &format!("{}  20261103T033000Z\n", "0".repeat(64)));
    stage.execute(&["--scenario", "loss"]).exits(0);
    assert_eq!(stage.ledger(), ["20261102T030000Z", "20261102T033000Z"]);
    let chosen = stage.last("point_chosen", "db-back");
    assert!(why_of(&chosen).contains(why), "{chosen:#}");

    // Nothing fits: that is found before anything is laid over what is there.
    let stage = one_moment("10m", "needs: [db-back], ");
    points(&stage, &["dumps/20261102T030000Z", "tars/20261102T033000Z"]);
    stage.execute(&["--scenario", "loss"]).exits(3).says("no good point within 10m of it in ");
    assert!(!stage.path().join("ledger").exists());
}

/// Two assets of one backup, of two days; with these steps.
fn one_backup(steps: &str) -> Stage {
    let stage = Stage::new(&format!(
        "places: {{ old: {{ kind: host }}, new: {{ kind: host }}, store: {{ kind: host }} }}
assets:
  db: {{ kind: files, homes: [old, new], health: [ {{ file: db-back }} ] }}
  uploads: {{ kind: files, homes: [old, new], health: [ {{ file: uploads-back }} ] }}
backups:
  nightly: {{ of: [db, uploads], points: {{ every: 1d }}, copies: {{ vault: {{ in: store, at: vault, keep: 30d }} }} }}
scenarios: {{ loss: {{ title: L, lose: [old] }} }}
steps:
{steps}"
    ));
    points(&stage, &["vault/20261102T030000Z", "vault/20261103T030000Z"]);
    stage
}

#[test]
fn assets_of_one_backup_come_back_from_one_point() {
    let stage = one_backup(
        "  first: { restores: [db], from: [nightly.vault], run: 'touch db-back vault/20261104T030000Z; echo $POINT_ID >>ledger' }
  second: { needs: [first], restores: [uploads], from: [nightly.vault], run: 'touch uploads-back; echo $POINT_ID >>ledger' }
",
    );
    // A newer one comes while the first is restored: the second must fit to what is there.
    stage.execute(&["--scenario", "loss"]).exits(0);
    assert_eq!(stage.ledger(), ["20261103T030000Z", "20261103T030000Z"]);
}

#[test]
fn what_is_dated_too_far_from_the_rest_is_not_looked_into() {
    let stage = one_moment("1h", "needs: [db-back], ");
    points(&stage, &["dumps/20261102T030000Z", "dumps/20261103T030000Z", "tars/20261102T033000Z"]);
    // It is rotten as well; nobody reads it to find that out.
    stage.write("dumps/20261103T030000Z.sha256", &format!("{}  20261103T030000Z\n", "0".repeat(64)));
    stage.execute(&["--scenario", "loss"]).exits(0);
    let why = why_of(&stage.last("point_chosen", "db-back"));
    assert!(why.contains("20261103T030000Z was passed over: no good point within 1h of it"), "{why}");
}

#[test]
fn what_is_found_bad_after_another_was_restored_from_it_is_not_replaced() {
    let stage = one_backup(
        "  first: { restores: [db], from: [nightly.vault], run: 'touch db-back; echo $POINT_ID >>ledger' }
  second:
    needs: [first]
    restores: [uploads]
    from: [nightly.vault]
    run: 'echo $POINT_ID >>ledger; echo POINT_PROBLEM=torn >>\"$DRPLAN_OUTPUT\"; exit 1'
",
    );
    // The point before would not fit to the database that is back already.
    stage.execute(&["--scenario", "loss"]).exits(3);
    assert_eq!(stage.ledger(), ["20261103T030000Z", "20261103T030000Z"]);
    assert!(stage.told("point_refused").is_empty());
}

/// Two copies: one beside the host, one far away; the scenario loses neither.
fn two_copies() -> Stage {
    let stage = Stage::new(
        "places: { old: { kind: host }, new: { kind: host }, near: { kind: host }, far: { kind: host } }
assets:
  data: { kind: files, homes: [old, new], health: [ { file: restored } ] }
backups:
  nightly:
    of: [data]
    points: { every: 1d }
    copies:
      near: { in: near, at: vault, keep: 30d, erasable_by: [] }
      far: { in: far, at: far, keep: 30d, erasable_by: [], from: near }
scenarios: { loss: { title: L, lose: [old] } }
steps:
  restore:
    restores: [data]
    from: [nightly.near, nightly.far]
    use: inner
",
    );
    stage.write(
        "recipes/inner.yaml",
        "recipe: inner\nversion: 1\ntitle: T\ndescription: D\nsteps:\n  look: { run: 'echo \"$POINT_COPY $POINT_ID\" >>ledger' }\n  load: { needs: [look], run: 'cat \"$POINT_PATH\" >restored; echo \"$POINT_COPY\" >>ledger' }\n",
    );
    point(&stage, "20261102", "near\n", true);
    let far = "far/20261101T030000Z.txt";
    stage.write(far, "far\n");
    stage
}

#[test]
fn where_a_copy_holds_nothing_good_the_next_one_is_taken() {
    let stage = two_copies();
    stage.execute(&[]).exits(0);
    assert_eq!(stage.read("restored"), "near\n");

    let stage = two_copies();
    stage.write("vault/20261102T030000Z.txt", "rotten\n");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0).says("nightly.near was passed over");
    stage.execute(&[]).exits(0);
    assert_eq!(stage.read("restored"), "far\n");
    // All parts of the step got the one point.
    assert_eq!(stage.ledger(), ["nightly.far 20261101T030000Z.txt", "nightly.far"]);
    let chosen = stage.last("point_chosen", "restore/load");
    assert_eq!(chosen["point"]["copy"], "nightly.far");
    assert!(why_of(&chosen).contains("; nightly.near was passed over: none of the 1 points"), "{chosen:#}");
    assert!(
        !stage
            .journal()
            .iter()
            .any(|event| event["type"] == "step_finished" && event["outcome"]["result"] == "failed")
    );

    // The folder is gone altogether, and then both are.
    let stage = two_copies();
    fs::remove_dir_all(stage.path().join("vault")).unwrap();
    stage.execute(&[]).exits(0);
    assert_eq!(stage.read("restored"), "far\n");
    let stage = two_copies();
    fs::remove_dir_all(stage.path().join("vault")).unwrap();
    fs::remove_dir_all(stage.path().join("far")).unwrap();
    stage.execute(&[]).exits(3).says("there is no recovery point in nightly.far").says("is not there");
}

#[test]
fn a_resumed_run_stays_with_the_copy_that_was_taken_instead() {
    let stage = two_copies();
    stage.write("vault/20261102T030000Z.txt", "rotten\n");
    let recipe = stage
        .read("recipes/inner.yaml")
        .replace("  load: {", "  load: { rerun: ask, ")
        .replace("cat \"$POINT", "read -r line <gate; cat \"$POINT");
    stage.write("recipes/inner.yaml", &recipe);
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("it is loaded", || stage.process_of("restore/load", 1).is_some());
    run.crash();
    // What was bad is good again; the half that was restored came from the other copy.
    point(&stage, "20261102", "near\n", true);
    let run = stage.start(&["resume", "latest"]);
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.read("restored"), "far\n");
    assert_eq!(stage.last("point_chosen", "restore")["point"]["copy"], "nightly.far");
}

fn why_of(chosen: &Value) -> String {
    chosen["point"]["why"].as_str().unwrap().to_owned()
}

#[test]
fn a_copy_on_the_host_itself_is_looked_for_where_the_data_lives_now() {
    let stage = Stage::new(
        "places: { old: { kind: host, vars: { ROOT: old } }, new: { kind: host, vars: { ROOT: new } } }
assets: { data: { kind: files, homes: [old, new], health: [ { file: restored } ] } }
backups: { nightly: { of: [data], points: { every: 1d }, copies: { own: { at: $ROOT/points, keep: 30d } } } }
scenarios: { spoiled: { title: S, damage: [data], found_after: 1h } }
steps: { restore: { restores: [data], from: [nightly.own], run: 'cat $POINT_PATH >restored', rerun: safe, takes: 1m } }
",
    );
    stage.write("old/points/20261103T030000Z", "of the old one");
    stage.write("new/points/20261102T030000Z", "of the new one");
    stage.write("plan.placement.yaml", "placement: plan\nhomes: { data: new }\n");
    let before = ["--scenario", "spoiled", "--before", "2026-11-05T00:00:00Z"];
    execute(&stage, &before).exits(0);
    assert_eq!(stage.read("restored"), "of the new one");
}

/// Data that was spoiled, and a person who finds out when.
fn spoiled(find: &str, needs: &str) -> Stage {
    let stage = Stage::new(&format!(
        "places: {{ vps: {{ kind: host }}, store: {{ kind: host }} }}
assets: {{ data: {{ kind: files, homes: [vps], rpo: 26h, health: [ {{ file: restored }} ] }} }}
backups:
  nightly: {{ of: [data], points: {{ every: 1d }}, copies: {{ vault: {{ in: store, at: vault, keep: 30d }} }} }}
scenarios: {{ spoiled: {{ title: S, damage: [data], found_after: 1h }} }}
steps:
  find: {{ {find}, outputs: [HARMED_AT] }}
  restore: {{ {needs}restores: [data], from: [nightly.vault], use: inner }}
"
    ));
    stage.write(
        "recipes/inner.yaml",
        "recipe: inner\nversion: 1\ntitle: T\ndescription: D\nsteps:\n  load: { run: 'cat \"$POINT_PATH\" >restored; echo \"$POINT_ID $POINT_BEFORE\" >>ledger' }\n",
    );
    for day in ["20261103", "20261102", "20261101"] {
        point(&stage, day, &format!("data of {day}\n"), true);
    }
    stage
}

const SPOILED: [&str; 5] = ["execute", "plan.yaml", "--yes", "--scenario", "spoiled"];

#[test]
fn a_person_may_find_out_in_the_run_when_the_harm_began() {
    let stage = spoiled("manual: Find in the audit log when it began.", "needs: [find], ");
    let run = stage.run(&SPOILED).exits(4);
    assert!(run.out.contains("find --as PERSON --output HARMED_AT=VALUE"), "{}", run.out);
    let answer = |more: &[&str]| stage.run(&[&["approve", "latest", "find"], more].concat());
    answer(&[]).exits(2).says("it must say `HARMED_AT=…`");
    answer(&["--output", "HARMED_AT=yesterday"]).exits(2).says("the moment when the harm began");
    answer(&["--output", "HARMED_AT"]).exits(2).says("is not NAME=VALUE");
    answer(&["--output", "HARMED_AT=2026-11-02T12:00:00Z", "--note", "by the log"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.ledger(), ["20261102T030000Z.txt 2026-11-02T12:00:00Z"]);
    // What is lost counts from the harm.
    let report = fs::read_to_string(stage.run_dir().join("report.md")).unwrap();
    assert!(report.contains("9h"), "{report}");
}

#[test]
fn a_harm_that_lies_ahead_or_is_not_waited_for_is_refused() {
    let stage = spoiled("run: 'echo HARMED_AT=2999-01-01T00:00:00Z >>\"$DRPLAN_OUTPUT\"'", "needs: [find], ");
    stage.run(&SPOILED).exits(3).says("lies ahead");
    let stage = spoiled("run: 'echo HARMED_AT=2026-11-02T02:00:00Z >>\"$DRPLAN_OUTPUT\"'", "needs: [find], ");
    stage.run(&SPOILED).exits(0);
    assert_eq!(stage.ledger(), ["20261101T030000Z.txt 2026-11-02T02:00:00Z"]);
    // A restore that does not wait for it would take a point that is spoiled.
    let stage = spoiled("manual: Find in the audit log when it began.", "");
    stage.run(&SPOILED).exits(2).says("or let `restore` need `find`, which finds it out");
    assert!(!stage.path().join("ledger").exists());
}
