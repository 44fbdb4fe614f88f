//! `drplan graph`, by the real binary.

use std::path::Path;
use std::process::{Command, Output};

const SHOP: &str = "tests/fixtures/draw/shop.yaml";

fn graph(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drplan"))
        .arg("graph")
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("NO_COLOR")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn in_folder(plan: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.yaml");
    std::fs::write(&path, plan).unwrap();
    let path = path.display().to_string();
    (dir, path)
}

#[test]
fn the_tree_shows_how_everything_comes_back() {
    let output = graph(&[SHOP, "--scenario", "host-loss"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let golden = snapbox::Data::read_from(Path::new("tests/fixtures/draw/host-loss.txt"), None);
    snapbox::assert_data_eq!(out(&output), golden.raw());
}

#[test]
fn the_flowchart_is_mermaid() {
    let output = graph(&[SHOP, "--scenario", "host-loss", "--format", "mermaid"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let golden = snapbox::Data::read_from(Path::new("tests/fixtures/draw/host-loss.mmd"), None);
    snapbox::assert_data_eq!(out(&output), golden.raw());
}

#[test]
fn among_several_scenarios_one_must_be_named() {
    let output = graph(&[SHOP]);
    assert_eq!(output.status.code(), Some(2));
    let text = err(&output);
    assert!(text.contains("--scenario host-loss   The host is gone\n"), "{text}");
    let output = graph(&[SHOP, "--scenario", "host-los"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("did you mean `host-loss`?"), "{}", err(&output));
    let output = graph(&[SHOP, "--scenario", "host-loss", "--environment", "drill"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("the plan has no environments"), "{}", err(&output));
}

#[test]
fn a_screen_without_unicode_gets_ascii() {
    let output = Command::new(env!("CARGO_BIN_EXE_drplan"))
        .args(["graph", SHOP, "--scenario", "host-loss"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(out(&output).is_ascii(), "{}", out(&output));
    let coloured = graph(&[SHOP, "--scenario", "host-loss", "--color", "always"]);
    assert!(out(&coloured).contains("\u{1b}["), "{}", out(&coloured));
}

#[test]
fn a_cycle_is_drawn_and_a_broken_plan_is_not() {
    let (_dir, path) = in_folder(
        "version: 1\nplan: p\nsteps:\n  a: { run: 'true', needs: [b] }\n  b: { run: 'true', needs: [a] }\n",
    );
    let output = graph(&[&path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("wait for each other: a -> b -> a"), "{}", err(&output));
    assert!(err(&output).contains("drplan check"), "{}", err(&output));
    let (_dir, path) = in_folder("version: 1\nplan: p\nstepps: {}\n");
    let output = graph(&[&path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("has errors; run `drplan check"), "{}", err(&output));
}

#[test]
fn what_cannot_come_back_is_said() {
    let (_dir, path) = in_folder(
        "version: 1\nplan: p\nplaces: { a: { kind: host } }\nassets: { x: { kind: files, homes: [a], rto: 1h } }\n\
         scenarios: { gone: { title: \"It is\\e[31m gone\", lose: [a] } }\nsteps: { s: { run: 'true', restores: [x] } }\n",
    );
    let output = graph(&[&path]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    assert!(text.contains("x cannot come back: no home is left"), "{text}");
    assert!(text.contains("never"), "{text}");
    assert!(!text.contains('\u{1b}'), "the title steers the terminal: {text:?}");
}

#[test]
fn what_holds_a_step_up_is_told() {
    let (_dir, path) = in_folder(
        "version: 1
plan: p
people:
  ana: { name: Ana, roles: [dba], in: [office], arrives: 30m }
places: { old: { kind: host }, new: { kind: host }, office: { kind: site } }
assets:
  first: { kind: files, homes: [old, new], priority: 1 }
  second: { kind: files, homes: [old, new], priority: 2, rto: 5m, needs: [slow] }
  slow: { kind: files, homes: [old, new], priority: 1 }
scenarios:
  host: { title: The host is gone, lose: [old] }
  both: { title: Host and office are gone, lose: [old, office] }
steps:
  restore-first: { restores: [first], on: home, run: a, takes: 10m }
  restore-slow: { restores: [slow], on: home, run: a, takes: 10m }
  restore-second: { restores: [second], on: home, manual: Do it., by: dba, takes: 5m }
",
    );
    let shown = |args: &[&str]| {
        let output = graph(&[&[path.as_str()], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        out(&output)
    };
    let text = shown(&["--scenario", "host", "--max-parallel", "1"]);
    for told in [
        "waits for restore-slow: no more may run at",
        "waits for ana, who is not there yet",
        "wait for ana 30m + restore-second 5m",
        "because slow, which it needs, is back after 10m (no RTO)",
    ] {
        assert!(text.contains(told), "{told:?} is not in\n{text}");
    }
    assert!(!shown(&["--scenario", "host"]).contains("no more may run"));
    let lost = shown(&["--scenario", "both"]);
    assert!(lost.contains("nobody is left in this scenario to do it"), "{lost}");
    assert!(lost.contains("restore-second"), "{lost}");
}
