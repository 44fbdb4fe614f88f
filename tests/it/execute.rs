//! Runs from their start to their end: order, values, steps of every kind, failures, drills, dry runs.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rustix::process::{Signal, kill_process};

use crate::servers::http::Server;
use crate::stage::{Stage, keepers_below, until};

/// A plan of `run` steps that write their names into the ledger; `needs` as in `b: a`.
fn ledger_steps(steps: &[(&str, &str, &str)]) -> String {
    let mut plan = "steps:\n".to_owned();
    for (id, run, more) in steps {
        let run =
            if run.is_empty() { format!("echo {id} >>ledger") } else { format!("{run}; echo {id} >>ledger") };
        plan.push_str(&format!("  {id}:\n    run: |\n      {run}\n    {more}\n"));
    }
    plan
}

// The quickstart.

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        }
        found.push(path);
    }
}

fn quickstart() -> (Stage, String) {
    let stage = Stage::new("steps: { a: { run: 'true' } }\n");
    fs::remove_file(stage.path().join("plan.yaml")).unwrap();
    let text = fs::read_to_string(repository().join("plans/quickstart.yaml")).unwrap();
    stage.write("plans/quickstart.yaml", &text);
    (stage, text)
}

#[test]
fn the_quickstart_works_twice_and_stays_in_its_folder() {
    let (stage, _) = quickstart();
    for _ in 0..2 {
        stage
            .run(&["execute", "plans/quickstart.yaml", "--drill", "--yes"])
            .exits(0)
            .says("restore-database");
    }
    assert_eq!(stage.runs().len(), 2);
    let mut files = Vec::new();
    files_below(stage.path(), &mut files);
    let outside: Vec<_> =
        files.iter().filter(|path| !path.starts_with(stage.path().join(".drplan"))).collect();
    let known = ["drplan.yaml", "plans", "plans/quickstart.yaml"].map(|name| stage.path().join(name));
    assert!(outside.iter().all(|path| known.contains(path)), "{outside:?}");
    assert!(keepers_below(stage.path()).is_empty(), "a keeper was left behind");
}

#[test]
fn a_damaged_backup_fails_the_quickstart_and_the_report_says_so() {
    let (stage, text) = quickstart();
    let step = "  damage-it:\n    needs: [back-it-up]\n    on: old-host\n    run: echo x >>\"$(ls -d \"$STAGE\"/vault/*)/database.tar.gz\"\n  lose-the-host:\n";
    let text = text.replace("  lose-the-host:\n", step).replace(
        "needs: [back-it-up]\n    on: old-host\n    run: |",
        "needs: [damage-it]\n    on: old-host\n    run: |",
    );
    stage.write("plans/quickstart.yaml", &text);
    stage.run(&["execute", "plans/quickstart.yaml", "--drill", "--yes"]).exits(3).says("restore-database");
    assert_eq!(stage.last("run_finished", "")["result"], "failed");
    assert_eq!(stage.last("step_finished", "restore-database")["outcome"]["result"], "failed");
    stage.run(&["report"]).exits(0).says("restore-database").says("is not what its producer wrote");
    // What tidies up was carried out all the same.
    assert!(stage.has_told("step_finished", "stop-the-application"));
}

// Order.

#[test]
fn steps_wait_for_what_they_need() {
    let stage = Stage::new(
        "places: { here: { kind: host, controller: true }, there: { kind: host, exists: false } }\n\
         assets: { data: { kind: files, homes: [there], health: [ { file: healthy } ] } }\n\
         steps:\n\
         \x20 last: { needs: [data], run: 'test -e healthy; echo last >>ledger' }\n\
         \x20 restore: { restores: [data], on: home, run: 'echo restore >>ledger; touch healthy' }\n\
         \x20 build: { provides: [there], needs: [first], run: 'echo build >>ledger' }\n\
         \x20 first: { run: 'echo first >>ledger' }\n",
    );
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["first", "build", "restore", "last"]);
    let ended: Vec<String> = stage.told("step_finished");
    assert_eq!(ended, ["first", "build", "restore", "data", "last"]);
}

#[test]
fn steps_that_need_nothing_of_each_other_run_side_by_side() {
    // Each waits for the other to have begun: one after the other they would never end.
    let stage = Stage::new(
        "steps:\n  a: { run: 'echo > to-b; cat to-a', timeout: 40s }\n  b: { run: 'cat to-b; echo > to-a', timeout: 40s }\n",
    );
    stage.fifo("to-a");
    stage.fifo("to-b");
    stage.execute(&[]).exits(0);
}

/// Steps that fail if they meet each other.
fn meeting(more: &str) -> String {
    let mut plan = "steps:\n".to_owned();
    for id in ["a", "b", "c", "d"] {
        plan.push_str(&format!(
            "  {id}: {{ run: 'mkdir busy; echo {id} >>ledger; sleep 0.05; rmdir busy'{more} }}\n"
        ));
    }
    plan
}

#[test]
fn a_limit_of_one_and_a_lock_keep_steps_apart() {
    for more in ["", ", unless: { file: never }"] {
        let stage = Stage::new(&meeting(more));
        stage.execute(&["--max-parallel", "1"]).exits(0);
        assert_eq!(stage.ledger(), ["a", "b", "c", "d"]);
        let stage = Stage::new(&meeting(&format!("{more}, lock: busy")));
        stage.execute(&[]).exits(0);
        assert_eq!(stage.ledger().len(), 4);
    }
}

#[test]
fn a_limit_holds_for_steps_that_restore_from_one_copy() {
    let mut plan = "places: { base: { kind: host } }\nassets:\n".to_owned();
    for id in ["a", "b", "c"] {
        plan.push_str(&format!("  {id}: {{ kind: files, homes: [base] }}\n"));
    }
    plan.push_str("backups: { nightly: { of: [a, b, c], points: { every: 1d }, copies: { vault: { at: vault, keep: 7d } } } }\nsteps:\n");
    for id in ["a", "b", "c"] {
        plan.push_str(&format!(
            "  restore-{id}: {{ restores: [{id}], from: [nightly.vault], run: 'mkdir busy; sleep 0.05; rmdir busy; echo {id} $POINT_ID >>ledger' }}\n"
        ));
    }
    let stage = Stage::new(&plan);
    stage.write("vault/20261101T000000Z/x", "");
    stage.write("vault/20261102T000000Z/x", "");
    stage.execute(&["--max-parallel", "1"]).exits(0);
    assert_eq!(stage.ledger(), ["a", "b", "c"].map(|id| format!("{id} 20261102T000000Z")));
    assert_eq!(stage.told("point_chosen"), ["restore-a", "restore-b", "restore-c"]);
}

#[test]
fn what_serves_the_highest_priority_goes_first_then_what_has_the_least_slack() {
    let plan = "
places: { base: { kind: host } }
assets:
  low: { kind: files, homes: [base], priority: 3 }
  short: { kind: files, homes: [base], priority: 2 }
  long: { kind: files, homes: [base], priority: 2 }
  high: { kind: files, homes: [base], priority: 1 }
steps:
  restore-low: { restores: [low], run: echo low >>ledger, takes: 1h }
  restore-short: { restores: [short], run: echo short >>ledger, takes: 5m }
  restore-long: { restores: [long], run: echo long >>ledger, takes: 50m }
  before-high: { run: echo before-high >>ledger, takes: 1m }
  restore-high: { restores: [high], needs: [before-high], run: echo high >>ledger, takes: 1m }
";
    let stage = Stage::new(plan);
    stage.execute(&["--max-parallel", "1"]).exits(0);
    assert_eq!(stage.ledger(), ["before-high", "high", "long", "short", "low"]);
}

// Values.

#[test]
fn outputs_reach_what_needs_them() {
    let server = Server::start(200);
    let stage = Stage::new(&format!(
        "people: {{ ana: {{ name: Ana, contact: x }} }}\n\
         steps:\n\
         \x20 make: {{ outputs: [HOST_IP, PORT], run: 'echo HOST_IP=10.0.0.7 >>$DRPLAN_OUTPUT; echo PORT={port} >>$DRPLAN_OUTPUT' }}\n\
         \x20 between: {{ needs: [make], run: 'true' }}\n\
         \x20 use: {{ needs: [between], run: 'echo \"$HOST_IP\" >>ledger' }}\n\
         \x20 recipe: {{ needs: [between], use: mine, with: {{ address: \"<$HOST_IP>\" }} }}\n\
         \x20 stranger: {{ run: 'echo \"${{HOST_IP-nothing}}\" >>stranger' }}\n\
         \x20 call: {{ needs: [between], http: 'http://127.0.0.1:$PORT/$HOST_IP' }}\n\
         \x20 dns: {{ needs: [use, recipe, call], manual: 'Set the record to $HOST_IP.' }}\n",
        port = server.port
    ));
    stage.write(
        "mine.yaml",
        "version: 1\nrecipe: mine\ntitle: Mine\ninputs: { address: { description: Where } }\nsteps: { note: { run: 'echo \"$INPUT_ADDRESS\" >>recipe-ledger' } }\n",
    );
    stage.execute(&[]).exits(4).says("Set the record to 10.0.0.7.");
    assert_eq!(stage.ledger(), ["10.0.0.7"]);
    assert_eq!(stage.read("recipe-ledger"), "<10.0.0.7>\n");
    assert_eq!(stage.read("stranger"), "nothing\n");
    assert_eq!(server.asked(), ["GET /10.0.0.7"]);
    assert_eq!(stage.last("step_finished", "make")["outputs"]["HOST_IP"], "10.0.0.7");
}

#[test]
fn outputs_that_are_not_as_declared_fail_the_step() {
    for (script, part) in [
        ("true", "`HOST_IP` is declared but was not written"),
        ("echo OTHER=1 >>$DRPLAN_OUTPUT", "`OTHER` is written but not declared"),
        ("printf 'HOST_IP=1\\n2\\n' >>$DRPLAN_OUTPUT", "not a NAME=value line"),
    ] {
        let stage = Stage::new(&format!(
            "steps:\n  make:\n    outputs: [HOST_IP]\n    run: |\n      {script}\n  use: {{ needs: [make], run: echo use >>ledger }}\n"
        ));
        stage.execute(&[]).exits(3).says(part);
        assert_eq!(stage.ledger().len(), 0);
    }
    // A failure of this kind is like any other: it is tried again, and the plan says what follows.
    let stage = Stage::new(
        "steps:\n  make:\n    outputs: [HOST_IP]\n    retry: { times: 1, delay: 1ms }\n    on_failure: continue\n    run: echo make >>ledger\n  other: { needs: [slow], run: echo other >>ledger }\n  slow: { wait: { file: ledger, every: 10ms } }\n",
    );
    stage.execute(&[]).exits(3);
    let mut ledger = stage.ledger();
    ledger.sort();
    assert_eq!(ledger, ["make", "make", "other"]);
}

#[test]
fn only_what_is_documented_is_in_the_environment() {
    let stage = Stage::new(
        "pass_env: [PASSED]\nvars: { PLAN_VAR: plan, BOTH: plan }\n\
         places: { here: { kind: host, controller: true, vars: { PLACE_VAR: place, BOTH: place } } }\n\
         scenarios: { fire: { title: Fire, lose: [there] } }\n",
    );
    let plan = stage.read("plan.yaml").replace("places: { here:", "places: { there: { kind: host }, here:")
        + "assets: { data: { kind: files, homes: [there, here] } }\n\
           backups: { nightly: { of: [data], points: { every: 1d }, copies: { vault: { in: here, at: vault, keep: 7d } } } }\n\
           steps:\n\
           \x20 a:\n    restores: [data]\n    from: [nightly.vault]\n    on: home\n    env: { STEP_VAR: step }\n    run: |\n      env -0 | sort -z | tr '\\0' '\\n' >env.txt; readlink /proc/self/fd/0 >stdin.txt; pwd >cwd.txt; cat; umask >umask.txt\n";
    stage.write("plans/plan.yaml", &plan);
    stage.write("plans/vault/20261102T000000Z/x", "");
    fs::remove_file(stage.path().join("plan.yaml")).unwrap();
    let mut command = stage.drplan(&["execute", "plans/plan.yaml", "--yes"]);
    for name in
        ["PASSED", "FOREIGN", "LC_TIME", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "LOGNAME", "BASH_ENV", "LD_TEST"]
    {
        command.env(name, "C");
    }
    stage.begin(command).ends().exits(0);
    let env = stage.read("plans/env.txt");
    let names: Vec<&str> = env.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    // What bash itself adds.
    let own = ["OLDPWD", "PWD", "SHLVL", "_"];
    let names: Vec<&str> = names.into_iter().filter(|name| !own.contains(name)).collect();
    assert_eq!(
        names,
        [
            "BOTH",
            "DRPLAN_HOME",
            "DRPLAN_OUTPUT",
            "DRPLAN_RUN",
            "DRPLAN_SCENARIO",
            "DRPLAN_TOKEN",
            "HOME",
            "LANG",
            "LC_TIME",
            "LOGNAME",
            "PASSED",
            "PATH",
            "PLACE_VAR",
            "PLAN_VAR",
            "POINT_BEFORE",
            "POINT_COPY",
            "POINT_ID",
            "POINT_PATH",
            "POINT_TIME",
            "SSH_AUTH_SOCK",
            "STEP_VAR",
            "TMPDIR",
            "TZ",
            "USER"
        ]
    );
    for line in [
        "BOTH=place",
        "DRPLAN_HOME=here",
        "DRPLAN_SCENARIO=fire",
        "POINT_COPY=nightly.vault",
        "POINT_ID=20261102T000000Z",
        "POINT_TIME=2026-11-02T00:00:00Z",
    ] {
        assert!(env.lines().any(|found| found == line), "{line} in {env}");
    }
    assert_eq!(stage.read("plans/stdin.txt"), "/dev/null\n");
    let folder = stage.path().join("plans").canonicalize().unwrap();
    assert_eq!(Path::new(stage.read("plans/cwd.txt").trim()), folder);
}

#[test]
fn a_list_is_no_shell_and_a_text_fails_in_the_middle_of_a_pipe() {
    let stage = Stage::new("steps: { a: { run: [touch, '$HOME; echo x', '*'] } }\n");
    stage.execute(&[]).exits(0);
    assert!(stage.has("$HOME; echo x") && stage.has("*"));
    for script in ["false | true", "false; true", "echo $UNSET_VARIABLE"] {
        let stage = Stage::new(&format!("steps: {{ a: {{ run: '{script}' }} }}\n"));
        stage.execute(&[]).exits(3);
    }
    let stage = Stage::new(
        "shell: [sh, -c]\nsteps: { a: { run: 'false; true' }, b: { shell: [bash, -ec], run: 'false; true', on_failure: continue } }\n",
    );
    stage.execute(&[]).exits(3);
    assert_eq!(stage.last("step_finished", "a")["outcome"]["result"], "done");
    assert_eq!(stage.last("step_finished", "b")["outcome"]["result"], "failed");
}

// Whether a step runs at all, and whether it did its work.

#[test]
fn what_is_done_already_is_not_done_again() {
    let stage = Stage::new(
        "steps:\n  a: { run: echo a >>ledger, unless: { file: there } }\n  b: { run: echo b >>ledger, unless: { run: test -e missing } }\n  c: { needs: [a, b], use: mine, unless: { run: echo c-asked >>asked } }\n  d: { needs: [c], run: echo d >>ledger }\n",
    );
    stage.write("there", "");
    stage.write("mine.yaml", "version: 1\nrecipe: mine\ntitle: Mine\nsteps: { one: { run: echo one >>ledger }, two: { run: echo two >>ledger } }\n");
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["b", "d"]);
    assert_eq!(stage.read("asked"), "c-asked\n");
    assert!(stage.has_told("step_unneeded", "a") && stage.has_told("step_unneeded", "c"));
}

#[test]
fn when_says_whether_a_step_belongs_to_the_run() {
    let stage = Stage::new(
        "environments: { drill: {} }\nsteps:\n  a: { run: echo a >>ledger, when: { environment: drill } }\n  b: { run: echo b >>ledger }\n",
    );
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["b"]);
    stage.execute(&["--drill"]).exits(0);
    let mut ledger = stage.ledger();
    ledger.sort();
    assert_eq!(ledger, ["a", "b", "b"]);
}

#[test]
fn a_verification_that_is_not_content_fails_the_step() {
    let stage = Stage::new(
        "steps:\n  a: { run: echo a >>ledger, verify: [ { file: ledger }, { file: missing } ] }\n  b: { needs: [a], run: echo b >>ledger }\n",
    );
    stage.execute(&[]).exits(3).says("verification failed");
    assert_eq!(stage.ledger(), ["a"]);
    assert!(!stage.has_told("step_started", "b"));
}

#[test]
fn a_step_is_tried_again_as_often_as_the_plan_says() {
    let stage = Stage::new(
        "steps:\n  a:\n    run: echo a >>ledger; test $(wc -l <ledger) -ge 3\n    retry: { times: 2, delay: 100ms, factor: 1 }\n",
    );
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["a", "a", "a"]);
    assert_eq!(stage.told("retry_planned").len(), 2);
    assert_eq!(stage.last("step_finished", "a")["attempt"], 3);
    assert!(stage.run_dir().join("steps/a/3/outcome.json").exists());
    let stage =
        Stage::new("steps: { a: { run: echo a >>ledger; exit 7, retry: { times: 2, delay: 1ms } } }\n");
    stage.execute(&[]).exits(3).says("exit code 7");
    assert_eq!(stage.ledger().len(), 3);
}

#[test]
fn a_timeout_ends_the_whole_tree() {
    let stage = Stage::new(
        "steps:\n  a:\n    timeout: 1s\n    run: |\n      trap '' TERM\n      setsid bash -c 'trap \"\" TERM; echo $$ >grandchild; while :; do sleep 0.1; done' &\n      echo $$ >child\n      while :; do sleep 0.1; done\n",
    );
    stage.execute(&[]).exits(3).says("ran longer than its limit of 1s");
    for name in ["child", "grandchild"] {
        let pid = stage.read(name).trim().to_owned();
        assert!(!pid.is_empty() && !Path::new("/proc").join(&pid).exists(), "{name} {pid:?} still runs");
    }
}

// What follows a failure.

fn failing(on_failure: &str) -> Stage {
    Stage::new(&format!(
        "steps:\n  a: {{ run: exit 1, on_failure: {on_failure} }}\n  b: {{ needs: [a], run: echo b >>ledger }}\n  c: {{ wait: {{ run: 'grep -q step_finished .drplan/runs/*/journal.jsonl', every: 10ms }} }}\n  d: {{ needs: [c], run: echo d >>ledger }}\n"
    ))
}

#[test]
fn a_failure_stops_the_run_or_what_needs_the_step() {
    let stage = failing("stop");
    stage.execute(&[]).exits(3);
    assert_eq!(stage.ledger().len(), 0);
    let stage = failing("continue");
    stage.execute(&[]).exits(3);
    assert_eq!(stage.ledger(), ["d"]);
    let stage = failing("ask");
    stage.execute(&[]).exits(4).says("a person must say");
    assert_eq!(stage.ledger().len(), 0);
    stage.run(&["skip", "latest", "a", "--reason", "not needed today"]).exits(0);
    stage.run(&["resume", "latest"]).exits(3);
    let mut ledger = stage.ledger();
    ledger.sort();
    assert_eq!(ledger, ["b", "d"]);
    stage.run(&["report"]).exits(0).says("not needed today");
}

#[test]
fn a_failed_run_goes_on_once_a_person_has_decided() {
    let stage = Stage::new(
        "steps:\n  a: { run: 'echo a >>ledger; test -e mended' }\n  b: { needs: [a], run: echo b >>ledger }\n",
    );
    stage.execute(&[]).exits(3);
    stage.run(&["resume", "latest"]).exits(2).says("drplan retry");
    stage.run(&["retry", "latest", "a", "--reason", " "]).exits(2).says("reason");
    stage.write("mended", "");
    stage.run(&["retry", "latest", "a", "--reason", "mended"]).exits(0).says("drplan resume");
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.ledger(), ["a", "a", "b"]);
    stage.run(&["resume", "latest"]).exits(2).says("the run is over");
}

#[test]
fn what_tidies_up_is_carried_out_whatever_happens() {
    let cleanup = "environments: { drill: {} }\ncleanup:\n  tidy: { run: echo tidy >>ledger }\n  gated: { run: echo gated >>ledger, needs: [tidy], unless: { file: never } }\n";
    let stage = Stage::new(&format!("steps: {{ a: {{ run: exit 1 }} }}\n{cleanup}"));
    stage.execute(&["--drill"]).exits(3);
    assert_eq!(stage.ledger(), ["tidy", "gated"]);
    let stage = Stage::new(&format!("steps: {{ a: {{ run: 'true' }} }}\n{cleanup}"));
    stage.execute(&["--drill"]).exits(0);
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["tidy", "gated"]);
    // Also after a person has given the drill up.
    let stage = Stage::new(&format!("steps: {{ a: {{ run: 'read -r line <gate' }} }}\n{cleanup}"));
    stage.fifo("gate");
    let drill = stage.start(&["execute", "plan.yaml", "--drill"]);
    until("a runs", || stage.has_told("step_started", "a") && stage.process_of("a", 1).is_some());
    stage.run(&["abort", "latest", "--reason", "lunch"]).exits(0);
    drill.ends().exits(3);
    assert_eq!(stage.ledger(), ["tidy", "gated"]);
}

// Waits, requests, probes.

#[test]
fn requests_are_sent_and_their_answers_held_to_the_plan() {
    let (good, bad) = (Server::start(200), Server::start(503));
    let stage = Stage::new(&format!(
        "vars: {{ WHO: eve }}\nsteps:\n\
         \x20 get: {{ http: 'http://127.0.0.1:{0}/get', expect: {{ matches: ok }} }}\n\
         \x20 post: {{ needs: [get], http: {{ url: 'http://127.0.0.1:{0}/post', method: POST, body: 'hello $WHO' }} }}\n\
         \x20 wanted: {{ needs: [post], http: 'http://127.0.0.1:{1}/wanted', expect: {{ status: 503 }} }}\n\
         \x20 bad: {{ needs: [wanted], http: 'http://127.0.0.1:{1}/bad' }}\n",
        good.port, bad.port
    ));
    stage.execute(&[]).exits(3);
    assert_eq!(good.asked(), ["GET /get", "POST /post"]);
    assert_eq!(*good.body.lock().unwrap(), "hello eve");
    assert_eq!(bad.asked(), ["GET /wanted", "GET /bad"]);
    assert_eq!(stage.last("step_finished", "wanted")["outcome"]["result"], "done");
    assert_eq!(stage.last("step_finished", "bad")["outcome"]["result"], "failed");
}

#[test]
fn waits_end_when_what_they_wait_for_is_there() {
    let server = Server::start(200);
    let stage = Stage::new(&format!(
        "steps:\n\
         \x20 pause: {{ wait: 100ms }}\n\
         \x20 port: {{ wait: {{ tcp: '127.0.0.1:{}', every: 10ms }} }}\n\
         \x20 file: {{ wait: {{ file: there, every: 10ms }}, timeout: 40s }}\n\
         \x20 make: {{ needs: [pause, port], run: touch there }}\n",
        server.port
    ));
    stage.execute(&[]).exits(0);
    let ended = stage.told("step_finished");
    assert!(ended.iter().position(|id| id == "make") < ended.iter().position(|id| id == "file"), "{ended:?}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stage = Stage::new(&format!(
        "steps: {{ port: {{ wait: {{ tcp: '127.0.0.1:{free}', every: 10ms }}, timeout: 200ms }} }}\n"
    ));
    stage.execute(&[]).exits(3).says("200ms");
}

fn with_health(asset: &str) -> Stage {
    Stage::new(&format!(
        "places: {{ base: {{ kind: host }} }}\nassets: {{ data: {{ kind: files, homes: [base], {asset} }} }}\nsteps:\n  restore: {{ restores: [data], run: echo restore >>ledger }}\n  after: {{ needs: [data], run: echo after >>ledger }}\n"
    ))
}

#[test]
fn an_asset_that_does_not_become_healthy_fails_the_run() {
    let stage = with_health("health: [ { file: missing, every: 50ms } ]");
    stage.execute(&[]).exits(3).says("did not become healthy");
    assert_eq!(stage.ledger(), ["restore"]);
    let stage = with_health("health: [ { file: ledger }, { run: \"test 1 = 1\" } ]");
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["restore", "after"]);
}

#[test]
fn a_missed_target_is_told() {
    with_health("rto: 1ms").execute(&[]).exits(5);
    with_health("rto: 1h").execute(&[]).exits(0);
}

// What is refused.

#[test]
fn a_drill_needs_its_environment_and_no_open_ends() {
    let stage = Stage::new("steps: { a: { run: echo a >>ledger } }\n");
    stage.execute(&["--drill"]).exits(2).says("no environment `drill`");
    let stage = Stage::new(
        "places: { web: { kind: host }, other: { kind: host } }\nenvironments: { drill: { places: { web: other } } }\nsteps: { a: { run: echo a >>ledger, on: web, needs: [other2] } }\n"
            .replace("other: { kind: host }", "other: { kind: host }, other2: { kind: host }")
            .as_str(),
    );
    stage.execute(&["--drill"]).exits(2).says("a touches the place other2").says("reads");
    assert_eq!((stage.ledger().len(), stage.runs().len()), (0, 0));
}

#[test]
fn a_real_run_begins_only_when_it_is_confirmed() {
    let stage = Stage::new("steps: { a: { run: echo a >>ledger } }\n");
    stage.run(&["execute", "plan.yaml"]).exits(2).says("--yes");
    assert_eq!((stage.ledger().len(), stage.runs().len()), (0, 0));
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["a"]);
}

// Dry runs.

#[test]
fn a_dry_run_looks_and_does_nothing() {
    let stage = Stage::new(&ledger_steps(&[
        ("a", "", "unless: { run: test -e open }"),
        ("b", "", "needs: [a]"),
        ("c", "", "unless: { file: drplan.yaml }"),
        ("d", "", "outputs: [X]"),
    ]));
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert_eq!(stage.ledger().len(), 0);
    assert!(stage.has_told("step_unneeded", "c"));
    assert_eq!(stage.last("step_finished", "b")["outcome"]["result"], "assumed");
    for name in ["steps", "keeper.sock", "keeper.lock"] {
        assert!(!stage.run_dir().join(name).exists(), "{name}");
    }
    // Two runs of one second have no order.
    fs::remove_dir_all(stage.path().join(".drplan/runs")).unwrap();
    stage.run(&["execute", "plan.yaml", "--dry-run=plan"]).exits(0);
    assert!(!stage.has_told("step_unneeded", "c"), "a dry run of the plan asks nothing");
    let mut names: Vec<_> =
        fs::read_dir(stage.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".drplan", "drplan.yaml", "plan.yaml"]);
    stage.run(&["resume", "latest"]).exits(2);
}

#[test]
fn a_dry_run_without_a_recovery_point_says_so() {
    let stage = Stage::new(
        "places: { base: { kind: host } }\nassets: { data: { kind: files, homes: [base] } }\n\
         backups: { nightly: { of: [data], points: { every: 1d }, copies: { vault: { at: vault, keep: 7d } } } }\n\
         steps: { restore: { restores: [data], from: [nightly.vault], run: echo restore >>ledger } }\n",
    );
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says("no recovery point");
    fs::create_dir(stage.path().join("vault")).unwrap();
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says("no recovery point");
    stage.write("vault/20261102T000000Z/x", "");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert_eq!(stage.ledger().len(), 0);
}

// The world around it.

#[test]
fn one_run_of_a_plan_at_a_time() {
    let stage = Stage::new("steps: { a: { run: 'read -r line <gate' } }\n");
    stage.fifo("gate");
    let first = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("a runs", || stage.has_told("step_started", "a"));
    let run = stage.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    stage.execute(&[]).exits(2).says("it is held by tester").says(&run);
    assert_eq!(stage.runs().len(), 1, "a run that never began was left behind");
    stage.run(&["resume", "latest"]).exits(2).says("it is held by tester");
    stage.run(&["status"]).exits(0).says("under way");
    stage.let_go("gate");
    first.ends().exits(0);
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let stage = Stage::new(&ledger_steps(&[
        ("a", "", "takes: 1s"),
        ("b", "", "needs: [a]"),
        ("c", "", "needs: [b]"),
    ]));
    let mut command = stage.drplan(&["execute", "plan.yaml", "--yes"]);
    let (reader, writer) = std::io::pipe().unwrap();
    command.stdout(writer);
    let mut child = command.spawn().unwrap();
    drop((command, reader));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(stage.ledger(), ["a", "b", "c"]);
}

/// Runs a step that prints so many bytes; returns the most memory that its controller and its keeper had, in kB.
fn peak_at(bytes: u64) -> u64 {
    let stage = Stage::new(&format!(
        "steps:\n  a:\n    run: |\n      printf '\\033[2J\\033]0;owned\\007\\000\\377\\n'; head -c {bytes} /dev/zero | tr '\\0' 'x'; printf '\\033[2Jbad\\n' >&2; read -r line <gate; exit 9\n    timeout: 50s\n"
    ));
    stage.fifo("gate");
    let mut run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("a runs", || stage.process_of("a", 1).is_some());
    stage.let_go("gate");
    let peak = |pid: i32| -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let pids: Vec<i32> = keepers_below(stage.path())
        .into_iter()
        .chain([run.pid()])
        .map(|pid| pid.as_raw_nonzero().get())
        .collect();
    assert_eq!(pids.len(), 2);
    let mut worst = 0;
    until("the run is over", || {
        worst = pids.iter().map(|pid| peak(*pid)).max().unwrap().max(worst);
        run.is_over()
    });
    let ran = run.ends().exits(3);
    assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'));
    worst
}

#[test]
fn a_flood_of_output_is_kept_off_the_terminal_and_out_of_memory() {
    let (quiet, flooded) = (peak_at(1_000), peak_at(1_000_000_000));
    assert!(quiet > 0 && flooded < quiet + (12 << 10), "{quiet} kB, with a gigabyte {flooded} kB");
}

#[test]
fn a_step_that_is_killed_by_somebody_else_has_failed() {
    let stage = Stage::new("steps: { a: { run: 'read -r line <gate' } }\n");
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("a runs", || stage.process_of("a", 1).is_some());
    let (pid, _) = stage.process_of("a", 1).unwrap();
    kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    run.ends().exits(3).says("ended by signal 9");
}

#[test]
fn a_dry_run_looks_for_the_point_though_the_new_home_is_not_built() {
    let stage = Stage::new(
        "places: { old: { kind: host }, new: { kind: host, exists: false }, disk: { kind: disk } }\n\
         assets: { data: { kind: files, homes: [old, new] } }\n\
         backups: { nightly: { of: [data], points: { every: 1d }, copies: { vault: { in: disk, at: vault, keep: 7d } } } }\n\
         scenarios: { loss: { title: gone, lose: [old] } }\n\
         steps:\n  build: { provides: [new], run: 'true' }\n  restore: { restores: [data], on: home, from: [nightly.vault], run: 'true' }\n",
    );
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says("no recovery point");
    stage.write("vault/20261102T000000Z/x", "");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0).says("2026-11-02 00:00:00 UTC");
}
