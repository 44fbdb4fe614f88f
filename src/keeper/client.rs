//! The controller's end of the conversation.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use super::lines::{Lines, Outgoing, halves, put};
use super::message::{Hello, Notice, Request, VERSION, Welcome};
use super::server::{HELD, READY, SOCKET, short_path};

/// How often a keeper that holds the lock and does not answer is asked again: it is starting or leaving.
const ATTEMPTS: u32 = 1000;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);

/// How many keepers that are killed while they start are replaced.
const KILLED: u32 = 3;

/// What keeps the controller from its keeper.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The process could not be started.
    #[error("start the keeper: {0}")]
    Start(io::Error),
    /// The process ended before it listened.
    #[error("start the keeper: it ended at once; its reason is in keeper.log in the run's folder")]
    EndedAtOnce,
    /// Another keeper holds the run and does not answer.
    #[error("reach the keeper: it holds the run and does not answer")]
    Silent,
    /// It speaks another version.
    #[error("attach to the keeper: {0}")]
    Refused(String),
    /// The connection broke: the keeper has died.
    #[error("talk to the keeper: {0}")]
    Broken(#[from] io::Error),
    /// The keeper has exited, or has died.
    #[error("talk to the keeper: it is gone")]
    Gone,
}

/// A connection to a run's keeper.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    receiver: Receiver,
    keeper: i32,
}

/// The half that asks.
#[derive(Debug)]
pub struct Sender {
    to: Outgoing,
    text: Vec<u8>,
}

/// The half that is told.
#[derive(Debug)]
pub struct Receiver {
    from: pipe::Receiver,
    lines: Lines,
    /// The keeper if we started it, so that it does not stay as a zombie.
    child: Option<Child>,
}

impl Client {
    /// Attaches to the run's keeper, if one lives.
    ///
    /// # Errors
    ///
    /// When there is one and it turns us away.
    pub async fn attach(run_dir: &Path) -> Result<Option<Self>, ClientError> {
        let folder = File::open(run_dir)?;
        let stream = match UnixStream::connect(short_path(&folder, SOCKET)).await {
            Ok(stream) => stream,
            Err(error) if no_one_listens(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (mut from, to) = halves(stream)?;
        let mut text = Vec::new();
        put(&Hello { v: VERSION }, &mut text)?;
        let mut lines = Lines::default();
        let welcome = match to.write_all(&text).await {
            Ok(()) => lines.next(&mut from).await,
            Err(error) => Err(error),
        };
        let welcome = match welcome {
            Ok(Some(welcome)) => welcome,
            // It was leaving while we came in.
            Ok(None) => return Ok(None),
            Err(error) if no_one_listens(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let welcome: Welcome = serde_json::from_slice(&welcome).map_err(io::Error::from)?;
        if let Some(why) = welcome.refused {
            return Err(ClientError::Refused(why));
        }
        let sender = Sender { to, text };
        Ok(Some(Self { sender, receiver: Receiver { from, lines, child: None }, keeper: welcome.pid }))
    }

    /// Attaches to the run's keeper, or starts one from the binary `exe`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or turns us away.
    pub async fn start_or_attach(run_dir: &Path, exe: &Path) -> Result<Self, ClientError> {
        let mut killed = 0;
        for attempt in 0..ATTEMPTS {
            if let Some(client) = Self::attach(run_dir).await? {
                return Ok(client);
            }
            if attempt > 0 {
                // Another keeper is just starting or leaving; there is nothing of it to wait on.
                #[expect(clippy::disallowed_methods, reason = "waiting for a stranger's few milliseconds")]
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
            let child = match start(run_dir, exe).await? {
                Started::Listens(child) => child,
                Started::IsHeld => continue,
                Started::Killed if killed < KILLED => {
                    killed += 1;
                    continue;
                }
                Started::Killed => return Err(ClientError::EndedAtOnce),
            };
            if let Some(mut client) = Self::attach(run_dir).await? {
                client.receiver.child = Some(child);
                return Ok(client);
            }
        }
        Err(ClientError::Silent)
    }

    /// Returns the keeper's process.
    pub const fn keeper_pid(&self) -> i32 {
        self.keeper
    }

    /// Sends requests; see [`Sender::send`].
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub async fn send(&mut self, requests: &[Request]) -> Result<(), ClientError> {
        self.sender.send(requests).await
    }

    /// Waits for the next notice; see [`Receiver::recv`].
    ///
    /// # Errors
    ///
    /// When the connection is broken, or the keeper is gone.
    pub async fn recv(&mut self) -> Result<Notice, ClientError> {
        self.receiver.recv().await
    }

    /// Returns the two halves, for a loop that does both.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Sender {
    /// Sends requests, all in one write.
    ///
    /// # Errors
    ///
    /// When the connection is broken; what was asked may or may not have been heard.
    pub async fn send(&mut self, requests: &[Request]) -> Result<(), ClientError> {
        self.text.clear();
        for request in requests {
            put(request, &mut self.text)?;
        }
        Ok(self.to.write_all(&self.text).await?)
    }
}

impl Receiver {
    /// Waits for the next notice. May be given up at any time; nothing is lost.
    ///
    /// # Errors
    ///
    /// When the connection is broken, or the keeper is gone.
    pub async fn recv(&mut self) -> Result<Notice, ClientError> {
        if let Some(line) = self.lines.next(&mut self.from).await? {
            return Ok(serde_json::from_slice(&line).map_err(io::Error::from)?);
        }
        if let Some(child) = &mut self.child {
            let _ = child.try_wait();
        }
        Err(ClientError::Gone)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.try_wait();
        }
    }
}

fn no_one_listens(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::NotFound | Kind::ConnectionRefused | Kind::ConnectionReset | Kind::BrokenPipe
    )
}

/// What became of a keeper that was started.
enum Started {
    Listens(Child),
    /// Another holds the run.
    IsHeld,
    /// Somebody killed it before it listened.
    Killed,
}

/// Starts a keeper and waits until it listens.
async fn start(run_dir: &Path, exe: &Path) -> Result<Started, ClientError> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the keeper itself is started")]
    let mut child = Command::new(exe)
        .arg("keeper-process")
        .arg(run_dir)
        // Each step is given its whole environment; ours may hold secrets, and the keeper may live for long.
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(ClientError::Start)?;
    let said = match child.stdout.take() {
        Some(stdout) => {
            let mut said = String::new();
            pipe::Receiver::from_owned_fd(OwnedFd::from(stdout))?.read_to_string(&mut said).await?;
            said
        }
        None => String::new(),
    };
    match said.trim_end() {
        READY => Ok(Started::Listens(child)),
        said => {
            // It has closed its output because it ends.
            let status = child.wait();
            if said == HELD {
                Ok(Started::IsHeld)
            } else if status.is_ok_and(|status| status.signal().is_some()) {
                Ok(Started::Killed)
            } else {
                Err(ClientError::EndedAtOnce)
            }
        }
    }
}
