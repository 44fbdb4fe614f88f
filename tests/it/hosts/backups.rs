//! `drplan verify` looks at the copies that lie on other hosts, over SSH.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::sshd::Sshd;
use super::{drplan, run};
use crate::servers::{Edition, said};
use crate::stage::Stage;
use crate::verify::of_now;

/// A host with a vault, and a plan whose backup lies in it.
struct Far {
    sshd: Sshd,
    stage: Stage,
}

impl Far {
    fn new(copy: &str, more: &str) -> Self {
        let sshd = Sshd::start();
        fs::create_dir(sshd.path("vault")).unwrap();
        let stage = Stage::new(&format!(
            "places: {{ vps: {{ kind: host }}, nas: {{ kind: host, ssh: nas, vars: {{ VAULT: {}, WORD: of-the-place }} }} }}\n\
             assets: {{ db: {{ kind: files, homes: [vps], rpo: 26h }} }}\n\
             backups:\n  nightly:\n    of: [db]\n    points: {{ every: 24h }}\n    takes: 10m\n    copies:\n      \
             nas: {{ in: nas, at: $VAULT, keep: 30d{copy} }}\n{more}",
            sshd.path("vault").display()
        ));
        sshd.known_as("nas", &stage);
        Self { sshd, stage }
    }

    fn point(&self, name: &str) -> PathBuf {
        self.sshd.path("vault").join(name)
    }

    /// Puts an archive there, as whole as it should be, with its digest.
    fn with_archive(self) -> (Self, PathBuf) {
        let point = self.point(&of_now().replace(".dump", ".tar.gz"));
        let script = "echo data >data; tar -czf \"$1\" data; cd \"$(dirname \"$1\")\"; sha256sum \"$(basename \"$1\")\" >\"$1.sha256\"";
        let folder = tempfile::tempdir().unwrap();
        said(Command::new("bash").args(["-euc", script, "bash"]).arg(&point).current_dir(folder.path()));
        (self, point)
    }

    /// Verifies, and returns the exit code and what was seen of the copy.
    fn verify(&self) -> (i32, Value) {
        let ran = run(&self.stage, &["verify", "plan.yaml", "--format", "json"]);
        let seen: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
        (ran.code, seen["plans"][0]["copies"][0].clone())
    }

    #[track_caller]
    fn has(&self, severity: &str, kind: &str, words: &str) {
        let (code, copy) = self.verify();
        let problems = copy["problems"].as_array().unwrap();
        let is_it = |problem: &&Value| {
            problem["kind"] == kind
                && problem["severity"] == severity
                && problem["what"].as_str().unwrap().contains(words)
        };
        assert!(problems.iter().any(|problem| is_it(&problem)), "no {severity} {kind} {words:?}: {copy:#}");
        assert_eq!(code, 1, "{copy:#}");
    }
}

const TAR: &str = ", verify: [ { use: files/verify-tar, with: { paths: [data] } } ]";

#[test]
fn a_backup_on_another_host_is_listed_read_and_held_to_its_digest_there() {
    let (far, _) = Far::new(TAR, "").with_archive();
    let (code, copy) = far.verify();
    assert_eq!(code, 0, "{copy:#}");
    let point = &copy["looked_into"][0];
    assert_eq!((&copy["integrity"], &point["facts"]["files"]), (&"digest".into(), &1.into()), "{copy:#}");
    assert!(copy["bytes"].as_u64().is_some_and(|bytes| bytes > 50), "{copy:#}");
    assert!(!far.sshd.state().exists() || fs::read_dir(far.sshd.state()).unwrap().next().is_none());
}

#[test]
fn a_backup_that_is_bad_on_another_host_is_found() {
    let (far, point) = Far::new(TAR, "").with_archive();
    let whole = fs::read(&point).unwrap();
    fs::write(&point, &whole[..whole.len() / 2]).unwrap();
    far.has("failure", "digest-differs", "is not what its producer wrote");
    far.has("failure", "not-good", "it cannot be");
    fs::remove_file(format!("{}.sha256", point.display())).unwrap();
    fs::remove_file(&point).unwrap();
    far.has("failure", "no-point", "");
    fs::remove_dir(far.sshd.path("vault")).unwrap();
    far.has("failure", "no-point", "is not there on nas");
}

#[test]
fn a_host_that_cannot_be_asked_is_unknown() {
    let (mut far, _) = Far::new(TAR, "").with_archive();
    far.sshd.only_with(&[
        "sh",
        "bash",
        "wc",
        "cat",
        "rm",
        "mkdir",
        "find",
        "ls",
        "awk",
        "dirname",
        "basename",
        "sha256sum",
        "sed",
        "setsid",
        "gzip",
        "kill",
        "sleep",
        "mv",
        "grep",
        "tail",
    ]);
    far.has("unknown", "not-known", "it needs tar on nas: not found in PATH");
    far.sshd.stop();
    far.has("unknown", "not-seen", "nas cannot be reached");
}

#[test]
fn a_run_takes_the_newest_point_of_a_host_that_is_good_there() {
    let plan =
        "steps:\n  restore: { restores: [db], from: [nightly.nas], run: 'echo \"$POINT_ID\" >>ledger' }\n";
    let (far, point) = Far::new(TAR, plan).with_archive();
    let name = point.file_name().unwrap().to_str().unwrap().to_owned();
    fs::write(far.point("db-20990101T000000Z.tar.gz"), "no archive").unwrap();
    run(&far.stage, &["execute", "plan.yaml", "--yes"]).exits(0);
    let why = far.stage.last("point_chosen", "restore")["point"]["why"].as_str().unwrap().to_owned();
    assert!(why.contains("db-20990101T000000Z.tar.gz was passed over: data is not in it"), "{why}");
    assert!(why.contains("verified just now as far as `digest`"), "{why}");
    assert_eq!(far.stage.ledger(), [name]);
}

#[test]
fn what_was_good_on_a_host_yesterday_is_looked_into_again() {
    let plan =
        "steps:\n  restore: { restores: [db], from: [nightly.nas], run: 'echo \"$POINT_ID\" >>ledger' }\n";
    let (far, point) = Far::new(TAR, plan).with_archive();
    run(&far.stage, &["verify", "plan.yaml", "--record"]).exits(0);
    // Nobody sees from here that it is another file by now.
    let whole = fs::read(&point).unwrap();
    fs::write(&point, &whole[..whole.len() / 2]).unwrap();
    fs::remove_file(format!("{}.sha256", point.display())).unwrap();
    run(&far.stage, &["execute", "plan.yaml", "--yes"]).exits(3).says("none of the 1 points");
    assert!(!far.stage.has("ledger"));
}

#[test]
fn thousands_of_points_on_another_host_are_all_seen() {
    let far = Far::new(
        "",
        "steps:\n  restore: { restores: [db], from: [nightly.nas], run: 'echo \"$POINT_ID\" >>ledger' }\n",
    );
    for number in 0..5000 {
        let (day, hour, minute) = (1 + number / 240, number / 10 % 24, number % 10);
        fs::write(
            far.point(&format!("a-long-name-of-a-point-202601{day:02}T{hour:02}{minute:02}00Z.tar")),
            "x",
        )
        .unwrap();
    }
    let newest = of_now();
    fs::write(far.point(&newest), "x").unwrap();
    let (_, copy) = far.verify();
    assert_eq!(copy["count"], 5001, "{:#}", copy["problems"]);
    run(&far.stage, &["execute", "plan.yaml", "--yes"]).exits(0);
    assert_eq!(far.stage.ledger(), [newest]);
}

#[test]
fn a_repository_on_another_host_is_read_there_with_the_key_of_the_plan() {
    let far = Far::new(
        ", key: RESTIC_PASSWORD, verify: [ { use: files/verify-restic, with: { repository: $VAULT } } ]",
        "secrets: { RESTIC_PASSWORD: { file: vault/password } }\n",
    );
    let password = far.stage.path().join("vault/password");
    far.stage.write("vault/password", "open sesame\n");
    let (vault, data) = (far.sshd.path("vault"), tempfile::tempdir().unwrap());
    fs::write(data.path().join("data"), "data").unwrap();
    let restic = |words: &[&str]| {
        let mut restic = Command::new("restic");
        restic.arg("-r").arg(&vault).arg("--password-file").arg(&password).arg("--no-cache").args(words);
        said(&mut restic)
    };
    restic(&["init"]);
    restic(&["backup", data.path().to_str().unwrap()]);
    let (code, copy) = far.verify();
    assert_eq!(code, 0, "{copy:#}");
    assert_eq!((&copy["count"], &copy["integrity"]), (&1.into(), &"read".into()), "{copy:#}");
    far.stage.write("vault/password", "another\n");
    let mut verify = drplan(&far.stage, &["verify", "plan.yaml"]);
    let out = verify.output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stdout).contains("does not open it"), "{out:?}");
}

#[test]
fn the_head_of_a_dump_is_read_on_its_host_without_a_tool_of_postgresql() {
    let server = Edition::of_the_machine().start();
    server.sql("postgres", "create database shop");
    let dumped = |format: &str| {
        let far = Far::new(", verify: [ { file: $POINT_PATH, expect: { pg_dump: shop } } ]", "");
        let point = far.point(&of_now());
        said(server.client("pg_dump").args([format, "shop", "-f"]).arg(&point));
        let programs = [
            "sh",
            "bash",
            "cat",
            "rm",
            "mkdir",
            "sed",
            "setsid",
            "kill",
            "head",
            "od",
            "stat",
            "date",
            "ls",
            "find",
            "awk",
            "wc",
            "dirname",
            "sha256sum",
        ];
        far.sshd.only_with(&programs);
        (far, point)
    };
    for format in ["-Fc", "-Fd", "-Ft"] {
        let (far, point) = dumped(format);
        let (code, copy) = far.verify();
        assert_eq!((code, &copy["integrity"]), (0, &"header".into()), "{format}: {copy:#}");
        assert_eq!(copy["looked_into"][0]["dated_by"], "artifact", "{format}: {copy:#}");
        let head = if format == "-Fd" { point.join("toc.dat") } else { point };
        fs::File::options().write(true).open(&head).unwrap().set_len(40).unwrap();
        far.has("failure", "not-good", "ends after 40 bytes, in the middle of its head");
        fs::write(&head, "").unwrap();
        far.has("failure", "not-good", "is empty");
    }
}

#[test]
fn one_host_under_two_names_is_no_other_place() {
    let (far, _) = Far::new("", "").with_archive();
    let plan = far.stage.read("plan.yaml");
    let vault = far.sshd.path("vault");
    let two = plan.replace(
        "places: { vps",
        &format!("places: {{ spare: {{ kind: host, ssh: nas, vars: {{ VAULT: {} }} }}, vps", vault.display()),
    ) + "      spare: { in: spare, at: $VAULT, keep: 30d }\n";
    assert_eq!(far.verify().0, 0);
    far.stage.write("plan.yaml", &two);
    let ran = run(&far.stage, &["verify", "plan.yaml"]);
    ran.exits(1).says(
        "it should lie in `spare`, apart from nightly.nas in `nas`, and both lie on the same host, nas",
    );
}
