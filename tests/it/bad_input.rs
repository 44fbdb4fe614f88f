//! Whatever a file holds, drplan says what is wrong with it, and neither panics nor hangs.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::drplan::Drplan;

const HEAD: &str = "version: 1\nplan: x\n";

fn check(text: impl AsRef<[u8]>) -> Drplan {
    Drplan::new().file("plan.yaml", text).args(["check", "plan.yaml"])
}

/// A plan that goes on after its head; its findings must have these words.
fn finds(rest: &str, words: &[&str]) {
    check(format!("{HEAD}{rest}")).expect(1, words, &[]);
}

#[test]
fn texts_that_are_no_plan() {
    check([b'a', b':', b' ', 0xff]).expect(1, &["not text in UTF-8", "byte 3"], &[]);
    check("").expect(1, &["the file holds nothing", "version: 1"], &[]);
    check("# nothing\n").expect(1, &["the file holds nothing"], &[]);
    check("just words\n").expect(1, &["wrong-type", "the file is a text, but should be a mapping"], &[]);
    check(format!("{HEAD}---\n{HEAD}")).expect(1, &["yaml-two-documents"], &[]);
    check(format!("{HEAD}steps:\n\ta: {{ run: b }}\n")).expect(1, &["yaml-tab", "spaces"], &[]);
    check(format!("{HEAD}plan: y\n")).expect(1, &["duplicate-key", "plan"], &[]);
    check(format!("{HEAD}steps: [\n")).expect(1, &["yaml-syntax"], &[]);
}

#[test]
fn texts_that_would_eat_the_machine() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (of, name) in ('a'..'j').zip('b'..='j') {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(", "));
    }
    check(bomb).expect(1, &["yaml-alias-budget"], &[]);
    for open in ["[", "{a: ", "- ", "? "] {
        let outcome = check(open.repeat(50_000)).run();
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), ""), "{open:?}");
        assert!(outcome.stdout.len() < 20_000, "{open:?} prints {} bytes", outcome.stdout.len());
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let drplan = Drplan::new().args(["check", "plan.yaml"]);
    File::create(drplan.path("plan.yaml")).unwrap().set_len(200 << 20).unwrap();
    drplan.expect(1, &["unreadable-text", "209715200 bytes"], &[]);
}

#[test]
fn versions_and_types() {
    check("version: 2\nplan: x\n").expect(1, &["version `2` is not known", "write 1"], &[]);
    check("plan: x\n").expect(1, &["the file has no `version`"], &[]);
    let wrong = "steps: 7\nassets: [a]\nplaces: { a: b }\nvars: text\npolicy: []\nscenarios: true\n";
    let words = [
        "`steps` is",
        "`assets` is",
        "`places.a` is",
        "`vars` is",
        "`policy` is",
        "`scenarios` is",
        "6 errors",
    ];
    finds(wrong, &words);
    finds("title:\n", &["`title` is empty, but should be a text"]);
    finds("stepps: {}\n", &["`stepps` is not a field", "did you mean `steps`?"]);
    let continuous = "backups: { b: { of: [db], points: { continuous: 1m }, copies: {} } }\n";
    finds(continuous, &["continuous` is `1m`, but can only be true", "write true"]);
}

#[test]
fn lengths_of_time() {
    for (length, words) in [
        ("'12:30'", ["`12:30`", "bad-value"]),
        ("1M", ["`1M`", "bad-value"]),
        ("-5m", ["`-5m`", "bad-value"]),
        ("99999999999h", ["99999999999h", "bad-value"]),
        ("15", ["steps.a.takes", "15m"]),
        ("''", ["steps.a.takes", "bad-value"]),
        ("[]", ["steps.a.takes", "wrong-type"]),
    ] {
        finds(&format!("steps: {{ a: {{ run: b, takes: {length} }} }}\n"), &words);
    }
}

#[test]
fn a_step_that_needs_itself() {
    finds("steps: { a: { run: b, needs: [a], takes: 1m } }\n", &["dependency-cycle", "`a` waits for itself"]);
}

#[test]
fn what_is_no_file() {
    let drplan = Drplan::new().args(["check", "."]);
    drplan.expect(2, &[], &["holds no plans"]);
    let drplan = Drplan::new().args(["check", "nothing.yaml"]);
    drplan.expect(2, &[], &["cannot read nothing.yaml"]);
    // Opening a pipe would wait for somebody to write into it.
    let drplan = Drplan::new().args(["check", "plan.yaml"]);
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, drplan.path("plan.yaml"), rustix::fs::FileType::Fifo, mode, 0)
        .unwrap();
    drplan.expect(2, &[], &["plan.yaml is not a file but a pipe"]);
}

#[test]
fn a_file_that_we_may_not_read() {
    let drplan = check(HEAD);
    let path = drplan.path("plan.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything; then there is nothing to complain of.
    match File::open(&path) {
        Ok(_) => drplan.expect(0, &["no problems"], &[]),
        Err(_) => drplan.expect(2, &[], &["cannot read plan.yaml", "ermission denied"]),
    };
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let steps = (0..5_000).fold(String::new(), |steps, at| steps + &format!("  s{at}: {{ run: a }}\n"));
    let drplan = check(format!("{HEAD}steps:\n{steps}"));
    let mut child = drplan.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn forms_that_are_nearly_right() {
    let step = |rest: &str| format!("steps: {{ a: {{ run: b, {rest} }} }}\n");
    finds(&step("undo: { run: a, manual: b }"), &["`steps.a.undo` has more than one way back"]);
    finds(&step("undo: {}"), &["`steps.a.undo` has no way back"]);
    finds(&step("takes: 15"), &["`steps.a.takes` is `15`, a number without a unit", "15m"]);
    finds(&step("expect: { exit: 0 }"), &["misplaced-field", "`expect` belongs to `http`"]);
    finds("steps: { a: { http: b, expect: { exit: 0 } } }\n", &["`exit` belongs to `run`"]);
    finds("steps: { a: }\n", &["`steps.a` is empty, but should be a mapping", "1 error in"]);
    finds(
        "steps: { a: { run: b, restores: [p] } }\nplaces: { p: { kind: host } }\n",
        &["`p` is a place, but `steps.a.restores[0]` names an asset"],
    );
}
