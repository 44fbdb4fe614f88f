//! Which points of its schedule a copy should have at a moment.

use super::gap::{Clock, longest_gap};
use super::timeline::seconds;
use crate::plan::{Backup, Points};
use crate::resolve::{ResolvedPlan, copy_of};
use crate::value::{Id, Length, Moment};

/// More fires than these are not listed: who makes points that often is judged by the newest alone.
const MOST: usize = 20_000;

/// What a copy should have at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The newest point that the copy should have was captured at this moment, or later.
    pub newest: Moment,
    /// How long it may take from the capture until the copy has a point, by the plan.
    pub delay: Length,
    /// The schedule by which it is told, for people.
    pub by: String,
    /// For how long at most a point is the newest one, where the schedule tells.
    pub newest_for: Option<Length>,
    /// Whether points are captured all the time: then there are all moments between the oldest and the newest.
    pub is_continuous: bool,
}

/// Works out which point a copy should have at a moment, with this much grace.
///
/// A cron schedule is taken at its word: the last of its moments since which `takes` and every `lag` have passed. Where the
/// phase of a schedule is unknown (`every`), one whole period more is granted. Grace is added to each delay.
///
/// # Errors
///
/// When a schedule is none, the copies are made from each other in a circle, or there is no such copy.
pub fn newest_expected(plan: &ResolvedPlan, reference: &str, at: Moment) -> Result<Expected, String> {
    let Some((_, backup, copy_id, _)) = copy_of(plan, reference) else {
        return Err("there is no such copy".to_owned());
    };
    let (newest, delay) = newest_of(backup, copy_id, at.as_unix_millis() / 1000, backup.copies.len())?;
    let schedule = schedule_of(backup, copy_id);
    Ok(Expected {
        newest: Moment::from_unix_millis(newest.saturating_mul(1000)),
        delay: length(delay),
        by: schedule.to_string(),
        newest_for: longest_gap(schedule).ok().map(|gap| gap.length),
        is_continuous: *schedule == Points::Continuous,
    })
}

/// Returns the moments of a copy's schedule in a stretch of time, the oldest first; nothing if they cannot be told one by one.
pub fn moments_between(
    plan: &ResolvedPlan,
    reference: &str,
    from: Moment,
    until: Moment,
) -> Option<Vec<Moment>> {
    let (_, backup, copy_id, _) = copy_of(plan, reference)?;
    let Points::Cron { expression, timezone } = schedule_of(backup, copy_id) else { return None };
    let clock = Clock::new(expression, timezone.as_deref().unwrap_or("UTC")).ok()?;
    let (from, until) = (from.as_unix_millis() / 1000, until.as_unix_millis() / 1000);
    let fires: Vec<i64> = clock.from(from - 1).take_while(|fire| *fire <= until).take(MOST + 1).collect();
    let moments = fires.iter().map(|fire| Moment::from_unix_millis(fire * 1000)).collect();
    (fires.len() <= MOST).then_some(moments)
}

/// Returns the schedule that decides which points a copy has: the slowest hand that they go through, counted from the copy.
fn schedule_of<'a>(backup: &'a Backup, copy: &Id) -> &'a Points {
    let mut next = Some(copy);
    for _ in 0..=backup.copies.len() {
        let Some(copy) = next.and_then(|id| backup.copies.get(id)) else { break };
        if let Some(points) = &copy.points {
            return points;
        }
        next = copy.from.as_ref();
    }
    &backup.points
}

/// Returns the capture of the newest point that a copy should have, and the delays on the way, in seconds.
fn newest_of(backup: &Backup, copy: &Id, at: i64, deep: usize) -> Result<(i64, i64), String> {
    let Some(declared) = backup.copies.get(copy) else { return Err(format!("there is no copy `{copy}`")) };
    let lag = declared.lag.map_or(0, seconds);
    let Some(from) = &declared.from else {
        let delay = backup.takes.map_or(0, seconds) + lag;
        let fire = last_fire(declared.points.as_ref().unwrap_or(&backup.points), at - delay - grace(delay))?;
        return Ok((fire, delay));
    };
    if deep == 0 {
        return Err("is made from itself, in a circle".to_owned());
    }
    let mut asked = at - lag - grace(lag);
    if let Some(points) = &declared.points {
        asked = last_fire(points, asked)?;
    }
    let (newest, delay) = newest_of(backup, from, asked, deep - 1)?;
    Ok((newest, delay + lag))
}

/// What takes ten minutes by the plan takes eleven on a bad day: half as much again is granted, and five minutes at least.
const fn grace(delay: i64) -> i64 {
    let half = delay / 2;
    if half < 300 { 300 } else { half }
}

/// Returns the last moment of a schedule that is not after another.
fn last_fire(points: &Points, at: i64) -> Result<i64, String> {
    match points {
        Points::Continuous => Ok(at),
        Points::Every(every) => Ok(at.saturating_sub(seconds(*every))),
        Points::Cron { expression, timezone } => {
            let clock = Clock::new(expression, timezone.as_deref().unwrap_or("UTC"))?;
            clock.last(at).ok_or_else(|| format!("`{expression}` never fires"))
        }
    }
}

fn length(seconds: i64) -> Length {
    Length::from_secs(u64::try_from(seconds).unwrap_or_default())
}
