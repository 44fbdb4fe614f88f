//! A PostgreSQL server in a folder of its own, reached by a socket in it alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::{Process, as_account, give_to, said};

/// The account that the server runs as; it refuses to be root.
pub(crate) const ACCOUNT: &str = "postgres";

/// A cluster with the superuser `postgres`; no network, no passwords.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: TempDir,
    process: Option<Process>,
}

/// Returns the path of one of the server's own programs.
pub(crate) fn program(name: &str) -> String {
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    let newest = versions.pop().expect("PostgreSQL is installed");
    newest.join("bin").join(name).display().to_string()
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Makes a cluster with these lines in its `postgresql.conf`, and starts it.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let mut server = Self::make(settings);
        server.up();
        server
    }

    /// Makes a cluster, and does not start it.
    pub(crate) fn make(settings: &[&str]) -> Self {
        let server = Self::bare();
        let mut initdb = as_account(ACCOUNT, &program("initdb"));
        initdb.args(["--username=postgres", "--auth=trust", "--no-sync", "--wal-segsize=1"]);
        initdb.args(["--encoding=UTF8", "--locale=C.UTF-8", "-D"]).arg(server.data());
        said(initdb.current_dir("/"));
        server.settle_in();
        let path = server.data().join("postgresql.conf");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{}\n", settings.join("\n"))).unwrap();
        server
    }

    /// Makes the folder of a cluster, and nothing in it.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to(ACCOUNT, folder.path());
        Self { folder, process: None }
    }

    /// Gives a cluster that came from elsewhere the socket of this one.
    pub(crate) fn settle_in(&self) {
        let own = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nfsync = off\nmax_connections = 20\nshared_buffers = 16MB\n",
            self.socket().display()
        );
        let path = self.data().join("postgresql.conf");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{own}")).unwrap();
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder of the socket: what `PGHOST` must be.
    pub(crate) fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server and waits until it answers.
    #[track_caller]
    pub(crate) fn up(&mut self) {
        let mut command = as_account(ACCOUNT, &program("postgres"));
        command.arg("-D").arg(self.data()).current_dir("/");
        // SIGINT is the fast shutdown: in good order, and waiting for no session.
        let mut process = Process::start(command, &self.folder.path().join("log"), Signal::INT);
        process.wait_until(|| {
            let mut ready = Command::new("pg_isready");
            ready.arg("-q").arg("-h").arg(self.folder.path()).status().unwrap().success()
        });
        self.process = Some(process);
    }

    /// Stops the server in good order.
    pub(crate) fn down(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
    }

    /// Returns a client program that reaches the server.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("PGHOST", self.socket()).env("PGUSER", "postgres").current_dir("/");
        command
    }

    /// Runs statements, and returns the rows, unaligned.
    #[track_caller]
    pub(crate) fn sql(&self, database: &str, statements: &str) -> String {
        let mut psql = self.client("psql");
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statements]);
        said(&mut psql).trim_end().to_owned()
    }

    /// Returns for each table of a database its name, owner, rows, and the hash of its rows in order.
    #[track_caller]
    pub(crate) fn truth(&self, database: &str) -> String {
        let tables = self.sql(
            database,
            "select format('select %L || count(*) || '' '' || coalesce(md5(string_agg(t::text, chr(10) order by t::text collate \"C\")), '''') from %I.%I t', \
               schemaname || '.' || tablename || ' ' || tableowner || ' ', schemaname, tablename) \
             from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1",
        );
        let rows: Vec<String> = tables.lines().map(|query| self.sql(database, query)).collect();
        rows.join("\n")
    }

    /// The lines of a plan that make its commands reach the server.
    pub(crate) fn vars(&self) -> String {
        format!("PGHOST: {}, PGUSER: postgres", self.socket().display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.down();
        // What a recipe has started itself goes as well.
        let pid = fs::read_to_string(self.data().join("postmaster.pid")).ok();
        let pid = pid.and_then(|text| text.lines().next()?.trim().parse().ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::QUIT);
            crate::stage::try_until(|| (!self.data().join("postmaster.pid").exists()).then_some(()));
        }
    }
}
