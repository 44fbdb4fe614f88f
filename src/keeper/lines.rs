//! The conversation of controller and keeper: its two halves, and the lines that it is made of.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::unix::pipe;

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

/// Returns both halves of a conversation.
///
/// Only what arrives wakes the first one. A stream of the runtime is also woken whenever the other side has read
/// something, which is twice for each step and for nothing.
pub(super) fn halves(stream: tokio::net::UnixStream) -> io::Result<(pipe::Receiver, Outgoing)> {
    let stream = stream.into_std()?;
    Ok((pipe::Receiver::from_owned_fd_unchecked(stream.try_clone()?.into())?, Outgoing { stream }))
}

/// The half that is written to. When it is dropped, the other side comes to the end of the conversation.
#[derive(Debug)]
pub(super) struct Outgoing {
    stream: UnixStream,
}

impl Outgoing {
    pub(super) async fn write_all(&self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            match send(&self.stream, text, SendFlags::NOSIGNAL) {
                Ok(sent) => text = &text[sent..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.until_writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until the other side has read; it does so at once, unless it is stopped.
    async fn until_writable(&self) -> io::Result<()> {
        let stream = OwnedFd::from(self.stream.try_clone()?);
        pipe::Sender::from_owned_fd_unchecked(stream)?.writable().await
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // It may be broken already.
        let _ = shutdown(&self.stream, Shutdown::Write);
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
