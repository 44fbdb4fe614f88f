//! The chain of the review: an entry of cron, a script, a folder, a bucket. Cron starts it, the script runs, and `drplan
//! verify` says that all is well. Then it is broken in each way in which such a chain dies and says nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::servers::cron::{Cron, Daemon};
use crate::servers::s3::{ADMIN, S3};
use crate::stage::Stage;

struct Chain {
    cron: Cron,
    s3: S3,
    stage: Stage,
}

impl Chain {
    /// Installs everything; nothing has run yet.
    fn new() -> Self {
        let s3 = S3::start();
        s3.make_locking("kept");
        let lock = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                    <Mode>COMPLIANCE</Mode><Days>35</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
        s3.request("PUT", "/kept", &[("object-lock", "")], lock, &[]).done();
        let chain = Self { cron: Cron::new(), s3, stage: Stage::new("") };
        chain.stage.write("vault/id", ADMIN.0);
        chain.stage.write("vault/secret", ADMIN.1);
        fs::create_dir(chain.stage.path().join("points")).unwrap();
        chain.script("");
        chain.install("backup");
        chain.plan("", "");
        chain
    }

    /// Writes the script; `settings` are its first lines.
    fn script(&self, settings: &str) {
        let (stage, ran) = (self.stage.path().display(), self.cron.root().join("ran"));
        let script = format!(
            r#"#!/bin/bash
set -euo pipefail
UPLOAD=yes
{settings}
point={stage}/points/$(date -u +%Y%m%dT%H%M%SZ)
mkdir "$point.partial"
seq 1000 >"$point.partial/shop.dump"
(cd "$point.partial" && sha256sum -- * >SHA256SUMS)
mv "$point.partial" "$point"
if [ "$UPLOAD" = yes ]; then
  export RCLONE_S3_PROVIDER=Other RCLONE_S3_ENDPOINT={url}
  RCLONE_S3_ACCESS_KEY_ID=$(cat {stage}/vault/id) RCLONE_S3_SECRET_ACCESS_KEY=$(cat {stage}/vault/secret) \
    rclone --config /dev/null copy --s3-no-check-bucket "$point" ":s3:kept/nightly/${{point##*/}}" >>{ran}/log 2>&1
fi
date -u +%Y-%m-%dT%H:%M:%SZ >{ran}/stamp
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) backup done" >>{ran}/log
"#,
            url = self.s3.url(),
            ran = ran.display(),
        );
        let path = self.cron.root().join("backup.sh");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Puts the entry into `/etc/cron.d`, under a name.
    fn install(&self, name: &str) {
        let entry = format!("@reboot root {}/backup.sh\n", self.cron.root().display());
        self.cron.write(name, &entry);
    }

    /// Writes the plan; more fields of the local copy, and more lines.
    fn plan(&self, local: &str, more: &str) {
        self.plan_with_job("backup", local, more);
    }

    fn plan_with_job(&self, file: &str, local: &str, more: &str) {
        let root = self.cron.root().display();
        let plan = format!(
            r"version: 1
plan: shop
title: The shop
secrets:
  AWS_ACCESS_KEY_ID: {{ command: [cat, vault/id] }}
  AWS_SECRET_ACCESS_KEY: {{ command: [cat, vault/secret] }}
places:
  vps: {{ kind: host }}
  s3: {{ kind: bucket, vars: {{ AWS_ENDPOINT_URL: '{url}' }} }}
assets: {{ db: {{ kind: files, homes: [vps], rpo: 26h }} }}
backups:
  nightly:
    of: [db]
    points: {{ every: 24h }}
    takes: 10m
    job:
      cron: /etc/cron.d/{file}
      user: root
      runs: {root}/backup.sh
      stamp: {{ file: {root}/ran/stamp, max_age: 26h }}
      log: {{ file: {root}/ran/log, success: backup done$, failure: 'ERROR', max_age: 26h }}
    copies:
      local: {{ at: points, keep: 30d{local} }}
      s3: {{ from: local, in: s3, at: s3://kept/nightly/, lag: 20m, keep: 30d, immutable: 30d, key: AWS_SECRET_ACCESS_KEY }}
policy: {{ integrity: digest }}
{more}",
            url = self.s3.url(),
        );
        self.stage.write("plan.yaml", &plan);
    }

    /// Starts cron, and waits until what it has started is done.
    fn boot(&self) -> Daemon {
        let _ = fs::remove_file(self.cron.root().join("dev/log"));
        let _ = fs::remove_file(self.cron.root().join("run/crond.reboot"));
        self.cron.boot()
    }

    /// Verifies where cron is; returns the exit code and what was seen.
    fn verify(&self) -> (i32, Value) {
        let inner = self.stage.drplan(&["verify", "plan.yaml", "--format", "json"]);
        let words = [inner.get_program()].into_iter().chain(inner.get_args());
        let mut command = self.cron.inside(words);
        command.current_dir(self.stage.path()).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = self.stage.begin(command).ends();
        let seen: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
        (ran.code, seen["plans"][0].clone())
    }

    /// Holds a part of the chain (`local`, `s3`, `job`) to a problem, in whose words these stand.
    #[track_caller]
    fn fails(&self, part: &str, kind: &str, words: &str) {
        let (code, seen) = self.verify();
        let of = |part: &str| match part {
            "job" => seen["jobs"][0]["problems"].clone(),
            "local" => seen["copies"][0]["problems"].clone(),
            _ => seen["copies"][1]["problems"].clone(),
        };
        let problems = of(part);
        let is_it =
            |problem: &Value| problem["kind"] == kind && problem["what"].as_str().unwrap().contains(words);
        assert!(problems.as_array().unwrap().iter().any(is_it), "{part}: no {kind} {words:?} in {seen:#}");
        assert_eq!(code, 1, "{seen:#}");
    }
}

#[test]
fn the_chain_of_the_review_works_and_a_job_that_dies_is_found() {
    let chain = Chain::new();
    // Installed, and never run: every part of it says so.
    chain.fails("job", "job-not-run", "cron does not run");
    chain.fails("job", "job-not-run", "the job has never succeeded");
    chain.fails("s3", "no-point", "");

    let daemon = chain.boot();
    let (code, seen) = chain.verify();
    assert_eq!(code, 0, "{seen:#}\n{}", daemon.said);
    assert_eq!(seen["jobs"][0]["verdict"], Value::Null);
    for copy in 0..2 {
        assert_eq!(seen["copies"][copy]["verdict"], Value::Null, "{seen:#}");
        assert_eq!(seen["copies"][copy]["count"], 1);
        assert_eq!(seen["copies"][copy]["integrity"], "digest");
    }

    // The job is not installed, or under a name that cron passes over.
    let entry = chain.cron.root().join("etc/cron.d/backup");
    fs::rename(&entry, entry.with_extension("sh")).unwrap();
    chain.fails("job", "job-not-run", "/etc/cron.d/backup is not there: the job is not installed");
    chain.plan_with_job("backup.sh", "", "");
    chain.fails("job", "job-not-run", "because of its name");
    fs::rename(entry.with_extension("sh"), &entry).unwrap();
    // The script cannot be run any more.
    chain.plan("", "");
    let script = chain.cron.root().join("backup.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
    chain.fails("job", "job-not-run", "root may not execute");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    // It failed after its last success.
    let log = chain.cron.ran("log");
    let before = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{before}2026-11-23T02:00:00Z ERROR: no space left\n")).unwrap();
    chain.fails("job", "job-not-run", "the job has failed since it last succeeded");
    fs::write(&log, &before).unwrap();
    drop(daemon);
    chain.fails("job", "job-not-run", "cron does not run");
}

#[test]
fn who_verifies_the_chain_badly_is_found() {
    let chain = Chain::new();
    let _daemon = chain.boot();
    // It does not look where the backups are, and is content: drplan has looked for itself.
    chain.stage.write("elsewhere/shop.dump", "data");
    chain.stage.write("looks-elsewhere", "#!/bin/sh\ntest -s elsewhere/shop.dump\n");
    let points: Vec<_> =
        fs::read_dir(chain.stage.path().join("points")).unwrap().map(|e| e.unwrap().path()).collect();
    let aside = chain.stage.path().join("aside");
    fs::rename(chain.stage.path().join("points"), &aside).unwrap();
    fs::create_dir(chain.stage.path().join("points")).unwrap();
    chain.plan(", verify: [ { run: sh looks-elsewhere } ]", "");
    chain.fails("local", "no-point", "there is no recovery point");
    fs::remove_dir(chain.stage.path().join("points")).unwrap();
    fs::rename(&aside, chain.stage.path().join("points")).unwrap();

    // It skips when its tool is missing: what it says of success is not what the policy asks for.
    for point in &points {
        fs::rename(point.join("SHA256SUMS"), point.join("no-sums")).unwrap();
    }
    chain.plan(", verify: [ { run: 'command -v pg_restore_that_nobody_has || exit 0' } ]", "");
    chain.fails("local", "integrity-too-low", "looked into as far as `header`");
    for point in &points {
        fs::rename(point.join("no-sums"), point.join("SHA256SUMS")).unwrap();
    }

    // It "mends" what it should only read.
    let newest = points.iter().max().unwrap().join("shop.dump");
    let content = fs::read(&newest).unwrap();
    chain.plan(", verify: [ { run: 'echo fixed >\"$POINT_PATH/shop.dump\"' } ]", "");
    chain.fails("local", "not-good", "Read-only file system");
    assert_eq!(fs::read(&newest).unwrap(), content);

    // The documented restore cannot read it: it is no dump of the format that `pg_restore` takes.
    chain.plan(", verify: [ { run: 'pg_restore --list \"$POINT_PATH/shop.dump\"' } ]", "");
    chain.fails("local", "not-good", "does not appear to be a valid archive");

    // What lies in the bucket was changed on the way, and the digest of the producer tells.
    chain.plan("", "");
    let point = points.iter().max().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    chain.s3.put(&format!("/kept/nightly/{point}/shop.dump"), "encrypted by somebody");
    chain.fails("s3", "digest-differs", "is not what its producer has taken the digest of");
}

#[test]
fn an_upload_that_is_optional_and_off_is_found() {
    let chain = Chain::new();
    chain.script("UPLOAD=no");
    let _daemon = chain.boot();
    let (_, seen) = chain.verify();
    assert_eq!(seen["jobs"][0]["verdict"], Value::Null, "{seen:#}");
    assert_eq!(seen["copies"][0]["verdict"], Value::Null, "{seen:#}");
    chain.fails("s3", "no-point", "there is no recovery point");
    // A server that is not there is not an empty bucket.
    let gone = chain.stage.read("plan.yaml").replace(&chain.s3.url(), "http://127.0.0.1:9");
    chain.stage.write("plan.yaml", &gone);
    chain.fails("s3", "not-seen", "the server cannot be reached: connection refused");
    chain.stage.write("vault/secret", "TheCanarySings-another");
    chain.plan("", "");
    chain.fails("s3", "not-seen", "the server does not accept the access key (SignatureDoesNotMatch)");
}
