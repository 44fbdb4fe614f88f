//! Where a journal's bytes go: a file, or memory for dry runs of the plan and for tests.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Takes bytes at its end.
pub trait Store {
    /// Appends all bytes; after an error any part of them may be there.
    ///
    /// # Errors
    ///
    /// When they could not all be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once all that was appended survives a loss of power.
    ///
    /// # Errors
    ///
    /// When nobody can say so; what was appended may then be lost.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts off what lies behind a length.
    ///
    /// # Errors
    ///
    /// When it could not be cut.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A journal's file.
#[derive(Debug)]
pub struct FileStore {
    file: File,
}

impl FileStore {
    /// Makes the file, which must not be there, and makes its name durable.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        sync_parent(path)?;
        Ok(Self { file })
    }

    /// Opens a file that is there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().append(true).open(path)? })
    }
}

/// Makes the name of a new file, or of a renamed one, survive a loss of power.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

impl Store for FileStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

/// A journal in memory, which can be told to fail.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// What was appended.
    pub bytes: Vec<u8>,
    /// How often it was synced.
    pub syncs: usize,
    /// For each of the next appends: after how many bytes it fails; none is a success.
    pub append_failures: VecDeque<Option<usize>>,
    /// For each of the next syncs: whether it fails.
    pub sync_failures: VecDeque<bool>,
    /// Whether cutting fails.
    pub truncate_fails: bool,
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Store for MemoryStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(after) = self.append_failures.pop_front().flatten() {
            self.bytes.extend_from_slice(&bytes[..after.min(bytes.len())]);
            return Err(full());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.sync_failures.pop_front().unwrap_or(false) {
            return Err(full());
        }
        self.syncs += 1;
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if self.truncate_fails {
            return Err(full());
        }
        self.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }
}

impl<S: Store + ?Sized> Store for &mut S {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        (**self).sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        (**self).truncate(length)
    }
}
