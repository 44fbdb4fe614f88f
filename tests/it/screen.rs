//! A terminal for the real binary, and what stands on it.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use pty_process::blocking::{self, Pty};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{InputModes, LocalModes, tcgetattr};

use crate::stage::{Stage, try_until};

/// drplan at a terminal of its own; it is ended with the test.
pub(crate) struct Screen {
    pty: Arc<Pty>,
    child: RefCell<Child>,
    /// Keeps the terminal there when the program has gone.
    line: File,
    seen: Arc<Mutex<Seen>>,
}

/// A title for the window, which no screen shows.
const LAST: &[u8] = b"\x1b]0;the last\x07";

struct Seen {
    terminal: vt100::Parser,
    raw: Vec<u8>,
}

impl Screen {
    /// Starts drplan at a terminal of some columns and rows.
    pub(crate) fn start(
        stage: &Stage,
        args: &[&str],
        env: &[(&str, &str)],
        (columns, rows): (u16, u16),
    ) -> Self {
        Self::begin(&stage.drplan(args), env, (columns, rows))
    }

    /// Starts any program there, with these variables besides its own.
    pub(crate) fn begin(like: &Command, env: &[(&str, &str)], (columns, rows): (u16, u16)) -> Self {
        let (pty, end) = blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let name = rustix::pty::ptsname(&pty, Vec::new()).unwrap();
        let kept = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let set = like.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let child = blocking::Command::new(like.get_program())
            .args(like.get_args())
            .current_dir(like.get_current_dir().unwrap())
            .env_clear()
            .envs(set)
            .env("TERM", "xterm-256color")
            .envs(env.iter().copied())
            .spawn(end)
            .unwrap();
        let pty = Arc::new(pty);
        let terminal = vt100::Parser::new(rows, columns, 200);
        let seen = Arc::new(Mutex::new(Seen { terminal, raw: Vec::new() }));
        let (from, into) = (Arc::clone(&pty), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = (&*from).read(&mut bytes) {
                let mut seen = into.lock().unwrap();
                seen.raw.extend_from_slice(&bytes[..length]);
                seen.terminal.process(&bytes[..length]);
            }
        });
        Self { pty, child: RefCell::new(child), line: kept, seen }
    }

    pub(crate) fn text(&self) -> String {
        self.seen.lock().unwrap().terminal.screen().contents()
    }

    /// Returns a look at all bytes that were ever written, for after the end.
    pub(crate) fn raw(&self) -> impl Fn() -> String + use<> {
        let seen = Arc::clone(&self.seen);
        move || String::from_utf8_lossy(&seen.lock().unwrap().raw).into_owned()
    }

    /// Whether any letter on the screen has a colour.
    pub(crate) fn has_colours(&self) -> bool {
        let seen = self.seen.lock().unwrap();
        let (rows, columns) = seen.terminal.screen().size();
        let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let mut cells = cells.filter_map(|(row, column)| seen.terminal.screen().cell(row, column));
        cells.any(|cell| cell.fgcolor() != vt100::Color::Default)
    }

    /// Waits until something stands on the screen.
    #[track_caller]
    pub(crate) fn shows(&self, what: &str) {
        let found = try_until(|| {
            // Asked before the screen is looked at: what it wrote last is then there.
            let is_over = self.child.borrow_mut().try_wait().unwrap().is_some() && self.is_given_back();
            let is_there = self.text().contains(what);
            (is_there || is_over).then_some(is_there)
        });
        assert!(found == Some(true), "the screen never shows {what:?}:\n{}", self.text());
    }

    /// Waits until something has gone from the screen.
    #[track_caller]
    pub(crate) fn hides(&self, what: &str) {
        let gone = try_until(|| (!self.text().contains(what)).then_some(()));
        assert!(gone.is_some(), "the screen still shows {what:?}:\n{}", self.text());
    }

    pub(crate) fn types(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.seen.lock().unwrap().terminal.screen_mut().set_size(rows, columns);
        self.pty.resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child.borrow())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Whether the terminal is as a shell needs it: lines, echo, the normal screen, a cursor.
    pub(crate) fn is_given_back(&self) -> bool {
        let modes = tcgetattr(&*self.pty).unwrap();
        let is_cooked = modes.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
            && modes.input_modes.contains(InputModes::ICRNL);
        let seen = self.seen.lock().unwrap();
        let screen = seen.terminal.screen();
        is_cooked && !screen.alternate_screen() && !screen.hide_cursor()
    }

    /// Stops the run as its person does: Ctrl-C, and again when the first was heard.
    #[track_caller]
    pub(crate) fn stops(self) -> String {
        self.types("\x03");
        self.shows("STOPPING, for");
        self.shows("Ctrl-C again ends it.");
        self.types("\x03");
        self.ends(4)
    }

    /// Waits for the end; the terminal must be as it was.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> String {
        let (found, text) = self.ends_somehow();
        assert_eq!(found, code, "exit code\n{text}");
        text
    }

    /// The same, however it ends; returns its exit code (or minus its signal) and what stands there.
    #[track_caller]
    pub(crate) fn ends_somehow(self) -> (i32, String) {
        let status = try_until(|| self.child.borrow_mut().try_wait().unwrap());
        let status = status.unwrap_or_else(|| panic!("it does not end:\n{}", self.text()));
        let found = status.code().unwrap_or_else(|| -status.signal().unwrap());
        // What it has written last may not have been read yet: what is written after that is read after it.
        (&self.line).write_all(LAST).unwrap();
        let is_read = || self.seen.lock().unwrap().raw.windows(LAST.len()).any(|bytes| bytes == LAST);
        assert!(try_until(|| is_read().then_some(())).is_some(), "not all is read:\n{}", self.text());
        let back = try_until(|| self.is_given_back().then_some(()));
        assert!(back.is_some(), "the terminal is not given back:\n{}", self.text());
        (found, self.text())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}
