//! Whole trees of processes: what a time limit ends, and what success leaves alone.

use drplan::keeper::start_time;
use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Stage, until};

/// Ways in which a child leaves: each writes its number into `$1` and stays until it is ended.
const LEAVES: [(&str, &str); 6] = [
    ("stays in the group", "bash stay $1 &"),
    ("ignores SIGHUP", "nohup bash stay $1 >/dev/null 2>&1 &"),
    ("has a session of its own", "setsid bash stay $1 &"),
    ("has lost its parent", "(setsid setsid bash stay $1 &)"),
    ("has thrown away its environment", "setsid env -i PATH=\"$PATH\" bash stay $1 &"),
    ("has thrown away both", "(setsid env -i PATH=\"$PATH\" bash stay $1 &) ; sleep 0.1"),
];

fn stage(leave: &str, more: &str) -> Stage {
    let stage = Stage::new(&format!(
        "steps:\n  a:\n    timeout: 1s\n    run: |\n      bash leave left\n      until test -s left; do sleep 0.01; done\n      {more}\n"
    ));
    stage.write("leave", leave);
    stage.write(
        "stay",
        "trap '' TERM HUP\necho $$ >$1.new; mv $1.new $1\nwhile :; do sleep 300 & wait; done\n",
    );
    stage
}

fn left(stage: &Stage) -> (i32, u64) {
    let pid: i32 = stage.read("left").trim().parse().unwrap();
    (pid, start_time(pid).unwrap().unwrap_or(0))
}

fn is_there((pid, began): (i32, u64)) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let ended = state.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']));
    start_time(pid).unwrap() == Some(began) && !ended
}

/// Ends what a test has left running, and what that has started.
fn end((pid, _): (i32, u64)) {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    for pid in children.chain([pid]) {
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
}

#[test]
fn a_time_limit_ends_whoever_left() {
    let case = |how: &str, leave: &str| {
        let stage = stage(leave, "sleep 300");
        let run = stage.start(&["execute", "plan.yaml", "--yes"]);
        until("it has left", || stage.has("left"));
        let process = left(&stage);
        assert!(is_there(process), "{how}");
        run.ends().exits(3);
        assert_eq!(stage.last("step_finished", "a")["outcome"]["failure"]["kind"], "timed_out", "{how}");
        let is_there = is_there(process);
        end(process);
        assert!(!is_there, "it {how}, and goes on");
    };
    // At the same time, since each has its grace: none of them heeds TERM.
    std::thread::scope(|threads| {
        for (how, leave) in LEAVES {
            threads.spawn(move || case(how, leave));
        }
    });
}

#[test]
fn success_ends_nobody() {
    for (how, leave) in LEAVES {
        let stage = stage(leave, "true");
        stage.execute(&[]).exits(0);
        let process = left(&stage);
        let is_there = is_there(process);
        end(process);
        assert!(is_there, "it {how}, and was ended");
    }
}

#[test]
fn a_time_limit_ends_nobody_of_another_step() {
    // A daemon of an earlier step has thrown away everything by which it could be known.
    let stage = Stage::new(
        "steps:\n\
         \x20 serve:\n    run: |\n      bash leave first\n      until test -s first; do sleep 0.01; done\n\
         \x20 beside:\n    run: |\n      until test -s second; do sleep 0.01; done\n      bash leave third; until test -s third; do sleep 0.01; done\n\
         \x20 late:\n    needs: [serve]\n    timeout: 1s\n    run: |\n      bash leave second\n      sleep 300\n",
    );
    stage.write("leave", "(setsid env -i PATH=\"$PATH\" bash stay $1 >/dev/null 2>&1 </dev/null &)\n");
    stage.write("stay", "echo $$ >$1.new; mv $1.new $1\nwhile :; do sleep 300 & wait; done\n");
    stage.execute(&["--max-parallel", "2"]).exits(3);
    let mut alive = Vec::new();
    for name in ["first", "second", "third"] {
        let pid: i32 = stage.read(name).trim().parse().unwrap();
        let process = (pid, start_time(pid).unwrap().unwrap_or(0));
        alive.push((name, is_there(process)));
        end(process);
    }
    // Of the second nobody could say whose it is: it is left alone, too.
    assert_eq!(alive, [("first", true), ("second", true), ("third", true)]);
}
