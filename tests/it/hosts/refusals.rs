//! What keeps a step from being started on a host, said in words, with nothing done.

use std::fs;
use std::process::Command;

use super::sshd::Sshd;
use super::{EXECUTE, run, stage_with};
use crate::stage::Stage;

const GREET: &str = "steps: { greet: { on: vps, run: echo hello >>ledger } }\n";

fn assert_not_started(stage: &Stage, sshd: &Sshd, why: &str) {
    run(stage, &EXECUTE).exits(3).says(why);
    assert_eq!(stage.last("step_finished", "greet")["outcome"]["failure"]["kind"], "not_started");
    assert!(sshd.attempts().is_empty(), "{:?}", sshd.attempts());
}

#[test]
fn a_host_with_another_key_is_not_worked_on() {
    let sshd = Sshd::start();
    let stage = stage_with(&sshd, GREET);
    let other = Sshd::start();
    let line = format!("[127.0.0.1]:{} {}\n", sshd.port, other.host_key());
    stage.write("known_hosts", &line);
    assert_not_started(&stage, &sshd, "Host key verification failed");
}

#[test]
fn a_host_with_an_unknown_key_is_not_worked_on() {
    let sshd = Sshd::start();
    let stage = stage_with(&sshd, GREET);
    stage.write("known_hosts", "");
    assert_not_started(&stage, &sshd, "Host key verification failed");
}

#[test]
fn a_user_whom_the_host_does_not_know_is_told_so() {
    let sshd = Sshd::start();
    let stage = stage_with(&sshd, GREET);
    fs::write(sshd.path("authorized_keys"), "").unwrap();
    assert_not_started(&stage, &sshd, "Permission denied");
}

#[test]
fn a_host_without_setsid_is_told_of() {
    let sshd = Sshd::start();
    sshd.only_with(&["sh", "bash", "mkfifo", "tail", "wc", "cat", "rm", "sleep", "grep", "mkdir"]);
    let stage = stage_with(&sshd, GREET);
    assert_not_started(&stage, &sshd, "vps lacks what a step needs there: setsid");
}

/// A small disk, which goes away with the test.
struct Disk(std::path::PathBuf);

impl Disk {
    fn at(path: std::path::PathBuf) -> Self {
        fs::create_dir_all(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "drplan-test"]).arg(&path).status();
        assert!(mounted.unwrap().success(), "mounting a small disk needs root");
        Self(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_on_the_host_keeps_a_step_from_starting() {
    let sshd = Sshd::start();
    let disk = Disk::at(sshd.path("state"));
    fs::write(disk.0.join("flood"), vec![0; 65 << 10]).unwrap_err();
    let stage = stage_with(&sshd, GREET);
    assert_not_started(&stage, &sshd, "vps cannot");
}

#[test]
fn a_disk_that_fills_up_takes_no_outcome_away() {
    let sshd = Sshd::start();
    let disk = Disk::at(sshd.path("state"));
    let flood = disk.0.join("flood");
    let stage = stage_with(
        &sshd,
        &format!(
            "steps:\n  fill: {{ on: vps, run: 'echo begun; cat /dev/zero >{} || exit 9' }}\n",
            flood.display()
        ),
    );
    run(&stage, &EXECUTE).exits(3);
    assert_eq!(stage.last("step_finished", "fill")["outcome"]["failure"]["code"], 9);
    assert_eq!(super::kept(&stage, "fill", "stdout"), "begun\n");
}

#[test]
fn a_host_that_a_step_has_built_is_known_by_the_key_that_the_step_gives() {
    let sshd = Sshd::start();
    for (key, code) in [(sshd.host_key(), 0), (Sshd::start().host_key(), 3)] {
        let stage = Stage::new(&format!(
            "places:\n  vps: {{ kind: host, exists: false, ssh: {{ user: root, address: HOST_IP, port: {}, host_key: HOST_KEY }} }}\nsteps:\n  \
             build: {{ provides: [vps], outputs: [HOST_IP, HOST_KEY], run: 'echo HOST_IP=127.0.0.1 >>$DRPLAN_OUTPUT; echo \"HOST_KEY={key}\" >>$DRPLAN_OUTPUT' }}\n  \
             greet: {{ on: vps, run: 'echo hello' }}\n",
            sshd.port
        ));
        sshd.known_as("other", &stage);
        // The name is not that of the host: only the user's key comes from the configuration.
        let config =
            stage.read("ssh_config").replace("Host other\n  HostName 127.0.0.1\n", "Host 127.0.0.1\n");
        stage.write("ssh_config", &config);
        stage.write("known_hosts", "");
        run(&stage, &EXECUTE).exits(code);
        assert_eq!(super::kept(&stage, "greet", "stdout"), if code == 0 { "hello\n" } else { "" });
    }
}
