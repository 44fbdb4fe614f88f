//! Which recovery point is restored from a bucket of a real server, and from a repository of a real tool.

use std::fs;

use drplan::value::Moment;

use crate::servers::s3::{READER, S3};
use crate::servers::said;
use crate::stage::{Ran, Stage, until};

/// A plan whose points lie in a bucket; its step writes down the one that it gets.
fn stage(s3: &S3) -> Stage {
    let stage = Stage::new(&format!(
        "secrets: {{ AWS_ACCESS_KEY_ID: {{ file: vault/id }}, AWS_SECRET_ACCESS_KEY: {{ file: vault/key }} }}
places: {{ old: {{ kind: host }}, new: {{ kind: host }}, s3: {{ kind: bucket, vars: {{ AWS_ENDPOINT_URL: '{}' }} }} }}
assets: {{ data: {{ kind: files, homes: [old, new], health: [ {{ file: ledger }} ] }} }}
backups:
  nightly: {{ of: [data], points: {{ every: 1d }}, copies: {{ s3: {{ in: s3, at: 's3://kept/nightly/', keep: 30d, erasable_by: [] }} }} }}
scenarios: {{ loss: {{ title: L, lose: [old] }} }}
steps:
  restore:
    restores: [data]
    from: [nightly.s3]
    secrets: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]
    run: echo \"$POINT_PATH of $AWS_ENDPOINT_URL\" >>ledger
    rerun: safe
    takes: 1m
",
        s3.url()
    ));
    let values = s3.values(READER);
    stage.write("vault/id", &values[0].1);
    stage.write("vault/key", &values[1].1);
    stage
}

/// Stores a point of a day, with the list of its digests.
fn point(s3: &S3, day: &str) {
    s3.put(&format!("/kept/nightly/{day}T030000Z/data"), "content");
    let list = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73  data\n";
    s3.put(&format!("/kept/nightly/{day}T030000Z/SHA256SUMS"), list);
}

fn execute(stage: &Stage, more: &[&str]) -> Ran {
    stage.run(&[&["execute", "plan.yaml", "--yes"], more].concat())
}

fn chosen(stage: &Stage, step: &str) -> (String, String) {
    let point = &stage.last("point_chosen", step)["point"];
    let text = |name: &str| point[name].as_str().unwrap_or_default().to_owned();
    (text("path"), text("why"))
}

#[test]
fn of_a_bucket_the_newest_is_taken_that_lacks_nothing() {
    let s3 = S3::start();
    s3.make_locking("kept");
    for day in ["20261101", "20261102", "20261103", "20261104"] {
        point(&s3, day);
    }
    // One lacks a file that its list names, of one that is empty, and one was deleted.
    s3.put("/kept/nightly/20261105T030000Z/SHA256SUMS", format!("{}  data\n", "0".repeat(64)));
    s3.put("/kept/nightly/20261104T030000Z/data", "");
    s3.request("DELETE", "/kept/nightly/20261103T030000Z/data", &[], "", &[]).done();
    let stage = stage(&s3);
    execute(&stage, &["--dry-run"]).exits(0).says("20261102T030000Z");
    execute(&stage, &[]).exits(0);
    assert_eq!(stage.ledger(), [format!("s3://kept/nightly/20261102T030000Z of {}", s3.url())]);
    let (_, why) = chosen(&stage, "restore");
    for reason in [
        "20261105T030000Z was passed over: data is in the list of digests, and is not there",
        "20261104T030000Z was passed over: data is empty",
        "20261103T030000Z was passed over: nightly/20261103T030000Z/data was deleted; its versions are still there",
    ] {
        assert!(why.contains(reason), "{why}\nlacks: {reason}");
    }
}

#[test]
fn a_bucket_is_looked_at_as_it_was_before_the_moment_that_is_asked_for() {
    let s3 = S3::start();
    s3.make_locking("kept");
    point(&s3, "20261101");
    let now = || Moment::from_unix_millis(jiff::Timestamp::now().as_millisecond() / 1000 * 1000);
    let stored = now();
    until("the second is over", || now() > stored);
    let before = now();
    // Then somebody empties it, deletes the list, and leaves something newer.
    s3.put("/kept/nightly/20261101T030000Z/data", "");
    s3.request("DELETE", "/kept/nightly/20261101T030000Z/SHA256SUMS", &[], "", &[]).done();
    let stage = stage(&s3);
    execute(&stage, &[]).exits(3).says("SHA256SUMS was deleted").says("--before");
    execute(&stage, &["--before", &before.to_string()]).exits(0);
    let (path, why) = chosen(&stage, "restore");
    assert_eq!(path, "s3://kept/nightly/20261101T030000Z");
    assert!(why.contains("as it was before"), "{why}");
}

#[test]
fn what_cannot_be_listed_says_what_must_be_able_to() {
    let s3 = S3::start();
    let stage = stage(&s3);
    execute(&stage, &[]).exits(3).says("cannot be listed").says("AWS_ACCESS_KEY_ID");
    stage.write("vault/key", "wrong");
    execute(&stage, &[]).exits(3).says("cannot be listed").says("SignatureDoesNotMatch");
}

#[test]
fn of_a_repository_its_tool_takes_the_point() {
    let stage = Stage::new(
        "secrets: { RESTIC_PASSWORD: { file: password } }
places: { old: { kind: host }, new: { kind: host } }
assets: { data: { kind: files, homes: [old, new], health: [ { file: back/data/notes } ] } }
backups:
  nightly: { of: [data], points: { every: 1d }, copies: { vault: { in: new, at: repository, keep: 30d, erasable_by: [], key: RESTIC_PASSWORD,
    verify: [ { use: files/verify-restic } ] } } }
scenarios: { loss: { title: L, lose: [old] } }
steps:
  restore:
    restores: [data]
    from: [nightly.vault]
    secrets: [RESTIC_PASSWORD]
    run: restic --no-cache -r \"$POINT_PATH\" restore latest --target back
    takes: 1m
",
    );
    stage.write("password", "a password");
    stage.write("data/notes", "noted");
    let restic = |args: &[&str]| {
        let mut command = std::process::Command::new("restic");
        command.args(["--no-cache", "-r", "repository", "-p", "password"]).args(args);
        said(command.current_dir(stage.path()));
    };
    restic(&["init"]);
    restic(&["backup", "data"]);
    execute(&stage, &[]).exits(0);
    let (path, why) = chosen(&stage, "restore");
    assert_eq!(path, fs::canonicalize(stage.path().join("repository")).unwrap().to_str().unwrap());
    assert!(why.contains("its tool takes the newest in it"), "{why}");
    assert_eq!(stage.read("back/data/notes"), "noted");
}
