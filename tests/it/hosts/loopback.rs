//! What a step on a host does, and what of it comes back.

use std::process::Command;

use super::sshd::Sshd;
use crate::stage::Stage;

const PLACE: &str = "places: { vps: { kind: host, ssh: vps, vars: { REGION: north } } }\n";

/// A stage whose plan may work on `vps`.
fn stage_with(sshd: &Sshd, plan: &str) -> Stage {
    let stage = Stage::new(&format!("{PLACE}{plan}"));
    sshd.known_as("vps", &stage);
    stage
}

/// Returns drplan with an `ssh` that knows the test's hosts.
fn drplan(stage: &Stage, args: &[&str]) -> Command {
    let mut command = stage.drplan(args);
    let path = format!(
        "{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        stage.path().join("bin").display()
    );
    command.env("PATH", path);
    command
}

#[test]
fn a_step_ends_with_its_own_exit_code() {
    let sshd = Sshd::start();
    for code in [0, 7, 255] {
        let stage = stage_with(
            &sshd,
            &format!(
                "vars: {{ GREETING: \"it's me\" }}\nsteps:\n  greet:\n    on: vps\n    run: |\n      echo \"$GREETING from $REGION in $PWD\"\n      echo trouble >&2\n      exit {code}\n"
            ),
        );
        let ran = stage.begin(drplan(&stage, &["execute", "plan.yaml", "--yes"])).ends();
        let steps = stage.run_dir().join("steps/greet/1");
        let read = |name: &str| std::fs::read_to_string(steps.join(name)).unwrap_or_default();
        let home = sshd.path("home");
        let ran = ran.exits(if code == 0 { 0 } else { 3 });
        if code != 0 {
            let failure = stage.last("step_finished", "greet")["outcome"]["failure"].clone();
            assert_eq!(failure["code"], code, "{failure}\n{}", ran.err);
        }
        assert_eq!(
            read("stdout"),
            format!("it's me from north in {}\n", home.display()),
            "{}",
            read("stderr")
        );
        assert_eq!(read("stderr"), "trouble\n");
    }
}
