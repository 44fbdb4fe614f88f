//! The real world as the engine sees it: work that the keeper holds, requests, and a keeper that dies.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drplan::effect::{Effects, Ending, Happening, Live, LiveSetup, Signals, Work};
use drplan::journal;
use drplan::keeper::{Cause, Client, Exit, Outcome, Remains};
use drplan::value::{Id, Length};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

struct Run {
    dir: TempDir,
}

impl Run {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            std::process::Command::new("mkfifo").arg(dir.path().join("gate")).status().unwrap().success()
        );
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn live_of(&self, exe: &str) -> Live {
        let exe = PathBuf::from(exe);
        let account = "root".to_owned();
        Live::new(LiveSetup {
            judged: Vec::new(),
            confines: true,
            run_dir: self.path().to_owned(),
            exe,
            interactive: false,
            login: account.clone(),
            account,
            home: None,
            answers: BTreeMap::new(),
            desk: None,
            signals: Signals::new().unwrap(),
        })
        .unwrap()
    }

    fn live(&self) -> Live {
        self.live_of(env!("CARGO_BIN_EXE_drplan"))
    }

    fn work(&self, step: &str, script: &str) -> Work {
        Work {
            step: id(step),
            attempt: 1,
            program: ["bash", "-euo", "pipefail", "-c", script].map(str::to_owned).to_vec(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            secrets: Vec::new(),
            cwd: self.path().to_owned(),
            timeout: None,
            estimate: Length::ZERO,
            remote: false,
            again: false,
            outputs: Vec::new(),
        }
    }

    /// Lets the step go that reads from the gate; returns once it reads.
    async fn open_gate(&self) {
        let gate = self.path().join("gate");
        let open = move || fs::OpenOptions::new().write(true).open(gate).unwrap().write_all(b"go\n").unwrap();
        within(tokio::task::spawn_blocking(open)).await.unwrap();
    }

    /// Waits until a step writes into the gate.
    async fn hear_gate(&self) {
        let gate = self.path().join("gate");
        within(tokio::task::spawn_blocking(|| fs::read_to_string(gate))).await.unwrap().unwrap();
    }

    async fn kill_keeper(&self) {
        let mut client = Client::attach(self.path()).await.unwrap().unwrap();
        kill_process(Pid::from_raw(client.keeper_pid()).unwrap(), Signal::KILL).unwrap();
        while within(client.recv()).await.is_ok() {}
    }
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// A test that would wait for ever fails instead.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.unwrap()
}

async fn ended(live: &mut Live) -> Outcome {
    match within(live.next()).await {
        Happening::Ended { ending: Ending::Kept(outcome), .. } => *outcome,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn work_is_done_and_told() {
    let run = Run::new();
    let mut live = run.live();
    live.act(run.work("a", "echo X=1 > $DRPLAN_OUTPUT; exit 3"));
    assert!(live.next_now().is_none());
    assert_eq!(ended(&mut live).await.exit, Exit::Code(3));
    assert_eq!(live.outputs(&id("a"), 1), Ok("X=1\n".to_owned()));
    // What was begun once is not begun again: its end is told.
    live.act(run.work("a", "true"));
    assert_eq!(ended(&mut live).await.exit, Exit::Code(3));
    live.act(run.work("b", "echo > gate; sleep 1000"));
    let (heard, ()) = tokio::join!(async { live.next_now().is_none() }, run.hear_gate());
    assert!(heard);
    live.stop(&id("b"), 1);
    let outcome = ended(&mut live).await;
    assert_eq!((outcome.cause, outcome.exit), (Cause::Stopped, Exit::Signal(15)));
    live.acknowledge(&id("a"), 1);
    live.acknowledge(&id("b"), 1);
    within(live.leave(true)).await;
}

#[tokio::test]
async fn work_without_a_keeper_is_refused() {
    let run = Run::new();
    let mut live = run.live_of("/nowhere/drplan");
    live.act(run.work("a", "true"));
    match within(live.next()).await {
        Happening::Ended { ending: Ending::Refused(why), .. } => assert!(why.contains("keeper"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_later_controller_finds_the_work_again() {
    let run = Run::new();
    let mut live = run.live();
    live.act(run.work("long", "echo > gate; read -r line < gate"));
    live.act(run.work("short", "true"));
    assert_eq!(ended(&mut live).await.step, id("short"));
    run.hear_gate().await;
    within(live.leave(false)).await;
    drop(live);
    let mut live = run.live();
    let attempts = ["long", "short", "never"].map(|step| (id(step), 1));
    let found = within(live.find_again(&attempts)).await;
    assert!(matches!(found[0], Ok(Remains::Running(_))), "{found:?}");
    assert!(matches!(found[1], Ok(Remains::Ended(_))), "{found:?}");
    assert_eq!(found[2], Ok(Remains::NeverRan));
    run.open_gate().await;
    assert_eq!(ended(&mut live).await.exit, Exit::Code(0));
    within(live.leave(true)).await;
}

#[tokio::test]
async fn a_keeper_that_dies_leaves_work_to_be_judged() {
    let run = Run::new();
    let mut live = run.live();
    live.act(run.work("a", "echo > gate; read -r line < gate"));
    assert!(live.next_now().is_none());
    run.hear_gate().await;
    // An attach takes the work over; the live world must not lose it by that, so the pid comes from the file.
    // It is written after the spawn: the step may be faster.
    let record: serde_json::Value = crate::stage::try_until(|| {
        serde_json::from_slice(&fs::read(run.path().join("steps/a/1/process.json")).ok()?).ok()
    })
    .unwrap();
    let step = i32::try_from(record["pid"].as_i64().unwrap()).unwrap();
    let keeper = parent_of(step);
    kill_process(Pid::from_raw(keeper).unwrap(), Signal::KILL).unwrap();
    run.open_gate().await;
    let vanished = within(live.next()).await;
    assert!(matches!(&vanished, Happening::Vanished { step, .. } if *step == id("a")), "{vanished:?}");
    // The next work gets a new keeper.
    live.act(run.work("b", "true"));
    assert_eq!(ended(&mut live).await.exit, Exit::Code(0));
    within(live.leave(true)).await;
}

fn parent_of(pid: i32) -> i32 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn work_without_a_keeper_is_found_awaited_and_stopped() {
    let run = Run::new();
    let mut live = run.live();
    live.act(run.work("a", "echo > gate; exec sleep 1000"));
    assert!(live.next_now().is_none());
    run.hear_gate().await;
    within(live.leave(false)).await;
    run.kill_keeper().await;
    let mut live = run.live();
    let found = within(live.find_again(&[(id("a"), 1)])).await;
    assert!(matches!(found[0], Ok(Remains::Running(_))), "{found:?}");
    live.stop(&id("a"), 1);
    let vanished = within(live.next()).await;
    assert!(matches!(vanished, Happening::Vanished { .. }), "{vanished:?}");
}

#[tokio::test]
async fn requests_and_alarms_are_told() {
    let run = Run::new();
    let request = journal::Request::new(journal::Kind::Abort, "eve", "2026-11-22T21:00:00Z".parse().unwrap());
    journal::put(run.path(), &request).unwrap();
    let mut live = run.live();
    let found = |happening: Happening| match happening {
        Happening::Requested(found) => *found,
        other => panic!("{other:?}"),
    };
    let first = found(within(live.next()).await);
    assert_eq!(first.request, Ok(request.clone()));
    fs::write(run.path().join("inbox/x.json"), "{").unwrap();
    let bad = found(within(live.next()).await);
    assert_eq!((bad.file.as_str(), bad.request.is_err()), ("x.json", true));
    // Each is told once, and lies there until it is on record.
    assert!(run.path().join("inbox").join(&first.file).exists());
    live.put_away(&first);
    live.put_away(&bad);
    assert!(run.path().join("inbox/done").join(&first.file).exists());
    assert!(run.path().join("inbox/bad/x.json").exists());
    live.wake_after(9, Length::from_millis(5));
    assert!(matches!(within(live.next()).await, Happening::Woke { ticket: 9 }));
    assert!(!live.has_person());
}
