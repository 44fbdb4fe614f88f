//! Reads the clocks, and waits by the one that no change of the calendar moves.

use std::io;
use std::sync::OnceLock;

use arcstr::ArcStr;
use jiff::Timestamp;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use super::ready::until_readable;
use crate::value::{Length, Moment, Stamp};

fn millis(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

/// Returns the milliseconds since the machine's start, suspended time included.
pub fn boot_ms() -> u64 {
    u64::try_from(millis(clock_gettime(ClockId::Boottime))).unwrap_or(0)
}

/// Returns which start of the machine this is; `unknown` where `/proc` does not say.
pub fn boot_id() -> ArcStr {
    static ID: OnceLock<ArcStr> = OnceLock::new();
    let id = ID.get_or_init(|| match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(text) => text.trim().into(),
        Err(_) => "unknown".into(),
    });
    id.clone()
}

/// Returns what both clocks say now.
#[expect(clippy::disallowed_methods, reason = "the calendar's clock is read here")]
pub fn stamp() -> Stamp {
    Stamp {
        at: Moment::from_unix_millis(Timestamp::now().as_millisecond()),
        boot_ms: boot_ms(),
        boot_id: boot_id(),
    }
}

/// Waits for a length of time; time in which the machine is suspended counts.
///
/// # Errors
///
/// When the system has no timer to give.
pub async fn wait(length: Length) -> io::Result<()> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
    // A timer that is set to zero never rings.
    let length = length.as_millis().max(1);
    let value = Timespec {
        tv_sec: i64::try_from(length / 1000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(length % 1000).unwrap_or(0) * 1_000_000,
    };
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let setting = Itimerspec { it_interval: never, it_value: value };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting)?;
    until_readable(timer).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_by_the_boot_clock() {
        let before = boot_ms();
        wait(Length::from_millis(20)).await.unwrap();
        assert!(boot_ms() - before >= 19);
    }

    #[test]
    fn a_stamp_names_the_boot() {
        assert_eq!(stamp().boot_id.len(), 36);
    }
}
