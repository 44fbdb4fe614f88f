//! Secrets: fetched for the steps that name them, and nowhere to be seen.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::canary::{self, canary};
use crate::stage::{Stage, keepers_below, until};

/// A stage whose vault holds a canary in a file, and a command that prints one and counts its calls.
fn stage(plan: &str) -> Stage {
    let stage = Stage::new(plan);
    stage.write("vault/file", &format!("{}\n", canary("file")));
    stage.write("vault/command", &canary("command"));
    stage.write("vault/fetch", "#!/bin/sh\necho \"$1\" >>calls\nexec cat vault/command\n");
    stage
}

const SECRETS: &str = "secrets:
  BY_ENV: { env: THE_SOURCE }
  BY_FILE: { file: vault/file }
  BY_COMMAND: { command: [sh, vault/fetch, listed] }
  BY_SHELL: { command: 'sh vault/fetch text | cat' }
";

fn execute(stage: &Stage, args: &[&str]) -> crate::stage::Ran {
    let mut command = stage.drplan(&[&["execute", "plan.yaml", "--yes"], args].concat());
    command.env("THE_SOURCE", canary("env"));
    stage.begin(command).ends()
}

#[test]
fn a_step_gets_the_secrets_that_it_names_and_no_others() {
    let stage = stage(&format!(
        "{SECRETS}steps:\n\
         \x20 every: {{ secrets: [BY_ENV, BY_FILE, BY_COMMAND, BY_SHELL], run: './compare every' }}\n\
         \x20 one: {{ needs: [every], secrets: [BY_COMMAND], run: './compare one' }}\n\
         \x20 none: {{ needs: [one], run: 'env | grep -q BY_ || echo none >>ledger' }}\n",
    ));
    // What the step gets is compared in the vault, so that nothing but the verdict leaves it.
    let compare = "#!/bin/sh\nset -eu\nmkdir -p vault/got\nenv | grep '^BY_' | sort >vault/got/$1\nprintf %s \"${BY_FILE-}\" >vault/got/$1.file\necho $1 >>ledger\n";
    stage.write("compare", compare);
    make_executable(&stage, "compare");
    execute(&stage, &[]).exits(0);
    assert_eq!(stage.ledger(), ["every", "one", "none"]);
    let expected = [
        format!("BY_COMMAND={}", canary("command")),
        format!("BY_ENV={}", canary("env")),
        format!("BY_FILE={}", canary("file")),
        format!("BY_SHELL={}", canary("command")),
    ];
    assert_eq!(stage.read("vault/got/every").lines().collect::<Vec<_>>(), expected);
    assert_eq!(stage.read("vault/got/every.file"), canary("file"), "without the line's end");
    assert_eq!(stage.read("vault/got/one").trim(), expected[0]);
    // Once a step that names it.
    assert_eq!(stage.read("calls"), "listed\ntext\nlisted\n");
}

fn make_executable(stage: &Stage, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(stage.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}

// How they are fetched.

/// A secret that cannot be fetched: its source, what is said of it, and what must never be said.
const UNFETCHABLE: [(&str, &str); 8] = [
    ("env: NOT_SET_ANYWHERE", "the variable NOT_SET_ANYWHERE is not set"),
    ("env: EMPTY", "it is empty"),
    ("file: vault/nowhere", "vault/nowhere: No such file"),
    ("file: vault", "Is a directory"),
    ("file: vault/zero", "it holds a zero byte"),
    ("command: 'echo oops >&2; exit 3'", "exit code 3: oops"),
    ("command: ['true']", "it is empty"),
    ("command: [no-such-program]", "cannot start no-such-program: not found"),
];

#[test]
fn a_secret_that_cannot_be_fetched_fails_the_step_by_name() {
    for (source, why) in UNFETCHABLE {
        let stage = stage(&format!(
            "secrets: {{ THE_KEY: {{ {source} }} }}\n\
             steps: {{ a: {{ secrets: [THE_KEY], run: 'echo ran >>ledger' }} }}\n"
        ));
        stage.write("vault/zero", "a\0b");
        let mut command = stage.drplan(&["execute", "plan.yaml", "--yes"]);
        command.env("EMPTY", " ");
        stage.begin(command).ends().exits(3);
        let failure = &stage.last("step_finished", "a")["outcome"]["failure"];
        let told = failure["why"].as_str().unwrap_or_default();
        assert!(told.contains("the secret THE_KEY cannot be fetched") && told.contains(why), "{failure}");
        assert!(stage.ledger().is_empty(), "it ran without its secret");
    }
}

#[test]
fn a_failed_command_tells_no_secret_in_its_complaint() {
    let stage = stage(
        "secrets: { THE_KEY: { command: 'cat vault/command; echo \"bad: $(cat vault/command | tr -d \"\\n\")\" >&2; exit 1' } }\n\
         steps: { a: { secrets: [THE_KEY], run: 'true' } }\n",
    );
    stage.execute(&[]).exits(3).says("exit code 1: bad: ***");
}

#[test]
fn fetching_is_tried_again_like_the_step() {
    let stage = stage(
        "secrets: { THE_KEY: { command: 'echo call >>calls; test $(wc -l <calls) -gt 2; cat vault/command' } }\n\
         steps: { a: { secrets: [THE_KEY], run: 'echo ran >>ledger; test $(wc -l <ledger) -gt 1', retry: { times: 5, delay: 10ms } } }\n",
    );
    stage.execute(&[]).exits(0);
    // Two calls failed; the third value served both attempts of the command.
    assert_eq!(stage.read("calls").lines().count(), 3);
    assert_eq!(stage.ledger().len(), 2);
    assert_eq!(stage.told("retry_planned").len(), 3);
}

#[test]
fn a_fetching_command_sees_nothing_of_the_step_and_ends_with_the_run() {
    let stage = stage(
        "vars: { REGION: eu }\n\
         secrets: { THE_KEY: { command: 'env >vault/seen; cat vault/command' } }\n\
         steps: { a: { secrets: [THE_KEY], env: { OWN: x }, run: 'true' } }\n",
    );
    let mut command = stage.drplan(&["execute", "plan.yaml", "--yes"]);
    command.env("THE_SOURCE", canary("env")).env("UNRELATED", "x");
    stage.begin(command).ends().exits(0);
    let seen = stage.read("vault/seen");
    let names: Vec<&str> = seen.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(names.contains(&"REGION") && names.contains(&"PATH"), "{names:?}");
    for name in ["OWN", "UNRELATED", "THE_SOURCE", "DRPLAN_STATE"] {
        assert!(!names.contains(&name), "{name} in {names:?}");
    }
}

#[test]
fn probes_of_a_step_get_its_secrets_with_one_call() {
    let stage = stage(&format!(
        "{SECRETS}steps:\n\
         \x20 a:\n    secrets: [BY_COMMAND]\n    unless: {{ run: 'test -n \"$BY_COMMAND\" && test -e done' }}\n\
         \x20   run: test -n \"$BY_COMMAND\" && touch done\n\
         \x20   verify: [ {{ run: 'test \"$BY_COMMAND\" = \"$(cat vault/command)\"' }} ]\n",
    ));
    execute(&stage, &[]).exits(0);
    assert_eq!(stage.read("calls"), "listed\n");
    // A step that is done already has fetched them to find that out.
    execute(&stage, &[]).exits(0);
    assert_eq!(stage.told("step_unneeded"), ["a"]);
}

#[test]
fn dry_runs_ask_for_secrets_once_or_not_at_all() {
    let plan = format!(
        "{SECRETS}steps:\n\
         \x20 a: {{ secrets: [BY_COMMAND], run: 'touch ran', verify: [ {{ run: 'true' }} ] }}\n\
         \x20 b: {{ needs: [a], secrets: [BY_ENV], http: {{ url: 'http://127.0.0.1:9/$BY_ENV' }} }}\n",
    );
    let stage = stage(&plan);
    execute(&stage, &["--dry-run=plan"]).exits(0);
    assert_eq!(stage.read("calls"), "");
    execute(&stage, &["--dry-run"]).exits(0);
    assert_eq!(stage.read("calls"), "listed\n");
    assert!(!stage.has("ran"));
    // What could not be fetched now could not be fetched then.
    std::fs::remove_file(stage.path().join("vault/command")).unwrap();
    execute(&stage, &["--dry-run"]).exits(1).says("the secret BY_COMMAND cannot be fetched");
}

#[test]
fn a_resumed_run_fetches_again() {
    let stage = stage(&format!(
        "{SECRETS}steps:\n\
         \x20 a: {{ secrets: [BY_COMMAND], rerun: safe, run: 'read x <gate; ./check', verify: [ {{ run: './check' }} ] }}\n\
         \x20 b: {{ needs: [a], secrets: [BY_SHELL, BY_FILE], run: 'echo b >>ledger' }}\n",
    ));
    stage.fifo("gate");
    stage.write("check", "#!/bin/sh\ntest \"$BY_COMMAND\" = \"$(cat vault/command)\"\n");
    make_executable(&stage, "check");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("the step runs", || stage.process_of("a", 1).is_some());
    run.crash();
    let resumed = stage.start(&["resume", "latest"]);
    stage.let_go("gate");
    resumed.ends().exits(0);
    assert_eq!(stage.ledger(), ["b"]);
    // Before the crash, for the verification after it, and for the next step.
    assert_eq!(stage.read("calls"), "listed\nlisted\ntext\n");
}

// Where they must not be seen.

#[test]
fn nothing_that_is_left_of_a_run_holds_a_secret() {
    let print = "set -x; : \"$BY_FILE\"; set +x\n\
        \x20     printf '%s' \"$BY_COMMAND\" | head -c 20; sync; printf '%s' \"$BY_COMMAND\" | tail -c +21; echo\n\
        \x20     printf '%s' \"$BY_ENV\" | base64; printf 'x%s' \"$BY_ENV\" | base64 -w0; export -p | grep BY_ >&2\n\
        \x20     printf '{\"key\":\"%s\"}' \"$(printf %s \"$BY_FILE\" | sed 's/[\\\\\"]/\\\\&/g')\"\n\
        \x20     exit 7";
    let stage = stage(&format!(
        "{SECRETS}  LINES: {{ file: vault/lines }}\n\
         people: {{ ann: {{ name: Ann, roles: [op] }} }}\n\
         steps:\n\
         \x20 prints:\n    secrets: [BY_ENV, BY_FILE, BY_COMMAND]\n    on_failure: continue\n    run: |\n      {print}\n\
         \x20 lines: {{ secrets: [LINES], run: 'printf \"> %s\\n\" \"$LINES\" | tr \"\\n\" \"|\"; echo \"$LINES\"' }}\n\
         \x20 verifies:\n    secrets: [BY_ENV]\n    on_failure: continue\n    run: 'true'\n\
         \x20   verify: [ {{ run: 'echo \"no good: $BY_ENV\"; exit 1' }} ]\n\
         \x20 waits:\n    secrets: [BY_FILE]\n    on_failure: continue\n    timeout: 1ms\n\
         \x20   wait: {{ tcp: '$BY_FILE:1' }}\n\
         \x20 sends:\n    secrets: [BY_ENV]\n    on_failure: continue\n\
         \x20   http: {{ method: POST, url: 'http://127.0.0.1:9/x', headers: {{ authorization: 'Bearer $BY_ENV' }}, body: '$BY_ENV' }}\n\
         \x20 asks:\n    secrets: [BY_FILE]\n    manual: 'Type $BY_FILE.'\n    by: op\n    on_failure: continue\n",
    ));
    let line = canary("line");
    stage.write("vault/lines", &format!("-----BEGIN-----\n{line}\nsecond {line}\n-----END-----\n"));
    execute(&stage, &[]).exits(4);
    let run = stage.run_dir();
    stage.run(&["approve", "latest", "asks", "--as", "ann"]);
    let mut command = stage.drplan(&["resume", "latest"]);
    command.env("THE_SOURCE", canary("env"));
    let _ = stage.begin(command).ends();
    stage.run(&["report"]).exits(0);
    stage.run(&["status"]);
    let text = |step: &str, name: &str| {
        std::fs::read_to_string(run.join("steps").join(step).join("1").join(name)).unwrap_or_default()
    };
    // That it was printed at all, and taken out.
    for (step, name) in [("prints", "stdout"), ("prints", "stderr"), ("lines", "stdout")] {
        assert!(text(step, name).contains("***"), "{step} {name}: {:?}", text(step, name));
    }
    let why = stage.last("step_finished", "verifies").to_string();
    assert!(why.contains("no good: ***"), "{why}");
    assert!(stage.last("answer_awaited", "asks")["text"].as_str().unwrap().contains("$BY_FILE"));
    assert_eq!(stage.told("step_finished").len(), 6, "{:?}", stage.told("step_finished"));
    // The stage looks through every byte as it goes.
}

#[test]
fn a_secret_in_an_output_fails_the_step_and_is_taken_out() {
    for how in
        ["printf 'OUT=%s\\n' \"$BY_FILE\"", "printf 'OUT=x%s\\n' \"$(printf a%s \"$BY_FILE\" | base64 -w0)\""]
    {
        let stage = stage(&format!(
            "{SECRETS}steps:\n  a:\n    secrets: [BY_FILE]\n    outputs: [OUT]\n    run: |\n      {how} >>\"$DRPLAN_OUTPUT\"\n"
        ));
        execute(&stage, &[]).exits(3).says("a secret was written to $DRPLAN_OUTPUT");
    }
}

#[test]
fn while_a_step_runs_nobody_else_has_its_secrets() {
    let stage =
        stage(&format!("{SECRETS}steps:\n  a: {{ secrets: [BY_ENV, BY_COMMAND], run: 'read x <gate' }}\n"));
    stage.fifo("gate");
    let core = getrlimit(Resource::Core);
    assert_ne!(core.maximum, Some(0), "this machine allows no core files at all");
    setrlimit(Resource::Core, Rlimit { current: core.maximum, ..core }).unwrap();
    let mut command = stage.drplan(&["execute", "plan.yaml", "--yes"]);
    command.env("THE_SOURCE", canary("env"));
    let run = stage.begin(command);
    until("the step runs", || stage.process_of("a", 1).is_some());
    let (step, _) = stage.process_of("a", 1).unwrap();
    let keeper = keepers_below(&stage.run_dir())[0];
    let proc_file = |pid: &str, name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    // The search itself works: the step has them, and in its environment alone.
    assert!(canary::is_singing(&proc_file(&step.to_string(), "environ")));
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            for file in ["cmdline", "comm"] {
                assert!(!canary::is_singing(&proc_file(&name, file)), "/proc/{name}/{file}");
            }
        }
    }
    let keeper = keeper.as_raw_nonzero().to_string();
    assert!(!canary::is_singing(&proc_file(&keeper, "environ")));
    // If the step itself crashes, its environment does not lie around.
    let limits = String::from_utf8(proc_file(&step.to_string(), "limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    stage.let_go("gate");
    run.ends().exits(0);
}

/// Runs a program that may leave core files of any size, ends it as a crash does, and says whether it left one.
fn leaves_core(folder: &std::path::Path, mut program: Vec<String>, is_ready: impl Fn() -> bool) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let mut args = vec!["-c".to_owned(), "ulimit -c unlimited; exec \"$@\"".to_owned(), "sh".to_owned()];
    args.append(&mut program);
    let mut child = std::process::Command::new("sh")
        .args(args)
        .current_dir(folder)
        .env("THE_SOURCE", canary("env"))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("it runs", is_ready);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::ABORT)
        .unwrap();
    child.wait().unwrap().core_dumped()
}

#[test]
fn neither_controller_nor_keeper_leaves_a_core_file() {
    let stage = stage(&format!("{SECRETS}steps:\n  a: {{ secrets: [BY_ENV], run: 'read x <gate' }}\n"));
    stage.fifo("gate");
    let exe = env!("CARGO_BIN_EXE_drplan").to_owned();
    let runs_in = stage.path().join(".drplan").display().to_string();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    // That one could be left here at all.
    let elsewhere = tempfile::tempdir().unwrap();
    let ready = elsewhere.path().join("ready");
    let wait = format!("touch '{}'; while :; do sleep 0.01; done", ready.display());
    assert!(
        leaves_core(elsewhere.path(), words(&["sh", "-c", &wait]), || ready.exists()),
        "no core files here"
    );

    let controller = words(&[&exe, "--state", &runs_in, "execute", "plan.yaml", "--yes"]);
    assert!(!leaves_core(stage.path(), controller, || stage.process_of("a", 1).is_some()));
    let other = tempfile::tempdir().unwrap();
    let keeper = words(&[&exe, "keeper-process", other.path().to_str().unwrap()]);
    assert!(!leaves_core(other.path(), keeper, || other.path().join("keeper.sock").exists()));
    stage.let_go("gate");
}

#[test]
fn what_a_step_wrote_before_a_crash_is_not_left_with_a_secret_in_it() {
    let stage = stage(&format!(
        "{SECRETS}steps:\n  a:\n    secrets: [BY_FILE]\n    rerun: never\n    run: |\n      echo \"X=$BY_FILE\" >>\"$DRPLAN_OUTPUT\"; echo \"$BY_FILE\"; touch wrote; read x <gate\n"
    ));
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("it has written", || stage.has("wrote"));
    let (pid, _) = stage.process_of("a", 1).unwrap();
    run.crash();
    stage.crash_keeper();
    let group = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    stage.run(&["resume", "latest"]).exits(4);
    assert_eq!(stage.last("step_judged", "a")["verdict"], "ask");
    assert!(!stage.run_dir().join("steps/a/1/output").exists());
}

// Those that a person types.

#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_started() {
    let stage = stage(
        "secrets: { TYPED: { ask: 'The root password' } }\n\
         steps: { a: { run: 'echo a >>ledger' }, b: { needs: [a], secrets: [TYPED], run: 'true' } }\n",
    );
    stage.execute(&[]).exits(2).says("a person must type `TYPED`, and nobody is at the terminal");
    assert!(stage.ledger().is_empty() && stage.runs().is_empty());
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
}

/// A terminal of its own, with drplan at it.
struct AtTerminal {
    child: Child,
    shown: String,
}

impl AtTerminal {
    fn new(stage: &Stage, line: &str) -> Self {
        let exe = env!("CARGO_BIN_EXE_drplan");
        let mut command = stage.drplan(&[]);
        let paths = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let env: Vec<_> = paths.collect();
        command = Command::new("script");
        command.args(["-qec", &line.replace("drplan", exe), "/dev/null"]).current_dir(stage.path());
        command.env_clear().envs(env).env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self { child: command.spawn().unwrap(), shown: String::new() }
    }

    /// Reads until a text is on the screen, then types.
    fn when(&mut self, shown: &str, typed: &str) {
        let out = self.child.stdout.as_mut().unwrap();
        let mut byte = [0];
        while !self.shown.contains(shown) {
            assert_eq!(out.read(&mut byte).unwrap(), 1, "never: {shown:?} in {:?}", self.shown);
            self.shown.push(char::from(byte[0]));
        }
        self.child.stdin.as_mut().unwrap().write_all(typed.as_bytes()).unwrap();
    }

    fn ends(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.child.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
        self.shown.push_str(&String::from_utf8_lossy(&rest));
        (self.child.wait().unwrap().code().unwrap(), self.shown)
    }
}

const TYPED: &str = "secrets: { TYPED: { ask: 'The root password' } }
steps:
  a: { secrets: [TYPED], run: 'test \"$TYPED\" = \"$(cat vault/typed)\" && echo a >>ledger; echo \"$TYPED\"' }
  b: { needs: [a], secrets: [TYPED], run: 'test \"$TYPED\" = \"$(cat vault/typed)\" && echo b >>ledger' }
";

#[test]
fn at_a_terminal_a_secret_is_typed_once_and_not_shown() {
    let stage = stage(TYPED);
    let typed = canary("typed").replace('\'', "");
    stage.write("vault/typed", &typed);
    let mut terminal = AtTerminal::new(&stage, "drplan execute plan.yaml --yes");
    terminal.when("The root password (TYPED): ", &format!("{typed}\n"));
    let (code, shown) = terminal.ends();
    assert_eq!(code, 0, "{shown}");
    assert_eq!(stage.ledger(), ["a", "b"]);
    assert_eq!(shown.matches("The root password").count(), 1, "{shown}");
    assert!(!canary::is_singing(shown.as_bytes()), "{shown}");
}

#[test]
fn whoever_does_not_want_to_type_gets_the_terminal_back_as_it_was() {
    let stage = stage(TYPED);
    for keys in ["half\u{3}", "\n"] {
        let mut terminal =
            AtTerminal::new(&stage, "drplan execute plan.yaml --yes; echo code $?; stty -a | tr ';' '\n'");
        terminal.when("(TYPED): ", keys);
        let (_, shown) = terminal.ends();
        assert!(shown.contains("`TYPED` was not given; nothing was started"), "{shown}");
        assert!(shown.contains("code 2"), "{shown}");
        assert!(shown.split_whitespace().any(|word| word == "echo"), "{shown}");
        assert!(shown.split_whitespace().any(|word| word == "isig"), "{shown}");
        assert!(!shown.contains("half"), "{shown}");
    }
    assert!(stage.ledger().is_empty() && stage.runs().is_empty());
}
