//! A process that a test has started: it is ended by its id, whatever becomes of the test.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::try_until;

/// A server process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// What ends it in good order.
    end: Signal,
}

impl Process {
    /// Starts a server; what it prints goes to a file, `end` ends it in good order.
    pub(crate) fn start(mut command: Command, log: &Path, end: Signal) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned(), end }
    }

    /// Waits until the server answers; shows its log if it never does, or has ended.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, mut answers: impl FnMut() -> bool) {
        let child = &mut self.child;
        let is_up = try_until(|| {
            if answers() {
                return Some(true);
            }
            child.try_wait().unwrap().map(|_| false)
        });
        assert!(is_up == Some(true), "the server does not answer:\n{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Ends it in good order, and waits until it is gone.
    pub(crate) fn stop(mut self) {
        self.end_with(self.end);
    }

    /// Ends it as a crash would.
    pub(crate) fn crash(mut self) {
        self.end_with(Signal::KILL);
    }

    fn end_with(&mut self, signal: Signal) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = kill_process(self.pid(), signal);
        }
        let child = &mut self.child;
        if try_until(|| child.try_wait().unwrap()).is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end_with(self.end);
    }
}

/// Returns a command that is run as another account, and ended if the test is.
pub(crate) fn as_account(account: &str, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", account, "--regid", account, "--clear-groups", "--pdeathsig", "QUIT", program]);
    command
}

/// Gives a file or folder to an account.
pub(crate) fn give_to(account: &str, path: &Path) {
    let id = |what: &str| -> u32 {
        let said = said(Command::new("id").args([what, account]));
        said.trim().parse().unwrap()
    };
    chown(path, Some(id("-u")), Some(id("-g"))).unwrap();
}

/// Runs a command that must succeed; returns what it has printed.
#[track_caller]
pub(crate) fn said(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ends with {status}\n--- stdout\n{out}\n--- stderr\n{err}");
    out.into_owned()
}
