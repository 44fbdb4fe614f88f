//! `drplan verify` asks other hosts, over SSH, whether what makes backups is installed there, and whether it ran.

use std::fs;

use serde_json::Value;

use super::run;
use super::sshd::Sshd;
use crate::servers::cron::Cron;
use crate::stage::Stage;
use crate::timers::{at_once, boot, has_elapsed, nightly, runs};
use crate::verify::of_now;

/// A host with a cron of its own, and a plan whose backup is made there.
struct Far {
    cron: Cron,
    sshd: Sshd,
    stage: Stage,
}

impl Far {
    fn new() -> Self {
        let cron = Cron::new();
        let sshd = Sshd::inside(&cron);
        let ran = |name: &str| cron.ran(name).display().to_string();
        let stage = Stage::new(&format!(
            "places: {{ vps: {{ kind: host, ssh: vps }}, shelf: {{ kind: site }} }}\n\
             assets: {{ db: {{ kind: files, homes: [vps], rpo: 26h }} }}\n\
             backups:\n  nightly:\n    of: [db]\n    points: {{ cron: '30 3 * * *' }}\n    takes: 10m\n    \
             job: {{ cron: /etc/cron.d/backup, runs: /usr/bin/touch, stamp: {{ file: {}, max_age: 26h }}, \
             log: {{ file: {}, success: done$, failure: ERROR }} }}\n    \
             copies: {{ local: {{ in: shelf, at: points, keep: 30d }} }}\n",
            ran("stamp"),
            ran("log"),
        ));
        sshd.known_as("vps", &stage);
        fs::create_dir(stage.path().join("points")).unwrap();
        stage.write(&format!("points/{}", of_now()), "content");
        fs::write(cron.ran("stamp"), "").unwrap();
        fs::write(cron.ran("log"), "first ERROR\nthen done\n").unwrap();
        cron.write("backup", &format!("30 3 * * * root {}\n", cron.tell("done")));
        Self { cron, sshd, stage }
    }

    fn verify(&self) -> (i32, Value) {
        let ran = run(&self.stage, &["verify", "plan.yaml", "--format", "json"]);
        let seen: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
        (ran.code, seen["plans"][0]["jobs"][0].clone())
    }

    #[track_caller]
    fn has(&self, severity: &str, words: &str) -> Value {
        let (code, job) = self.verify();
        let mut problems = job["problems"].as_array().unwrap().iter();
        let is_it = |problem: &Value| {
            problem["severity"] == severity && problem["what"].as_str().unwrap().contains(words)
        };
        assert!(code == 1 && problems.any(is_it), "no {severity} {words:?}: {job:#}");
        job
    }
}

#[test]
fn a_job_on_another_host_is_looked_at_there() {
    let far = Far::new();
    let daemon = far.cron.boot();
    let (code, job) = far.verify();
    assert!(code == 0 && job["verdict"].is_null(), "{job:#}");
    let good = job["good"].to_string();
    for part in [
        "/etc/cron.d/backup runs it as root at `30 3 * * *`",
        "cron runs (process",
        "stamp the job last succeeded",
        "log ends with a success",
    ] {
        assert!(good.contains(part), "it does not say {part}: {job:#}");
    }
    // One connection for all questions, and nothing is left there.
    let log = fs::read_to_string(far.sshd.path("sshd.log")).unwrap();
    assert_eq!(log.matches("Accepted publickey").count(), 1, "{log}");
    assert!(!far.sshd.state().exists() || fs::read_dir(far.sshd.state()).unwrap().next().is_none());

    let entry = fs::read_to_string(far.cron.root().join("etc/cron.d/backup")).unwrap();
    far.cron.write("backup", entry.trim_end());
    far.has("failure", "cron ignores /etc/cron.d/backup: its last line has no newline");
    far.cron.write("backup", &entry.replace("30 3", "30 4"));
    far.has("failure", "it is started at `30 4 * * *`, and the plan says `30 3 * * *`");
    fs::remove_file(far.cron.root().join("etc/cron.d/backup")).unwrap();
    far.has("failure", "/etc/cron.d/backup is not there: the job is not installed");
    far.cron.write("backup", &entry);
    fs::write(far.cron.ran("stamp"), "2026-01-01T00:00:00Z\n").unwrap();
    far.has("failure", "stamp the job last succeeded");
    fs::remove_file(far.cron.ran("stamp")).unwrap();
    far.has("failure", "the job has never succeeded");
    fs::write(far.cron.ran("stamp"), "").unwrap();
    fs::write(far.cron.ran("log"), "then done\nlast ERROR\n").unwrap();
    far.has("failure", "the job has failed since it last succeeded");
    drop(daemon);
}

#[test]
fn a_host_that_cannot_be_asked_of_its_jobs_is_unknown() {
    let mut far = Far::new();
    let programs =
        ["sh", "bash", "cat", "rm", "mkdir", "sed", "setsid", "kill", "head", "tail", "ls", "readlink"];
    far.sshd.only_with(&programs);
    let job = far
        .has("unknown", "vps, where it runs, cannot be asked: a program that looks cannot be started there");
    assert_eq!(job["verdict"], "unknown", "{job:#}");
    far.sshd.stop();
    let job = far.has("unknown", "vps, where it runs, cannot be asked: ");
    assert_eq!(
        (&job["verdict"], job["problems"].as_array().unwrap().len()),
        (&"unknown".into(), 1),
        "{job:#}"
    );
    assert!(job["problems"][0]["help"].as_str().unwrap().contains("drplan verify --here vps"), "{job:#}");
}

#[test]
fn a_timer_on_another_host_is_asked_of_its_systemd_over_ssh() {
    let echo = || runs("/bin/echo done", "");
    let systemd = boot(
        &[
            ("good", at_once(), echo()),
            ("fails", at_once(), runs("/bin/sh -c 'exit 3'", "")),
            ("ignored", at_once(), runs("-/bin/sh -c 'exit 3'", "")),
            ("idle", nightly(), echo()),
            ("stopped", at_once(), echo()),
            ("disabled", nightly(), echo()),
        ],
        &["disabled"],
    );
    for name in ["good", "fails", "ignored", "stopped"] {
        has_elapsed(&systemd, name);
    }
    systemd.systemctl(&["stop", "stopped.timer"]);
    let stage = |name: &str| {
        let stage = Stage::new(&format!(
            "places: {{ vps: {{ kind: host, ssh: vps }}, shelf: {{ kind: site }} }}\n\
             assets: {{ db: {{ kind: files, homes: [vps], rpo: 26h }} }}\n\
             backups:\n  nightly:\n    of: [db]\n    points: {{ every: 24h }}\n    takes: 10m\n    job: {{ timer: {name}.timer }}\n    \
             copies: {{ local: {{ in: shelf, at: points, keep: 30d }} }}\n"
        ));
        fs::create_dir(stage.path().join("points")).unwrap();
        stage.write(&format!("points/{}", of_now()), "content");
        stage
    };
    let first = stage("good");
    systemd.reached_as("vps", &first);
    let look = |name: &str| {
        let stage = stage(name);
        stage.write("bin/ssh", "");
        fs::copy(first.path().join("bin/ssh"), stage.path().join("bin/ssh")).unwrap();
        let ran = run(&stage, &["verify", "plan.yaml", "--format", "json"]);
        let seen: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
        (ran.code, seen["plans"][0]["jobs"][0].clone())
    };
    let connections = || {
        systemd.ask(&["journalctl", "--sync"]).unwrap();
        let log = systemd.ask(&["journalctl", "-u", "ssh.service", "-o", "cat"]).unwrap();
        log.matches("Accepted publickey").count()
    };
    let (code, job) = look("good");
    assert!(code == 0 && job["verdict"].is_null(), "{job:#}");
    assert!(job["good"].to_string().contains("good.service last succeeded at"), "{job:#}");
    // One connection for all questions.
    assert_eq!(connections(), 1, "{job:#}");
    for (name, verdict, words) in [
        ("fails", "failure", ": exit code 3"),
        ("ignored", "failure", "exit code 3, which its unit tells systemd to ignore"),
        ("idle", "unknown", "whether idle.service ever ran nobody can say"),
        ("stopped", "failure", "stopped.timer is not started (inactive)"),
        ("disabled", "failure", "disabled.timer is installed, but not enabled"),
        ("missing", "failure", "there is no unit missing.timer"),
    ] {
        let (code, job) = look(name);
        assert!(code == 1 && job["verdict"] == verdict, "{name}: {job:#}");
        assert!(job["problems"].to_string().contains(words), "{name}: not `{words}` in {job:#}");
    }
    // A systemd that cannot be asked is unknown, and no host without a job.
    systemd.ask(&["mount", "--bind", "/bin/false", "/usr/bin/systemctl"]).unwrap();
    let (code, job) = look("good");
    assert!(code == 1 && job["verdict"] == "unknown", "{job:#}");
}
