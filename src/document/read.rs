//! Reads a file without ever hanging on it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Limits;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there, or not for us.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is a folder.
    #[error("{} is a folder; name a plan in it", .0.display())]
    Folder(PathBuf),
    /// It is a pipe, a socket or a device.
    #[error("{} is not a file but a pipe, a socket or a device", .0.display())]
    NotAFile(PathBuf),
    /// It is too large.
    #[error("{} has {size} bytes; the limit is {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It is not text in UTF-8.
    #[error("{} is not text in UTF-8: byte {offset} does not fit", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first byte that does not fit, counted from 0.
        offset: usize,
    },
}

impl ReadError {
    /// Whether the fault is in what the file holds, so that it is a finding and no failure of ours.
    pub const fn is_about_content(&self) -> bool {
        matches!(self, Self::NotUtf8 { .. } | Self::TooLarge { .. })
    }
}

/// Reads a text.
///
/// The kind of the file is looked at first: opening a pipe would wait for somebody to write into it.
pub fn read(path: &Path, limits: &Limits) -> Result<String, ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        return Err(ReadError::Folder(path.to_owned()));
    }
    if !metadata.is_file() {
        return Err(ReadError::NotAFile(path.to_owned()));
    }
    let limit = limits.bytes as u64;
    let too_large = |size| ReadError::TooLarge { path: path.to_owned(), size, limit };
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    File::open(path).map_err(io)?.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    String::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })
}
