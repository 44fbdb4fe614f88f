//! One connection to a host: sends a text to its shell, and hears what it says.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::reading::{Reading, Word};
use super::sockets::Shared;
use super::{Host, text};

/// How a visit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The visit said this last.
    Said(Word),
    /// The connection ended before everything was said: what `ssh` says, and whether the host had the text.
    Broken { why: String, was_told: bool },
}

/// A visit that is under way; dropping it ends the connection's client.
pub(super) struct Visit {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: ChildStderr,
    log: tempfile::NamedTempFile,
    was_told: bool,
}

/// What is done with the step's own output: stream (0 is standard output), bytes.
pub(super) type Deliver<'d> = &'d mut dyn FnMut(usize, &[u8]) -> std::io::Result<()>;

/// What every visit needs.
pub(super) struct Road<'r> {
    pub(super) host: &'r Host,
    pub(super) shared: &'r Shared,
}

impl Road<'_> {
    /// Starts `ssh`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(super) fn set_out(&self) -> std::io::Result<Visit> {
        let log = tempfile::Builder::new().prefix("log").tempfile_in(&self.shared.folder)?;
        let known = self.shared.known.as_deref();
        #[expect(clippy::disallowed_methods, reason = "the one place where ssh is started")]
        let mut command = Command::new("ssh");
        command
            .args(self.host.arguments(&self.shared.control, known, log.path()))
            // A connection that others share is not of this step's family, and must not be ended with it.
            .env("DRPLAN_TOKEN", "shared")
            .process_group(0)
            .env_remove(super::errand::VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => std::io::Error::new(error.kind(), "ssh is not in PATH"),
            _ => error,
        })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        match (stdin, stdout, stderr) {
            (Some(stdin), Some(stdout), Some(stderr)) => {
                Ok(Visit { child, stdin: Some(stdin), stdout, stderr, log, was_told: false })
            }
            _ => Err(std::io::Error::other("ssh was started without pipes")),
        }
    }
}

impl Visit {
    /// Sends the text once the host's shell is there, and hears everything until the visit is over.
    ///
    /// # Errors
    ///
    /// When what the step has printed cannot be handed on.
    pub(super) async fn carry_out(
        &mut self,
        nonce: &str,
        text: &str,
        streams: &mut [Reading; 2],
        deliver: Deliver<'_>,
    ) -> std::io::Result<End> {
        let greeting = text::greeting(nonce);
        if self.send(&greeting).await.is_err() {
            return Ok(self.broken().await);
        }
        let (mut out, mut err) = (vec![0; 32 << 10], vec![0; 32 << 10]);
        let (mut out_open, mut err_open) = (true, true);
        let (mut ended, mut err_over) = (None, false);
        while out_open || err_open {
            let (stream, words, own) = tokio::select! {
                read = self.stdout.read(&mut out), if out_open => {
                    let count = read.unwrap_or(0);
                    out_open = count > 0;
                    let mut own = Vec::new();
                    (0, streams[0].push(out.get(..count).unwrap_or_default(), &mut own), own)
                }
                read = self.stderr.read(&mut err), if err_open => {
                    let count = read.unwrap_or(0);
                    err_open = count > 0;
                    let mut own = Vec::new();
                    (1, streams[1].push(err.get(..count).unwrap_or_default(), &mut own), own)
                }
            };
            if !own.is_empty() {
                deliver(stream, &own)?;
            }
            for word in words {
                match word {
                    Word::Ready if !self.was_told => {
                        // From here on the host may have it.
                        self.was_told = true;
                        if self.send(text).await.is_err() {
                            return Ok(self.broken().await);
                        }
                    }
                    Word::Ready | Word::Here => {}
                    Word::Over(_) if stream == 1 => err_over = true,
                    word => ended = Some(word),
                }
            }
            match &ended {
                Some(Word::Over(_) | Word::Stopped) if !err_over => {}
                Some(word) => return Ok(End::Said(word.clone())),
                None => {}
            }
        }
        Ok(self.broken().await)
    }

    async fn send(&mut self, text: &str) -> std::io::Result<()> {
        match &mut self.stdin {
            Some(stdin) => {
                stdin.write_all(text.as_bytes()).await?;
                stdin.flush().await
            }
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    async fn broken(&mut self) -> End {
        self.stdin = None;
        let status = self.child.wait().await;
        let said = said(self.log.path());
        let why = match (said, status) {
            (Some(said), _) => said,
            (None, Ok(status)) => format!("ssh ended with {status}"),
            (None, Err(error)) => error.to_string(),
        };
        End::Broken { why, was_told: self.was_told }
    }
}

/// Returns what `ssh` has said, in one line.
fn said(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('@')).collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}
