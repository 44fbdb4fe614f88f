//! How far apart recovery points can be.

use std::str::FromStr;

use croner::Cron;
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::plan::Points;
use crate::value::Length;

/// The first day of the year over which a schedule is walked; fixed, so that the answer does not change with the calendar.
const WALK_FROM: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
const WALK_DAYS: i64 = 366;
/// Enough for every 15 minutes of the year; denser schedules are walked for a part of it.
const MOST_FIRES: usize = 36_000;

/// Returns the longest time between two recovery points: over a year, clock changes included.
///
/// # Errors
///
/// When the cron expression or the time zone is not one, or the schedule fires less than twice.
pub fn longest_gap(points: &Points) -> Result<Length, String> {
    match points {
        Points::Every(every) => Ok(*every),
        Points::Continuous => Ok(Length::ZERO),
        Points::Cron { expression, timezone } => cron_gap(expression, timezone.as_deref().unwrap_or("UTC")),
    }
}

fn cron_gap(expression: &str, timezone: &str) -> Result<Length, String> {
    let cron =
        Cron::from_str(expression).map_err(|error| format!("`{expression}` is not a schedule: {error}"))?;
    let zone = TimeZone::get(timezone).map_err(|_| format!("`{timezone}` is not a time zone"))?;
    let start = jiff::Timestamp::from_second(WALK_FROM).map_err(|error| error.to_string())?.to_zoned(zone);
    let end = WALK_FROM + WALK_DAYS * 86_400;
    let mut longest = 0;
    let mut before: Option<i64> = None;
    for fire in cron.iter_after(start).take(MOST_FIRES) {
        let fire: Zoned = fire;
        let at = fire.timestamp().as_second();
        if let Some(before) = before {
            longest = longest.max(at - before);
        }
        before = Some(at);
        if at > end {
            break;
        }
    }
    match u64::try_from(longest) {
        Ok(secs) if secs > 0 => Ok(Length::from_secs(secs)),
        _ => Err(format!("`{expression}` never fires twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(expression: &str, timezone: &str) -> Result<String, String> {
        cron_gap(expression, timezone).map(|length| length.to_string())
    }

    #[test]
    fn clock_changes_widen_the_gap() {
        assert_eq!(gap("0 2 * * *", "UTC"), Ok("1d".into()));
        assert_eq!(gap("0 2 * * *", "Europe/Berlin"), Ok("1d1h".into()));
        assert_eq!(gap("0 2 * * 1-5", "America/New_York"), Ok("3d1h".into()));
        assert!(gap("0 0 30 2 *", "UTC").is_err());
        assert!(gap("0 2 * *", "UTC").is_err());
        assert!(gap("0 2 * * *", "Mars/Olympus").is_err());
    }
}
