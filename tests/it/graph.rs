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
