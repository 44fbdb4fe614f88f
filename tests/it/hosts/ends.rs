//! Time limits and aborts end what runs on a host, also what left its group.

use super::sshd::Sshd;
use super::{EXECUTE, run, runs, stage_with, start};
use crate::stage::{Stage, until};

/// A stage with a step that starts two others, one in a session of its own, and waits.
fn stubborn_stage(sshd: &Sshd, more: &str) -> Stage {
    let stage = stage_with(sshd, "");
    let path = stage.path().display().to_string();
    let plan = stage.read("plan.yaml");
    stage.write(
        "plan.yaml",
        &format!(
            "{plan}steps:\n  long:\n    on: vps\n    {more}\n    run: |\n      sleep 300 & echo $! >>{path}/ledger\n      \
             setsid sh -c 'trap \"\" TERM; echo $$ >>{path}/ledger; sleep 301' &\n      echo $$ >>{path}/ledger\n      wait\n"
        ),
    );
    stage
}

fn assert_all_ended(stage: &Stage, sshd: &Sshd) {
    let pids = stage.ledger();
    assert_eq!(pids.len(), 3, "{pids:?}");
    until("everything on the host ends", || pids.iter().all(|pid| !runs(pid)));
    assert!(sshd.attempts().is_empty(), "{:?}", sshd.attempts());
}

#[test]
fn a_time_limit_ends_all_that_a_step_has_started_on_its_host() {
    let sshd = Sshd::start();
    let stage = stubborn_stage(&sshd, "timeout: 2s");
    run(&stage, &EXECUTE).exits(3);
    assert_eq!(stage.last("step_finished", "long")["outcome"]["failure"]["kind"], "timed_out");
    assert_all_ended(&stage, &sshd);
}

#[test]
fn an_abort_ends_all_that_a_step_has_started_on_its_host() {
    let sshd = Sshd::start();
    let stage = stubborn_stage(&sshd, "rerun: never");
    let running = start(&stage, &EXECUTE);
    until("the step begins", || stage.ledger().len() == 3);
    run(&stage, &["abort", "latest", "--reason", "a test"]);
    running.ends().exits(3);
    assert_all_ended(&stage, &sshd);
}

#[test]
fn an_abort_while_nobody_controls_the_run_ends_what_is_found_on_the_host() {
    let sshd = Sshd::start();
    let stage = stubborn_stage(&sshd, "rerun: never");
    let running = start(&stage, &EXECUTE);
    until("the step begins", || stage.ledger().len() == 3);
    running.crash();
    stage.crash_keeper();
    run(&stage, &["abort", "latest", "--reason", "a test"]);
    assert_eq!(stage.last("run_finished", "")["result"], "aborted");
    assert_all_ended(&stage, &sshd);
}
