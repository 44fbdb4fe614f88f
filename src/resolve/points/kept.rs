//! Which old points a copy still has.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::timeline::{Point, Timeline, length};
use crate::plan::{Generations, Keep};
use crate::value::{Length, Moment};

/// A way in which old points are kept: how far apart they are then, and how far back they reach for sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    /// In words: "weekly".
    pub(super) name: String,
    /// The longest time between two points that are kept this way.
    pub(super) gap: Length,
    /// The least age that the oldest of them has reached at any time.
    pub(super) reach: Length,
}

/// The periods of generations, by the clock of UTC.
#[derive(Clone, Copy)]
enum Period {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

impl Period {
    /// Returns the number of the period that a moment is in.
    fn number(self, second: i64) -> i64 {
        match self {
            Self::Hour => second.div_euclid(3_600),
            Self::Day => second.div_euclid(86_400),
            // 1 January 1970 was a Thursday; weeks begin on Monday, as in ISO 8601.
            Self::Week => (second + 3 * 86_400).div_euclid(7 * 86_400),
            Self::Month | Self::Year => {
                let date = Timestamp::from_second(second).unwrap_or_default().to_zoned(TimeZone::UTC).date();
                let year = i64::from(date.year());
                if matches!(self, Self::Year) { year } else { year * 12 + i64::from(date.month()) }
            }
        }
    }

    /// Returns the shortest and the longest of them.
    const fn lengths(self) -> (Length, Length) {
        let (least, most) = match self {
            Self::Hour => (HOUR, HOUR),
            Self::Day => (DAY, DAY),
            Self::Week => (7 * DAY, 7 * DAY),
            Self::Month => (28 * DAY, 31 * DAY),
            Self::Year => (365 * DAY, 366 * DAY),
        };
        (Length::from_secs(least), Length::from_secs(most))
    }
}

/// Returns the ways in which a copy keeps old points.
///
/// Generations are kept as restic and borg keep them: of each of the last N hours, days, weeks, months or years (by
/// UTC) that have points, the last one. The clock of the job may lie in another zone; periods are as long there.
pub(super) fn tiers(keep: &Keep, timeline: &Timeline) -> Vec<Tier> {
    match keep {
        Keep::Latest => Vec::new(),
        Keep::For(length) => vec![Tier { name: keep.to_string(), gap: timeline.gap, reach: *length }],
        Keep::Generations(generations) => of_generations(generations, timeline),
    }
}

fn of_generations(generations: &Generations, timeline: &Timeline) -> Vec<Tier> {
    let mut tiers = Vec::new();
    if let Some(count) = generations.last {
        tiers.push(last(count, timeline));
    }
    for (name, count, period) in periods_of(generations) {
        let Some(count) = count else { continue };
        let name = format!("{count} {name}");
        let exact = timeline.points.as_deref().and_then(|points| by_walk(points, count, period));
        let (gap, reach) = exact.unwrap_or_else(|| by_bound(timeline, count, period));
        tiers.push(Tier { name, gap, reach });
    }
    tiers
}

const fn periods_of(generations: &Generations) -> [(&'static str, Option<u32>, Period); 5] {
    [
        ("hourly", generations.hourly, Period::Hour),
        ("daily", generations.daily, Period::Day),
        ("weekly", generations.weekly, Period::Week),
        ("monthly", generations.monthly, Period::Month),
        ("yearly", generations.yearly, Period::Year),
    ]
}

/// Returns the points that were known, should still be kept, and of whose period none is here: which one of a period a tool
/// keeps is its own matter.
pub fn lost_generations(generations: &Generations, known: &[Moment], here: &[Moment]) -> Vec<Moment> {
    let all: BTreeSet<Moment> = known.iter().chain(here).copied().collect();
    let all: Vec<Moment> = all.into_iter().collect();
    let here: BTreeSet<&Moment> = here.iter().collect();
    let is_lost = |time: &&Moment| !here.contains(*time);
    let most = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let newest = all.iter().rev().take(most(generations.last.unwrap_or(0)));
    let mut lost: BTreeSet<Moment> = newest.filter(is_lost).copied().collect();
    for (_, count, period) in periods_of(generations) {
        let number = |time: &Moment| period.number(time.as_unix_millis().div_euclid(1000));
        let periods = all.chunk_by(|one, other| number(one) == number(other)).rev();
        let kept = periods.take(most(count.unwrap_or(0)));
        let gone = kept.filter(|points| points.iter().all(|time| is_lost(&time)));
        lost.extend(gone.filter_map(|points| points.last()));
    }
    lost.into_iter().collect()
}

/// The last so many points.
fn last(count: u32, timeline: &Timeline) -> Tier {
    let back = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    let walked =
        timeline.points.as_deref().filter(|points| points.len() > back.saturating_add(1)).map(|points| {
            let reach = points
                .iter()
                .zip(points.iter().skip(back))
                .map(|(old, new)| new.captured - old.captured)
                .min();
            length(reach.unwrap_or_default())
        });
    let reach = walked.unwrap_or_else(|| times(timeline.least_gap, u64::from(count.saturating_sub(1))));
    Tier { name: format!("the last {count}"), gap: timeline.gap, reach }
}

/// Walks over the points: of each period the last is kept.
fn by_walk(points: &[Point], count: u32, period: Period) -> Option<(Length, Length)> {
    // First and last capture of each period that has points.
    let mut periods: Vec<(i64, i64, i64)> = Vec::new();
    for point in points {
        let number = period.number(point.captured);
        match periods.last_mut() {
            Some((known, _, last)) if *known == number => *last = point.captured,
            _ => periods.push((number, point.captured, point.captured)),
        }
    }
    let back = usize::try_from(count.saturating_sub(1)).ok()?;
    // The first and the last period may be cut by the walk.
    let whole = periods.get(1..periods.len().checked_sub(1)?)?;
    if whole.len() <= back.max(2) {
        return None;
    }
    // Right after the first point of a new period has come, the oldest of the generations has gone.
    let reach =
        whole.iter().zip(whole.iter().skip(back)).map(|((_, _, old), (_, new, _))| new - old).min()?;
    let gap = whole.windows(2).map(|pair| pair[1].2 - pair[0].2).max()?;
    Some((length(gap), length(reach.max(0))))
}

/// What holds whatever the phase: points are a period and one gap apart, and the oldest but one period is there.
fn by_bound(timeline: &Timeline, count: u32, period: Period) -> (Length, Length) {
    let (least, most) = period.lengths();
    // Where no period has two points, each of them is kept.
    let gap = if timeline.least_gap >= most { timeline.gap } else { most.saturating_add(timeline.gap) };
    let by_period = times(least, u64::from(count.saturating_sub(2)));
    (gap, by_period.max(times(timeline.least_gap, u64::from(count.saturating_sub(1)))))
}

fn times(length: Length, count: u64) -> Length {
    Length::from_millis(length.as_millis().saturating_mul(count))
}

/// Returns how far apart the points are from which the newest from before a harm is taken, found after so long.
///
/// # Errors
///
/// When no such point may be left: how far back each way of keeping reaches, for people.
pub(super) fn clean(keep: &Keep, timeline: &Timeline, found_after: Length) -> Result<Tier, String> {
    let tiers = tiers(keep, timeline);
    // Where points are long on their way, the newest one from before the harm may be as old as any newest point gets.
    let newest = timeline.age();
    let reaches = |tier: &&Tier| tier.reach >= found_after.saturating_add(tier.gap).max(newest);
    if let Some(tier) = tiers.iter().filter(reaches).min_by_key(|tier| tier.gap) {
        return Ok(tier.clone());
    }
    if *keep == Keep::Latest {
        return Err("holds only the newest state, which is spoiled as well".to_owned());
    }
    let far = |tier: &Tier| match keep {
        Keep::For(_) => format!("points up to {} apart", tier.gap),
        _ => format!("{}: reaches back {} for sure, points up to {} apart", tier.name, tier.reach, tier.gap),
    };
    let far: Vec<String> = tiers.iter().map(far).collect();
    Err(format!(
        "keeps {keep} ({}), but the harm is found after {found_after}: no clean point may be left",
        far.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_where_the_calendar_says() {
        // Monday 5 January 2026, 00:00 UTC.
        let monday = 1_767_571_200;
        assert_ne!(Period::Week.number(monday - 1), Period::Week.number(monday));
        assert_eq!(Period::Week.number(monday), Period::Week.number(monday + 7 * 86_400 - 1));
        assert_ne!(Period::Month.number(monday), Period::Month.number(monday + 27 * 86_400));
    }
}
