//! Steps on other hosts, with the real `sshd`.

mod backups;
mod ends;
mod failover;
mod jobs;
mod links;
mod loopback;
mod many;
mod net;
mod outlives;
mod probes;
mod refusals;
mod relay;
mod roads;
mod sshd;

use std::fs;
use std::process::Command;

pub(crate) use net::Net;
pub(crate) use sshd::{holders_of, of_folder};

use crate::stage::{Ran, Running, Stage};
use sshd::Sshd;

/// A stage whose plan, after its head, may work on `vps`.
fn stage_with(sshd: &Sshd, plan: &str) -> Stage {
    let stage = Stage::new(&format!(
        "places: {{ vps: {{ kind: host, ssh: vps, vars: {{ REGION: north }} }} }}\n{plan}"
    ));
    sshd.known_as("vps", &stage);
    stage
}

/// Returns drplan with an `ssh` that knows the test's hosts.
fn drplan(stage: &Stage, args: &[&str]) -> Command {
    let mut command = stage.drplan(args);
    let bin = stage.path().join("bin");
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", bin.display());
    command.env("PATH", path);
    command
}

fn start(stage: &Stage, args: &[&str]) -> Running {
    stage.begin(drplan(stage, args))
}

fn run(stage: &Stage, args: &[&str]) -> Ran {
    start(stage, args).ends()
}

const EXECUTE: [&str; 3] = ["execute", "plan.yaml", "--yes"];

/// What an attempt has printed, as it is kept here.
fn kept(stage: &Stage, step: &str, name: &str) -> String {
    let Some(run_dir) = stage.runs().pop() else { return String::new() };
    fs::read_to_string(run_dir.join("steps").join(step).join("1").join(name)).unwrap_or_default()
}

/// Whether a process is there and runs.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
