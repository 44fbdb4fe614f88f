//! Hosts on a network: links that break, are slow and lose packets, hosts that die.

use std::time::Duration;

use super::net::{Net, leftovers};
use super::relay::Relay;
use super::sshd::Sshd;
use super::{EXECUTE, kept, run};
use crate::stage::{Stage, until};

/// A stage with one step on each host; each says that it began and waits at a pipe of its own.
fn stage_on(net: &Net, hosts: &[&str], more: &str) -> Stage {
    let stage = Stage::new("");
    let path = stage.path().display().to_string();
    let mut plan = stage.read("plan.yaml") + "places:\n";
    for host in hosts {
        plan.push_str(&format!("  {host}: {{ kind: host, ssh: {host} }}\n"));
    }
    plan.push_str("steps:\n");
    for host in hosts {
        plan.push_str(&format!(
            "  on-{host}:\n    on: {host}\n{more}    run: |\n      echo \"{host} $(hostname)\" >>{path}/ledger\n      echo before\n      cat {path}/go-{host}\n      echo after\n"
        ));
        stage.fifo(&format!("go-{host}"));
    }
    stage.write("plan.yaml", &plan);
    net.known_to(&stage);
    stage
}

#[test]
fn a_cut_link_takes_nothing_from_a_step_in_its_middle() {
    let net = Net::with(&["alpha", "beta"]);
    let stage = stage_on(&net, &["alpha", "beta"], "");
    let running = net.start(&stage, &EXECUTE);
    until("both begin", || {
        kept(&stage, "on-alpha", "stdout") == "before\n" && kept(&stage, "on-beta", "stdout") == "before\n"
    });
    net.link("alpha", "down");
    // What happens on the host now is not seen, and is not lost; the other host is not kept waiting.
    stage.let_go("go-alpha");
    stage.let_go("go-beta");
    until("the other host's step ends", || stage.has_told("step_finished", "on-beta"));
    assert!(!stage.has_told("step_finished", "on-alpha"));
    net.link("alpha", "up");
    running.ends().exits(0);
    for host in ["alpha", "beta"] {
        assert_eq!(kept(&stage, &format!("on-{host}"), "stdout"), "before\ngo\nafter\n");
    }
    let mut ledger = stage.ledger();
    ledger.sort();
    assert_eq!(ledger, ["alpha alpha", "beta beta"]);
}

#[test]
fn a_link_that_is_away_longer_than_ssh_waits_is_made_again() {
    let net = Net::with(&["alpha"]);
    let stage = stage_on(&net, &["alpha"], "");
    let running = net.start(&stage, &EXECUTE);
    until("it begins", || kept(&stage, "on-alpha", "stdout") == "before\n");
    net.link("alpha", "down");
    until("the loss is told", || {
        kept(&stage, "on-alpha", "stderr").contains("the connection to alpha is lost")
    });
    stage.let_go("go-alpha");
    net.link("alpha", "up");
    running.ends().exits(0);
    assert_eq!(kept(&stage, "on-alpha", "stdout"), "before\ngo\nafter\n");
    assert_eq!(stage.ledger(), ["alpha alpha"]);
}

#[test]
fn a_lossy_link_brings_everything() {
    let net = Net::with(&["alpha"]);
    net.lose("alpha", 5);
    let stage = Stage::new(
        "places: { alpha: { kind: host, ssh: alpha } }\nsteps: { talk: { on: alpha, run: seq 1 20000 } }\n",
    );
    net.known_to(&stage);
    net.start(&stage, &EXECUTE).ends().exits(0);
    let lines: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    assert!(kept(&stage, "talk", "stdout") == lines, "it is not whole");
}

#[test]
fn a_host_that_dies_and_never_comes_back_costs_the_step_its_time_limit() {
    let mut net = Net::with(&["alpha"]);
    let stage = stage_on(&net, &["alpha"], "    timeout: 2s\n    retry: 1\n    rerun: safe\n");
    let running = net.start(&stage, &EXECUTE);
    until("it begins", || kept(&stage, "on-alpha", "stdout") == "before\n");
    net.kill_host("alpha");
    running.ends().exits(3);
    assert_eq!(stage.last("step_finished", "on-alpha")["outcome"]["failure"]["kind"], "out_of_reach");
    assert!(kept(&stage, "on-alpha", "stderr").contains("alpha could not be told to end it"));
}

#[test]
fn a_host_that_is_started_anew_in_the_middle_of_a_step_is_known_for_it() {
    let mut net = Net::with(&["alpha"]);
    let stage = stage_on(&net, &["alpha"], "");
    let running = net.start(&stage, &EXECUTE);
    until("it begins", || kept(&stage, "on-alpha", "stdout") == "before\n");
    net.reboot("alpha");
    running.ends().exits(4);
    let judged = stage.last("step_judged", "on-alpha");
    assert_eq!(judged["verdict"], "ask");
    assert!(judged["why"].as_str().unwrap().contains("alpha was started anew while it ran"), "{judged}");
    assert_eq!(stage.ledger(), ["alpha alpha"]);
}

#[test]
fn a_link_that_is_slow_both_ways_brings_everything() {
    let sshd = Sshd::start();
    let relay = Relay::to(sshd.port, Duration::from_millis(300));
    let stage = Stage::new(
        "places: { far: { kind: host, ssh: far } }\nsteps:\n  talk: { on: far, run: seq 1 20000 }\n  \
         give: { needs: [talk], on: far, run: 'sleep 2; echo WORD=late >>\"$DRPLAN_OUTPUT\"', outputs: [WORD] }\n  \
         take: { needs: [give], run: 'echo $WORD >>ledger' }\n",
    );
    sshd.known_at("far", relay.port, &stage);
    run(&stage, &EXECUTE).exits(0);
    let lines: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    assert!(kept(&stage, "talk", "stdout") == lines, "it is not whole");
    assert_eq!(stage.ledger(), ["late"]);
}

#[test]
fn a_network_of_a_test_leaves_nothing_behind() {
    let net = Net::with(&["alpha"]);
    let mark = net.mark().to_owned();
    assert_eq!(leftovers(&mark).len(), 3);
    drop(net);
    assert!(leftovers(&mark).is_empty());
}
