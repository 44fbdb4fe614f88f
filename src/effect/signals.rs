//! Hears the signals that ask to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP; from the moment on that this is made they do not end us, and what comes is kept for
/// whoever listens.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Begins to listen. Must be called inside the runtime.
    ///
    /// # Errors
    ///
    /// When the system does not let us.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Tells the count of each signal, until nobody wants to hear it any more.
    pub(super) async fn tell(mut self, tell: impl Fn(u32) -> bool) {
        let mut count = 0_u32;
        loop {
            let is_hang_up = tokio::select! {
                _ = self.interrupt.recv() => false,
                _ = self.terminate.recv() => false,
                _ = self.hang_up.recv() => true,
            };
            // A terminal that goes away says so to each of us, perhaps more than once: it never
            // means the second Ctrl-C, which ends what runs.
            count = if is_hang_up { count.max(1) } else { count.saturating_add(1) };
            if !tell(count) {
                return;
            }
        }
    }
}
