//! Cuts a stream into lines, and makes lines of values.

use std::io;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A job carries a whole environment and a script; what is longer than this is not ours.
const LONGEST: usize = 16 << 20;

/// So much is read at once.
const AT_ONCE: usize = 16 << 10;

/// Lines of a stream. Waiting for the next one may be given up at any time; nothing is lost.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    taken: usize,
    searched: usize,
}

impl Lines {
    /// Returns the next line without its end; nothing at the end of the stream.
    pub(super) async fn next(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let end = self.searched + at;
                let line = self.buffer[self.taken..end].to_vec();
                self.taken = end + 1;
                self.searched = self.taken;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.searched = self.buffer.len();
            if self.buffer.len() > LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
            }
            self.buffer.reserve(AT_ONCE);
            if from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// Appends a value as one line.
pub(super) fn put(value: &impl Serialize, to: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cuts_lines() {
        let mut lines = Lines::default();
        let mut from: &[u8] = b"a\n\nbc\nrest";
        let mut all = Vec::new();
        while let Some(line) = lines.next(&mut from).await.unwrap() {
            all.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(all, ["a", "", "bc"]);
    }
}
