//! A repository of its own for a test, the real binary in it, and what it leaves behind.

use std::fmt::Debug;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use drplan::keeper::start_time;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use crate::canary;

/// How long anything may take on a busy machine before a test says that it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A repository with one plan, which goes away with everything that was started in it.
pub(crate) struct Stage {
    dir: TempDir,
    /// What the programs have printed.
    talk: TempDir,
    state: PathBuf,
    /// Whether the test has planted secrets to see them found.
    pub(crate) is_allowed_to_sing: bool,
}

/// A program that ended: its exit code (or minus its signal), and what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Holds the exit code to what it should be, and shows all that was printed if it is not.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Holds what was printed to a part that it should have.
    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Self {
        assert!(
            self.out.contains(part) || self.err.contains(part),
            "it does not say {part:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.out,
            self.err
        );
        self
    }
}

/// A drplan that runs; it is ended with the test.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends it as a crash would, and waits until it is gone.
    pub(crate) fn crash(mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    #[track_caller]
    pub(crate) fn ends(mut self) -> Ran {
        let child = &mut self.child;
        let Some(status) = try_until(|| child.try_wait().unwrap()) else {
            let shown = |path: &Path| fs::read_to_string(path).unwrap_or_default();
            panic!("it does not end\n--- stdout\n{}\n--- stderr\n{}", shown(&self.out), shown(&self.err));
        };
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap());
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        Ran { code, out: text(&self.out), err: text(&self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until there is something to see; nothing if there never is.
pub(crate) fn try_until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if begun.elapsed() > PATIENCE {
            return None;
        }
        // Files, journals and other processes tell nobody of what happens to them.
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Looks again and again until something holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    assert!(try_until(|| holds().then_some(())).is_some(), "never: {what}");
}

impl Stage {
    /// Makes a repository whose plan has these lines after its head.
    pub(crate) fn new(plan: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stage = Self {
            state: dir.path().join(".drplan"),
            dir,
            talk: tempfile::tempdir().unwrap(),
            is_allowed_to_sing: false,
        };
        stage.write("drplan.yaml", "defaults: { patience: 1s }\n");
        stage.write("plan.yaml", &format!("version: 1\nplan: test\ntitle: A test\n{plan}"));
        stage
    }

    /// Keeps runs somewhere else.
    pub(crate) fn with_state(mut self, state: &Path) -> Self {
        state.clone_into(&mut self.state);
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    pub(crate) fn fifo(&self, name: &str) {
        assert!(Command::new("mkfifo").arg(self.path().join(name)).status().unwrap().success());
    }

    /// Lets the step go that reads from a pipe; returns once it reads.
    pub(crate) fn let_go(&self, name: &str) {
        fs::write(self.path().join(name), "go\n").unwrap();
    }

    /// Returns drplan with a clean environment.
    pub(crate) fn drplan(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drplan"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.path())
            .env("USER", "tester")
            .env("LANG", "C.UTF-8")
            .env("DRPLAN_STATE", &self.state)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn begin(&self, mut command: Command) -> Running {
        // Files and not pipes: what a step leaves running could hold a pipe open.
        let name = |what: &str| {
            let file = tempfile::Builder::new().prefix(what).tempfile_in(self.talk.path()).unwrap();
            file.into_temp_path().keep().unwrap()
        };
        let (out, err) = (name("out"), name("err"));
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        Running { child: command.spawn().unwrap(), out, err }
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running {
        self.begin(self.drplan(args))
    }

    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.start(args).ends()
    }

    /// Carries the plan out for real.
    #[track_caller]
    pub(crate) fn execute(&self, args: &[&str]) -> Ran {
        self.run(&[&["execute", "plan.yaml", "--yes"], args].concat())
    }

    /// The folder of the newest run.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.runs().pop().expect("there is a run")
    }

    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.state.join("runs")) else { return Vec::new() };
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        // By when they were begun: the names of two that began in one second have no order.
        runs.sort_by_key(|run| fs::metadata(run.join("frozen")).and_then(|frozen| frozen.modified()).ok());
        runs
    }

    /// The whole lines of the newest run's journal.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let Some(run) = self.runs().pop() else { return Vec::new() };
        let text = fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone()).collect()
    }

    /// The steps that the journal holds an event of some type about, in order.
    pub(crate) fn told(&self, kind: &str) -> Vec<String> {
        let events = self.journal().into_iter().filter(|event| event["type"] == kind);
        events.map(|event| event["step"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) fn has_told(&self, kind: &str, step: &str) -> bool {
        self.told(kind).iter().any(|told| told == step)
    }

    /// The last event of some type about a step.
    #[track_caller]
    pub(crate) fn last(&self, kind: &str, step: &str) -> Value {
        let found = self
            .journal()
            .into_iter()
            .rfind(|event| event["type"] == kind && (step.is_empty() || event["step"] == step));
        found.unwrap_or_else(|| panic!("the journal holds no {kind} of {step:?}: {:#?}", self.journal()))
    }

    /// What steps have written into the ledger, a word a line.
    pub(crate) fn ledger(&self) -> Vec<String> {
        self.read("ledger").lines().map(str::to_owned).collect()
    }

    /// The process of an attempt.
    pub(crate) fn process_of(&self, step: &str, attempt: u32) -> Option<(i32, u64)> {
        process_in(&self.runs().pop()?.join("steps").join(step).join(attempt.to_string()))
    }

    /// Ends the keeper of the newest run as a crash would.
    pub(crate) fn crash_keeper(&self) {
        let keepers = keepers_below(&self.run_dir());
        assert!(!keepers.is_empty(), "there is no keeper");
        for keeper in keepers {
            let _ = kill_process(keeper, Signal::KILL);
        }
        let run_dir = self.run_dir();
        until("the keeper is gone", || keepers_below(&run_dir).is_empty());
    }
}

fn process_in(attempt: &Path) -> Option<(i32, u64)> {
    let record: Value = serde_json::from_slice(&fs::read(attempt.join("process.json")).ok()?).ok()?;
    Some((i32::try_from(record["pid"].as_i64()?).ok()?, record["start_time"].as_u64()?))
}

/// The keepers of runs in a folder.
pub(crate) fn keepers_below(folder: &Path) -> Vec<Pid> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let is_ours = words.any(|word| word == "keeper-process")
            && words.next().is_some_and(|run| Path::new(&run).starts_with(folder));
        is_ours.then(|| Pid::from_raw(pid)).flatten()
    });
    pids.collect()
}

fn attempts_below(folder: &Path, found: &mut Vec<(i32, u64)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(process_in(&entry.path()));
            attempts_below(&entry.path(), found);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for keeper in keepers_below(self.path()).into_iter().chain(keepers_below(&self.state)) {
            let _ = kill_process(keeper, Signal::KILL);
        }
        let mut processes = Vec::new();
        for run in self.runs() {
            attempts_below(&run.join("steps"), &mut processes);
        }
        for (pid, began) in processes {
            // A number alone could by now be somebody else's.
            if start_time(pid).ok().flatten() == Some(began) {
                let _ = kill_process_group(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
        }
        // Whatever a test was about: nothing that it leaves behind holds the secret of any test.
        let mut singing = canary::singing_below(self.path());
        singing.extend(canary::singing_below(self.talk.path()));
        if !self.state.starts_with(self.path()) {
            singing.extend(canary::singing_below(&self.state));
        }
        assert!(
            singing.is_empty() || self.is_allowed_to_sing || std::thread::panicking(),
            "a secret was left behind in\n{}",
            singing.join("\n")
        );
    }
}
