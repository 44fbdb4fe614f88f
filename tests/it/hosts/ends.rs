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

#[test]
fn a_host_whose_clock_is_hours_off_changes_nothing() {
    // The times of files are the kernel's, and no library can change those: their age is not asked here.
    for hours in ["-5h", "+5h"] {
        let sshd = Sshd::start();
        sshd.with_a_clock_off_by(hours);
        let stage = stage_with(
            &sshd,
            "steps:\n  \
             look: { on: vps, run: 'date +%s >now; sleep 1; echo \"NOW=$(cat now)\" >>\"$DRPLAN_OUTPUT\"', outputs: [NOW], verify: [ { file: now, expect: { min_bytes: 5 } } ], timeout: 1m }\n  \
             wait: { needs: [look], on: vps, run: 'sleep 300', timeout: 2s }\n",
        );
        let begun = std::time::SystemTime::now();
        run(&stage, &EXECUTE).exits(3);
        let here = begun.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let there: u64 =
            stage.last("step_finished", "look")["outputs"]["NOW"].as_str().unwrap().parse().unwrap();
        assert!(here.abs_diff(there) > 4 * 3600, "the clock there is as here: {there}");
        // The limit counts by our clock: neither at once nor five hours late.
        assert_eq!(stage.last("step_finished", "wait")["outcome"]["failure"]["kind"], "timed_out");
        let report = run(&stage, &["report", "latest", "--format", "json"]).exits(0);
        let report: serde_json::Value = serde_json::from_str(&report.out).unwrap();
        for step in report["steps"].as_array().unwrap() {
            let took = step["duration"].as_str().unwrap_or("0s");
            assert!(took.ends_with('s') && !took.contains('h'), "{step:#}");
        }
        assert!(sshd.attempts().is_empty(), "{:?}", sshd.attempts());
    }
}
