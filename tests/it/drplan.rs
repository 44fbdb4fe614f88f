//! The real binary in a folder of its own, as one chain: files, arguments, and what must come of it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the program has done: its status and what it has printed, to compare all of it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A folder with files, and arguments for the program.
pub(crate) struct Drplan {
    folder: tempfile::TempDir,
    args: Vec<String>,
}

impl Drplan {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), args: Vec::new() }
    }

    /// Writes a file below the folder.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Writes `plan.yaml`.
    pub(crate) fn plan(self, text: &str) -> Self {
        self.file("plan.yaml", text)
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args = args.into_iter().map(str::to_owned).collect();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the program without anything of our own environment that changes what it prints.
    pub(crate) fn run(&self) -> Outcome {
        let output = self.command().stdin(Stdio::null()).output().unwrap();
        Outcome {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drplan"));
        command.args(&self.args).current_dir(self.folder());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C");
        command
    }

    /// Runs the program; status and every text must be there, and no panic.
    pub(crate) fn expect(&self, status: i32, stdout: &[&str], stderr: &[&str]) -> Outcome {
        let outcome = self.run();
        let mut wrong = String::new();
        if outcome.status != Some(status) {
            writeln!(wrong, "status: {:?}, not {status}", outcome.status).unwrap();
        }
        for (name, text, wanted) in [("stdout", &outcome.stdout, stdout), ("stderr", &outcome.stderr, stderr)]
        {
            for wanted in wanted.iter().filter(|wanted| !text.contains(**wanted)) {
                writeln!(wrong, "{name} has no {wanted:?}").unwrap();
            }
        }
        if outcome.stderr.contains("panicked") {
            wrong += "it has panicked\n";
        }
        let Outcome { stdout, stderr, .. } = &outcome;
        assert!(wrong.is_empty(), "{wrong}--- stdout\n{stdout}--- stderr\n{stderr}");
        outcome
    }
}
