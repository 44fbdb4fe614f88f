//! Who is told of what: webhooks and commands, which neither block nor fail a run.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::stage::{Stage, until};

/// What a server does with a request.
#[derive(Clone, Copy)]
enum Reply {
    Status(u16),
    /// Nothing, and it keeps the connection.
    Silence,
}

/// A webhook on this machine: answers as it is told to, the last answer again and again.
struct Hook {
    port: u16,
    bodies: Arc<Mutex<Vec<Value>>>,
    /// Connections that are never answered.
    silent: Arc<Mutex<Vec<TcpStream>>>,
}

impl Hook {
    fn new(replies: &'static [Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (bodies, silent) = (Arc::default(), Arc::default());
        let hook = Self { port, bodies: Arc::clone(&bodies), silent: Arc::clone(&silent) };
        // It ends with the process of the test.
        thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let (Ok(stream), Some(last)) = (stream, replies.last()) else { continue };
                let reply = replies.get(at).unwrap_or(last);
                if let Some(body) = answer(&stream, *reply) {
                    bodies.lock().unwrap().push(body);
                }
                if matches!(reply, Reply::Silence) {
                    silent.lock().unwrap().push(stream);
                }
            }
        });
        hook
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/services/canary-of-the-hook", self.port)
    }

    /// The requests that came, with what each held.
    fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }

    fn events(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["event"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn has_silent(&self) -> bool {
        !self.silent.lock().unwrap().is_empty()
    }
}

fn answer(mut stream: &TcpStream, reply: Reply) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if let Reply::Status(status) = reply {
        write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()?;
    }
    serde_json::from_slice(&body).ok()
}

const ALL: &str = "[run-started, run-resumed, run-suspended, run-finished, step-started, step-finished, step-failed, approval-waiting]";

/// A plan that tells a webhook, whose URL stands in the environment, of some events.
fn stage(on: &str, format: &str, steps: &str) -> Stage {
    let stage = Stage::new(&format!(
        "notify: [ {{ on: {on}, webhook: {{ url: {{ env: HOOK }}{format} }} }} ]\nsteps:\n{steps}"
    ));
    stage.write("drplan.yaml", "defaults: { last_words: 2s }\n");
    stage
}

fn with_hook(stage: &Stage, url: &str, args: &[&str]) -> std::process::Command {
    let mut command = stage.drplan(args);
    command.env("HOOK", url);
    command
}

const RUN: [&str; 3] = ["execute", "plan.yaml", "--yes"];

/// What became of each message, as "event step" or "event step: why not".
fn deliveries(stage: &Stage) -> Vec<String> {
    let told = stage.journal().into_iter().filter(|event| event["type"] == "told");
    let told = told.map(|told| {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let failure = told["failure"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} {}{failure}", text("of"), text("step"))
    });
    told.collect()
}

/// Holds everything that a run has left behind to not having the secret part of the URL.
fn nowhere(folder: &Path, canary: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            nowhere(&path, canary);
        } else if path.is_file() {
            let text = fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(canary), "{} holds the URL", path.display());
        }
    }
}

#[test]
fn a_webhook_is_told_of_the_chosen_events_in_order() {
    let hook = Hook::new(&[Reply::Status(200)]);
    let stage = stage(ALL, "", "  a: { run: 'true' }\n  b: { needs: [a], run: 'exit 7' }\n");
    let ran = stage.begin(with_hook(&stage, &hook.url(), &RUN)).ends().exits(3);
    assert_eq!(
        hook.events(),
        ["run-started", "step-started", "step-finished", "step-started", "step-failed", "run-finished"]
    );
    let bodies = hook.bodies();
    let failed = &bodies[4];
    assert_eq!((failed["step"].as_str(), failed["plan"].as_str()), (Some("b"), Some("test")));
    assert_eq!((failed["mode"].as_str(), failed["version"].as_u64()), (Some("real"), Some(1)));
    assert!(failed["text"].as_str().unwrap().starts_with("REAL: A test: b FAILED: exit code 7"), "{failed}");
    assert_eq!(bodies[5]["result"], "failed");
    // Each is on record, also the one that could be told only after the end.
    let told = deliveries(&stage);
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told.contains(&"run-finished ".to_owned()), "{told:?}");
    let report = fs::read_to_string(stage.run_dir().join("report.md")).unwrap();
    assert!(report.contains("## Who was told"), "{report}");
    nowhere(&stage.path().join(".drplan"), "canary-of-the-hook");
    assert!(!ran.out.contains("canary-of-the-hook") && !ran.err.contains("canary-of-the-hook"));
}

#[test]
fn slack_gets_a_message() {
    let hook = Hook::new(&[Reply::Status(200)]);
    let stage = stage("[step-failed]", ", format: slack", "  a: { title: x, run: 'exit 1' }\n");
    stage.begin(with_hook(&stage, &hook.url(), &RUN)).ends().exits(3);
    let bodies = hook.bodies();
    assert_eq!(bodies.len(), 1);
    let names: Vec<&String> = bodies[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["text"]);
    assert!(bodies[0]["text"].as_str().unwrap().contains("a FAILED: exit code 1"), "{bodies:?}");
}

#[test]
fn a_webhook_that_fails_once_is_asked_again() {
    let hook = Hook::new(&[Reply::Status(500), Reply::Status(200)]);
    let stage = stage("[run-started]", "", "  a: { run: 'true' }\n");
    stage.begin(with_hook(&stage, &hook.url(), &RUN)).ends().exits(0);
    assert_eq!(hook.events(), ["run-started", "run-started"]);
    assert_eq!(stage.last("told", "")["attempts"], 2);
    assert_eq!(deliveries(&stage), ["run-started "]);
}

#[test]
fn what_is_refused_for_good_is_not_sent_again() {
    let hook = Hook::new(&[Reply::Status(404)]);
    let stage = stage("[run-started]", "", "  a: { run: 'true' }\n");
    stage.begin(with_hook(&stage, &hook.url(), &RUN)).ends().exits(0);
    assert_eq!(hook.events().len(), 1);
    assert!(deliveries(&stage)[0].starts_with("run-started : status 404"), "{:?}", deliveries(&stage));
}

#[test]
fn a_webhook_that_refuses_or_is_not_set_fails_nothing() {
    // Somebody listened here, and does not any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stage = stage("[run-started]", "", "  a: { run: 'true' }\n");
    let url = format!("http://127.0.0.1:{port}/canary-of-the-hook");
    stage.begin(with_hook(&stage, &url, &RUN)).ends().exits(0).says("was NOT told");
    assert!(deliveries(&stage)[0].contains("still on its way"), "{:?}", deliveries(&stage));
    nowhere(&stage.path().join(".drplan"), "canary-of-the-hook");
    fs::remove_dir_all(stage.path().join(".drplan/runs")).unwrap();
    stage.begin(stage.drplan(&RUN)).ends().exits(0);
    assert_eq!(deliveries(&stage), ["run-started : the environment variable HOOK is not set"]);
}

#[test]
fn a_webhook_that_never_answers_holds_up_no_step() {
    let hook = Hook::new(&[Reply::Silence]);
    let stage = stage(
        "[run-started, step-finished]",
        "",
        "  a: { run: echo a >>ledger }\n  b: { needs: [a], run: 'read -r line <gate; echo b >>ledger' }\n",
    );
    stage.fifo("gate");
    let running = stage.begin(with_hook(&stage, &hook.url(), &RUN));
    until("the webhook is asked", || hook.has_silent());
    // While it is still asked the steps go on.
    until("the first step is done", || stage.has_told("step_finished", "a"));
    stage.let_go("gate");
    running.ends().exits(0).says("still on its way");
    assert_eq!(stage.ledger(), ["a", "b"]);
    assert_eq!(deliveries(&stage).len(), 3, "{:?}", deliveries(&stage));
}

#[test]
fn who_waits_for_a_person_is_told_and_the_run_can_go_on() {
    let hook = Hook::new(&[Reply::Status(200)]);
    let stage = stage(
        "[approval-waiting, run-suspended, run-resumed, run-finished]",
        "",
        "  a: { manual: Do it. }\n",
    );
    stage.begin(with_hook(&stage, &hook.url(), &RUN)).ends().exits(4);
    assert_eq!(hook.events(), ["approval-waiting", "run-suspended"]);
    assert!(hook.bodies()[0]["text"].as_str().unwrap().contains("drplan approve"));
    stage.run(&["approve", "latest", "a"]).exits(0);
    stage.begin(with_hook(&stage, &hook.url(), &["resume", "latest"])).ends().exits(0);
    assert_eq!(hook.events()[2..], ["run-resumed", "run-finished"]);
    stage.run(&["report"]).exits(0);
}

#[test]
fn a_command_gets_the_event_in_its_environment() {
    let stage = Stage::new(
        "vars: { TO: ops }\n\
         notify:\n\
         \x20 - { on: [step-failed, run-finished], command: 'echo \"$TO $DRPLAN_EVENT ${DRPLAN_STEP-} ${DRPLAN_RESULT-}\" >>told; test ! -v SECRET' }\n\
         \x20 - { on: [run-finished], command: [cp, plan.yaml, copied] }\n\
         steps: { a: { run: 'exit 1' } }\n",
    );
    let mut command = stage.drplan(&RUN);
    command.env("SECRET", "x");
    stage.begin(command).ends().exits(3);
    assert_eq!(stage.read("told"), "ops step-failed a \nops run-finished  failed\n");
    assert!(stage.has("copied"));
    assert_eq!(deliveries(&stage).len(), 3);
}

#[test]
fn a_dry_run_tells_nobody_and_says_whom_it_could_not() {
    let hook = Hook::new(&[Reply::Status(200)]);
    let stage = stage(ALL, "", "  a: { run: 'true' }\n");
    stage.begin(with_hook(&stage, &hook.url(), &["execute", "plan.yaml", "--dry-run"])).ends().exits(0);
    assert!(hook.bodies().is_empty() && deliveries(&stage).is_empty());
    fs::remove_dir_all(stage.path().join(".drplan/runs")).unwrap();
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0).says("HOOK is not set");
}

#[test]
fn whoever_is_in_a_hurry_does_not_wait_for_messages() {
    let hook = Hook::new(&[Reply::Silence]);
    let stage = stage("[run-started]", "", "  a: { run: 'true' }\n");
    stage.write("drplan.yaml", "defaults: { last_words: 10m }\n");
    let running = stage.begin(with_hook(&stage, &hook.url(), &RUN));
    until("the run is over", || stage.told("run_finished").len() == 1);
    until("the webhook is asked", || hook.has_silent());
    // It may not wait yet when the first signal comes; it is heard all the same.
    running.signal(Signal::INT);
    let begun = std::time::Instant::now();
    running.ends().exits(0);
    assert!(begun.elapsed() < Duration::from_secs(50));
}

/// A plan whose backup lies in the folder `points`, and that tells a webhook of it.
fn with_backup() -> Stage {
    let stage = Stage::new(
        "places: { vps: { kind: host } }\n\
         assets: { db: { kind: postgresql, homes: [vps], rpo: 26h } }\n\
         backups: { nightly: { of: [db], points: { every: 24h }, takes: 10m, copies: { local: { at: points, keep: 30d } } } }\n\
         notify:\n  \
         - { on: [backup-failed, backup-recovered], webhook: { url: { env: HOOK } } }\n  \
         - { on: [backup-failed], command: 'echo \"$DRPLAN_EVENT $DRPLAN_TEXT\" >>told' }\n",
    );
    stage.write("drplan.yaml", "defaults: { last_words: 2s }\n");
    fs::create_dir(stage.path().join("points")).unwrap();
    stage
}

const VERIFY: [&str; 5] = ["verify", "plan.yaml", "--quiet", "--record", "--notify"];

#[test]
fn verify_tells_of_a_backup_that_fails_and_of_its_recovery() {
    let hook = Hook::new(&[Reply::Status(200)]);
    let stage = with_backup();
    stage.begin(with_hook(&stage, &hook.url(), &VERIFY)).ends().exits(1);
    let told = fs::read_to_string(stage.path().join("told")).unwrap();
    assert!(told.starts_with("backup-failed A test: BACKUPS FAIL: nightly.local: "), "{told}");
    assert!(told.contains("See: drplan verify plan.yaml"), "{told}");
    let body = hook.bodies().remove(0);
    assert_eq!((body["event"].as_str(), body["plan"].as_str()), (Some("backup-failed"), Some("test")));
    assert_eq!(body["problems"][0]["about"], "nightly.local", "{body:#}");
    assert_eq!(body["problems"][0]["problem"]["kind"], "no-point", "{body:#}");

    let point = stage.path().join("points").join(crate::verify::of_now());
    fs::write(&point, "rows").unwrap();
    // Whoever looks at a part cannot say that all is well.
    let part = [&VERIFY[..2], &["--copy", "nightly.local", "--notify"]].concat();
    stage.begin(with_hook(&stage, &hook.url(), &part)).ends().exits(0);
    assert_eq!(hook.events(), ["backup-failed"]);
    for _ in 0..2 {
        stage.begin(with_hook(&stage, &hook.url(), &VERIFY)).ends().exits(0);
    }
    // That all is well still is no news.
    assert_eq!(hook.events(), ["backup-failed", "backup-recovered"]);
    nowhere(&stage.path().join(".drplan"), "canary-of-the-hook");
}

#[test]
fn what_was_not_asked_again_has_not_recovered() {
    let hook = Hook::new(&[Reply::Status(200)]);
    let stage = with_backup();
    let plan = stage.read("plan.yaml");
    let step = "steps: { back: { restores: [db], from: [nightly.local], run: 'true', takes: 1m, preconditions: [ { file: ready } ] } }\n";
    stage.write("plan.yaml", &format!("{plan}{step}"));
    fs::write(stage.path().join("points").join(crate::verify::of_now()), "rows").unwrap();
    let asked = [&VERIFY[..], &["--preconditions"]].concat();
    stage.begin(with_hook(&stage, &hook.url(), &asked)).ends().exits(1);
    // The look of every night does not ask what restores need: nothing of that has changed.
    for _ in 0..2 {
        stage.begin(with_hook(&stage, &hook.url(), &VERIFY)).ends().exits(0);
    }
    assert_eq!(hook.events(), ["backup-failed"]);
    stage.write("ready", "");
    stage.begin(with_hook(&stage, &hook.url(), &asked)).ends().exits(0);
    assert_eq!(hook.events(), ["backup-failed", "backup-recovered"]);
}

#[test]
fn a_verify_that_cannot_tell_says_so_and_ends_as_it_would() {
    let hook = Hook::new(&[Reply::Status(404)]);
    let stage = with_backup();
    let ran = stage.begin(with_hook(&stage, &hook.url(), &VERIFY)).ends().exits(1);
    assert!(
        ran.err.contains("warning: webhook $HOOK was not told of backup-failed: status 404"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("canary-of-the-hook"), "{}", ran.err);
    // A flag that can do nothing is not taken for a guard.
    let stage = Stage::new("steps: { a: { run: 'true' } }\n");
    stage.run(&["verify", "plan.yaml", "--notify"]).exits(2).says("nobody is named");
}
