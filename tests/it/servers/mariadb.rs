//! A MariaDB server in a folder of its own, reached by a socket in it alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::process::{Process, as_account, give_to, said};
use crate::stage::try_until;

/// The account that the server runs as.
pub(crate) const ACCOUNT: &str = "mysql";

/// A server with the account `root`, without password and network.
#[derive(Debug)]
pub(crate) struct MariaDb {
    folder: TempDir,
    process: Option<Process>,
}

impl MariaDb {
    /// Makes a server with these lines in its configuration, and starts it.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::start_below(&std::env::temp_dir(), settings)
    }

    /// The same, with all that it has in a folder of its own below this one.
    pub(crate) fn start_below(folder: &Path, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir_in(folder).unwrap();
        give_to(ACCOUNT, folder.path());
        let mut server = Self { folder, process: None };
        let path = |name: &str| server.folder.path().join(name).display().to_string();
        let own = format!(
            "[mariadbd]\ndatadir={}\nsocket={}\npid-file={}\ntmpdir={}\nskip-networking\nplugin-dir=/usr/lib/mysql/plugin\n\
             innodb-log-file-size=4M\ninnodb-data-file-path=ibdata1:4M:autoextend\ninnodb-flush-log-at-trx-commit=0\n\
             innodb-buffer-pool-size=16M\naria-pagecache-buffer-size=2M\nkey-buffer-size=1M\n{}\n",
            path("data"),
            path("socket"),
            path("pid"),
            // A server that starts removes what others have put into a folder that they share.
            path(""),
            settings.join("\n")
        );
        fs::write(server.config(), own).unwrap();
        let mut install = as_account(ACCOUNT, "mariadb-install-db");
        install.arg(format!("--defaults-file={}", server.config().display()));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        said(install.current_dir("/"));
        server.up();
        server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("my.cnf")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Starts the server and waits until it answers.
    #[track_caller]
    pub(crate) fn up(&mut self) {
        let mut command = as_account(ACCOUNT, "mariadbd");
        command.arg(format!("--defaults-file={}", self.config().display())).current_dir("/");
        let mut process = Process::start(command, &self.folder.path().join("log"), Signal::TERM);
        process.wait_until(|| {
            let mut ping = self.client("mariadb-admin");
            ping.args(["--connect-timeout=1", "ping"]).output().unwrap().status.success()
        });
        self.process = Some(process);
    }

    /// Waits until a server that a recipe has started answers.
    #[track_caller]
    pub(crate) fn wait(&self) {
        let answers = || self.client("mariadb-admin").arg("ping").output().unwrap().status.success();
        assert!(try_until(|| answers().then_some(())).is_some(), "the server does not answer");
    }

    /// Ends the server as a crash would; one that waits for room on its disk ends in no other way.
    pub(crate) fn crash(&mut self) {
        if let Some(process) = self.process.take() {
            process.crash();
        }
        let _ = fs::remove_file(self.folder.path().join("pid"));
    }

    /// Stops the server in good order.
    pub(crate) fn down(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
        // What a recipe has started itself goes as well; it removes the file when it ends.
        let pid_file = self.folder.path().join("pid");
        let pid = fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
            try_until(|| (!pid_file.exists()).then_some(()));
        }
    }

    /// Returns a client program that reaches the server as `root`.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["--no-defaults", "-u", "root", "-S"]).arg(self.socket());
        command
    }

    /// Runs statements, and returns the rows.
    #[track_caller]
    pub(crate) fn sql(&self, statements: &str) -> String {
        said(self.client("mariadb").args(["-BN", "-e", statements])).trim_end().to_owned()
    }

    /// Returns for each table and view of a database its checksum, and what else it has.
    #[track_caller]
    pub(crate) fn truth(&self, database: &str) -> String {
        let tables = self.sql(&format!(
            "select table_name from information_schema.tables where table_schema = '{database}' order by 1"
        ));
        let mut truth = String::new();
        for table in tables.lines() {
            let rows = said(self.client("mariadb").args([
                "-BN",
                "-D",
                database,
                "-e",
                &format!("select * from `{table}` order by 1"),
            ]));
            truth.push_str(&format!("{table} {}\n{rows}", rows.lines().count()));
        }
        truth + &self.sql(&format!(
            "select routine_name from information_schema.routines where routine_schema = '{database}'; \
             select trigger_name from information_schema.triggers where trigger_schema = '{database}'; \
             select default_character_set_name from information_schema.schemata where schema_name = '{database}'"
        ))
    }

    /// The command that stops the server, and returns when it has stopped.
    pub(crate) fn stop_command(&self) -> String {
        let pid = self.folder.path().join("pid").display().to_string();
        format!(
            "test ! -e {pid} || {{ kill $(cat {pid}) && timeout 30 bash -c \"while test -e {pid}; do sleep 0.02; done\"; }}"
        )
    }

    /// The command that starts the server.
    pub(crate) fn start_command(&self) -> String {
        format!(
            "setsid setpriv --reuid {ACCOUNT} --regid {ACCOUNT} --clear-groups mariadbd --defaults-file={} </dev/null >/dev/null 2>&1 &",
            self.config().display()
        )
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.down();
    }
}
