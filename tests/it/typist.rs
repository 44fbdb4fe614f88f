//! A person at a terminal of their own: the real binary behind a pseudo-terminal, read and typed at.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use pty_process::blocking::{self, Pty};

use crate::stage::{Stage, try_until, until};

/// drplan at a terminal; it is ended with the test.
pub(crate) struct Typist {
    pty: Arc<Pty>,
    child: Child,
    /// Keeps the terminal there when the program has gone.
    _line: File,
    shown: Arc<Mutex<Vec<u8>>>,
    /// How much of it was waited for already.
    seen: usize,
}

impl Typist {
    /// Starts drplan at a terminal that can only show lines.
    pub(crate) fn start(stage: &Stage, args: &[&str]) -> Self {
        Self::begin(&stage.drplan(args))
    }

    pub(crate) fn begin(like: &Command) -> Self {
        let (pty, tty) = blocking::open().unwrap();
        pty.resize(pty_process::Size::new(40, 200)).unwrap();
        let name = rustix::pty::ptsname(&pty, Vec::new()).unwrap();
        let kept = File::options().read(true).open(name.to_str().unwrap()).unwrap();
        let set = like.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let child = blocking::Command::new(like.get_program())
            .args(like.get_args())
            .current_dir(like.get_current_dir().unwrap())
            .env_clear()
            .envs(set)
            .env("TERM", "dumb")
            .spawn(tty)
            .unwrap();
        let pty = Arc::new(pty);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (from, into) = (Arc::clone(&pty), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = (&*from).read(&mut bytes) {
                into.lock().unwrap().extend_from_slice(&bytes[..length]);
            }
        });
        Self { pty, child, _line: kept, shown, seen: 0 }
    }

    /// All that was ever shown.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until something is shown, behind what was waited for before.
    #[track_caller]
    pub(crate) fn sees(&mut self, what: &str) -> &mut Self {
        let found = try_until(|| {
            let shown = self.shown.lock().unwrap();
            let rest = String::from_utf8_lossy(&shown[self.seen..]).into_owned();
            rest.find(what).map(|at| at + what.len())
        });
        match found {
            Some(end) => self.seen += end,
            None => panic!("the terminal never shows {what:?}:\n{}", self.text()),
        }
        self
    }

    pub(crate) fn types(&mut self, keys: &str) -> &mut Self {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn ends(mut self, code: i32) -> String {
        let child = &mut self.child;
        let status = try_until(|| child.try_wait().unwrap());
        let status = status.unwrap_or_else(|| panic!("it does not end:\n{}", self.text()));
        let found = status.code().unwrap_or_else(|| -status.signal().unwrap());
        assert_eq!(found, code, "exit code\n{}", self.text());
        self.text()
    }

    /// Ends the program as a crash would.
    pub(crate) fn crash(mut self) {
        let _ = self.child.kill();
        until("it is gone", || self.child.try_wait().unwrap().is_some());
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
