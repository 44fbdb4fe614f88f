//! Locks that say who holds them, and that a crash releases.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::value::{Moment, RunId};

const LONGEST_HOLDER: u64 = 64 << 10;

/// How often a lock is tried again whose holder has died or is leaving, and how long after.
const TRIES: u32 = 80;
const PAUSE: Duration = Duration::from_millis(25);

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The account.
    pub who: String,
    /// The machine.
    pub host: String,
    /// The process on it.
    pub pid: u32,
    /// Since when.
    pub since: Moment,
    /// For which run, where the lock is not the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

impl Holder {
    /// Names this process as the holder.
    pub fn this_process(who: impl Into<String>, host: impl Into<String>, since: Moment) -> Self {
        Self { who: who.into(), host: host.into(), pid: std::process::id(), since, run: None }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} (process {}) since {}", self.who, self.host, self.pid, self.since.for_people())?;
        match &self.run {
            Some(run) => write!(f, ", for run {run}"),
            None => Ok(()),
        }
    }
}

/// Somebody who holds a lock that we want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held(pub Option<Holder>);

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(holder) => holder.fmt(f),
            None => f.write_str("a process that has not said who it is"),
        }
    }
}

/// What keeps a lock from being taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("lock {path}: it is held by {held}")]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// Who.
        held: Held,
    },
    /// The system does not let us.
    #[error("lock {path}: {source}")]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A lock that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    /// What is written into it.
    name: Vec<u8>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough while a process that is just being spawned has a copy of the file.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes a lock, or tells who has it.
    ///
    /// # Errors
    ///
    /// When somebody has it, or its file cannot be made.
    pub fn take(path: &Path, holder: &Holder) -> Result<Self, LockError> {
        let mut lock = Self::vacant(path, holder)?;
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        // Whoever held it before is gone; its name must not stay behind ours.
        let name = serde_json::to_vec(holder).map_err(|error| failed(error.into()))?;
        let file = &mut lock.file;
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&name)).map_err(failed)?;
        lock.name = name;
        Ok(lock)
    }

    /// Takes a lock without saying so, or tells who has it: for a look whether anybody does.
    ///
    /// # Errors
    ///
    /// As [`Lock::take`].
    pub fn vacant(path: &Path, holder: &Holder) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let held = holder_in(&mut file);
                    let is_dead = held.as_ref().is_some_and(|held| held.host == holder.host && is_gone(held));
                    // Whoever holds a plan for a run whose own lock we have is just leaving that run.
                    let is_leaving = holder.run.is_some()
                        && held
                            .as_ref()
                            .is_some_and(|held| held.run == holder.run && held.host == holder.host);
                    if !(is_dead || is_leaving) || tries == TRIES {
                        return Err(LockError::Locked { path: path.to_owned(), held: Held(held) });
                    }
                    // A process that it was just spawning has a copy of the file until it is another program.
                    tries += 1;
                    #[expect(clippy::disallowed_methods, reason = "no event tells when a lock is let go")]
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        Ok(Self { file, path: path.to_owned(), name: Vec::new() })
    }

    /// Whether the lock still says that we hold it. On storage that several machines share, and that does not tell one of
    /// the locks of the other, another may have taken it over.
    ///
    /// # Errors
    ///
    /// Who has taken it over.
    pub fn is_still_ours(&self) -> Result<(), Held> {
        match std::fs::read(&self.path) {
            Ok(name) if name != self.name => Err(Held(serde_json::from_slice(&name).ok())),
            // What cannot be read says nothing of another.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether somebody has a lock; it is not taken for that.
    ///
    /// # Errors
    ///
    /// When its file cannot be opened.
    pub fn is_held(path: &Path) -> Result<bool, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        // Whoever takes the lock in this moment finds a dead holder's name in it, and tries again.
        match file.try_lock_shared() {
            Ok(()) => file.unlock().map(|()| false).map_err(failed),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

fn holder_in(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(LONGEST_HOLDER).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn is_gone(holder: &Holder) -> bool {
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(run: Option<&str>) -> Holder {
        let since = "2026-11-23T06:00:00Z".parse().unwrap();
        Holder { run: run.map(|run| run.parse().unwrap()), ..Holder::this_process("eve", "vps-00", since) }
    }

    #[test]
    fn whoever_leaves_the_same_run_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.lock");
        let (first, other) = ("20261123t060000-aaaa", "20261123t060000-bbbb");
        let held = Lock::take(&path, &holder(Some(first))).unwrap();
        for stranger in [Some(other), None] {
            assert!(matches!(Lock::take(&path, &holder(stranger)), Err(LockError::Locked { .. })));
        }
        let (begins, begun) = std::sync::mpsc::channel();
        let next = std::thread::spawn(move || {
            begins.send(()).unwrap();
            Lock::take(&path, &holder(Some(first))).map(drop)
        });
        begun.recv().unwrap();
        drop(held);
        next.join().unwrap().unwrap();
    }
}
