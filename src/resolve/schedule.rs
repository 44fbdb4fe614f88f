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

/// Returns how far apart the recovery points of two schedules can be, if of each the nearest to the other's is taken.
///
/// For every point of one schedule the nearest of the other is sought, over a year; of the two ways round the better
/// one counts, since it is enough to begin with the sparser schedule. `every` says nothing of when it begins: half of it.
///
/// # Errors
///
/// As [`longest_gap`].
pub fn farthest_apart(one: &Points, other: &Points) -> Result<Length, String> {
    if let (
        Points::Cron { expression: a, timezone: zone_a },
        Points::Cron { expression: b, timezone: zone_b },
    ) = (one, other)
    {
        let (a, b) = (fires(a, zone_a.as_deref())?, fires(b, zone_b.as_deref())?);
        let apart = [farthest_from(&a, &b), farthest_from(&b, &a)].into_iter().flatten().min();
        return apart
            .map(Length::from_secs)
            .ok_or_else(|| "the schedules never come near each other".to_owned());
    }
    let shorter = longest_gap(one)?.min(longest_gap(other)?);
    Ok(Length::from_millis(shorter.as_millis() / 2))
}

/// Returns how far the worst point of the first is from the nearest of the second, in seconds.
fn farthest_from(points: &[i64], others: &[i64]) -> Option<u64> {
    let (first, last) = (others.first()?, others.last()?);
    let both = points.iter().filter(|point| (first..=last).contains(point));
    let nearest = |point: &i64| {
        let after = others.partition_point(|other| other < point);
        let around = others.get(after.saturating_sub(1)..).unwrap_or_default().iter().take(2);
        around.map(|other| other.abs_diff(*point)).min()
    };
    both.filter_map(nearest).max()
}

fn cron_gap(expression: &str, timezone: &str) -> Result<Length, String> {
    let fires = fires(expression, Some(timezone))?;
    let gaps = fires.iter().zip(fires.iter().skip(1)).map(|(before, at)| at - before);
    match gaps.max().and_then(|longest| u64::try_from(longest).ok()) {
        Some(secs) if secs > 0 => Ok(Length::from_secs(secs)),
        _ => Err(format!("`{expression}` never fires twice")),
    }
}

/// Returns when a schedule fires over a year, clock changes included, in seconds since 1970.
fn fires(expression: &str, timezone: Option<&str>) -> Result<Vec<i64>, String> {
    let timezone = timezone.unwrap_or("UTC");
    let cron =
        Cron::from_str(expression).map_err(|error| format!("`{expression}` is not a schedule: {error}"))?;
    let zone = TimeZone::get(timezone).map_err(|_| format!("`{timezone}` is not a time zone"))?;
    let start = jiff::Timestamp::from_second(WALK_FROM).map_err(|error| error.to_string())?.to_zoned(zone);
    let end = WALK_FROM + WALK_DAYS * 86_400;
    let mut fires = Vec::new();
    for fire in cron.iter_after(start).take(MOST_FIRES) {
        let fire: Zoned = fire;
        let at = fire.timestamp().as_second();
        fires.push(at);
        if at > end {
            break;
        }
    }
    Ok(fires)
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

    #[test]
    fn the_nearest_points_of_two_schedules() {
        let cron = |expression: &str, zone: &str| Points::Cron {
            expression: expression.into(),
            timezone: Some(zone.into()),
        };
        let apart = |one: &Points, other: &Points| {
            let lengths = [farthest_apart(one, other), farthest_apart(other, one)];
            assert_eq!(lengths[0], lengths[1]);
            lengths[0].as_ref().map(ToString::to_string).map_err(Clone::clone)
        };
        let nightly = cron("0 2 * * *", "UTC");
        assert_eq!(apart(&nightly, &nightly), Ok("0s".into()));
        assert_eq!(apart(&nightly, &cron("30 2 * * *", "UTC")), Ok("30m".into()));
        assert_eq!(apart(&nightly, &cron("0 * * * *", "UTC")), Ok("0s".into()));
        // In summer, two o'clock in Berlin is midnight in UTC; in winter it is one.
        assert_eq!(apart(&nightly, &cron("0 2 * * *", "Europe/Berlin")), Ok("2h".into()));
        assert_eq!(apart(&nightly, &Points::Every(Length::from_secs(7200))), Ok("1h".into()));
        assert_eq!(apart(&nightly, &Points::Continuous), Ok("0s".into()));
        assert!(apart(&nightly, &cron("0 0 30 2 *", "UTC")).is_err());
    }
}
