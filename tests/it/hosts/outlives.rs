//! The work on a host outlives controller, keeper, courier and connection, and is found again.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::sshd::{Sshd, file_of};
use super::{EXECUTE, kept, run, stage_with, start};
use crate::stage::{Stage, until};

/// A stage with one step that says when it has begun, waits at the pipe `go`, and goes on.
pub(super) fn waiting_stage(sshd: &Sshd) -> Stage {
    let stage = stage_with(sshd, "");
    let path = stage.path().display().to_string();
    let plan = stage.read("plan.yaml");
    stage.write(
        "plan.yaml",
        &format!(
            "{plan}secrets: {{ TOKEN: {{ command: [echo, open-sesame] }} }}\nsteps:\n  long:\n    on: vps\n    secrets: [TOKEN]\n    outputs: [HOST_IP]\n    run: |\n      \
             echo began >>{path}/ledger\n      echo \"before $TOKEN\"\n      cat {path}/go\n      echo \"after $TOKEN\"\n      \
             echo HOST_IP=192.0.2.9 >\"$DRPLAN_OUTPUT\"\n  \
             last: {{ needs: [long], run: 'echo $HOST_IP >>ledger' }}\n"
        ),
    );
    stage.fifo("go");
    stage
}

pub(super) fn until_begun(stage: &Stage) {
    until("the step begins", || stage.ledger() == ["began"]);
}

/// Everything arrived, once.
#[track_caller]
pub(super) fn assert_whole(stage: &Stage, ledger: &Stage) {
    assert_eq!(
        kept(stage, "long", "stdout"),
        "before ***\ngo\nafter ***\n",
        "{}",
        kept(stage, "long", "stderr")
    );
    assert_eq!(stage.told("step_started"), ["long", "last"]);
    assert_eq!(ledger.ledger().first().map(String::as_str), Some("began"));
    assert_eq!(stage.last("step_finished", "long")["outputs"]["HOST_IP"], "192.0.2.9");
}

/// Ends drplan here altogether, as the loss of this machine would.
fn lose_everything_here(stage: &Stage, running: crate::stage::Running) {
    let courier = stage.process_of("long", 1);
    running.crash();
    stage.crash_keeper();
    until("the courier ends with its keeper", || {
        let (pid, began) = courier.expect("the courier is on record");
        drplan::keeper::start_time(pid).ok().flatten() != Some(began)
    });
}

#[test]
fn a_step_that_still_runs_is_found_again_and_awaited() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    lose_everything_here(&stage, running);
    let resumed = start(&stage, &["resume", "latest"]);
    until("it is found again", || kept(&stage, "long", "stdout") == "before ***\n");
    stage.let_go("go");
    resumed.ends().exits(0);
    assert_whole(&stage, &stage);
    assert_eq!(stage.ledger(), ["began", "192.0.2.9"]);
}

#[test]
fn a_step_that_ended_while_nobody_looked_is_found_by_another_machine() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    lose_everything_here(&stage, running);
    stage.let_go("go");
    until("it ends", || sshd.has_outcome());
    // The run's folder is all that the other machine has.
    let other = waiting_stage(&sshd);
    other.write("plan.yaml", &stage.read("plan.yaml"));
    let copied = Command::new("cp").arg("-a").arg(stage.path().join(".drplan")).arg(other.path()).status();
    assert!(copied.unwrap().success());
    run(&other, &["resume", "latest"]).exits(0);
    assert_whole(&other, &stage);
    // What has no host is done where drplan is.
    assert_eq!(other.ledger(), ["192.0.2.9"]);
    assert_eq!(stage.ledger(), ["began"]);
}

#[test]
fn a_connection_that_breaks_is_made_again() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    let mut sshd = sshd;
    sshd.stop();
    until("the loss is told", || kept(&stage, "long", "stderr").contains("the connection to vps is lost"));
    // Everything of the step that comes now comes while nobody is connected.
    stage.let_go("go");
    until("it ends", || sshd.has_outcome());
    sshd.start_again();
    running.ends().exits(0);
    assert_whole(&stage, &stage);
}

#[test]
fn a_host_that_was_started_anew_is_known_for_it() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    lose_everything_here(&stage, running);
    // Only its mark is made by hand: all that ran on the host is gone, and its boot is another.
    sshd.end_holders();
    let attempt = sshd.attempts().pop().unwrap();
    std::fs::write(file_of(&attempt, "boot"), "00000000-0000-0000-0000-000000000000\n").unwrap();
    run(&stage, &["resume", "latest"]).exits(4);
    let judged = stage.last("step_judged", "long");
    assert_eq!(judged["verdict"], "ask");
    assert!(judged["why"].as_str().unwrap().contains("vps was started anew while it ran"), "{judged}");
    assert_eq!(stage.ledger(), ["began"]);
}

/// Lets the step of a waiting stage be repeated where it was interrupted.
fn repeatable(stage: &Stage) {
    let plan =
        stage.read("plan.yaml").replace("    on: vps\n", "    on: vps\n    rerun: safe\n    retry: 1\n");
    stage.write("plan.yaml", &plan);
}

#[test]
fn what_could_not_be_told_to_end_is_not_taken_for_ended() {
    let mut sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    repeatable(&stage);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    sshd.stop();
    until("the loss is told", || kept(&stage, "long", "stderr").contains("the connection to vps is lost"));
    running.signal(Signal::INT);
    until("it is heard", || stage.has_told("stop_asked", ""));
    running.signal(Signal::INT);
    running.ends();
    assert_eq!(stage.ledger(), ["began"], "it runs on, out of reach");
    sshd.start_again();
    let resumed = start(&stage, &["resume", "latest"]);
    until("it is looked for", || stage.has_told("step_judged", "long"));
    stage.let_go("go");
    resumed.ends().exits(0);
    assert_whole(&stage, &stage);
    assert_eq!(stage.ledger(), ["began", "192.0.2.9"], "it was started twice");
}

#[test]
fn a_courier_that_is_killed_is_followed_by_another() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    repeatable(&stage);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    let (courier, _) = stage.process_of("long", 1).expect("the courier is on record");
    kill_process(Pid::from_raw(courier).unwrap(), Signal::KILL).unwrap();
    until("it is looked for", || stage.has_told("step_judged", "long"));
    stage.let_go("go");
    running.ends().exits(0);
    assert_whole(&stage, &stage);
    assert_eq!(stage.ledger(), ["began", "192.0.2.9"], "it was started twice");
}

/// Kills what holds the step of a waiting stage on its host; the step itself goes on.
fn kill_holder(sshd: &Sshd) {
    let attempt = file_of(&sshd.attempts().pop().unwrap(), "holder");
    let read = || std::fs::read_to_string(&attempt).unwrap_or_default();
    until("the holder is on record there", || read().contains("held"));
    let holder: i32 = read().split(' ').next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(holder).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_holder_that_is_killed_is_missed_once_its_step_is_over() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    kill_holder(&sshd);
    stage.let_go("go");
    running.ends().exits(4);
    let judged = stage.last("step_judged", "long");
    assert_eq!(judged["verdict"], "ask");
    assert!(judged["why"].as_str().unwrap().contains("nothing of it runs there any more"), "{judged}");
}

#[test]
fn a_step_whose_holder_was_killed_is_not_begun_beside_itself() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    repeatable(&stage);
    let path = stage.path().display().to_string();
    let plan = stage.read("plan.yaml");
    stage.write("plan.yaml", &plan.replace("/go\n", &format!("/go\n      cat {path}/more\n")));
    stage.fifo("more");
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    lose_everything_here(&stage, running);
    kill_holder(&sshd);
    let resumed = start(&stage, &["resume", "latest"]);
    stage.let_go("go");
    until("it is listened to again", || kept(&stage, "long", "stdout") == "before ***\ngo\n");
    assert_eq!(stage.ledger(), ["began"]);
    stage.let_go("more");
    until("it begins anew", || stage.ledger().len() == 2);
    assert_eq!(stage.last("step_judged", "long")["verdict"], "again");
    stage.let_go("go");
    stage.let_go("more");
    resumed.ends().exits(0);
    assert_eq!(stage.ledger(), ["began", "began", "192.0.2.9"]);
}

#[test]
fn what_was_told_to_end_when_the_run_was_stopped_has_not_failed() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    repeatable(&stage);
    let running = start(&stage, &EXECUTE);
    until_begun(&stage);
    let (courier, _) = stage.process_of("long", 1).expect("the courier is on record");
    running.signal(Signal::INT);
    until("it is heard", || stage.has_told("stop_asked", ""));
    running.signal(Signal::INT);
    until("the host is told", || sshd.attempts().iter().any(|attempt| file_of(attempt, "stopped").exists()));
    // Nobody who has heard how it ended is left.
    let _ = kill_process(Pid::from_raw(courier).unwrap(), Signal::KILL);
    running.crash();
    stage.crash_keeper();
    let resumed = start(&stage, &["resume", "latest"]);
    until("it begins anew", || stage.ledger().len() == 2);
    stage.let_go("go");
    resumed.ends().exits(0);
    assert_eq!(stage.last("step_judged", "long")["verdict"], "again");
    assert_eq!(stage.ledger(), ["began", "began", "192.0.2.9"]);
}
