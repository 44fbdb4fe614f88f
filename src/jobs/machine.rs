//! A machine that is asked: its files, and what its programs say. Nothing that is asked changes anything.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// More of a file is not read.
pub(super) const LONGEST: usize = 1 << 20;

/// The kernel looks no further for the interpreter of a script.
pub(super) const HEAD: usize = 256;

/// A machine.
pub trait Machine {
    /// Returns what a path is, after its links.
    ///
    /// # Errors
    ///
    /// When it is not there, or cannot be seen.
    fn metadata(&self, path: &Path) -> io::Result<Meta>;

    /// Returns what a path is itself.
    ///
    /// # Errors
    ///
    /// When it is not there, or cannot be seen.
    fn link_metadata(&self, path: &Path) -> io::Result<Meta>;

    /// Returns what a symbolic link says.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be seen.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;

    /// Reads as much of a regular file as the kernel reads to find the interpreter of a script.
    ///
    /// # Errors
    ///
    /// When it is not there, is no regular file, or cannot be read: a pipe would be waited for.
    fn head(&self, path: &Path) -> io::Result<String>;

    /// Reads a regular file, one byte more of it than a mebibyte at most.
    ///
    /// # Errors
    ///
    /// When it is not there, is no regular file, or cannot be read.
    fn beginning(&self, path: &Path) -> io::Result<String>;

    /// Reads the last mebibyte of a regular file, from the beginning of a line.
    ///
    /// # Errors
    ///
    /// When it is not there, is no regular file, or cannot be read.
    fn end_of(&self, path: &Path) -> io::Result<String>;

    /// Returns the names in a folder.
    ///
    /// # Errors
    ///
    /// When it is not there, is no folder, or cannot be read.
    fn entries(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Runs a program that only looks, in UTC; returns what it has printed.
    ///
    /// # Errors
    ///
    /// When it is not there, fails, or is late: then nobody can know.
    fn ask(&self, words: &[&str]) -> Result<String, String>;

    /// Reads a text of at most a mebibyte.
    ///
    /// # Errors
    ///
    /// When it is longer, is not there, is no regular file, or cannot be read.
    fn text(&self, path: &Path) -> io::Result<String> {
        let text = self.beginning(path)?;
        if text.len() > LONGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than a mebibyte"));
        }
        Ok(text)
    }

    /// Returns the names in a folder, in order; none if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = match self.entries(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            entries => entries?,
        };
        names.sort();
        Ok(names)
    }
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its kind and its mode, as `st_mode`.
    pub mode: u32,
    /// The account that owns it.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// How many names it has.
    pub links: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was last written, in seconds since 1970.
    pub written: i64,
}

impl Meta {
    const KIND: u32 = 0o170_000;

    pub(super) const fn is_file(self) -> bool {
        self.mode & Self::KIND == 0o100_000
    }

    pub(super) const fn is_dir(self) -> bool {
        self.mode & Self::KIND == 0o040_000
    }
}

impl From<Metadata> for Meta {
    fn from(meta: Metadata) -> Self {
        Self {
            mode: meta.mode(),
            uid: meta.uid(),
            gid: meta.gid(),
            links: meta.nlink(),
            bytes: meta.len(),
            written: meta.mtime(),
        }
    }
}
