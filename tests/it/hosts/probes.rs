//! Probes and recovery points on a host are asked there.

use std::fs;

use super::sshd::Sshd;
use super::{EXECUTE, run, stage_with};
use crate::stage::Stage;

#[test]
fn probes_of_an_asset_are_asked_at_its_home() {
    let sshd = Sshd::start();
    let stage = Stage::new(
        "places: { vps: { kind: host, ssh: vps, vars: { REGION: north } } }\nassets:\n  db:\n    kind: files\n    homes: [vps]\n    health:\n      \
         - { run: 'echo \"$REGION in $PWD\"; exit 3', expect: { exit: 3, matches: '^north in .*/home' } }\n      \
         - { file: marker, expect: { min_bytes: 5, max_age: 1h, sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 } }\n      \
         - { file: absent, expect: { exists: false } }\nsteps:\n  restore: { restores: [db], on: home, run: 'echo hello >marker' }\n",
    );
    sshd.known_as("vps", &stage);
    run(&stage, &EXECUTE).exits(0);
    assert!(stage.has_told("step_finished", "db"));
    assert_eq!(fs::read_to_string(sshd.path("home/marker")).unwrap(), "hello\n");
    assert!(!stage.has("marker"));
}

#[test]
fn a_probe_that_finds_a_host_otherwise_says_what_it_found() {
    let sshd = Sshd::start();
    for (probe, why) in [
        ("{ run: 'echo nothing here >&2; exit 4' }", "exit code 4: nothing here"),
        ("{ file: marker, expect: { min_bytes: 50 } }", "marker has 6 bytes, fewer than 50"),
        (
            "{ file: marker, expect: { sha256: 0000b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 } }",
            "marker has the SHA-256 5891",
        ),
        ("{ file: absent }", "absent is not there"),
    ] {
        let stage = stage_with(
            &sshd,
            &format!("steps:\n  a: {{ on: vps, run: 'echo hello >marker', verify: [ {probe} ] }}\n"),
        );
        run(&stage, &EXECUTE).exits(3).says(why);
    }
}

#[test]
fn a_probe_of_a_host_that_cannot_be_reached_says_so() {
    let sshd = Sshd::start();
    let stage = stage_with(&sshd, "steps:\n  a: { run: 'true', verify: [ { run: 'true', on: vps } ] }\n");
    fs::write(sshd.path("authorized_keys"), "").unwrap();
    run(&stage, &EXECUTE).exits(3).says("vps cannot be reached").says("Permission denied");
    // A dry run asks the same question before anything is lost.
    let stage = stage_with(&sshd, "steps:\n  a: { on: vps, unless: { run: 'true' }, run: 'false' }\n");
    run(&stage, &["execute", "plan.yaml", "--dry-run"]);
}

#[test]
fn recovery_points_are_found_on_the_host_where_the_copy_lies() {
    let sshd = Sshd::start();
    let vault = sshd.path("vault");
    fs::create_dir(&vault).unwrap();
    for name in ["db-20261121T000000Z.tar", "db-20261122T000000Z.tar", "db-20261123T000000Z.tar.partial"] {
        fs::write(vault.join(name), name).unwrap();
    }
    let stage = Stage::new(&format!(
        "places: {{ vps: {{ kind: host, ssh: vps, vars: {{ VAULT: {} }} }} }}\nassets: {{ db: {{ kind: files, homes: [vps], health: [ {{ file: restored }} ] }} }}\n\
         backups:\n  nightly:\n    of: [db]\n    method: tar\n    points: {{ every: 1d }}\n    copies: {{ local: {{ at: $VAULT, keep: 30d }} }}\n\
         steps:\n  restore: {{ restores: [db], from: [nightly.local], on: home, run: 'cp \"$POINT_PATH\" restored' }}\n",
        vault.display()
    ));
    sshd.known_as("vps", &stage);
    run(&stage, &EXECUTE).exits(0);
    assert_eq!(fs::read_to_string(sshd.path("home/restored")).unwrap(), "db-20261122T000000Z.tar");
    run(&stage, &["execute", "plan.yaml", "--dry-run"]).exits(0).says("db-20261122T000000Z.tar");
}

#[test]
fn a_dry_run_says_what_a_host_lacks_before_anything_is_started() {
    let sshd = Sshd::start();
    let plan = "steps:\n  a: { on: vps, run: 'true', needs_tools: [no-such-tool] }\n";
    run(&stage_with(&sshd, plan), &["execute", "plan.yaml", "--dry-run"]).exits(1).says("no-such-tool");
    let stage = stage_with(&sshd, "steps:\n  a: { on: vps, run: 'true' }\n");
    run(&stage, &["execute", "plan.yaml", "--dry-run"])
        .exits(0)
        .says("it is reached, and has what steps need there");
    fs::write(sshd.path("authorized_keys"), "").unwrap();
    let stage = stage_with(&sshd, "steps:\n  a: { on: vps, run: 'true' }\n");
    run(&stage, &["execute", "plan.yaml", "--dry-run"]).exits(1).says("vps cannot be reached");
}

#[test]
fn a_dry_run_asks_its_hosts_side_by_side() {
    let sshd = Sshd::start();
    let stage = Stage::new(
        "places: { a: { kind: host, ssh: a }, b: { kind: host, ssh: b } }\n\
         steps: { one: { on: a, run: 'true' }, two: { on: b, run: 'true' } }\n",
    );
    sshd.known_as("a", &stage);
    sshd.known_as("b", &stage);
    // The first visit to each waits until there is one to the other.
    let wait = format!(
        "#!/bin/sh\ncd '{}'\nfor word do case $word in a) me=a other=b ;; b) me=b other=a ;; esac done\n\
         if [ \"$me\" ] && mkdir \"asked-$me\" 2>/dev/null; then echo >\"to-$other\" & timeout 40 cat \"to-$me\"; wait; fi\n",
        stage.path().display()
    );
    stage.write("bin/ssh", &stage.read("bin/ssh").replacen("#!/bin/sh\n", &wait, 1));
    stage.fifo("to-a");
    stage.fifo("to-b");
    let ran = run(&stage, &["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert_eq!(ran.out.matches("it is reached, and has what steps need there").count(), 2, "{}", ran.out);
}

#[test]
fn recipes_of_probes_are_asked_on_the_host_with_its_tools() {
    let sshd = Sshd::start();
    let plan = |archive: &str| {
        format!(
            "steps:\n  pack:\n    on: vps\n    run: 'echo data >data; tar -cf whole.tar data; head -c 600 whole.tar >half.tar'\n    \
             verify: [ {{ use: files/verify-tar, with: {{ archive: {archive}, paths: [data] }} }} ]\n"
        )
    };
    run(&stage_with(&sshd, &plan("whole.tar")), &EXECUTE).exits(0);
    run(&stage_with(&sshd, &plan("half.tar")), &EXECUTE).exits(3).says("it cannot be read to its end");
    assert!(sshd.attempts().is_empty(), "something was left on the host: {:?}", sshd.attempts());
}
