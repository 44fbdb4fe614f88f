//! Says what is left of an attempt when no keeper lives to be asked.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use super::family::Family;
use super::folder::{self, FolderError, ProcessRecord, attempt_folder};
use super::message::Outcome;
use super::ready::until_readable;
use super::{clock, process};
use crate::value::Id;

/// More than this is no output that a later step could use.
const LONGEST_OUTPUT: u64 = 1 << 20;

/// What is left of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remains {
    /// There is no intent: it never ran.
    NeverRan,
    /// It ended, and this is how.
    Ended(Box<Outcome>),
    /// Its process still runs: await it, then ask again.
    Running(ProcessRecord),
    /// It was started, its process is gone, and nobody saw how it ended.
    Gone,
    /// There is an intent and nothing else: whether it was started, nobody can know.
    Unclear,
}

/// Whether a keeper holds the run: its steps may still be running.
pub fn is_kept(run_dir: &Path) -> bool {
    let Ok(lock) = std::fs::File::open(run_dir.join(super::server::LOCK)) else { return false };
    let is_held = matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock));
    let _ = lock.unlock();
    is_held
}

/// Says what is left of an attempt. Only right while no keeper holds the run.
///
/// # Errors
///
/// When a file cannot be read, is damaged, or was written by another version.
pub fn remains(run_dir: &Path, step: &Id, attempt: u32) -> Result<Remains, FolderError> {
    let folder = attempt_folder(run_dir, step, attempt);
    if let Some(outcome) = folder::read_outcome(&folder)? {
        return Ok(Remains::Ended(Box::new(outcome)));
    }
    if !folder::has_intent(&folder)? {
        return Ok(Remains::NeverRan);
    }
    let Some(record) = folder::read_process(&folder)? else {
        // The keeper died before it could write down which process it has started: the token tells.
        let token = folder::read_token(&folder)?;
        return Ok(token.and_then(|token| find(&token)).map_or(Remains::Unclear, Remains::Running));
    };
    let runs = record.boot_id == *clock::boot_id()
        && process::runs(record.pid, record.start_time).map_err(|source| FolderError::Unreadable {
            path: format!("/proc/{}", record.pid).into(),
            source,
        })?;
    if runs {
        return Ok(Remains::Running(record));
    }
    // A keeper that was still there may have written it since we looked.
    Ok(folder::read_outcome(&folder)?.map_or(Remains::Gone, |outcome| Remains::Ended(Box::new(outcome))))
}

/// Finds the process of an attempt by the token in its environment: the first of those that lead a group of their own
/// in a session of somebody else. What a step has sent away has a session of its own.
fn find(token: &str) -> Option<ProcessRecord> {
    let mark = format!("{}={token}", process::TOKEN);
    let has_mark = |pid: i32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let led = pids.filter_map(|pid| {
        let stat = process::stat(pid).ok()?;
        let is_led = stat.group == pid && stat.session != pid && !process::has_ended(&stat);
        (is_led && has_mark(pid)).then_some((stat.start_time, pid))
    });
    led.min().map(|(start_time, pid)| ProcessRecord::new(pid, start_time, token))
}

/// Waits for the end of a process that is not our child; returns at once if it is gone.
///
/// # Errors
///
/// When the kernel gives no handle on the process.
pub async fn await_process(pid: i32, start_time: u64) -> io::Result<()> {
    let Some(number) = Pid::from_raw(pid) else {
        return Ok(());
    };
    let pidfd = match pidfd_open(number, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // Only now, with the handle in hand, does the check hold for what is awaited.
    if !process::runs(pid, start_time)? {
        return Ok(());
    }
    until_readable(pidfd).await
}

/// Sends a signal to everything that an attempt has started and whose process no keeper holds; whether there was anything.
pub fn signal_orphans(record: &ProcessRecord, signal: Signal) -> bool {
    let Some(group) = Pid::from_raw(record.pid) else { return false };
    let leader = process::stat(record.pid).ok().filter(|stat| stat.start_time == record.start_time);
    let family = Family {
        token: &record.token,
        group,
        // While the leader is there the group's number is its own.
        led: leader.is_some(),
        session: leader.map_or(0, |stat| stat.session),
        alone_since: None,
        seen: &RefCell::default(),
    };
    let is_alive = family.is_alive();
    if is_alive {
        family.signal(signal);
    }
    is_alive
}

/// Returns what an attempt wrote to `$DRPLAN_OUTPUT`; empty if it wrote nothing.
///
/// # Errors
///
/// When the file cannot be read, has more than 1 MiB, or is not UTF-8.
pub fn outputs(run_dir: &Path, step: &Id, attempt: u32) -> Result<String, FolderError> {
    let path = attempt_folder(run_dir, step, attempt).join(folder::OUTPUT);
    let text = folder::read_limited(&path, LONGEST_OUTPUT)?.unwrap_or_default();
    String::from_utf8(text)
        .map_err(|error| FolderError::Malformed { path, why: error.utf8_error().to_string() })
}

/// Removes what an attempt wrote to `$DRPLAN_OUTPUT`, if it wrote anything.
///
/// # Errors
///
/// When the file cannot be removed.
pub fn forget_outputs(run_dir: &Path, step: &Id, attempt: u32) -> Result<(), FolderError> {
    let path = attempt_folder(run_dir, step, attempt).join(folder::OUTPUT);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FolderError::Unreadable { path, source })
        }
        _ => Ok(()),
    }
}
