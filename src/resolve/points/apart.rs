//! How far apart the points of two schedules can be.

use super::gap::{Clock, MOST_FIRES, longest_gap};
use crate::plan::Points;
use crate::value::Length;

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
        let fires = |expression: &str, zone: Option<&str>| {
            let clock = Clock::new(expression, zone.unwrap_or("UTC"))?;
            clock
                .fires_of_the_year(0, MOST_FIRES)
                .map_err(|()| format!("`{expression}` fires too often for its points to be compared"))
        };
        let (a, b) = (fires(a, zone_a.as_deref())?, fires(b, zone_b.as_deref())?);
        let apart = [farthest_from(&a, &b), farthest_from(&b, &a)].into_iter().flatten().min();
        return apart
            .map(Length::from_secs)
            .ok_or_else(|| "the schedules never come near each other".to_owned());
    }
    let shorter = longest_gap(one)?.length.min(longest_gap(other)?.length);
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

#[cfg(test)]
mod tests {
    use super::*;

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
