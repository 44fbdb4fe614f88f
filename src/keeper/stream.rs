//! One stream of a step's output: pipe → mask → file.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use tokio::net::unix::pipe;

use super::kept::Kept;
use super::mask::Mask;

/// Reads no more at once than a pipe usually holds.
pub(super) const AT_ONCE: usize = 64 << 10;

#[derive(Debug)]
struct Sink {
    mask: Mask,
    shown: Vec<u8>,
    kept: Kept,
    total: u64,
}

/// A pipe that is always drained, whatever becomes of what comes out.
#[derive(Debug)]
pub(super) struct Stream {
    pipe: pipe::Receiver,
    open: Cell<bool>,
    sink: RefCell<Sink>,
}

impl Stream {
    pub(super) fn new(pipe: OwnedFd, mask: Mask, path: PathBuf) -> io::Result<Self> {
        let pipe = pipe::Receiver::from_owned_fd(pipe)?;
        let sink = Sink { mask, shown: Vec::new(), kept: Kept::new(path), total: 0 };
        Ok(Self { pipe, open: Cell::new(true), sink: RefCell::new(sink) })
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Returns the bytes that came and the bytes that were lost.
    pub(super) fn counts(&self) -> (u64, u64) {
        let sink = self.sink.borrow();
        (sink.total, sink.kept.lost())
    }

    /// Waits until something can be read, and takes it.
    pub(super) async fn take_next(&self, buffer: &RefCell<Vec<u8>>) {
        if self.pipe.readable().await.is_err() {
            self.close();
            return;
        }
        if !self.open.get() {
            return;
        }
        let mut buffer = buffer.borrow_mut();
        match self.pipe.try_io(|| Ok(rustix::io::read(&self.pipe, &mut *buffer)?)) {
            Ok(0) => self.close(),
            Ok(read) => self.sink.borrow_mut().take(&buffer[..read]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.close(),
        }
    }

    /// Takes what is in the pipe now and no more: a daemon may write for ever.
    pub(super) fn take_present(&self, buffer: &RefCell<Vec<u8>>) {
        let mut buffer = buffer.borrow_mut();
        let mut present = None;
        // Not through the runtime: it may not yet know that there is something to read.
        while self.open.get() && present != Some(0) {
            let limit = present.map_or(AT_ONCE, |present: usize| present.min(AT_ONCE));
            match rustix::io::read(&self.pipe, &mut buffer[..limit]) {
                Ok(0) => self.close(),
                Ok(read) => {
                    self.sink.borrow_mut().take(&buffer[..read]);
                    present = Some(match present {
                        Some(present) => present.saturating_sub(read),
                        None => rustix::io::ioctl_fionread(&self.pipe)
                            .map_or(0, |rest| usize::try_from(rest).unwrap_or(usize::MAX)),
                    });
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => self.close(),
            }
        }
    }

    /// Brings the file up to date.
    pub(super) fn settle(&self) {
        self.sink.borrow_mut().kept.settle();
    }

    fn close(&self) {
        if self.open.replace(false) {
            let sink = &mut *self.sink.borrow_mut();
            sink.shown.clear();
            sink.mask.finish(&mut sink.shown);
            sink.kept.write(&sink.shown);
            sink.kept.settle();
        }
    }
}

impl Sink {
    fn take(&mut self, read: &[u8]) {
        self.total += read.len() as u64;
        if self.mask.is_empty() {
            self.kept.write(read);
        } else {
            self.shown.clear();
            self.mask.push(read, &mut self.shown);
            self.kept.write(&self.shown);
        }
    }
}
