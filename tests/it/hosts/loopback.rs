//! What a step on a host does, and what of it comes back.

use super::outlives::waiting_stage;
use super::sshd::Sshd;
use super::{EXECUTE, kept, run, stage_with, start};
use crate::stage::until;

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
        run(&stage, &EXECUTE).exits(if code == 0 { 0 } else { 3 });
        if code != 0 {
            let failure = stage.last("step_finished", "greet")["outcome"]["failure"].clone();
            assert_eq!(failure["code"], code, "{failure}");
        }
        let home = sshd.path("home");
        assert_eq!(kept(&stage, "greet", "stdout"), format!("it's me from north in {}\n", home.display()));
        assert_eq!(kept(&stage, "greet", "stderr"), "trouble\n");
        assert!(sshd.attempts().is_empty(), "something was left on the host: {:?}", sshd.attempts());
    }
}

#[test]
fn values_and_texts_are_in_no_argument_and_secrets_in_no_output() {
    let sshd = Sshd::start();
    let stage = stage_with(
        &sshd,
        "secrets: { TOKEN: { command: [echo, open-sesame] } }\nsteps:\n  use-it:\n    on: vps\n    secrets: [TOKEN]\n    outputs: [HOST_IP]\n    run: |\n      \
         # word-of-the-text\n      \
         echo \"seen: $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c -e 'open[-]sesame' -e 'word-of-the-tex[t]')\"\n      \
         echo \"told: $TOKEN\"\n      echo HOST_IP=192.0.2.7 >>\"$DRPLAN_OUTPUT\"\n      ls -l /proc/$$/fd/0\n  \
         after:\n    needs: [use-it]\n    run: echo \"$HOST_IP\" >>ledger\n",
    );
    run(&stage, &EXECUTE).exits(0);
    let out = kept(&stage, "use-it", "stdout");
    assert!(out.starts_with("seen: 0\ntold: ***\n"), "{out}");
    assert!(out.trim_end().ends_with("/dev/null"), "{out}");
    assert_eq!(stage.ledger(), ["192.0.2.7"]);
}

#[test]
fn much_output_on_both_streams_comes_whole_and_in_order() {
    let sshd = Sshd::start();
    let stage = stage_with(&sshd, "steps:\n  talk:\n    on: vps\n    run: seq 1 60000; seq 1 30000 >&2\n");
    run(&stage, &EXECUTE).exits(0);
    let lines = |most: u32| (1..=most).map(|number| format!("{number}\n")).collect::<String>();
    assert!(kept(&stage, "talk", "stdout") == lines(60_000), "standard output is not whole");
    assert!(kept(&stage, "talk", "stderr") == lines(30_000), "standard error is not whole");
}

#[test]
fn steps_on_a_host_run_side_by_side_also_where_it_allows_one_session() {
    for more in ["", "MaxSessions 1"] {
        let sshd = Sshd::with(more);
        let stage = stage_with(&sshd, "");
        let mut plan = stage.read("plan.yaml");
        plan.push_str("steps:\n");
        let path = stage.path().display().to_string();
        for id in ["a", "b"] {
            let other = if id == "a" { "b" } else { "a" };
            // Each waits for the other to have begun.
            plan.push_str(&format!(
                "  {id}:\n    on: vps\n    timeout: 40s\n    run: echo >{path}/to-{other} & cat {path}/to-{id}; wait\n"
            ));
        }
        stage.write("plan.yaml", &plan);
        stage.fifo("to-a");
        stage.fifo("to-b");
        run(&stage, &EXECUTE).exits(0);
    }
}

#[test]
fn a_host_with_posix_tools_alone_is_worked_on_with_its_own_shell() {
    let sshd = Sshd::start();
    sshd.only_with(&[
        "sh", "setsid", "mkfifo", "tail", "wc", "cat", "rm", "sleep", "grep", "mkdir", "rmdir", "kill",
    ]);
    let plan = "steps:\n  greet:\n    on: vps\n    run: echo hello\n";
    let stage = stage_with(&sshd, plan);
    run(&stage, &EXECUTE).exits(3).says("vps lacks what a step needs there: bash");
    let stage = stage_with(&sshd, &format!("shell: [sh, -eu, -c]\n{plan}"));
    run(&stage, &EXECUTE).exits(0);
    assert_eq!(kept(&stage, "greet", "stdout"), "hello\n");
}

#[test]
fn what_a_longer_step_prints_comes_while_it_runs() {
    let sshd = Sshd::start();
    let stage = waiting_stage(&sshd);
    let running = start(&stage, &EXECUTE);
    // Nobody lets it go on before this has come.
    until("what it has printed is there", || kept(&stage, "long", "stdout") == "before ***\n");
    stage.let_go("go");
    running.ends().exits(0);
    assert_eq!(kept(&stage, "long", "stdout"), "before ***\ngo\nafter ***\n");
}

#[test]
fn a_short_step_starts_few_programs_on_its_host() {
    let sshd = Sshd::start();
    let calls = sshd.path("calls");
    sshd.counting_with(
        &["sh", "bash", "setsid", "mkfifo", "tail", "wc", "cat", "rm", "sleep", "grep", "mkdir"],
        &calls,
    );
    let stage = stage_with(
        &sshd,
        &format!(
            "steps:\n  first: {{ on: vps, run: 'true' }}\n  mark: {{ needs: [first], run: 'echo mark >>{}' }}\n  second: {{ needs: [mark], on: vps, run: 'true' }}\n",
            calls.display()
        ),
    );
    run(&stage, &EXECUTE).exits(0);
    let calls = std::fs::read_to_string(&calls).unwrap();
    let (_, second) = calls.split_once("mark\n").expect("the second step comes after the mark");
    // The visit and the step (its session is begun by the path of `setsid`); then the run tidies up.
    let started: Vec<&str> = second.lines().collect();
    assert_eq!(started, ["sh", "mkdir", "bash", "sh", "rm"]);
}

#[test]
fn what_is_on_record_is_emptied_at_the_next_step_and_removed_with_others() {
    let sshd = Sshd::start();
    let mut plan = "steps:\n  s0: { on: vps, run: echo word }\n".to_owned();
    for step in 1..20 {
        let look = match step {
            2 => "cat \"$XDG_STATE_HOME\"/drplan/*/s0.1/out",
            19 => "cd \"$XDG_STATE_HOME\"/drplan/*; ls -d s*",
            _ => "true",
        };
        plan.push_str(&format!("  s{step}: {{ needs: [s{}], on: vps, run: '{look}' }}\n", step - 1));
    }
    let stage = stage_with(&sshd, &plan);
    run(&stage, &EXECUTE).exits(0);
    assert_eq!(kept(&stage, "s0", "stdout"), "word\n");
    assert_eq!(kept(&stage, "s2", "stdout"), "");
    assert_eq!(kept(&stage, "s19", "stdout"), "s16.1\ns17.1\ns18.1\ns19.1\n");
}

#[test]
fn a_step_has_the_variables_of_its_login_as_they_are() {
    let sshd = Sshd::start();
    sshd.set_env("NAME=a RUN=b TOKEN=c MODE=d VALUES=e");
    let plan = "steps: { look: { on: vps, run: 'echo $NAME $RUN $TOKEN $MODE $VALUES' } }\n";
    let stage = stage_with(&sshd, plan);
    run(&stage, &EXECUTE).exits(0);
    assert_eq!(kept(&stage, "look", "stdout"), "a b c d e\n");
}

#[test]
fn a_visit_that_leads_no_session_begins_one_for_the_holder() {
    // A shell below the one that `sshd` has started.
    let sshd = Sshd::with("ForceCommand ( $SSH_ORIGINAL_COMMAND ); exit $?");
    let plan = "steps:\n  look:\n    on: vps\n    run: |\n      test \"$(cut -d ' ' -f 6 /proc/$PPID/stat)\" = \"$PPID\"\n";
    run(&stage_with(&sshd, plan), &EXECUTE).exits(0);
}
