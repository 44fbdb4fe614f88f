//! A Redis server in a folder of its own, reached by a socket in it alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::process::{Process, said};
use crate::stage::try_until;

/// A server that saves to `data`, by the configuration in `redis.conf`.
#[derive(Debug)]
pub(crate) struct Redis {
    folder: TempDir,
    process: Option<Process>,
}

impl Redis {
    /// Starts a server with these lines in its configuration.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::start_below(&std::env::temp_dir(), settings)
    }

    /// The same, with all that it has in a folder of its own below this one.
    pub(crate) fn start_below(folder: &Path, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let mut server = Self { folder, process: None };
        fs::create_dir(server.data()).unwrap();
        let own = format!(
            "port 0\nunixsocket {}\ndir {}\npidfile {}\nsave 3600 1\n",
            server.socket().display(),
            server.data().display(),
            server.folder.path().join("pid").display()
        );
        fs::write(server.config(), format!("{own}{}\n", settings.join("\n"))).unwrap();
        server.up();
        server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("redis.conf")
    }

    /// Starts the server and waits until it answers.
    #[track_caller]
    pub(crate) fn up(&mut self) {
        let mut command = Command::new("redis-server");
        command.arg(self.config()).current_dir("/");
        let mut process = Process::start(command, &self.folder.path().join("log"), Signal::TERM);
        process.wait_until(|| {
            let said = self.client().arg("ping").output().unwrap();
            said.stdout.starts_with(b"PONG")
        });
        self.process = Some(process);
    }

    /// Stops the server as the system would: it saves its memory.
    pub(crate) fn down(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
        self.stop_started();
    }

    /// What a recipe has started itself goes as well.
    fn stop_started(&self) {
        let pid = || -> Option<Pid> {
            Pid::from_raw(fs::read_to_string(self.folder.path().join("pid")).ok()?.trim().parse().ok()?)
        };
        if let Some(pid) = pid() {
            let _ = kill_process(pid, Signal::TERM);
            try_until(|| (!self.folder.path().join("pid").exists()).then_some(()));
        }
    }

    pub(crate) fn client(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.arg("-e").arg("-s").arg(self.socket());
        command
    }

    /// Runs a command of Redis, and returns what it says.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> String {
        said(self.client().args(words)).trim_end().to_owned()
    }

    /// Returns all keys with their types, values and whether they expire, in order.
    #[track_caller]
    pub(crate) fn truth(&self) -> String {
        let script = "local all = redis.call('keys', '*'); table.sort(all); local out = {}; \
            for _, key in ipairs(all) do \
              out[#out + 1] = key .. ' ' .. redis.sha1hex(redis.call('dump', key)) .. ' ' .. tostring(redis.call('ttl', key) > 0) \
            end; return table.concat(out, '\\n')";
        self.run(&["eval", script, "0"])
    }

    /// The inputs that make a recipe reach this server, and stop and start it.
    pub(crate) fn inputs(&self) -> String {
        let pid = self.folder.path().join("pid").display().to_string();
        // Redis removes the file when it ends.
        let stop = format!(
            "test ! -e {pid} || {{ kill $(cat {pid}) && timeout 20 bash -c \"while test -e {pid}; do sleep 0.02; done\"; }}"
        );
        format!(
            "folder: {}, socket: {}, config: {}, stop: '{stop}', start: 'redis-server {} --daemonize yes'",
            self.data().display(),
            self.socket().display(),
            self.config().display(),
            self.config().display(),
        )
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.down();
    }
}
