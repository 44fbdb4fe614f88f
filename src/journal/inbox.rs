//! Requests from other terminals, left as files for the run's controller.

use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::runs::random_letters;
use crate::value::{Id, Moment};

const VERSION: u32 = 1;
const LONGEST: u64 = 1 << 20;
const INBOX: &str = "inbox";

/// What is asked of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// End what runs and give the run up.
    Abort,
    /// End what runs, give the run up, and take back what was carried out.
    Undo,
    /// What was carried out stays.
    Commit,
    /// Approve a step.
    Approve,
    /// Refuse a step.
    Refuse,
    /// Go on without a step.
    Skip,
    /// Try a failed step again.
    Retry,
    /// Give what is to be done into other hands.
    HandOver,
}

/// A request to the controller of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The version of the format: 1.
    pub v: u32,
    /// What is asked.
    pub kind: Kind,
    /// Of which step; none for the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Id>,
    /// Why, in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// To whom a step is handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Id>,
    /// Who asks: a person of the plan, or the account's name.
    pub by: String,
    /// The account that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it was asked.
    pub at: Moment,
    /// The text that was signed, where the request must be proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Why it was refused where it was asked: it is to be recorded, not heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The armored SSH signature of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Request {
    /// Makes a request that says who asks what, and when.
    pub fn new(kind: Kind, by: impl Into<String>, at: Moment) -> Self {
        Self {
            v: VERSION,
            kind,
            step: None,
            reason: None,
            to: None,
            by: by.into(),
            account: None,
            at,
            statement: None,
            refused: None,
            signature: None,
        }
    }
}

/// What keeps the inbox from being used.
#[derive(Debug, thiserror::Error)]
#[error("use {path}: {source}")]
pub struct InboxError {
    path: PathBuf,
    source: io::Error,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> InboxError {
    move |source| InboxError { path: path.to_owned(), source }
}

/// A file of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file's name.
    pub file: String,
    /// SHA-256 of what stands in it, in hexadecimal.
    pub sha256: String,
    /// What is asked, or why it cannot be understood.
    pub request: Result<Request, String>,
}

/// Leaves a request for the controller of a run: it appears whole or not at all.
///
/// # Errors
///
/// When the file cannot be written.
pub fn put(run_dir: &Path, request: &Request) -> Result<PathBuf, InboxError> {
    let inbox = run_dir.join(INBOX);
    let failed = failed(&inbox);
    create(&inbox).map_err(&failed)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&inbox).map_err(&failed)?;
    let text = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
    file.write_all(&text).and_then(|()| file.as_file().sync_data()).map_err(&failed)?;
    // What is asked first is heard first, also within a second.
    let millis = request.at.as_unix_millis().rem_euclid(1000);
    let letters = random_letters().map_err(&failed)?;
    let name = format!("{}-{millis:03}-{letters}.json", request.at.compact());
    let path = inbox.join(name);
    file.persist_noclobber(&path).map_err(|error| failed(error.error))?;
    Ok(path)
}

/// Reads what lies in the inbox, the oldest first. Nothing is moved: that is for [`put_away`], once
/// what was read is on record.
///
/// # Errors
///
/// When the inbox cannot be read.
pub fn look(run_dir: &Path) -> Result<Vec<Found>, InboxError> {
    let inbox = run_dir.join(INBOX);
    let failed = failed(&inbox);
    let entries = match fs::read_dir(&inbox) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(&failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Hidden ones are being written; folders are ours.
        let is_dir = entry.file_type().map_err(&failed)?.is_dir();
        if !is_dir && !name.starts_with('.') {
            names.push((name, entry.path()));
        }
    }
    names.sort();
    let found = names.into_iter().map(|(file, path)| {
        let read = read(&path);
        let sha256 = hash_of(&file, &read);
        Found { file, sha256, request: read.and_then(|bytes| understand(&bytes)) }
    });
    Ok(found.collect())
}

/// Moves what was found to `inbox/done`, or to `inbox/bad` if it was no request; whether it was there.
///
/// Another file of the same name is left where it is: nobody has heard it yet.
///
/// # Errors
///
/// When it cannot be moved; that somebody else has moved it is none.
pub fn put_away(run_dir: &Path, found: &Found) -> Result<bool, InboxError> {
    let inbox = run_dir.join(INBOX);
    let failed = failed(&inbox);
    let path = inbox.join(&found.file);
    if hash_of(&found.file, &read(&path)) != found.sha256 {
        return Ok(false);
    }
    let folder = inbox.join(if found.request.is_ok() { "done" } else { "bad" });
    create(&folder).map_err(&failed)?;
    match fs::rename(path, folder.join(&found.file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(error)),
        Ok(()) => Ok(true),
    }
}

/// Returns what a file is known by: its content, or its name where it cannot be read.
fn hash_of(file: &str, read: &Result<Vec<u8>, String>) -> String {
    let bytes = read.as_deref().unwrap_or(file.as_bytes());
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn create(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let regular = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !regular {
        return Err("it is not a file".to_owned());
    }
    let mut text = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text));
    read.map_err(|error| error.to_string())?;
    if text.len() as u64 > LONGEST { Err("it is too long".to_owned()) } else { Ok(text) }
}

fn understand(text: &[u8]) -> Result<Request, String> {
    let request: Request = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if request.v == VERSION { Ok(request) } else { Err(format!("it has version {}", request.v)) }
}

/// Watches a run's inbox.
#[derive(Debug)]
pub struct Watch {
    inotify: AsyncFd<OwnedFd>,
    inbox: PathBuf,
}

impl Watch {
    /// Begins to watch; what lies there already must be taken once afterwards.
    ///
    /// # Errors
    ///
    /// When the system has no more watches to give.
    pub fn new(run_dir: &Path) -> Result<Self, InboxError> {
        let inbox = run_dir.join(INBOX);
        let begin = || -> io::Result<AsyncFd<OwnedFd>> {
            create(&inbox)?;
            let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            inotify::add_watch(&inotify, &inbox, WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE)?;
            #[expect(deprecated, reason = "its successor is unsafe, for types that close under it")]
            AsyncFd::with_interest(inotify, Interest::READABLE)
        };
        let inotify = begin().map_err(failed(&inbox))?;
        Ok(Self { inotify, inbox })
    }

    /// Waits until something has arrived. May be given up at any time; nothing is lost.
    ///
    /// # Errors
    ///
    /// When the watch is broken.
    pub async fn arrival(&mut self) -> Result<(), InboxError> {
        let failed = failed(&self.inbox);
        loop {
            let mut ready = self.inotify.readable().await.map_err(&failed)?;
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = inotify::Reader::new(ready.get_inner(), &mut buffer);
            let mut any = false;
            loop {
                match events.next() {
                    Ok(event) => {
                        let hidden = event.file_name().is_some_and(|name| name.to_bytes().starts_with(b"."));
                        any |= !hidden;
                    }
                    Err(rustix::io::Errno::INTR) => {}
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(error) => return Err(failed(error.into())),
                }
            }
            ready.clear_ready();
            if any {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_arrive() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(dir.path()).unwrap();
        assert_eq!(look(dir.path()).unwrap(), []);
        let mut request = Request::new(Kind::Skip, "eve", "2026-11-22T21:00:00Z".parse().unwrap());
        request.step = Some("restore/unpack".parse().unwrap());
        request.reason = Some("done by hand".to_owned());
        put(dir.path(), &request).unwrap();
        watch.arrival().await.unwrap();
        fs::File::create(dir.path().join("inbox/x.json")).unwrap().write_all(b"{").unwrap();
        watch.arrival().await.unwrap();
        let found = look(dir.path()).unwrap();
        assert_eq!(look(dir.path()).unwrap(), found, "looking moves nothing");
        assert_eq!(found[0].request, Ok(request));
        assert_eq!((found[1].file.as_str(), found[1].request.is_err()), ("x.json", true));
        for found in &found {
            assert!(put_away(dir.path(), found).unwrap());
            assert!(!put_away(dir.path(), found).unwrap());
        }
        assert!(dir.path().join("inbox/bad/x.json").exists());
        assert_eq!(fs::read_dir(dir.path().join("inbox/done")).unwrap().count(), 1);
        assert_eq!(look(dir.path()).unwrap(), []);
        // Another one of the same name has not been heard.
        fs::File::create(dir.path().join("inbox/x.json")).unwrap().write_all(b"[").unwrap();
        assert!(!put_away(dir.path(), &found[1]).unwrap());
        assert_eq!(look(dir.path()).unwrap().len(), 1);
    }
}
