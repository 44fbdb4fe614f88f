//! The live view, by the real binary at a terminal.

use std::collections::{BTreeMap, BTreeSet};

use drplan::display::{LiveView, Look, Role, Scene};
use rustix::process::Signal;

use crate::sabotage::hurt;
use crate::screen::Screen;
use crate::signers::Signers;
use crate::stage::{Stage, until};

const WIDE: (u16, u16) = (80, 24);

/// Two steps side by side that go on when they are let go, then an approval and a manual step.
fn stage() -> Stage {
    let stage = Stage::new(
        "people:\n\
         \x20 ana: { name: Ana, contact: x, roles: [lead] }\n\
         \x20 ivan: { name: Ivan, contact: x, roles: [lead] }\n\
         steps:\n\
         \x20 copy: { run: 'echo \"copied 3 of 7\"; cat to-copy', takes: 10m, rerun: safe }\n\
         \x20 load: { run: 'echo \"no space left\" >&2; cat to-load', takes: 20m, rerun: safe }\n\
         \x20 go: { needs: [copy], approve: { by: [lead], ask: May it go on?, expires: 30m }, takes: 5m }\n\
         \x20 dns: { needs: [go], manual: Set the record., takes: 5m }\n\
         \x20 last: { needs: [dns], run: 'echo last >>ledger' }\n",
    );
    stage.fifo("to-copy");
    stage.fifo("to-load");
    stage
}

fn execute(stage: &Stage, size: (u16, u16)) -> Screen {
    Screen::start(stage, &["execute", "plan.yaml", "--yes"], &[], size)
}

#[test]
fn a_run_is_seen_and_answered_at_the_terminal() {
    let stage = stage();
    let screen = execute(&stage, WIDE);
    screen.shows("running for ");
    screen.shows(": copy → go → dns → last");
    screen.shows("of 10m, 0%");
    screen.shows("of 20m, 0%");
    // The output of the step that decides the end is shown, until another is chosen.
    screen.shows("stdout of copy");
    screen.shows("copied 3 of 7");
    screen.types("\x1b[B");
    screen.shows("stderr of load");
    screen.shows("no space left");
    screen.types("\t");
    screen.hides("── steps ─");
    screen.types("\x1b");
    screen.shows("copied 3 of 7");
    // Time goes by on the screen although nothing happens.
    screen.shows("1s of 10m");
    stage.let_go("to-copy");
    stage.let_go("to-load");
    screen.shows("go: approval of ana or ivan, expires in 29m");
    screen.shows("May it go on?");
    let run = stage.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    screen.shows(&format!("drplan approve {run} go --as PERSON"));
    screen.shows("who are you (ana, ivan)?");
    screen.types("ana\r");
    screen.shows("ana: yes or no, then a note if you like?");
    screen.types("yes, all is counted\r");
    screen.shows("dns: to be done by anybody");
    screen.shows("tester: done or failed");
    screen.types("done\r");
    let text = screen.ends(0);
    assert_eq!(stage.ledger(), ["last"]);
    assert_eq!(stage.last("answered", "go")["note"], "all is counted");
    // The summary stays on the normal screen, and the view does not.
    assert!(text.contains("The real run is done after") && text.contains("report: "), "{text}");
    assert!(!text.contains("Ctrl-C stop") && !text.contains("critical path"), "{text}");
}

#[test]
fn an_answer_from_elsewhere_takes_the_question_away() {
    let stage = stage();
    let screen = execute(&stage, WIDE);
    stage.let_go("to-copy");
    screen.shows("who are you (ana, ivan)?");
    screen.types("an");
    screen.shows("(ana, ivan)? an");
    stage.run(&["approve", "latest", "go", "--as", "ivan"]).exits(0);
    screen.shows("tester: done or failed");
    // What was typed for the first question is not the beginning of the answer to the second.
    screen.types("done\r");
    stage.let_go("to-load");
    screen.ends(0);
    assert_eq!(stage.last("answered", "go")["by"], "ivan");
    assert_eq!(stage.last("answered", "dns")["answer"], "yes");
}

#[test]
fn a_small_screen_and_a_change_of_its_size() {
    let stage = stage();
    let screen = execute(&stage, (40, 12));
    screen.shows("Ctrl-C stop");
    screen.shows("of 10m, 0%");
    assert!(!screen.text().contains("copied 3 of 7"), "{}", screen.text());
    screen.resize(100, 30);
    screen.shows("copied 3 of 7");
    screen.shows("o stdout/stderr");
    screen.resize(40, 12);
    screen.hides("copied 3 of 7");
    screen.types("\t");
    screen.shows("copied 3 of 7");
    stage.let_go("to-copy");
    stage.let_go("to-load");
    screen.types("\t");
    screen.shows("who are you (ana, ivan)?");
    screen.types("ana\r");
    screen.shows("yes or no");
    screen.types("yes\r");
    screen.shows("done or failed");
    screen.types("done\r");
    screen.ends(0);
}

#[test]
fn a_failure_and_a_retry_are_seen_and_the_failure_stays() {
    let stage = Stage::new(
        "places: { here: { kind: host, controller: true }, there: { kind: host } }\n\
         assets: { data: { kind: files, homes: [there, here], rto: 1h, health: [ { file: healthy } ] } }\n\
         scenarios: { loss: { title: Loss, lose: [there] } }\n\
         steps:\n\
         \x20 restore: { restores: [data], run: 'echo \"disk is full\" >&2; cat to-restore; exit 3', takes: 1m, retry: { times: 1, delay: 2s } }\n",
    );
    stage.fifo("to-restore");
    let screen = execute(&stage, WIDE);
    screen.shows("disk is full");
    screen.shows("left of 1h");
    screen.shows("on course, ");
    stage.let_go("to-restore");
    screen.shows("again in ");
    screen.shows("attempt 1 failed: exit code 3");
    screen.shows("stderr of restore, attempt 2");
    stage.let_go("to-restore");
    let text = screen.ends(3);
    assert!(text.contains("restore  FAILED after") && text.contains("exit code 3"), "{text}");
}

#[test]
fn the_first_ctrl_c_waits_and_the_second_ends_what_runs() {
    let stage = stage();
    let screen = execute(&stage, WIDE);
    screen.shows("copied 3 of 7");
    let text = screen.stops();
    assert!(text.contains("To go on, type: drplan resume"), "{text}");
    assert_eq!(stage.told("stop_asked").len(), 2);
    // What was seen before is seen again when the run is taken up.
    let begun = stage.told("step_started").len();
    let screen = Screen::start(&stage, &["resume", "latest"], &[], WIDE);
    screen.shows("0 of 5 done");
    // Where nothing runs yet there is nothing to wait for.
    until("it runs again", || stage.told("step_started").len() > begun);
    screen.stops();
}

#[test]
fn whoever_asks_it_to_end_gets_the_terminal_back() {
    // A terminal that hangs up, however often, never means that what runs is to be ended.
    for (signal, ends_what_runs) in [(Signal::TERM, true), (Signal::INT, true), (Signal::HUP, false)] {
        let stage = stage();
        let screen = execute(&stage, WIDE);
        screen.shows("copied 3 of 7");
        assert!(!screen.is_given_back());
        screen.signal(signal);
        screen.shows("STOPPING, for");
        screen.signal(signal);
        if !ends_what_runs {
            stage.let_go("to-copy");
            stage.let_go("to-load");
        }
        screen.ends(4);
        assert_eq!(stage.told("stop_asked").len(), if ends_what_runs { 2 } else { 1 }, "{signal:?}");
    }
}

#[test]
fn whoever_watches_gets_the_terminal_back() {
    let stage = stage();
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait"]);
    until("it runs", || stage.has_told("step_started", "load"));
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let screen = Screen::start(&stage, &["status", "--watch"], &[], WIDE);
        screen.shows("copied 3 of 7");
        assert!(!screen.is_given_back());
        screen.signal(signal);
        screen.ends(0);
    }
    assert!(stage.told("stop_asked").is_empty());
    run.crash();
}

#[test]
fn a_signal_at_any_moment_leaves_no_terminal_taken() {
    let mut codes = BTreeSet::new();
    for call in ["ioctl", "write"] {
        for nth in 1..=16 {
            let stage = Stage::new("steps: { a: { run: 'true' } }\n");
            let execute = stage.drplan(&["execute", "plan.yaml", "--yes"]);
            let screen = Screen::begin(&hurt(&execute, call, "signal=TERM", nth), &[], WIDE);
            codes.insert(screen.ends_somehow().0);
        }
    }
    // Before anything has begun it just ends; later the run can be resumed, or is over.
    assert!(codes.iter().all(|code| [-15, 4, 0].contains(code)), "{codes:?}");
    assert!(codes.contains(&-15) && codes.contains(&4), "{codes:?}");
}

/// Set where this program is to be one with a fault.
const FAULTY: &str = "DRPLAN_TEST_FAULT";

#[test]
fn a_panic_gives_the_terminal_back_and_is_read_there() {
    if std::env::var_os(FAULTY).is_some() {
        let _view = LiveView::begin(Scene {
            run_dir: std::env::temp_dir(),
            look: Look { colour: true, unicode: true },
            role: Role::Controls,
            clock: drplan::keeper::stamp,
            expires: BTreeMap::new(),
            earlier: Vec::new(),
        });
        panic!("this is the fault");
    }
    let stage = Stage::new("");
    let mut faulty = std::process::Command::new(std::env::current_exe().unwrap());
    faulty.args(["--exact", "live::a_panic_gives_the_terminal_back_and_is_read_there", "--nocapture"]);
    faulty.env(FAULTY, "1").current_dir(stage.path());
    let screen = Screen::begin(&faulty, &[], WIDE);
    let raw = screen.raw();
    let text = screen.ends(101);
    assert!(raw().contains("\x1b[?1049h"), "the terminal was never taken: {text}");
    assert!(text.contains("this is the fault"), "{text}");
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_the_view_comes_again() {
    let stage = stage();
    let screen = execute(&stage, WIDE);
    screen.shows("copied 3 of 7");
    screen.types("\x1a");
    let stat = format!("/proc/{}/stat", screen.pid().as_raw_nonzero());
    until("it is stopped", || std::fs::read_to_string(&stat).unwrap().contains(") T "));
    until("the terminal is given back", || screen.is_given_back());
    screen.signal(Signal::CONT);
    screen.shows("copied 3 of 7");
    screen.stops();
}

#[test]
fn where_nobody_could_see_it_there_are_lines() {
    let stage = Stage::new("steps: { a: { run: echo hello >>ledger } }\n");
    let yes = ["execute", "plan.yaml", "--yes"];
    for (args, env) in [
        (&yes[..], &[("TERM", "dumb")][..]),
        (&yes, &[("TERM", "")]),
        (&yes, &[("CI", "true")]),
        (&["execute", "plan.yaml", "--yes", "--plain"], &[]),
        (&["execute", "plan.yaml", "--yes", "--format", "json"], &[]),
        (&["execute", "plan.yaml", "--dry-run"], &[]),
    ] {
        let screen = Screen::start(&stage, args, env, WIDE);
        let raw = screen.raw();
        screen.ends(0);
        let raw = raw();
        assert!(!raw.contains("\x1b[?1049h"), "{args:?} {env:?}: {raw:?}");
        assert!(raw.contains("begins") || raw.contains("step_started"), "{args:?} {env:?}: {raw:?}");
    }
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let stage = stage();
    let screen = execute(&stage, WIDE);
    screen.shows("copied 3 of 7");
    assert!(screen.has_colours());
    screen.stops();
    let stage = self::stage();
    let screen =
        Screen::start(&stage, &["execute", "plan.yaml", "--yes"], &[("NO_COLOR", "1"), ("LANG", "C")], WIDE);
    screen.shows("copied 3 of 7");
    assert!(!screen.has_colours());
    assert!(screen.text().is_ascii(), "{}", screen.text());
    screen.stops();
}

#[test]
fn another_terminal_watches_and_changes_nothing() {
    let stage = stage();
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait"]);
    until("it runs", || stage.has_told("step_started", "load"));
    let screen = Screen::start(&stage, &["status", "--watch"], &[], WIDE);
    screen.shows("copied 3 of 7");
    screen.types("q");
    let text = screen.ends(0);
    assert!(text.contains("is not over"), "{text}");
    let screen = Screen::start(&stage, &["status", "latest", "--watch"], &[], WIDE);
    screen.shows("copied 3 of 7");
    screen.types("\x03");
    screen.ends(0);
    assert!(stage.told("stop_asked").is_empty());

    let screen = Screen::start(&stage, &["status", "--watch"], &[], WIDE);
    let lines = stage.start(&["status", "--watch"]);
    stage.let_go("to-copy");
    screen.shows("go: approval of ana or ivan, since ");
    screen.shows(" go --as PERSON");
    assert!(!screen.text().contains("who are you"), "{}", screen.text());
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    screen.shows("dns: to be done by anybody");
    stage.run(&["approve", "latest", "dns"]).exits(0);
    screen.shows("4 of 5 done");
    stage.let_go("to-load");
    let text = screen.ends(0);
    assert!(text.contains("Recovery done"), "{text}");
    run.ends().exits(0);
    lines.ends().exits(0).says("copy  done in").says("Recovery done");
}

#[test]
fn a_run_that_nobody_controls_says_so_to_who_watches() {
    let stage = stage();
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait"]);
    until("it runs", || stage.has_told("step_started", "load"));
    let screen = Screen::start(&stage, &["status", "--watch"], &[], WIDE);
    screen.shows("running for ");
    run.crash();
    screen.shows("NOBODY CONTROLS IT");
    screen.shows("go on: drplan resume ");
    let run = stage.start(&["resume", "latest", "--wait"]);
    screen.hides("NOBODY CONTROLS IT");
    screen.shows("running for ");
    run.signal(Signal::TERM);
    screen.shows("STOPPING, for");
    run.signal(Signal::TERM);
    run.ends().exits(4);
    screen.shows("STOPPED, for");
    screen.types("q");
    screen.ends(0);
}

#[test]
fn a_passphrase_is_typed_at_the_terminal_itself() {
    let signers = Signers::new(&[]);
    signers.make("ana", &["-t", "ed25519", "-N", "open sesame"]);
    let people = signers.people(&[("ana", "lead")]);
    let steps = "steps:\n  go: { approve: { by: [lead] } }\n  slow: { needs: [go], run: cat to-slow }\n";
    let stage = Stage::new(&format!("{people}{steps}"));
    stage.fifo("to-slow");
    let ssh = stage.path().join(".ssh");
    std::fs::create_dir(&ssh).unwrap();
    for (from, to) in [("ana", "id_ed25519"), ("ana.pub", "id_ed25519.pub")] {
        std::fs::copy(signers.private(from), ssh.join(to)).unwrap();
    }
    let screen = execute(&stage, WIDE);
    screen.shows("ana: yes or no");
    for (passphrase, times) in [("open barley", 1), ("open sesame", 2)] {
        screen.types("yes\r");
        // What ssh-keygen has asked before still stands on the normal screen.
        until("it asks", || screen.text().matches("Enter passphrase").count() == times);
        assert!(screen.text().contains("signing with the key of ana, SHA256:"), "{}", screen.text());
        assert!(!screen.text().contains("Ctrl-C stop"), "the view has not given way:\n{}", screen.text());
        screen.types(&format!("{passphrase}\r"));
        if passphrase == "open barley" {
            screen.shows("it is not signed");
            screen.shows("ana: yes or no");
        }
    }
    screen.shows("1 of 2 done");
    screen.shows("no estimate");
    stage.let_go("to-slow");
    screen.ends(0);
    assert_eq!(stage.last("answered", "go")["verified"], true);
    let kept = std::fs::read_to_string(stage.run_dir().join("journal.jsonl")).unwrap();
    assert!(!kept.contains("sesame"));
}
