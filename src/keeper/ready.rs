//! Waits on a file descriptor.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Waits until a timer has rung, or a process has ended.
#[expect(deprecated, reason = "its successor is unsafe, for types that close under it; an OwnedFd does not")]
pub(super) async fn until_readable(fd: OwnedFd) -> io::Result<()> {
    AsyncFd::with_interest(fd, Interest::READABLE)?.readable().await?.retain_ready();
    Ok(())
}
