//! Recipes for buckets that keep versions.

use std::collections::BTreeSet;
use std::fs;

use super::{on_a_full_disk, refused, tells, undo};
use crate::servers::s3::{ADMIN, S3};
use crate::stage::Stage;

const VERSIONED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

/// A bucket with good objects, a harm done to them, and the moment between.
struct Bucket {
    server: S3,
    before: String,
}

impl Bucket {
    fn new() -> Self {
        let server = S3::start();
        server.request("PUT", "/vault", &[], "", &[]).done();
        server.request("PUT", "/vault", &[("versioning", "")], VERSIONED, &[]).done();
        for name in ["kept", "changed", "deleted", "deep/deleted [1] too"] {
            server.request("PUT", &format!("/vault/nightly/{name}"), &[], name, &[]).done();
        }
        // Versions are dated by the second.
        let now =
            || crate::servers::said(std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]));
        let second = now();
        crate::stage::until("a second has passed", || now() > second);
        let before = now().trim().to_owned();
        crate::stage::until("a second has passed", || now().trim() > before.as_str());
        server.request("PUT", "/vault/nightly/changed", &[], "encrypted by somebody", &[]).done();
        server.request("PUT", "/vault/nightly/ransom note", &[], "pay", &[]).done();
        server.request("DELETE", "/vault/nightly/deleted", &[], "", &[]).done();
        server.request("DELETE", "/vault/nightly/deep/deleted [1] too", &[], "", &[]).done();
        Self { server, before }
    }

    fn read(&self, name: &str) -> Option<String> {
        let answer = self.server.request("GET", &format!("/vault/nightly/{name}"), &[], "", &[]);
        (answer.status == 200).then_some(answer.text)
    }

    /// Every version of every object, and every mark of a deletion.
    fn versions(&self) -> BTreeSet<String> {
        let answer = self.server.request("GET", "/vault", &[("versions", "")], "", &[]).done();
        let ids = answer.text.split("<VersionId>").skip(1).filter_map(|rest| rest.split('<').next());
        ids.map(str::to_owned).collect()
    }

    fn plan(&self, recipe: &str, at: &str, more: &str) -> Stage {
        let url = self.server.url();
        let stage = Stage::new(&format!(
            "vars: {{ RCLONE_CONFIG_VAULT_TYPE: s3, RCLONE_CONFIG_VAULT_PROVIDER: Other, RCLONE_CONFIG_VAULT_ENDPOINT: '{url}', RCLONE_CONFIG_VAULT_ACCESS_KEY_ID: {} }}\n\
             secrets: {{ RCLONE_CONFIG_VAULT_SECRET_ACCESS_KEY: {{ file: vault/key }} }}\n\
             steps: {{ s3: {{ use: s3/{recipe}, secrets: [RCLONE_CONFIG_VAULT_SECRET_ACCESS_KEY], with: {{ remote: 'vault:vault/nightly', at: '{at}', staging: staging{more} }} }} }}\n",
            ADMIN.0
        ));
        stage.write("vault/key", ADMIN.1);
        stage
    }
}

#[test]
fn deleted_objects_come_back_and_others_are_left_alone() {
    let bucket = Bucket::new();
    let versions = bucket.versions();
    assert!(versions.len() >= 8, "{versions:?}");
    let stage = bucket.plan("undelete", &bucket.before, "");
    refused(&on_a_full_disk(bucket.plan("undelete", &bucket.before, "")), "only 0 MiB free");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert_eq!(bucket.read("deleted"), None);
    stage.execute(&[]).exits(0);
    assert_eq!(bucket.read("deleted").as_deref(), Some("deleted"));
    assert_eq!(bucket.read("deep/deleted [1] too").as_deref(), Some("deep/deleted [1] too"));
    assert_eq!(bucket.read("changed").as_deref(), Some("encrypted by somebody"));
    assert_eq!(bucket.read("ransom note").as_deref(), Some("pay"));
    tells(&stage, "s3/fetch", "100%");
    tells(&stage, "s3/put-back", "100%");
    assert!(!stage.has("staging"));
    assert!(bucket.versions().is_superset(&versions), "an older version is gone");
    refused(&bucket.plan("undelete", "2999-01-01T00:00:00Z", ""), "is still to come");
    refused(&bucket.plan("undelete", "2001-01-01T00:00:00Z", ""), "held nothing at");
}

#[test]
fn a_prefix_comes_back_as_it_was() {
    let bucket = Bucket::new();
    let versions = bucket.versions();
    let stage = bucket.plan("rollback-prefix", &bucket.before, "");
    // A folder of somebody else is neither used nor removed.
    stage.write("staging/mine", "mine");
    refused(&stage, "is there already, and not of this recipe");
    undo("s3/rollback-prefix", &stage, "s3");
    assert_eq!(stage.read("staging/mine"), "mine");
    fs::remove_dir_all(stage.path().join("staging")).unwrap();
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert_eq!(bucket.read("changed").as_deref(), Some("encrypted by somebody"));
    assert_eq!(bucket.versions(), versions);
    stage.execute(&[]).exits(0);
    for name in ["kept", "changed", "deleted", "deep/deleted [1] too"] {
        assert_eq!(bucket.read(name).as_deref(), Some(name));
    }
    assert_eq!(bucket.read("ransom note").as_deref(), Some("pay"));
    tells(&stage, "s3/fetch", "100%");
    tells(&stage, "s3/put-back", "100%");
    bucket.plan("rollback-prefix", &bucket.before, ", remove_newer: yes").execute(&[]).exits(0);
    assert_eq!(bucket.read("ransom note"), None);
    // What was there in between is kept, and brings the harm back as it was, for whoever has chosen the wrong moment.
    assert!(bucket.versions().is_superset(&versions), "an older version is gone");
    bucket.server.request("PUT", "/plain", &[], "", &[]).done();
    bucket.server.request("PUT", "/plain/nightly/a", &[], "a", &[]).done();
    let stage = bucket.plan("rollback-prefix", &bucket.before, "");
    stage.write("plan.yaml", &stage.read("plan.yaml").replace("vault:vault/", "vault:plain/"));
    refused(&stage, "keeps no versions");
}

#[test]
fn a_point_is_brought_to_hand_as_it_was_before_the_harm() {
    let bucket = Bucket::new();
    let put = |name: &str, text: &str| {
        bucket.server.request("PUT", &format!("/vault/points/one/{name}"), &[], text, &[]).done();
    };
    let digest = |text: &str| {
        crate::servers::said(std::process::Command::new("bash").args([
            "-c",
            "printf %s \"$1\" | sha256sum",
            "-",
            text,
        ]))
    };
    let line = |name: &str, text: &str| format!("{}  {name}\n", digest(text).split(' ').next().unwrap());
    put("shop.dump", "the dump");
    put("uploads/a b", "a file");
    put("SHA256SUMS", &(line("shop.dump", "the dump") + &line("uploads/a b", "a file")));
    let plan = |point: &str, more: &str| {
        let stage = Stage::new(&format!(
            "vars: {{ AWS_ENDPOINT_URL: '{}', AWS_ACCESS_KEY_ID: {} }}\n\
             secrets: {{ AWS_SECRET_ACCESS_KEY: {{ file: vault/key }} }}\n\
             steps: {{ point: {{ use: s3/fetch-point, secrets: [AWS_SECRET_ACCESS_KEY], with: {{ folder: here, point: {point}{more} }} }} }}\n",
            bucket.server.url(),
            ADMIN.0
        ));
        stage.write("vault/key", ADMIN.1);
        stage
    };
    let now = || crate::servers::said(std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]));
    let second = now();
    crate::stage::until("a second has passed", || now() > second);
    let before = now().trim().to_owned();
    crate::stage::until("a second has passed", || now().trim() > before.as_str());
    put("shop.dump", "encrypted by somebody");

    let versions = bucket.versions();
    let point = "s3://vault/points/one";
    refused(&on_a_full_disk(plan(point, ", before: ''")), "only 0 MiB free");
    refused(&plan("s3://vault/points/other", ", before: ''"), "is not there");
    let now_it_is = plan(point, ", before: ''");
    // Nothing chooses another point where the step has no `from`: a person is told what is wrong, and what to do.
    now_it_is
        .execute(&[])
        .exits(3)
        .says("the point s3://vault/points/one is bad: it is not what its producer made: shop.dump: FAILED")
        .says("Give `point` an earlier one");
    now_it_is.run(&["status"]).exits(0).says("Give `point` an earlier one").says("drplan retry ");
    let said =
        |stage: &Stage| fs::read_to_string(stage.run_dir().join("steps/point/fetch/1/stdout")).unwrap();
    assert!(said(&now_it_is).contains("shop.dump: FAILED"), "{}", said(&now_it_is));
    let stage = plan(point, &format!(", before: '{before}'"));
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert!(!stage.has("here"));
    stage.execute(&[]).exits(0);
    tells(&stage, "point/fetch", "100%");
    assert_eq!(stage.read("here/one/shop.dump"), "the dump");
    assert_eq!(stage.read("here/one/uploads/a b"), "a file");
    assert_eq!(bucket.versions(), versions);
    // What lies on this machine is only read.
    let stage = plan("mine", ", before: ''");
    stage.write("mine/shop.dump", "the dump");
    stage.write("mine/SHA256SUMS", &line("shop.dump", "the dump"));
    stage.execute(&[]).exits(0);
    assert!(!stage.has("here"));
    stage.write("mine/shop.dump", "cut o");
    stage.execute(&[]).exits(3);
    assert!(said(&stage).contains("shop.dump: FAILED"), "{}", said(&stage));
}

/// What a probe of the bucket sees since a moment: the exit code and the copy.
fn seen(bucket: &Bucket, key: &str, with: &str) -> (i32, serde_json::Value) {
    let url = bucket.server.url();
    let stage = Stage::new(&format!(
        "vars: {{ RCLONE_CONFIG_VAULT_TYPE: s3, RCLONE_CONFIG_VAULT_PROVIDER: Other, RCLONE_CONFIG_VAULT_ENDPOINT: '{url}', RCLONE_CONFIG_VAULT_ACCESS_KEY_ID: {} }}\n\
         secrets: {{ RCLONE_CONFIG_VAULT_SECRET_ACCESS_KEY: {{ file: vault/key }} }}\n\
         places: {{ vps: {{ kind: host }}, s3: {{ kind: bucket }} }}\nassets: {{ uploads: {{ kind: files, homes: [vps] }} }}\n\
         backups:\n  live:\n    of: [uploads]\n    points: {{ every: 24h }}\n    copies:\n      s3:\n        {{ in: s3, at: nightly, keep: latest, key: RCLONE_CONFIG_VAULT_SECRET_ACCESS_KEY, \
         verify: [ {{ use: s3/verify-objects, with: {{ remote: 'vault:vault/nightly', {with} }} }} ] }}\n",
        ADMIN.0
    ));
    stage.write("vault/key", key);
    let ran = stage.run(&["verify", "plan.yaml", "--format", "json"]);
    let seen: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.code, seen["plans"][0]["copies"][0].clone())
}

#[test]
fn objects_that_were_deleted_or_keep_no_versions_are_found() {
    let bucket = Bucket::new();
    let (code, copy) = seen(&bucket, ADMIN.1, "since: '2001-01-01', paths: [kept]");
    assert_eq!(code, 0, "{copy:#}");
    assert_eq!(copy["looked_into"][0]["facts"]["files"], 3, "{copy:#}");
    let problem = |key: &str, with: &str| {
        let (code, copy) = seen(&bucket, key, with);
        assert_eq!(code, 1, "{copy:#}");
        let first = &copy["problems"][0];
        format!("{}: {}", first["severity"].as_str().unwrap(), first["what"].as_str().unwrap())
    };
    let deleted = problem(ADMIN.1, &format!("since: '{}'", bucket.before));
    assert!(deleted.starts_with("failure") && deleted.contains("2 of 4 objects were deleted"), "{deleted}");
    let (code, copy) = seen(&bucket, ADMIN.1, &format!("since: '{}', most_deleted: 50", bucket.before));
    assert_eq!(code, 0, "{copy:#}");
    let missing = problem(ADMIN.1, "since: '2001-01-01', paths: ['letters/']");
    assert!(missing.contains("letters/ is not there"), "{missing}");
    let unknown = problem("another", "since: '2001-01-01'");
    assert!(unknown.starts_with("unknown"), "{unknown}");
    let suspended = VERSIONED.replace("Enabled", "Suspended");
    bucket.server.request("PUT", "/vault", &[("versioning", "")], &suspended, &[]).done();
    let plain = problem(ADMIN.1, "since: '2001-01-01'");
    assert!(plain.starts_with("failure") && plain.contains("keeps no versions"), "{plain}");
}
