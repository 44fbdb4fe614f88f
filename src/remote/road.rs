//! The road to a host: its shared connection where that is there and will do, else the client of OpenSSH.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;

use openssh_mux_client::{Connection, EstablishedSession, NonZeroByteSlice, Session, SessionStatus};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::{Child, Command};

use super::Host;
use super::host::SHELL;
use super::sockets::{SESSION, Shared};

/// What every visit needs.
pub(super) struct Road<'r> {
    pub(super) host: &'r Host,
    pub(super) shared: &'r Shared,
    /// The whole environment of the client.
    pub(super) env: &'r BTreeMap<String, String>,
}

/// A shell at the host; dropping it ends it.
pub(super) struct Line {
    /// Nothing once nothing more is to be sent.
    pub(super) stdin: Option<Sender>,
    pub(super) stdout: Receiver,
    pub(super) stderr: Receiver,
    carrier: Carrier,
}

/// What carries the bytes.
enum Carrier {
    /// The client, which makes a connection or joins one that is there; and the file with what it says.
    Client { child: Child, log: tempfile::NamedTempFile },
    /// A session of a connection that is there, asked for by ourselves: starting a client takes longer than most steps.
    Session(EstablishedSession),
}

/// The other ends of the pipes.
struct Ends {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Road<'_> {
    /// Gets a shell at the host, or at least starts `ssh`, which will say why there is none.
    ///
    /// # Errors
    ///
    /// When `ssh` cannot be started.
    pub(super) async fn set_out(&self) -> io::Result<Line> {
        if !self.shared.control.exists() {
            // The client reads the configuration anew for the connection that it makes now.
            let _ = fs::remove_file(self.shared.beside(SESSION));
            return self.start_client();
        }
        // Whatever the connection lacks, the client finds out again, and says it in words that people know.
        match self.join().await {
            Some(line) => Ok(line),
            None => self.start_client(),
        }
    }

    /// Asks the connection that is there for a session.
    async fn join(&self) -> Option<Line> {
        if !self.is_plain().await {
            return None;
        }
        let connection = Connection::connect(&self.shared.control).await.ok()?;
        let text = |text: &'static str| NonZeroByteSlice::new(text.as_bytes()).map(Cow::Borrowed);
        let session = Session::builder().term(text("")?).cmd(text(SHELL)?).build();
        let (stdin, stdout, stderr, ends) = pipes().ok()?;
        let theirs = [ends.stdin.as_raw_fd(), ends.stdout.as_raw_fd(), ends.stderr.as_raw_fd()];
        let session = connection.open_new_session(&session, &theirs).await.ok()?;
        Some(Line { stdin: Some(stdin), stdout, stderr, carrier: Carrier::Session(session) })
    }

    /// Whether the user's configuration wants nothing of a session for which the client would be needed.
    ///
    /// Asked once a connection, and kept beside it.
    #[expect(
        clippy::disallowed_methods,
        reason = "only the client knows its configuration; kept for the next visit"
    )]
    async fn is_plain(&self) -> bool {
        let kept = self.shared.beside(SESSION);
        if let Ok(kept) = fs::read_to_string(&kept) {
            return kept == PLAIN;
        }
        let mut client = Command::new("ssh");
        client.arg("-G").args(self.host.arguments(&self.shared.control, self.shared.known.as_deref()));
        client.env_clear().envs(self.env).stdin(Stdio::null()).kill_on_drop(true);
        let Ok(told) = client.output().await else { return false };
        let is_plain = told.status.success() && is_plain(&String::from_utf8_lossy(&told.stdout));
        // Without it the next visit asks again.
        let _ = fs::write(&kept, if is_plain { PLAIN } else { "special" });
        is_plain
    }

    /// Starts `ssh`.
    fn start_client(&self) -> io::Result<Line> {
        let log = tempfile::Builder::new().prefix("log").tempfile_in(&self.shared.folder)?;
        let known = self.shared.known.as_deref();
        let (stdin, stdout, stderr, ends) = pipes()?;
        #[expect(clippy::disallowed_methods, reason = "the one place where a connection is made")]
        let mut command = Command::new("ssh");
        command
            .arg("-E")
            .arg(log.path())
            .args(self.host.arguments(&self.shared.control, known))
            .env_clear()
            // The language is of this machine, and in Debian's own `SendEnv`: a step's language is its host's.
            .envs(self.env.iter().filter(|(name, _)| !is_of_language(name)))
            // A connection that others share is not of this step's family, and must not be ended with it.
            .env("DRPLAN_TOKEN", "shared")
            .process_group(0)
            .stdin(ends.stdin)
            .stdout(ends.stdout)
            .stderr(ends.stderr)
            .kill_on_drop(true);
        let child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(error.kind(), "ssh is not in PATH"),
            _ => error,
        })?;
        Ok(Line { stdin: Some(stdin), stdout, stderr, carrier: Carrier::Client { child, log } })
    }
}

impl Line {
    /// Whether the host has opened it by a connection that was there before.
    pub(super) const fn is_joined(&self) -> bool {
        matches!(self.carrier, Carrier::Session(_))
    }

    /// Waits for the end of a line that has broken, and says why it has.
    pub(super) async fn why_it_broke(self) -> String {
        drop(self.stdin);
        match self.carrier {
            Carrier::Client { mut child, log } => {
                let status = child.wait().await;
                match (said(log.path()), status) {
                    (Some(said), _) => said,
                    (None, Ok(status)) => format!("ssh ended with {status}"),
                    (None, Err(error)) => error.to_string(),
                }
            }
            Carrier::Session(session) => match session.wait().await {
                Ok(SessionStatus::Exited { exit_value: Some(code) }) => {
                    format!("its shell ended with exit code {code}")
                }
                Ok(_) => "the connection that visits share has ended".to_owned(),
                Err((error, _)) => error.to_string(),
            },
        }
    }
}

/// What is kept of a configuration that wants nothing more than a shell.
const PLAIN: &str = "plain";

/// Whether a configuration, as `ssh -G` prints it, wants nothing of a session but a shell: no agent and no values at the host.
///
/// The language is sent on neither road.
fn is_plain(configuration: &str) -> bool {
    let mut wants_agent = true;
    for line in configuration.lines() {
        match line.split_once(' ') {
            Some(("forwardagent", value)) => wants_agent = value != "no",
            Some(("setenv", _)) => return false,
            Some(("sendenv", name)) if !is_of_language(name) => return false,
            _ => {}
        }
    }
    !wants_agent
}

/// Whether a variable, or all that a pattern of `SendEnv` means, tells of the language.
fn is_of_language(name: &str) -> bool {
    name == "LANG" || name.starts_with("LC_")
}

fn pipes() -> io::Result<(Sender, Receiver, Receiver, Ends)> {
    let (stdin, our_stdin) = io::pipe()?;
    let (our_stdout, stdout) = io::pipe()?;
    let (our_stderr, stderr) = io::pipe()?;
    Ok((
        Sender::from_owned_fd(our_stdin.into())?,
        Receiver::from_owned_fd(our_stdout.into())?,
        Receiver::from_owned_fd(our_stderr.into())?,
        Ends { stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into() },
    ))
}

/// Returns what `ssh` has said, in one line.
fn said(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('@')).collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_plain_where_the_configuration_wants_nothing_of_it() {
        assert!(is_plain("host vps\nforwardagent no\nsendenv LANG\nsendenv LC_*\n"));
        assert!(!is_plain("host vps\nforwardagent yes\n"));
        assert!(!is_plain("host vps\nforwardagent /run/agent.sock\n"));
        assert!(!is_plain("host vps\nforwardagent no\nsetenv A=b\n"));
        assert!(!is_plain("host vps\nforwardagent no\nsendenv LANG\nsendenv TICKET_*\n"));
        // An ssh that does not say it is not believed.
        assert!(!is_plain(""));
    }
}
