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
    bin: PathBuf,
    process: Option<Process>,
}

/// Programs of one version.
#[derive(Clone, Debug)]
pub(crate) struct Edition {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
}

/// Returns the folder of the server's own programs.
fn bin() -> PathBuf {
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    versions.pop().expect("PostgreSQL is installed").join("bin")
}

/// Returns the path of one of the server's own programs.
pub(crate) fn program(name: &str) -> String {
    bin().join(name).display().to_string()
}

impl Edition {
    /// The machine's own, without pgvector.
    pub(crate) fn of_the_machine() -> Self {
        Self::in_folder(bin())
    }

    /// Another than the machine's, with pgvector.
    pub(crate) fn of_the_tools() -> Self {
        let target = Path::new(env!("CARGO_BIN_EXE_drplan")).ancestors().nth(2).unwrap();
        let bin = target.join("tools/postgresql/bin");
        assert!(bin.join("postgres").exists(), "no PostgreSQL in {}: run `tests/run tools`", bin.display());
        Self::in_folder(bin)
    }

    /// The older and the newer of the two.
    pub(crate) fn both() -> (Self, Self) {
        let (one, other) = (Self::of_the_machine(), Self::of_the_tools());
        assert_ne!(
            one.major, other.major,
            "the machine has the same version of PostgreSQL as the wheel: install another of the two"
        );
        if one.major < other.major { (one, other) } else { (other, one) }
    }

    fn in_folder(bin: PathBuf) -> Self {
        let version = said(Command::new(bin.join("postgres")).arg("--version"));
        let major = version.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse().ok());
        Self { bin, major: major.unwrap_or_else(|| panic!("no version in {version}")) }
    }

    /// Makes a cluster and starts it.
    pub(crate) fn start(&self) -> Postgres {
        let mut server = Postgres::made_by(&self.bin, &std::env::temp_dir(), &[]);
        server.up();
        server
    }
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Makes a cluster with these lines in its `postgresql.conf`, and starts it.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        Self::start_below(&std::env::temp_dir(), settings)
    }

    /// The same, with all that it has in a folder of its own below this one.
    pub(crate) fn start_below(folder: &Path, settings: &[&str]) -> Self {
        let mut server = Self::make_below(folder, settings);
        server.up();
        server
    }

    /// Makes a cluster, and does not start it.
    pub(crate) fn make(settings: &[&str]) -> Self {
        Self::make_below(&std::env::temp_dir(), settings)
    }

    /// The same, with all that it has in a folder of its own below this one.
    pub(crate) fn make_below(folder: &Path, settings: &[&str]) -> Self {
        Self::made_by(&bin(), folder, settings)
    }

    fn made_by(bin: &Path, folder: &Path, settings: &[&str]) -> Self {
        let server = Self::bare_of(bin, folder);
        let mut initdb = as_account(ACCOUNT, &server.program("initdb"));
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
        Self::bare_of(&bin(), &std::env::temp_dir())
    }

    fn bare_of(bin: &Path, folder: &Path) -> Self {
        let folder = tempfile::tempdir_in(folder).unwrap();
        give_to(ACCOUNT, folder.path());
        Self { folder, bin: bin.to_owned(), process: None }
    }

    fn program(&self, name: &str) -> String {
        self.bin.join(name).display().to_string()
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
        let mut command = as_account(ACCOUNT, &self.program("postgres"));
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

    /// Returns a client program of the machine that reaches the server.
    pub(crate) fn client(&self, program: &str) -> Command {
        self.reached_by(program)
    }

    /// Returns a client program of the server's own version that reaches it.
    pub(crate) fn own_client(&self, program: &str) -> Command {
        self.reached_by(&self.program(program))
    }

    fn reached_by(&self, program: &str) -> Command {
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
