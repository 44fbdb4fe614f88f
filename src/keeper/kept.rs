//! What is kept of one stream of output: its beginning, and its last part.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::folder;

/// So much from the beginning is kept.
const HEAD: u64 = 16 << 20;

/// So much from the end is kept besides.
const TAIL: usize = 64 << 10;

/// A file of bounded size, whatever is written to it. The file appears with the first byte.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    file: Option<File>,
    /// Bytes in the file's beginning.
    head: u64,
    /// Whether the beginning takes more.
    head_open: bool,
    /// Whether the beginning was closed because the file could not be written.
    failed: bool,
    tail: VecDeque<u8>,
    /// Bytes that came after the beginning was closed.
    after_head: u64,
    /// How many of those the file knows of.
    settled: u64,
    /// Bytes that the limits would have kept and the file does not hold.
    lost: u64,
}

impl Kept {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            head: 0,
            head_open: true,
            failed: false,
            tail: VecDeque::new(),
            after_head: 0,
            settled: 0,
            lost: 0,
        }
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Takes bytes in. A file that cannot be written is not tried again before [`Self::settle`].
    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        if self.head_open && !bytes.is_empty() {
            let room = usize::try_from(HEAD - self.head).unwrap_or(usize::MAX);
            let (now, _) = bytes.split_at(bytes.len().min(room));
            let (written, done) = self.write_at(now, self.head);
            self.head += written as u64;
            bytes = &bytes[written..];
            self.failed = done.is_err();
            self.head_open = !self.failed && self.head < HEAD;
        }
        self.after_head += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(TAIL)..];
        let excess = (self.tail.len() + bytes.len()).saturating_sub(TAIL);
        self.tail.drain(..excess);
        self.tail.extend(bytes);
    }

    /// Brings the last part into the file, in place of an earlier last part.
    pub(super) fn settle(&mut self) {
        if self.settled == self.after_head {
            return;
        }
        let left_out = self.after_head - self.tail.len() as u64;
        let mut end = Vec::with_capacity(self.tail.len() + 64);
        if left_out > 0 {
            end.extend_from_slice(format!("\n[drplan: {left_out} bytes left out here]\n").as_bytes());
        }
        let (first, second) = self.tail.as_slices();
        end.extend_from_slice(first);
        end.extend_from_slice(second);
        let (_, done) = self.write_at(&end, self.head);
        let file_end = if done.is_ok() { self.head + end.len() as u64 } else { self.head };
        if let Some(file) = &self.file {
            // A shorter marker than before would leave old bytes behind it.
            let _ = file.set_len(file_end);
        }
        self.lost = match (done, self.failed) {
            (Ok(()), false) => 0,
            (Ok(()), true) => left_out,
            (Err(_), true) => self.after_head,
            (Err(_), false) => self.tail.len() as u64,
        };
        self.settled = self.after_head;
    }

    /// Writes as much as goes, and tells how much that was.
    fn write_at(&mut self, bytes: &[u8], at: u64) -> (usize, io::Result<()>) {
        if self.file.is_none() {
            match folder::create_file(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) => return (0, Err(error)),
            }
        }
        let Some(file) = &self.file else {
            return (0, Err(io::ErrorKind::NotFound.into()));
        };
        let mut written = 0;
        while written < bytes.len() {
            match file.write_at(&bytes[written..], at + written as u64) {
                Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (written, Err(error)),
            }
        }
        (written, Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_both_ends() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = Kept::new(dir.path().join("out"));
        for round in 0..400u64 {
            kept.write(&vec![b'a' + u8::try_from(round % 26).unwrap(); 65_537]);
        }
        kept.write(b"the end");
        kept.settle();
        let total = 400 * 65_537 + 7;
        let text = std::fs::read(dir.path().join("out")).unwrap();
        let left_out = total - (16 << 20) - (64 << 10);
        let marker = format!("\n[drplan: {left_out} bytes left out here]\n");
        assert_eq!(text.len(), (16 << 20) + marker.len() + (64 << 10));
        assert_eq!(&text[16 << 20..(16 << 20) + marker.len()], marker.as_bytes());
        assert!(text.ends_with(b"the end"));
        assert_eq!(kept.lost(), 0);
        // A daemon goes on: the end is brought up to date.
        kept.write(b"more");
        kept.settle();
        assert!(std::fs::read(dir.path().join("out")).unwrap().ends_with(b"the endmore"));
    }

    #[test]
    fn no_file_without_output() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = Kept::new(dir.path().join("out"));
        kept.write(b"");
        kept.settle();
        assert!(!dir.path().join("out").exists());
    }

    #[test]
    fn a_full_disk_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", dir.path().join("out")).unwrap();
        let mut kept = Kept::new(dir.path().join("out"));
        kept.write(b"hello");
        kept.settle();
        assert_eq!(kept.lost(), 5);
    }
}
