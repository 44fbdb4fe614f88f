//! The folder of an attempt: intent, process record, output, outcome.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::mask::Mask;
use super::message::{Outcome, VERSION};
use crate::value::{Id, Length, Stamp};

const INTENT: &str = "intent.json";
const PROCESS: &str = "process.json";
pub(super) const OUTPUT: &str = "output";
const OUTPUT_MASKED: &str = "output.masked";
const OUTCOME: &str = "outcome.json";
const OUTCOME_UNFINISHED: &str = "outcome.json.new";

/// No record of ours is longer; what is, was not written by us.
const LONGEST_RECORD: u64 = 1 << 20;

/// What keeps the files of an attempt from being read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system does not let us.
    #[error("read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file was damaged, or written by somebody else.
    #[error("understand {path}: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Written by another version of drplan.
    #[error("read {path}: it has version {found}, this drplan reads version {VERSION}")]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The file is larger than it may be.
    #[error("read {path}: it is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
}

/// Written before the spawn: from here on the attempt may have run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) v: u32,
    pub(super) step: Id,
    pub(super) attempt: u32,
    pub(super) at: Stamp,
    pub(super) token: String,
    pub(super) timeout: Option<Length>,
}

/// Written after the spawn: which process it is, so that no other is ever taken for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    v: u32,
    /// The process; also the number of its process group.
    pub pid: i32,
    /// Clock ticks from the machine's start to the process's (field 22 of `/proc/PID/stat`).
    pub start_time: u64,
    /// Which start of the machine that is.
    pub boot_id: String,
    /// The token in the environment of everything that the step starts.
    pub token: String,
}

impl ProcessRecord {
    pub(super) fn new(pid: i32, start_time: u64, token: &str) -> Self {
        let boot_id = super::clock::boot_id().to_string();
        Self { v: VERSION, pid, start_time, boot_id, token: token.to_owned() }
    }
}

#[derive(Serialize)]
struct WrittenOutcome<'o> {
    v: u32,
    outcome: &'o Outcome,
}

#[derive(Deserialize)]
struct ReadOutcome {
    outcome: Outcome,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Returns the folder of an attempt.
pub fn attempt_folder(run_dir: &Path, step: &Id, attempt: u32) -> PathBuf {
    let mut folder = run_dir.join("steps");
    folder.push(step.as_str());
    folder.push(attempt.to_string());
    folder
}

/// Removes all that an attempt whose process is gone has left.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the folder of an attempt, for our eyes only.
pub(super) fn create(folder: &Path) -> io::Result<()> {
    // Nearly always this is the first attempt of a step at the plan's top: both are to be made, in
    // a folder that is there.
    match folder.parent().map_or(Ok(()), create_one) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().mode(0o700).recursive(true).create(folder)
        }
        Err(error) => Err(error),
        Ok(()) => create_one(folder),
    }
}

fn create_one(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

/// Opens a new file for our eyes only.
pub(super) fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Writes the intent, which is what makes a start happen once: it must not be there yet.
pub(super) fn write_intent(folder: &Path, intent: &Intent) -> io::Result<()> {
    let path = folder.join(INTENT);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let written = file.write_all(&serde_json::to_vec(intent)?);
    if written.is_err() {
        // Nothing was started, so nothing may say that it was.
        let _ = std::fs::remove_file(&path);
    }
    written
}

pub(super) fn write_process(folder: &Path, record: &ProcessRecord) -> io::Result<()> {
    create_file(&folder.join(PROCESS))?.write_all(&serde_json::to_vec(record)?)
}

/// Writes the outcome so that it is there whole or not at all.
pub(super) fn write_outcome(folder: &Path, outcome: &Outcome) -> io::Result<()> {
    let unfinished = folder.join(OUTCOME_UNFINISHED);
    let text = serde_json::to_vec(&WrittenOutcome { v: VERSION, outcome })?;
    create_file(&unfinished)?.write_all(&text)?;
    std::fs::rename(&unfinished, folder.join(OUTCOME))
}

/// Takes secrets out of what a step wrote to `$DRPLAN_OUTPUT`; whether there were any.
pub(super) fn mask_output(folder: &Path, mask: &Mask) -> bool {
    let (path, masked) = (folder.join(OUTPUT), folder.join(OUTPUT_MASKED));
    match try_mask(&path, &masked, mask.clone()) {
        Ok(true) => std::fs::rename(&masked, &path).is_ok() || empty(&path),
        Ok(false) => std::fs::remove_file(&masked).is_ok_and(|()| false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        // What cannot be looked through must not be kept.
        Err(_) => {
            let _ = std::fs::remove_file(&masked);
            empty(&path)
        }
    }
}

fn empty(path: &Path) -> bool {
    OpenOptions::new().write(true).truncate(true).open(path).is_ok()
}

fn try_mask(from: &Path, to: &Path, mut mask: Mask) -> io::Result<bool> {
    let metadata = std::fs::symlink_metadata(from)?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (mut from, mut to) = (File::open(from)?, create_file(to)?);
    let (mut read, mut shown) = (vec![0; 64 << 10], Vec::new());
    let mut is_changed = false;
    loop {
        let count = from.read(&mut read)?;
        shown.clear();
        if count == 0 {
            mask.finish(&mut shown);
        } else {
            mask.push(&read[..count], &mut shown);
        }
        is_changed |= mask.has_masked();
        to.write_all(&shown)?;
        if count == 0 {
            return Ok(is_changed);
        }
    }
}

pub(super) fn has_intent(folder: &Path) -> Result<bool, FolderError> {
    let path = folder.join(INTENT);
    path.try_exists().map_err(|source| FolderError::Unreadable { path, source })
}

/// Returns the token in the environment of all that an attempt starts; a torn intent has none.
pub(super) fn read_token(folder: &Path) -> Result<Option<String>, FolderError> {
    match read_record::<Intent>(folder.join(INTENT)) {
        Err(FolderError::Malformed { .. }) => Ok(None),
        read => Ok(read?.map(|intent| intent.token)),
    }
}

/// Reads the process record; a torn one is as good as none, since the next thing after it is the output.
pub(super) fn read_process(folder: &Path) -> Result<Option<ProcessRecord>, FolderError> {
    match read_record(folder.join(PROCESS)) {
        Err(FolderError::Malformed { .. }) => Ok(None),
        read => read,
    }
}

pub(super) fn read_outcome(folder: &Path) -> Result<Option<Outcome>, FolderError> {
    Ok(read_record::<ReadOutcome>(folder.join(OUTCOME))?.map(|read| read.outcome))
}

fn read_record<T: DeserializeOwned>(path: PathBuf) -> Result<Option<T>, FolderError> {
    let Some(text) = read_limited(&path, LONGEST_RECORD)? else {
        return Ok(None);
    };
    let malformed =
        |error: serde_json::Error| FolderError::Malformed { path: path.clone(), why: error.to_string() };
    let Version { v } = serde_json::from_slice(&text).map_err(malformed)?;
    if v != VERSION {
        return Err(FolderError::OtherVersion { path, found: v });
    }
    serde_json::from_slice(&text).map(Some).map_err(malformed)
}

/// Reads a file that may be missing and must not be larger than a limit.
pub(super) fn read_limited(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FolderError> {
    let unreadable = |source| FolderError::Unreadable { path: path.to_owned(), source };
    // A pipe in the file's place must not hold us.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = Vec::new();
    file.take(limit + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > limit {
        return Err(FolderError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(Some(text))
}
