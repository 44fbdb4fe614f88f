//! The keeper's own process: cuts itself loose, takes the lock, listens.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::Mode;
use rustix::process::{getpid, getuid, set_child_subreaper, setsid, umask};
use tokio::net::unix::pipe;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

use super::job;
use super::keeping::Keeping;
use super::lines::{Lines, Outgoing, halves, put};
use super::message::{Hello, Notice, Request, VERSION, Welcome};

pub(super) const SOCKET: &str = "keeper.sock";
pub(super) const LOCK: &str = "keeper.lock";
const LOG: &str = "keeper.log";

/// What the keeper says on its standard output once it listens.
pub(super) const READY: &str = "ready";
/// What it says if another keeper holds the run.
pub(super) const HELD: &str = "held";

/// What keeps the keeper from its work.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct ServeError {
    what: &'static str,
    source: io::Error,
}

fn failed<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> ServeError {
    move |source| ServeError { what, source: source.into() }
}

/// Is the keeper of a run, until nothing is left to keep. Returns at once if the run has one.
///
/// # Errors
///
/// When the process cannot cut itself loose, or cannot listen in the run's folder.
pub fn serve(run_dir: &Path) -> Result<(), ServeError> {
    super::process::seal();
    let run_dir = run_dir.canonicalize().map_err(failed("find the run's folder"))?;
    cut_loose(&run_dir).map_err(failed("cut itself loose from the terminal"))?;
    let lock = open_private(&run_dir.join(LOCK), false).map_err(failed("open its lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return say(HELD).map_err(failed("say that the run is held")),
        Err(TryLockError::Error(error)) => return Err(failed("take its lock")(error)),
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed("make its runtime"))?;
    let served = LocalSet::new().block_on(&runtime, listen(&run_dir));
    let _ = std::fs::remove_file(run_dir.join(SOCKET));
    served
}

fn cut_loose(run_dir: &Path) -> io::Result<()> {
    match setsid() {
        Err(error) if rustix::process::getsid(None) != Ok(getpid()) => return Err(error.into()),
        _ => {}
    }
    set_child_subreaper(Some(getpid()))?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stderr(open_private(&run_dir.join(LOG), true)?)?;
    // A step may unmount what the controller happened to stand in.
    std::env::set_current_dir("/")
}

fn open_private(path: &Path, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    if append {
        options.append(true)
    } else {
        options.write(true)
    };
    options.open(path)
}

/// Tells whoever started us, and lets go of the pipe.
fn say(word: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    // Nobody may be there to hear it.
    let _ = writeln!(stdout, "{word}").and_then(|()| stdout.flush());
    rustix::stdio::dup2_stdout(OpenOptions::new().write(true).open("/dev/null")?)?;
    Ok(())
}

/// Returns a short path to a file in a folder, since a socket's may have 108 bytes at most.
pub(super) fn short_path(folder: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}

fn bind(run_dir: &Path) -> io::Result<UnixListener> {
    let folder = File::open(run_dir)?;
    let path = short_path(&folder, SOCKET);
    // We hold the lock, so what lies there was left by a keeper that is gone.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Only for the socket: the steps inherit the mask, and what they restore is not ours to hide.
    let before = umask(Mode::from_raw_mode(0o077));
    let listener = UnixListener::bind(&path);
    umask(before);
    listener
}

async fn listen(run_dir: &Path) -> Result<(), ServeError> {
    // A handler, not SIG_IGN: steps would inherit that. SIGPIPE is ignored by the standard library.
    let _hangup = signal(SignalKind::hangup()).map_err(failed("ignore SIGHUP"))?;
    let _interrupt = signal(SignalKind::interrupt()).map_err(failed("ignore SIGINT"))?;
    let mut child = signal(SignalKind::child()).map_err(failed("hear of ended processes"))?;
    let listener = bind(run_dir).map_err(failed("listen on its socket"))?;
    let keeping = Keeping::new(run_dir.to_owned());
    say(READY).map_err(failed("say that it listens"))?;
    keeping.look_idle();
    loop {
        tokio::select! {
            _ = child.recv() => keeping.reap(),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    spawn_local(talk(keeping.clone(), stream));
                }
                Err(error) => job::log(&format!("cannot accept a controller: {error}")),
            },
            () = keeping.until_idle() => return Ok(()),
        }
    }
}

async fn talk(keeping: Rc<Keeping>, stream: UnixStream) {
    if let Err(error) = converse(&keeping, stream).await {
        job::log(&format!("lost a controller: {error}"));
    }
}

async fn converse(keeping: &Rc<Keeping>, stream: UnixStream) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != getuid().as_raw() && peer != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("uid {peer} is not ours")));
    }
    let (mut from, to) = halves(stream)?;
    let mut lines = Lines::default();
    let Some(hello) = lines.next(&mut from).await? else {
        return Ok(());
    };
    let refused = match serde_json::from_slice(&hello) {
        Ok(Hello { v: VERSION }) => None,
        Ok(Hello { v }) => Some(format!(
            "this run's keeper speaks version {VERSION}, and the controller version {v}; \
             use the drplan that began the run, or wait until its steps have ended"
        )),
        Err(error) => Some(format!("this is not a controller: {error}")),
    };
    let is_refused = refused.is_some();
    let welcome = Welcome { v: VERSION, pid: getpid().as_raw_nonzero().get(), refused };
    let mut text = Vec::new();
    put(&welcome, &mut text)?;
    to.write_all(&text).await?;
    if is_refused {
        return Ok(());
    }
    let (notices, queue) = mpsc::unbounded_channel();
    let generation = keeping.attach(notices);
    spawn_local(tell(queue, to));
    let heard = hear(keeping, generation, &mut lines, &mut from).await;
    keeping.detach(generation);
    heard
}

async fn hear(
    keeping: &Rc<Keeping>,
    generation: u64,
    lines: &mut Lines,
    from: &mut pipe::Receiver,
) -> io::Result<()> {
    while let Some(line) = lines.next(from).await? {
        // What serde says of it could repeat a part of it, and a job holds secrets.
        let request: Request = serde_json::from_slice(&line).map_err(|error| {
            let why = format!("a request makes no sense at byte {} of {}", error.column(), line.len());
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        // A newer controller has taken over; what the old one still says no longer counts.
        if !keeping.is_current(generation) {
            break;
        }
        keeping.obey(request);
        // A long batch of starts must not hold up those that have ended meanwhile.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Writes notices, as many at once as there are.
async fn tell(mut queue: mpsc::UnboundedReceiver<Notice>, to: Outgoing) {
    let mut notices = Vec::new();
    let mut text = Vec::new();
    while queue.recv_many(&mut notices, 256).await > 0 {
        text.clear();
        for notice in notices.drain(..) {
            if let Err(error) = put(&notice, &mut text) {
                job::log(&format!("cannot tell: {error}"));
            }
        }
        if to.write_all(&text).await.is_err() {
            return;
        }
    }
}
