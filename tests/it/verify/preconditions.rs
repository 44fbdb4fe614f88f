//! `drplan verify --preconditions`: what a restore will need is really missing, beside a good twin.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::of_now;
use crate::servers::{Edition, Postgres, said};
use crate::stage::Stage;

/// A repository whose database comes back from a dump.
struct Bed {
    stage: Stage,
    server: Postgres,
}

const HEAD: &str = "places: { vps: { kind: host }, next: { kind: host, exists: false } }\n\
     assets: { db: { kind: postgresql, homes: [HOMES], rpo: none, rto: none, health: [ { file: / } ] } }\n\
     backups: { nightly: { of: [db], points: { every: 24h }, copies: { local: { in: shelf, at: points, keep: 30d } } } }\n";

fn head(homes: &str) -> String {
    HEAD.replace("HOMES", homes).replace("places: {", "places: { shelf: { kind: site },")
}

impl Bed {
    /// A server that has the roles of the dump, but not its database.
    fn new(dump: &[&str], with: &str) -> Self {
        let source = Postgres::start();
        crate::recipes::fill_postgres(&source);
        Self::of(&source, dump, Postgres::start(), "", with)
    }

    /// The same between two servers, with these programs first in PATH.
    fn between(from: &Edition, fill: impl Fn(&Postgres), dump: &[&str], to: &Edition, with: &str) -> Self {
        let source = from.start();
        crate::recipes::fill_postgres(&source);
        fill(&source);
        Self::of(&source, dump, to.start(), &format!(", PATH: '{}:/usr/bin:/bin'", to.bin.display()), with)
    }

    fn of(source: &Postgres, dump: &[&str], server: Postgres, vars: &str, with: &str) -> Self {
        server.sql("postgres", "create role app login; create role reader");
        let stage = Stage::new(&format!(
            "vars: {{ {}{vars} }}\n{}steps:\n  back: {{ restores: [db], from: [nightly.local], use: postgres/restore-dump, takes: 5m, \
             with: {{ dump: $POINT_PATH, database: shop{with} }} }}\n",
            server.vars(),
            head("vps")
        ));
        fs::create_dir(stage.path().join("points")).unwrap();
        let point = stage.path().join("points").join(of_now());
        said(source.own_client("pg_dump").args(["-d", "shop"]).args(dump).arg("-f").arg(&point));
        Self { stage, server }
    }

    #[track_caller]
    fn is_ready(&self) -> Value {
        let (code, step) = asked(&self.stage, "back");
        assert!(code == 0 && step["verdict"].is_null(), "{step:#}");
        step
    }

    /// Something is missing, and all else was asked as well.
    #[track_caller]
    fn lacks(&self, words: &str) {
        let (code, step) = asked(&self.stage, "back");
        has(&step, "failure", "not-ready", words);
        assert_eq!(code, 1);
        let told = step["good"].as_array().unwrap().len() + step["problems"].as_array().unwrap().len();
        assert_eq!(told, 9, "three tools and six preconditions: {step:#}");
    }
}

/// Verifies, and returns the exit code and what was seen of a step.
#[track_caller]
fn asked(stage: &Stage, step: &str) -> (i32, Value) {
    let ran = stage.run(&["verify", "plan.yaml", "--preconditions", "--format", "json"]);
    let seen: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
    let restores = seen["plans"][0]["restores"].as_array().cloned().unwrap_or_default();
    let found = restores.iter().find(|seen| seen["step"] == step).cloned();
    (ran.code, found.unwrap_or_else(|| panic!("nothing is told of {step}: {seen:#}")))
}

#[track_caller]
fn has(step: &Value, severity: &str, kind: &str, words: &str) {
    let mut problems = step["problems"].as_array().unwrap().iter();
    let is_it = |problem: &Value| {
        problem["severity"] == severity
            && problem["kind"] == kind
            && problem["what"].as_str().unwrap().contains(words)
    };
    assert!(problems.any(is_it), "no {severity} {kind} {words:?}: {step:#}");
}

#[test]
fn a_server_without_what_a_dump_needs_is_found_before_the_disaster() {
    let bed = Bed::new(&["-Fc"], "");
    let ready = bed.is_ready();
    assert!(ready["good"].to_string().contains("The server has the roles and extensions"), "{ready:#}");
    // Nothing was done, and no run is left behind.
    assert_eq!(
        bed.server.sql("postgres", "select count(*) from pg_database where datname like 'shop%'"),
        "0"
    );
    assert!(!bed.stage.path().join(".drplan/runs").exists());

    bed.server.sql("postgres", "drop role reader");
    bed.lacks("no such role: reader");
    bed.server.sql("postgres", "create role reader");
    bed.is_ready();

    bed.server.sql("postgres", "create database shop");
    bed.is_ready();
    bed.server.sql("shop", "create table t (a int)");
    bed.lacks("shop holds data");
    bed.server.sql("postgres", "drop database shop");

    let account = "create role clerk login; grant all on database postgres to clerk";
    bed.server.sql("postgres", account);
    let plan = bed.stage.read("plan.yaml");
    bed.stage.write("plan.yaml", &plan.replace("PGUSER: postgres", "PGUSER: clerk"));
    bed.lacks("The server lets databases be made");
    bed.stage.write("plan.yaml", &plan);
    bed.is_ready();
}

#[test]
fn a_dump_for_a_newer_server_or_newer_programs_is_found_before_the_disaster() {
    let (older, newer) = Edition::both();
    Bed::between(&older, |_| {}, &["-Fc"], &newer, "").is_ready();
    Bed::between(&older, |_| {}, &["-Fp"], &newer, "").is_ready();
    Bed::between(&newer, |_| {}, &["-Fc"], &older, "").lacks("unsupported version");
    let bed = Bed::between(&newer, |_| {}, &["-Fp"], &older, "");
    bed.lacks(&format!("is of PostgreSQL {}, and the server is PostgreSQL {}", newer.major, older.major));
    // Whoever wants to try it may.
    let plan = bed.stage.read("plan.yaml");
    bed.stage.write("plan.yaml", &plan.replace("database: shop", "database: shop, older_server: yes"));
    bed.is_ready();
}

#[test]
fn an_extension_or_a_disk_that_is_not_there_is_found_before_the_disaster() {
    let (with_vector, without) = (Edition::of_the_tools(), Edition::of_the_machine());
    let vectors = |source: &Postgres| {
        source.sql("shop", "create extension vector; create table s.places (at vector(3)); insert into s.places values ('[1,2,3]')");
    };
    Bed::between(&with_vector, vectors, &["-Fc"], &with_vector, "").is_ready();
    let bed = Bed::between(&with_vector, vectors, &["-Fp"], &without, ", older_server: yes");
    assert_eq!(
        bed.server.sql("postgres", "select count(*) from pg_available_extensions where name = 'vector'"),
        "0",
        "this test wants the machine's own PostgreSQL without pgvector"
    );
    bed.lacks("no such extension on the server: vector");

    let bed = Bed::new(&["-Fp"], "");
    bed.is_ready();
    let plan = bed.stage.read("plan.yaml");
    bed.stage.write("plan.yaml", &plan.replace("database: shop", "database: shop, size_mb: 900000000"));
    bed.lacks("MiB needed");
    bed.stage.write("plan.yaml", &plan.replace("database: shop", "database: shop, size_mb: 1"));
    bed.is_ready();
}

#[test]
fn a_key_is_fetched_and_really_tried_before_the_disaster() {
    let stage = Stage::new(&format!(
        "secrets: {{ AGE_KEY: {{ file: key }} }}\n{}steps:\n  \
         decrypt: {{ restores: [db], from: [nightly.local], use: crypt/age-decrypt, takes: 5m, secrets: [AGE_KEY], \
         with: {{ source: $POINT_PATH, into: plain }} }}\n",
        head("vps")
    ));
    let path = |name: &str| stage.path().join(name).display().to_string();
    fs::create_dir(stage.path().join("points")).unwrap();
    let mut recipients = Vec::new();
    for name in ["key", "other"] {
        said(Command::new("age-keygen").args(["-o", &path(name)]).stderr(Stdio::null()));
        recipients.push(said(Command::new("age-keygen").args(["-y", &path(name)])).trim().to_owned());
        let lines = stage.read(name);
        stage.write(name, lines.lines().last().unwrap());
    }
    stage.write("plain.txt", "what was backed up");
    let point = path(&format!("points/{}.age", of_now()));
    said(Command::new("age").args(["-r", &recipients[0], "-o", &point, &path("plain.txt")]));
    let (code, step) = asked(&stage, "decrypt");
    assert!(code == 0 && step["verdict"].is_null(), "{step:#}");
    assert!(step["good"].to_string().contains("The key opens it, to its last byte"), "{step:#}");
    // The key of another, no key at all, and a key where the plan does not say.
    let right = stage.read("key");
    stage.write("key", &stage.read("other"));
    has(&asked(&stage, "decrypt").1, "failure", "not-ready", "cannot be decrypted with this key");
    fs::remove_file(stage.path().join("key")).unwrap();
    let (code, step) = asked(&stage, "decrypt");
    has(&step, "failure", "not-ready", "secret AGE_KEY: it cannot be fetched: /");
    assert_eq!(code, 1);
    // A key that a person will type cannot be asked for by cron.
    let plan = stage.read("plan.yaml");
    stage.write("plan.yaml", &plan.replace("{ file: key }", "{ ask: The key in the safe }"));
    let (code, step) = asked(&stage, "decrypt");
    has(&step, "note", "not-asked", "AGE_KEY is not known yet");
    assert_eq!(code, 0, "{step:#}");
    stage.write("plan.yaml", &plan);
    stage.write("key", &right);
    assert_eq!(asked(&stage, "decrypt").0, 0);
}

#[test]
fn that_one_secret_cannot_be_had_hides_no_other() {
    let stage = Stage::new(&format!(
        "secrets: {{ TOKEN: {{ file: token }}, AGE_KEY: {{ file: key }}, OTHER: {{ env: NOBODY_SETS_THIS }} }}\n{}steps:\n  \
         allow: {{ run: 'true', secrets: [TOKEN], takes: 1m }}\n  \
         back: {{ needs: [allow], restores: [db], from: [nightly.local], run: 'true', secrets: [AGE_KEY, OTHER], takes: 5m }}\n",
        head("vps")
    ));
    fs::create_dir(stage.path().join("points")).unwrap();
    stage.write(&format!("points/{}", of_now()), "content");
    has(&asked(&stage, "allow").1, "failure", "not-ready", "secret TOKEN: it cannot be fetched: /");
    let (_, back) = asked(&stage, "back");
    has(&back, "failure", "not-ready", "secret AGE_KEY: it cannot be fetched: /");
    has(
        &back,
        "failure",
        "not-ready",
        "secret OTHER: it cannot be fetched: the variable NOBODY_SETS_THIS is not set",
    );
}

/// A plan whose restore has this precondition.
fn with_precondition(probe: &str, homes: &str, more: &str) -> Stage {
    let stage = Stage::new(&format!(
        "{}steps:\n  back: {{ restores: [db], from: [nightly.local], on: home, preconditions: [ {probe} ], run: touch done, takes: 5m }}\n{more}",
        head(homes)
    ));
    fs::create_dir(stage.path().join("points")).unwrap();
    stage.write(&format!("points/{}", of_now()), "content");
    stage
}

#[test]
fn a_question_that_breaks_is_unknown_and_one_that_is_denied_a_failure() {
    for (probe, severity, kind, words) in [
        ("{ title: It is so, run: 'exit 1' }", "failure", "not-ready", "It is so: exit code 1"),
        ("{ title: It is so, file: nowhere }", "failure", "not-ready", "It is so"),
        ("{ title: It is so, run: 'kill -SEGV $$' }", "unknown", "not-known", "signal 11"),
        ("{ title: It is so, run: no-such-program }", "unknown", "not-known", "It is so"),
        ("{ title: It is so, run: [no-such-program] }", "unknown", "not-known", "cannot start"),
        (
            "{ title: It is so, run: exec sleep 600, timeout: 200ms }",
            "unknown",
            "not-known",
            "no answer within 200ms",
        ),
    ] {
        let stage = with_precondition(probe, "vps", "");
        let (code, step) = asked(&stage, "back");
        has(&step, severity, kind, words);
        assert_eq!((code, &step["verdict"]), (1, &severity.into()), "{step:#}");
        assert!(!stage.path().join("done").exists());
    }
    let stage = with_precondition("{ title: It is so, run: 'true' }", "vps", "");
    let (code, step) = asked(&stage, "back");
    assert!(code == 0 && step["verdict"].is_null(), "{step:#}");
    // Without being asked to, `verify` does not ask.
    let ran = stage.run(&["verify", "plan.yaml", "--format", "json"]).exits(0);
    assert!(!ran.out.contains("restores"), "{}", ran.out);
}

#[test]
fn what_cannot_be_asked_before_is_told_and_each_scenario_is_asked() {
    let more = "  build: { provides: [next], run: touch built, takes: 5m }\n\
         scenarios:\n  spoiled: { title: Spoiled, damage: [db], found_after: 0s }\n  gone: { title: Gone, lose: [vps] }\n";
    let denied = with_precondition("{ title: It is so, run: 'exit 1' }", "vps, next", more);
    let ran = denied.run(&["verify", "plan.yaml", "--preconditions", "--format", "json"]).exits(1);
    let seen: Value = serde_json::from_str(&ran.out).unwrap();
    let restores = seen["plans"][0]["restores"].as_array().unwrap();
    let of = |scenario: &str| {
        let mut all = restores.iter();
        all.find(|seen| seen["step"] == "back" && seen["scenarios"][0] == scenario).unwrap().clone()
    };
    has(&of("spoiled"), "failure", "not-ready", "It is so");
    // The machine on which it is asked is not built yet.
    has(&of("gone"), "note", "not-asked", "build has not really been done");
    assert!(of("gone")["verdict"].is_null());
    assert!(!denied.path().join("built").exists());

    let human = denied.run(&["verify", "plan.yaml", "--preconditions"]).exits(1);
    human
        .says("back (spoiled)")
        .says("It is so: exit code 1")
        .says("cannot be known before: It is so: build has not really been done")
        .says("help: a drill finds out: `drplan execute --drill`");
    let junit = denied.run(&["verify", "plan.yaml", "--preconditions", "--format", "junit"]).exits(1);
    junit.says("restore by back in spoiled").says("not-ready");
    let metrics = denied.run(&["verify", "plan.yaml", "--preconditions", "--format", "openmetrics"]).exits(1);
    let metrics = metrics.says("drplan_restore_state{plan=\"test\",step=\"back\",scenario=\"spoiled\"} 3");
    metrics.says("drplan_restore_state{plan=\"test\",step=\"back\",scenario=\"gone\"} 0");

    let same = with_precondition(
        "{ title: It is so, file: points }",
        "vps",
        &more.replace("lose: [vps]", "damage: [db], found_after: 0s"),
    );
    let (code, step) = asked(&same, "back");
    assert_eq!((code, step["scenarios"].as_array().unwrap().len()), (0, 2), "{step:#}");
    // Where no home is left nothing needs to be asked.
    let stranded = with_precondition(
        "{ file: points }",
        "vps",
        &more.replace("  build: { provides: [next], run: touch built, takes: 5m }\n", ""),
    );
    has(&asked(&stranded, "db").1, "failure", "not-ready", "no home is left");
}

#[test]
fn what_waits_for_another_step_is_asked_as_it_is_now() {
    let stage = |more: &str| {
        let stage = Stage::new(&format!(
            "{}steps:\n  make: {{ run: touch made, takes: 1m{more} }}\n  \
             back: {{ needs: [make], restores: [db], from: [nightly.local], on: home, takes: 5m, run: touch done, \
             preconditions: [ {{ title: The first, file: points }}, {{ title: The second, file: made }}, \
             {{ title: The third, run: no-such-program }} ] }}\n",
            head("vps")
        ));
        fs::create_dir(stage.path().join("points")).unwrap();
        stage.write(&format!("points/{}", of_now()), "content");
        stage
    };
    let waits = stage("");
    let (code, step) = asked(&waits, "back");
    assert!(code == 0 && step["verdict"].is_null(), "{step:#}");
    assert!(step["good"][0].as_str().unwrap().ends_with("/points is there"), "{step:#}");
    has(&step, "note", "not-asked", "/made is not there, as it is now; make has not really been done");
    has(&step, "note", "not-asked", "The third: ");
    assert!(!waits.path().join("made").exists() && !waits.path().join("done").exists());
    // A value that only that step will know makes all of them unknown.
    let (_, step) = asked(&stage(", outputs: [NEW]"), "back");
    has(&step, "note", "not-asked", "The first: NEW is not known yet");
}
