//! Appends events, and says only then that they are on disk when they are.

use std::io;
use std::path::{Path, PathBuf};

use super::JOURNAL;
use super::format::{FIRST_PREV, Record};
use super::lock::{Held, Holder, Lock, LockError};
use super::reader::{Journal, ReadError, read};
use super::store::{FileStore, Store};
use crate::event::Event;
use crate::value::Stamp;

const LOCK: &str = "lock";

/// What keeps events from being recorded.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another controller has the run, or its lock cannot be made.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is there cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file cannot be made or opened.
    #[error("open {path}: {source}")]
    Open {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The events could not be written. Nothing may act on them, and nothing more can be recorded.
    #[error("record {count} events after record {after}: {source}")]
    Failed {
        /// How many.
        count: usize,
        /// The number of the last good record.
        after: u64,
        /// What the system says.
        source: io::Error,
    },
    /// Another controller has taken the run over. Nothing may act on the events.
    #[error("record anything more: the run was taken over by {0}")]
    TakenOver(Held),
    /// Writing failed before; what is on disk is not known, so nothing is added to it.
    #[error("record anything more: writing to the journal failed before")]
    Poisoned,
}

/// The one writer of a run's journal.
#[derive(Debug)]
pub struct Writer<S: Store = FileStore> {
    store: S,
    next: u64,
    prev: String,
    length: u64,
    poisoned: bool,
    syncs: u64,
    lock: Option<Lock>,
}

impl Writer<FileStore> {
    /// Takes the lock of a new run, and makes its journal.
    ///
    /// # Errors
    ///
    /// When the run has a journal or another controller, or the file cannot be made.
    pub fn create(run_dir: &Path, holder: &Holder) -> Result<Self, WriteError> {
        let lock = Lock::take(&run_dir.join(LOCK), holder)?;
        let path = run_dir.join(JOURNAL);
        let store = FileStore::create(&path).map_err(|source| WriteError::Open { path, source })?;
        Ok(Self { lock: Some(lock), ..Self::over(store) })
    }

    /// Says who controls a run, if anybody does; the journal is neither read nor mended.
    ///
    /// # Errors
    ///
    /// When somebody does, or nobody can say.
    pub fn vacant(run_dir: &Path, holder: &Holder) -> Result<(), LockError> {
        Lock::vacant(&run_dir.join(LOCK), holder).map(drop)
    }

    /// Whether somebody controls a run; unlike [`Writer::vacant`] it changes nothing.
    ///
    /// # Errors
    ///
    /// When nobody can say.
    pub fn is_controlled(run_dir: &Path) -> Result<bool, LockError> {
        Lock::is_held(&run_dir.join(LOCK))
    }

    /// Takes the lock of a run, reads its journal, and cuts off a torn end.
    ///
    /// If [`Journal::torn`] says that something was cut off, the caller records `JournalMended`.
    ///
    /// # Errors
    ///
    /// When another controller has the run, or the journal is damaged.
    pub fn open(run_dir: &Path, holder: &Holder) -> Result<(Self, Journal), WriteError> {
        let lock = Lock::take(&run_dir.join(LOCK), holder)?;
        let journal = read(run_dir)?;
        let path = run_dir.join(JOURNAL);
        let open = || -> io::Result<FileStore> {
            let mut store = FileStore::open(&path)?;
            if journal.torn.is_some() {
                store.truncate(journal.length)?;
                store.sync()?;
            }
            Ok(store)
        };
        let store = open().map_err(|source| WriteError::Open { path: path.clone(), source })?;
        let mut writer = Self { lock: Some(lock), ..Self::over(store) };
        if let Some(last) = journal.records.last() {
            writer.next = last.n + 1;
            writer.prev.clone_from(&last.hash);
            writer.length = journal.length;
        }
        Ok((writer, journal))
    }
}

impl<S: Store> Writer<S> {
    /// Begins a journal in a store that is empty.
    pub fn over(store: S) -> Self {
        let prev = FIRST_PREV.to_owned();
        Self { store, next: 1, prev, length: 0, poisoned: false, syncs: 0, lock: None }
    }

    /// Records events: one write and one sync for all. Only afterwards may anything act on them.
    ///
    /// # Errors
    ///
    /// When they could not be written or synced; every further append then fails as well.
    pub fn append(&mut self, events: &[Event], stamp: &Stamp) -> Result<Vec<Record>, WriteError> {
        if self.poisoned {
            return Err(WriteError::Poisoned);
        }
        if events.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(Err(other)) = self.lock.as_ref().map(Lock::is_still_ours) {
            self.poisoned = true;
            return Err(WriteError::TakenOver(other));
        }
        let after = self.next - 1;
        let failed = |source| WriteError::Failed { count: events.len(), after, source };
        let mut lines = Vec::with_capacity(events.iter().map(roughly_as_long).sum());
        let mut records: Vec<Record> = Vec::with_capacity(events.len());
        for (n, event) in (self.next..).zip(events) {
            let prev = records.last().map_or(self.prev.as_str(), |last| last.hash.as_str());
            let record =
                Record::compose(n, stamp, event, prev, &mut lines).map_err(|error| failed(error.into()))?;
            records.push(record);
        }
        if let Err(error) = self.store.append(&lines).and_then(|()| self.store.sync()) {
            self.poisoned = true;
            // Best effort: without it the next reader finds a torn end, or records on which nothing acted.
            let _ = self.store.truncate(self.length);
            return Err(failed(error));
        }
        self.syncs += 1;
        self.length += lines.len() as u64;
        self.next += records.len() as u64;
        if let Some(last) = records.last() {
            self.prev.clone_from(&last.hash);
        }
        Ok(records)
    }

    /// Returns how often the store was synced for appends.
    pub const fn syncs(&self) -> u64 {
        self.syncs
    }

    /// Whether writing has failed, so that nothing more can be recorded.
    pub const fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Returns what is written to.
    pub const fn store(&self) -> &S {
        &self.store
    }
}

/// Returns about how many bytes a record takes: a list that grows is copied, and leaves behind what it was.
fn roughly_as_long(event: &Event) -> usize {
    const OF_NODE: usize = 128;
    match event {
        Event::RunStarted(start) => start.nodes.len() * OF_NODE + 2048,
        _ => 512,
    }
}
