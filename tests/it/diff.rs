//! `drplan diff` and `drplan check --summary`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const PLAN: &str = "version: 1
plan: shop
owner: me
places:
  site: { kind: site }
  other: { kind: site }
  vps: { kind: host, in: [site] }
  spare: { kind: host, in: [other] }
  bucket: { kind: bucket, in: [other], erasable_by: [] }
assets:
  db: { kind: postgresql, owner: me, homes: [vps, spare], rto: 1h, rpo: 26h, health: [{ run: pg_isready }] }
backups:
  nightly:
    of: [db]
    points: { cron: '0 2 * * *' }
    copies:
      bucket: { in: bucket, keep: 30d, lag: 1h }
scenarios:
  loss: { title: The site is gone, lose: [site] }
steps:
  restore: { restores: [db], from: [nightly.bucket], on: home, run: ./restore.sh, takes: 30m, rerun: safe }
";

/// A repository with one commit, and the plan as it is now.
struct Repository(TempDir);

impl Repository {
    fn new(now: &str) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.write("plans/shop.yaml", PLAN);
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.git(&["add", "."]);
        let me =
            ["-c", "user.name=me", "-c", "user.email=me@example.com", "commit", "--quiet", "-m", "first"];
        repository.git(&me);
        repository.write("plans/shop.yaml", now);
        repository
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, args: &[&str]) {
        let status = Command::new("git").arg("-C").arg(self.0.path()).args(args).status().unwrap();
        assert!(status.success(), "git {args:?}");
    }

    fn diff(&self, args: &[&str]) -> (Option<i32>, String, String) {
        drplan(self.0.path(), &[&["diff"], args].concat())
    }

    fn json(&self) -> Value {
        let (status, stdout, stderr) = self.diff(&["main", "--format", "json"]);
        assert_eq!((status, stderr.as_str()), (Some(0), ""));
        serde_json::from_str(&stdout).unwrap()
    }
}

fn drplan(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_drplan"))
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn changes(json: &Value) -> Vec<String> {
    let text = |change: &Value, key: &str| change[key].as_str().unwrap().to_owned();
    json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!(
                "{} {}: {} -> {}",
                text(change, "direction"),
                text(change, "what"),
                text(change, "old"),
                text(change, "new")
            )
        })
        .collect()
}

#[test]
fn what_is_the_same_has_no_change() {
    let repository = Repository::new(PLAN);
    let (status, stdout, _) = repository.diff(&["main", "--fail-on", "change"]);
    assert_eq!((status, stdout.as_str()), (Some(0), "no change to any promise\n"));
}

#[test]
fn each_change_goes_the_way_it_goes() {
    let cases = [
        ("'0 2 * * *'", "'0 */6 * * *'", "better recovery point: 1d1h -> 7h"),
        ("takes: 30m", "takes: 40m", "worse recovery time: 30m -> 40m"),
        ("takes: 30m", "takes: 2h", "worse recovery time: 30m -> 2h, missed"),
        ("rpo: 26h", "rpo: 30h", "worse RPO: 1d2h -> 1d6h"),
        ("rto: 1h", "rto: 45m", "better RTO: 1h -> 45m"),
        ("restore: {", "bring-back: {", "changed restored by: restore -> bring-back"),
        ("in: bucket, keep", "in: bucket, optional: true, keep", "worse copies left: nightly.bucket -> none"),
    ];
    for (from, to, wanted) in cases {
        let now = PLAN.replace(from, to);
        assert_ne!(now, PLAN, "{from}");
        let json = Repository::new(&now).json();
        assert!(changes(&json).iter().any(|change| change == wanted), "{wanted}: {:#?}", changes(&json));
    }
}

#[test]
fn a_promise_that_is_no_longer_kept_fails_where_that_is_asked_for() {
    let repository = Repository::new(&PLAN.replace("takes: 30m", "takes: 2h"));
    let (status, stdout, _) = repository.diff(&["main", "--fail-on", "worse"]);
    assert_eq!(status, Some(1));
    assert!(stdout.starts_with("worse: 1 promise no longer kept\n"), "{stdout}");
    let (status, stdout, _) = repository.diff(&["main", "--format", "markdown"]);
    assert_eq!(status, Some(0));
    assert!(
        stdout.contains("| **worse** | shop / loss / db | recovery time | 30m | 2h, missed |"),
        "{stdout}"
    );
    let better = Repository::new(&PLAN.replace("takes: 30m", "takes: 3m"));
    assert_eq!(better.diff(&["main", "--fail-on", "worse"]).0, Some(0));
    assert_eq!(better.diff(&["main", "--fail-on", "change"]).0, Some(1));
}

#[test]
fn files_folders_revisions_and_paths_in_them_can_be_compared() {
    let repository = Repository::new(&PLAN.replace("takes: 30m", "takes: 40m"));
    repository.write("old.yaml", PLAN);
    for args in
        [["main:plans/shop.yaml", "plans/shop.yaml"], ["old.yaml", "plans"], ["HEAD", "plans/shop.yaml"]]
    {
        let (status, stdout, stderr) = repository.diff(&args);
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(stdout.contains("recovery time: 30m -> 40m"), "{args:?}: {stdout}");
    }
    let (status, stdout, _) = repository.diff(&["plans/shop.yaml", "main"]);
    assert!(status == Some(0) && stdout.contains("better"), "{stdout}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let repository = Repository::new(PLAN);
    for wanted in ["no-such-branch", "--output=x", "main:../secret.yaml", "main:plans/none.yaml"] {
        let (status, stdout, stderr) = repository.diff(&["--", wanted]);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{wanted}: {stderr}");
        assert!(!stderr.is_empty());
    }
    let broken = Repository::new(&PLAN.replace("from: [nightly.bucket]", "from: [nightly.buckets]"));
    let (status, stdout, _) = broken.diff(&["main"]);
    assert_eq!(status, Some(1), "{stdout}");
    assert!(stdout.contains("not known: plans/shop.yaml has errors"), "{stdout}");
}

#[test]
fn new_and_dropped_scenarios_are_told() {
    let more = PLAN.replace("steps:", "  harm: { title: T, damage: [db], found_after: 1h }\nsteps:");
    let json = Repository::new(&more).json();
    assert_eq!(changes(&json), ["better scenario: - -> new"]);
    let other = PLAN.replace("  loss:", "  fire:");
    let json = Repository::new(&other).json();
    assert_eq!(changes(&json), ["better scenario: - -> new", "worse scenario: there -> gone"]);
}

#[test]
fn a_summary_shows_where_every_promise_stands() {
    let repository = Repository::new(&PLAN.replace("takes: 30m", "takes: 2h"));
    let (status, stdout, _) = drplan(repository.0.path(), &["check", "--summary", "--as-of", "2026-06-30"]);
    assert_eq!(status, Some(1));
    for wanted in ["1d1h / 1d2h", "2h / 1h", "missed", "nightly.bucket", "1 of 2 promises kept"] {
        assert!(stdout.contains(wanted), "{wanted}: {stdout}");
    }
    let (_, stdout, _) = drplan(repository.0.path(), &["check", "--summary", "--format", "json"]);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    let row = &json["summary"][0];
    assert_eq!(
        (row["asset"].as_str(), row["time"].as_str(), row["point"].as_str()),
        (Some("db"), Some("missed"), Some("kept"))
    );
    // A plan whose names are wrong has no routes, and so no promises.
    let broken = Repository::new(&PLAN.replace("nightly.bucket]", "nightly.buckets]"));
    let (status, stdout, _) = drplan(broken.0.path(), &["check", "--summary"]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("nothing is promised"), "{stdout}");
}

#[test]
fn less_is_not_told_as_more() {
    // A target that is made longer until it fits is no mend.
    let missed = PLAN.replace("takes: 30m", "takes: 2h");
    let repository = Repository::new(&missed.replace("rto: 1h", "rto: 3h"));
    repository.write("old.yaml", &missed);
    let (_, stdout, _) = repository.diff(&["old.yaml", "plans/shop.yaml"]);
    assert!(stdout.starts_with("worse, but"), "{stdout}");
    // A scenario that is new and not survived makes nothing better.
    let harm = "  harm: { title: T, damage: [db], found_after: 60d }\nsteps:";
    let json = Repository::new(&PLAN.replace("steps:", harm)).json();
    assert_eq!(changes(&json), ["worse scenario: - -> new, and not every promise is kept"]);
    // A plan that is broken is not told as gone as well.
    let broken = Repository::new(&PLAN.replace("nightly.bucket]", "nightly.buckets]"));
    let (_, stdout, _) = broken.diff(&["main"]);
    assert!(!stdout.contains("gone"), "{stdout}");
}

#[test]
fn what_waits_for_something_that_never_comes_back_is_never_back() {
    let app = "backups:\n";
    let with_app = PLAN
        .replace(app, "  app: { kind: app, owner: me, homes: [vps, spare], rto: 2h, needs: [db], health: [{ run: a }] }\nbackups:\n")
        .replace("steps:\n", "steps:\n  start: { restores: [app], on: home, run: ./start.sh, takes: 5m, rerun: safe }\n");
    let gone = with_app.replace("in: bucket, keep", "in: bucket, optional: true, keep");
    let repository = Repository::new(&gone);
    let (_, stdout, _) = drplan(repository.0.path(), &["check", "--summary", "--format", "json"]);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    let app = json["summary"].as_array().unwrap().iter().find(|row| row["asset"] == "app").unwrap();
    assert_eq!((&app["recovery_time"], &app["time"]), (&Value::Null, &Value::from("missed")));
}
