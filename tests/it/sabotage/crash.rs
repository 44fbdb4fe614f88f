//! Crashes: kill -9 of the controller at every sync and at every write, of the keeper, of both.

use std::process::Command;

use super::{COMMIT, Everything};
use crate::stage::{Stage, until};

/// Puts a command under `strace`, which does something to its n-th call of some name.
pub(crate) fn hurt(command: &Command, call: &str, fault: &str, nth: usize) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:{fault}:when={nth}"), "--"]);
    strace.arg(command.get_program()).args(command.get_args());
    strace.env_clear().current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        strace.env(name, value.unwrap());
    }
    strace
}

/// How far a run has come when its controller is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// From its start until it waits for people.
    Start,
    /// From their answers until it is held.
    Answered,
    /// While it is decided that what was done stays.
    Held,
}

/// Kills the controller at its n-th call in a part of the run; returns whether it came to that.
fn killed_at(call: &str, nth: usize, part: Part) -> bool {
    let all = Everything::new();
    let what = format!("killed at {call} {nth} of {part:?}");
    let mut command = all.execute();
    if part != Part::Start {
        all.stage.begin(command).ends().exits(4);
        all.answer();
        command = all.stage.drplan(&["resume", "latest"]);
    }
    if part == Part::Held {
        all.stage.begin(command).ends().exits(4);
        assert!(all.is_held(), "{what}");
        command = all.stage.drplan(&COMMIT);
    }
    let ran = all.stage.begin(hurt(&command, call, "signal=KILL", nth)).ends();
    let was_killed = ran.code == -9;
    if !was_killed {
        ran.exits(if part == Part::Held { 0 } else { 4 });
    }
    let account = all.finish();
    all.compare(&account, &what);
    // The keeper lived: there is nothing that nobody can know.
    assert_eq!(account.unknowable, [""; 0], "{what}");
    assert_eq!(all.stage.read("again"), "again\nagain\n", "{what}");
    assert_eq!(all.stage.told("hold_began").len(), 1, "{what}: the time to decide is not begun anew");
    was_killed
}

/// Kills at every n-th sync; returns how often.
fn kill_at_every_sync(part: Part) -> usize {
    (1..400).take_while(|nth| killed_at("fdatasync", *nth, part)).count()
}

#[test]
fn a_kill_at_any_sync_loses_nothing() {
    let killed = kill_at_every_sync(Part::Start);
    assert!(killed >= 10, "only {killed} kills");
}

#[test]
fn a_kill_at_any_sync_after_the_answers_loses_nothing() {
    let killed = kill_at_every_sync(Part::Answered);
    assert!(killed >= 5, "only {killed} kills");
}

#[test]
fn a_kill_at_any_sync_of_the_decision_takes_nothing_back() {
    let killed = kill_at_every_sync(Part::Held);
    assert!(killed >= 1, "only {killed} kills");
}

#[test]
fn a_kill_while_it_is_held_decides_nothing() {
    let all = Everything::new();
    all.stage.begin(all.execute()).ends().exits(4);
    all.answer();
    let run = all.stage.start(&["resume", "latest", "--wait"]);
    until("it is held", || all.is_held());
    run.crash();
    let account = all.finish();
    all.compare(&account, "killed while it is held");
    assert_eq!(account.unknowable, [""; 0]);
    assert_eq!(all.stage.told("hold_began").len(), 1);
}

/// Crashes the keeper, and the controller too if said so, once the journal has so many records.
fn keeper_dies(records: usize, both: bool) -> Option<usize> {
    let all = Everything::new();
    let mut run = all.stage.begin(all.execute());
    until("there are so many records", || all.stage.journal().len() >= records || run.is_over());
    if run.is_over() {
        return None;
    }
    for keeper in crate::stage::keepers_below(all.stage.path()) {
        let _ = rustix::process::kill_process(keeper, rustix::process::Signal::KILL);
    }
    if both {
        run.crash();
    } else {
        run.ends();
    }
    let account = all.finish();
    all.compare(
        &account,
        &format!("keeper{} died after {records}", if both { " and controller" } else { "" }),
    );
    Some(account.unknowable.len())
}

#[test]
fn a_keeper_that_dies_is_made_good_for() {
    let unknown: Vec<usize> = (2..200).step_by(3).map_while(|records| keeper_dies(records, false)).collect();
    assert!(unknown.len() >= 5, "only {} kills", unknown.len());
}

#[test]
fn controller_and_keeper_die_together() {
    let unknown: Vec<usize> = (2..200).step_by(3).map_while(|records| keeper_dies(records, true)).collect();
    assert!(unknown.len() >= 5, "only {} kills", unknown.len());
}

#[test]
fn a_step_that_its_keeper_had_no_time_to_note_is_not_begun_beside_itself() {
    let stage = Stage::new(
        "steps: { a: { rerun: safe, run: 'echo a >>ledger; test -e again || { touch again; read -r line <gate; }' } }\n",
    );
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("it runs", || stage.process_of("a", 1).is_some() && stage.has("again"));
    // As if the keeper had died between the start and the note.
    std::fs::remove_file(stage.run_dir().join("steps/a/1/process.json")).unwrap();
    run.crash();
    stage.crash_keeper();
    let run = stage.start(&["resume", "latest"]);
    until("it is judged", || stage.has_told("step_judged", "a"));
    assert_eq!(stage.last("step_judged", "a")["verdict"], "kept");
    assert_eq!(stage.ledger(), ["a"]);
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.last("step_judged", "a")["verdict"], "again");
    assert_eq!(stage.ledger(), ["a", "a"]);
}
