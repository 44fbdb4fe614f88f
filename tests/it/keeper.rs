//! The keeper: what it holds survives its controller, and nothing holds it up.

use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use drplan::keeper::{
    Cause, Client, ClientError, Exit, Job, Notice, Outcome, Refusal, Remains, Request, attempt_folder,
    await_process, outputs, remains, start_time,
};
use drplan::value::{Id, Length};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::stage::try_until;

const EXE: &str = env!("CARGO_BIN_EXE_drplan");

/// A run's folder with a named pipe, by which a step can be held until the test lets it go.
struct Run {
    _home: TempDir,
    dir: PathBuf,
}

impl Run {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().to_owned();
        Self::at(home, dir)
    }

    fn at(home: TempDir, dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).unwrap();
        let made = Command::new("mkfifo").arg(dir.join("gate")).status().unwrap();
        assert!(made.success());
        Self { _home: home, dir }
    }

    fn job(&self, step: &str, script: &str) -> Job {
        let program = ["bash", "-euo", "pipefail", "-c", script].map(str::to_owned).into();
        let mut job = Job::new(id(step), 1, program, &self.dir);
        job.env.insert("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
        job
    }

    async fn client(&self) -> Client {
        within(Client::start_or_attach(&self.dir, Path::new(EXE))).await.unwrap()
    }

    /// Lets the step go that reads from the gate; returns once it reads.
    fn open_gate(&self) {
        fs::OpenOptions::new().write(true).open(self.dir.join("gate")).unwrap().write_all(b"go\n").unwrap();
    }

    fn pid_in(&self, file: &str) -> i32 {
        fs::read_to_string(self.dir.join(file)).unwrap().trim().parse().unwrap()
    }

    fn text(&self, step: &str, file: &str) -> String {
        fs::read_to_string(attempt_folder(&self.dir, &id(step), 1).join(file)).unwrap_or_default()
    }
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// A test that would wait for ever fails instead.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("it takes too long")
}

fn start(job: Job) -> Request {
    Request::Start(Box::new(job))
}

async fn end_of(client: &mut Client, step: &str) -> Outcome {
    within(async {
        loop {
            match client.recv().await.unwrap() {
                Notice::Ended(outcome) if outcome.step.as_str() == step => return outcome,
                Notice::Refused { step, why, .. } => panic!("{step}: {why}"),
                _ => {}
            }
        }
    })
    .await
}

async fn pid_of(client: &mut Client, step: &str) -> i32 {
    within(async {
        loop {
            match client.recv().await.unwrap() {
                Notice::Started { step: started, pid, .. } if started.as_str() == step => return pid,
                Notice::AllTold => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await
}

/// Waits until a step runs; returns its process.
fn runs(dir: &Path, step: &str) -> i32 {
    let pid = || match remains(dir, &id(step), 1).unwrap() {
        Remains::Running(record) => Some(record.pid),
        _ => None,
    };
    try_until(pid).expect("it runs")
}

async fn refusal(client: &mut Client) -> Refusal {
    within(async {
        loop {
            if let Notice::Refused { why, .. } = client.recv().await.unwrap() {
                return why;
            }
        }
    })
    .await
}

/// Sends the keeper home, and waits until it has gone.
async fn finish(mut client: Client) {
    client.send(&[Request::Finish]).await.unwrap();
    within(async { while client.recv().await.is_ok() {} }).await;
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

async fn gone(pid: i32) {
    if let Some(start) = start_time(pid).unwrap() {
        within(await_process(pid, start)).await.unwrap();
    }
}

/// Not a test: the controller that `survives_its_controller` kills.
#[tokio::test]
#[ignore = "is run by another test"]
async fn controller_to_be_killed() {
    let dir = PathBuf::from(std::env::var("DRPLAN_TEST_RUN").unwrap());
    let mut client = Client::start_or_attach(&dir, Path::new(EXE)).await.unwrap();
    let job: Job = serde_json::from_str(&std::env::var("DRPLAN_TEST_JOB").unwrap()).unwrap();
    client.send(&[start(job)]).await.unwrap();
    let pid = runs(&dir, "restore/unpack");
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nkeeper {}\nstep {pid}", client.keeper_pid()).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn survives_its_controller() {
    let run = Run::new();
    let job = run.job("restore/unpack", "echo before; read x < gate; echo after; exit 7");
    let mut controller = Command::new(std::env::current_exe().unwrap())
        .args(["keeper::controller_to_be_killed", "--exact", "--ignored", "--nocapture"])
        .env("DRPLAN_TEST_RUN", &run.dir)
        .env("DRPLAN_TEST_JOB", serde_json::to_string(&job).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(controller.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<String> = lines.skip_while(|line| !line.starts_with("keeper ")).take(2).collect();
    let number = |at: usize| told[at].split_once(' ').unwrap().1.parse::<i32>().unwrap();
    let (keeper, pid) = (number(0), number(1));
    let started = start_time(pid).unwrap().unwrap();
    controller.kill().unwrap();
    controller.wait().unwrap();

    let mut client = run.client().await;
    assert_eq!(client.keeper_pid(), keeper);
    assert_eq!(pid_of(&mut client, "restore/unpack").await, pid);
    assert_eq!(start_time(pid).unwrap(), Some(started));
    match remains(&run.dir, &id("restore/unpack"), 1).unwrap() {
        Remains::Running(record) => assert_eq!((record.pid, record.start_time), (pid, started)),
        other => panic!("{other:?}"),
    }
    run.open_gate();
    let outcome = end_of(&mut client, "restore/unpack").await;
    assert_eq!((outcome.exit.clone(), outcome.cause, outcome.pid), (Exit::Code(7), Cause::Ended, Some(pid)));
    assert_eq!(run.text("restore/unpack", "stdout"), "before\nafter\n");
    assert_eq!(
        remains(&run.dir, &id("restore/unpack"), 1).unwrap(),
        Remains::Ended(Box::new(outcome.clone()))
    );
    // Not acknowledged, so the next controller is told again; then it is not.
    drop(client);
    let mut client = run.client().await;
    assert_eq!(end_of(&mut client, "restore/unpack").await, outcome);
    let acknowledge = Request::Acknowledge { step: id("restore/unpack"), attempt: 1 };
    client.send(&[acknowledge, start(run.job("restore/unpack", "true"))]).await.unwrap();
    assert_eq!(refusal(&mut client).await, Refusal::AlreadyStarted);
    let mut next = run.client().await;
    assert_eq!(within(next.recv()).await.unwrap(), Notice::AllTold);
    finish(next).await;
    gone(keeper).await;
}

/// A socket takes two hundred kilobytes, and the rest once the other side has read these.
#[tokio::test]
async fn a_request_may_be_larger_than_a_socket_takes_at_once() {
    let run = Run::new();
    let mut client = run.client().await;
    let mut job = run.job("large", "echo \"${#V0} ${#V9}\"");
    for at in 0..10 {
        job.env.insert(format!("V{at}"), "v".repeat(100_000));
    }
    within(client.send(&[start(job)])).await.unwrap();
    assert_eq!(end_of(&mut client, "large").await.exit, Exit::Code(0));
    assert_eq!(run.text("large", "stdout"), "100000 100000\n");
    finish(client).await;
}

#[tokio::test]
async fn long_paths_and_short_steps() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("a".repeat(100)).join("b".repeat(100));
    let run = Run::at(home, dir);
    let mut client = run.client().await;
    let jobs: Vec<Request> = (0..500)
        .map(|n| {
            let mut job = run.job(&format!("notify@n{n}"), "");
            job.program = vec!["true".into()];
            start(job)
        })
        .collect();
    client.send(&jobs).await.unwrap();
    within(async {
        let mut ended = 0;
        while ended < 500 {
            match client.recv().await.unwrap() {
                Notice::Ended(outcome) => {
                    assert_eq!(outcome.exit, Exit::Code(0));
                    ended += 1;
                }
                Notice::Refused { step, why, .. } => panic!("{step}: {why}"),
                _ => {}
            }
        }
    })
    .await;
    finish(client).await;
}

#[tokio::test]
async fn a_gigabyte_of_output_stays_small() {
    let run = Run::new();
    let mut client = run.client().await;
    let peak = |client: &Client| -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", client.keeper_pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let before = peak(&client);
    let mut job = run.job("noisy", "head -c 1G /dev/zero; echo the end; echo oops >&2");
    job.secrets.push("unseen secret".into());
    client.send(&[start(job)]).await.unwrap();
    let outcome = end_of(&mut client, "noisy").await;
    assert_eq!((outcome.stdout_bytes, outcome.stderr_bytes, outcome.lost_bytes), ((1 << 30) + 8, 5, 0));
    let stored = fs::read(attempt_folder(&run.dir, &id("noisy"), 1).join("stdout")).unwrap();
    assert!(stored.len() < (17 << 20), "{}", stored.len());
    assert!(stored.ends_with(b"\0the end\n"));
    // The program itself, which in a debug build is large, was there before.
    let grown = peak(&client) - before;
    assert!(grown < 16 << 10, "{grown} kB more than {before} kB");
    finish(client).await;
}

#[tokio::test]
async fn a_daemon_does_not_hold_the_step() {
    let run = Run::new();
    let mut client = run.client().await;
    let script = "(echo $BASHPID > daemon; read x < gate; echo still here; exec sleep 300) & \
                  until test -s daemon; do :; done; echo started";
    client.send(&[start(run.job("serve", script))]).await.unwrap();
    let outcome = end_of(&mut client, "serve").await;
    assert_eq!(outcome.exit, Exit::Code(0));
    assert_eq!(run.text("serve", "stdout"), "started\n");
    let daemon = run.pid_in("daemon");
    assert!(start_time(daemon).unwrap().is_some(), "success kills nothing");
    // It may go on writing, and the keeper stays to read.
    run.open_gate();
    client.send(&[Request::Finish, start(run.job("next", "true"))]).await.unwrap();
    assert_eq!(end_of(&mut client, "next").await.exit, Exit::Code(0));
    kill(daemon);
    within(async { while client.recv().await.is_ok() {} }).await;
    assert_eq!(run.text("serve", "stdout"), "started\nstill here\n");
}

const STUBBORN: &str = "trap '' TERM
    setsid bash -c 'trap \"\" TERM; echo $$ > far; while :; do sleep 300; done' &
    until test -s far; do :; done
    echo $$ > near
    while :; do sleep 300; done";

#[tokio::test]
async fn a_time_limit_ends_everything_without_a_controller() {
    let run = Run::new();
    let mut client = run.client().await;
    let mut job = run.job("stubborn", STUBBORN);
    job.timeout = Some(Length::from_secs(2));
    job.grace = Length::from_millis(200);
    client.send(&[start(job)]).await.unwrap();
    let pid = runs(&run.dir, "stubborn");
    drop(client);
    gone(pid).await;
    let mut client = run.client().await;
    let outcome = end_of(&mut client, "stubborn").await;
    assert_eq!((outcome.exit, outcome.cause), (Exit::Signal(9), Cause::TimedOut));
    gone(run.pid_in("near")).await;
    gone(run.pid_in("far")).await;
    finish(client).await;
}

#[tokio::test]
async fn a_stop_is_gentle_first() {
    let run = Run::new();
    let mut client = run.client().await;
    // The step ends at TERM; a child of it in another session does not, and is killed.
    let script = "trap 'echo tidied; exit 3' TERM
        setsid bash -c 'trap \"\" TERM; echo $$ > far; while :; do sleep 300; done' &
        until test -s far; do :; done
        read x < gate
        while :; do sleep 300 & wait; done";
    let mut job = run.job("gentle", script);
    job.grace = Length::from_millis(300);
    client.send(&[start(job)]).await.unwrap();
    run.open_gate();
    let stop = Request::Stop { step: id("gentle"), attempt: 1 };
    client.send(&[stop.clone(), stop.clone()]).await.unwrap();
    let outcome = end_of(&mut client, "gentle").await;
    assert_eq!((outcome.exit, outcome.cause), (Exit::Code(3), Cause::Stopped));
    assert_eq!(run.text("gentle", "stdout"), "tidied\n");
    gone(run.pid_in("far")).await;
    client.send(&[stop]).await.unwrap();
    assert_eq!(refusal(&mut client).await, Refusal::NotRunning);
    finish(client).await;
}

#[tokio::test]
async fn secrets_are_masked() {
    let run = Run::new();
    let mut client = run.client().await;
    let script = "printf hun; read x < gate; printf 'ter2 %s\\n' \"$SECRET\"; printf %s \"x$SECRET\" | base64
        echo hunter2%2fx >&2; printf %s \"$SECRET\" > \"$DRPLAN_OUTPUT\"; env | grep -c '^DRPLAN_'; env | wc -l";
    let mut job = run.job("login", script);
    job.env.insert("SECRET".into(), "hunter2/x".into());
    job.secrets = vec!["hunter2/x".into(), "hunter2".into()];
    client.send(&[start(job)]).await.unwrap();
    run.open_gate();
    let outcome = end_of(&mut client, "login").await;
    assert_eq!(outcome.exit, Exit::Code(0));
    // PATH, SECRET, the two of drplan, and PWD, SHLVL, _ and OLDPWD as bash sees fit.
    let shown = run.text("login", "stdout");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "*** ***");
    assert!(lines[1].contains("***") && lines[1].len() <= 8, "{}", lines[1]);
    assert_eq!(lines[2], "2");
    assert_eq!(run.text("login", "stderr"), "***\n");
    assert!(outcome.told_secret);
    assert_eq!(outputs(&run.dir, &id("login"), 1).unwrap(), "***");
    let kept = Command::new("grep").args(["-rl", "hunter2"]).arg(&run.dir).output().unwrap();
    assert_eq!(String::from_utf8(kept.stdout).unwrap(), "");
    finish(client).await;
}

#[tokio::test]
async fn a_full_disk_does_not_hold_the_step() {
    let run = Run::new();
    let folder = attempt_folder(&run.dir, &id("noisy"), 1);
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.join("stdout")).unwrap();
    let mut client = run.client().await;
    client.send(&[start(run.job("noisy", "head -c 10M /dev/zero"))]).await.unwrap();
    let outcome = end_of(&mut client, "noisy").await;
    assert_eq!(outcome.exit, Exit::Code(0));
    assert_eq!((outcome.stdout_bytes, outcome.lost_bytes), (10 << 20, 10 << 20));
    finish(client).await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let run = Run::new();
    let mut client = run.client().await;
    let mut missing = run.job("missing", "");
    missing.program = vec!["no-such-program".into()];
    let mut nowhere = run.job("nowhere", "true");
    nowhere.cwd = "/no/such/folder".into();
    client.send(&[start(missing), start(nowhere)]).await.unwrap();
    for (step, why) in [("missing", "`no-such-program` is not in PATH"), ("nowhere", "no folder /no/such")] {
        match end_of(&mut client, step).await.exit {
            Exit::NotStarted(told) => assert!(told.contains(why), "{told}"),
            other => panic!("{other:?}"),
        }
    }
    finish(client).await;
}

#[tokio::test]
async fn one_keeper_a_run_and_the_newest_controller_wins() {
    let run = Run::new();
    let mut first = run.client().await;
    let second = Command::new(EXE).arg("keeper-process").arg(&run.dir).output().unwrap();
    assert!(second.status.success());
    assert_eq!(second.stdout, b"held\n");
    let newer = run.client().await;
    assert_eq!(newer.keeper_pid(), first.keeper_pid());
    assert_eq!(within(first.recv()).await.unwrap(), Notice::AllTold);
    assert_eq!(within(first.recv()).await.unwrap(), Notice::Replaced);
    assert!(matches!(within(first.recv()).await, Err(ClientError::Gone)));

    let mut stranger = std::os::unix::net::UnixStream::connect(run.dir.join("keeper.sock")).unwrap();
    stranger.write_all(b"{\"v\":999}\n").unwrap();
    let mut told = String::new();
    stranger.read_to_string(&mut told).unwrap();
    assert!(told.contains("speaks version 1, and the controller version 999"), "{told}");
    finish(newer).await;

    let (one, other) = tokio::join!(run.client(), run.client());
    assert_eq!(one.keeper_pid(), other.keeper_pid());
    drop(one);
    drop(other);
    finish(run.client().await).await;
}

#[tokio::test]
async fn judges_without_a_keeper() {
    let run = Run::new();
    let step = id("long");
    assert!(Client::attach(&run.dir).await.unwrap().is_none());
    assert_eq!(remains(&run.dir, &step, 1).unwrap(), Remains::NeverRan);
    let mut client = run.client().await;
    client.send(&[start(run.job("long", "read x < gate"))]).await.unwrap();
    let pid = runs(&run.dir, "long");
    kill(client.keeper_pid());
    within(async { while client.recv().await.is_ok() {} }).await;
    let Remains::Running(record) = remains(&run.dir, &step, 1).unwrap() else { panic!() };
    assert_eq!(record.pid, pid);
    // A new keeper does not start it again.
    let mut client = run.client().await;
    client.send(&[start(run.job("long", "true"))]).await.unwrap();
    assert_eq!(refusal(&mut client).await, Refusal::AlreadyStarted);
    finish(client).await;
    run.open_gate();
    within(await_process(record.pid, record.start_time)).await.unwrap();
    assert_eq!(remains(&run.dir, &step, 1).unwrap(), Remains::Gone);
    fs::remove_file(attempt_folder(&run.dir, &step, 1).join("process.json")).unwrap();
    assert_eq!(remains(&run.dir, &step, 1).unwrap(), Remains::Unclear);
}

#[tokio::test]
async fn an_idle_keeper_leaves_by_itself() {
    let run = Run::new();
    let client = run.client().await;
    let keeper = client.keeper_pid();
    drop(client);
    gone(keeper).await;
    assert!(!run.dir.join("keeper.sock").exists());
}
