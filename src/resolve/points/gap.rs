//! How far apart the moments of a schedule can be.

use std::collections::HashMap;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::known::Known;
use crate::plan::Points;
use crate::value::Length;

/// Where every walk begins; fixed, so that no answer changes with the calendar.
const WALK_FROM: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
const DAY: i64 = 86_400;
/// A year and a day: every clock change, and every weekday on both sides of it.
const YEAR: i64 = 366 * DAY;
/// Enough for a schedule of five minutes over the year.
pub(super) const MOST_FIRES: usize = 106_000;
/// What fires less often than this is walked for so many years that leap days come in.
const RARE_FIRES: usize = 60;
const RARE_YEARS: i64 = 9;

/// The longest time between two moments of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// How long it is.
    pub length: Length,
    /// How far apart the moments are on other days: the most frequent distance.
    pub usual: Length,
    /// Between which two moments it lies, for people: "2026-10-24 02:00 CEST and 2026-10-25 02:00 CET".
    pub between: Option<String>,
}

impl Gap {
    /// A gap that is the same every time.
    fn steady(length: Length) -> Self {
        Self { length, usual: length, between: None }
    }
}

/// Many backups share a few schedules.
static GAPS: Known<(String, String), Result<Gap, String>> = Known::new();

/// Returns the longest time between two recovery points of a schedule.
///
/// A cron expression is walked over the year 2026 in its time zone, clock changes included; if it fires less than
/// 60 times in it, over nine years. If it fires more than 106,000 times a year (more often than every five
/// minutes), the first of these fires and the days around each clock change are walked.
///
/// # Errors
///
/// When the expression or the time zone is not one, or the schedule fires less than twice.
pub fn longest_gap(points: &Points) -> Result<Gap, String> {
    match points {
        Points::Every(every) => Ok(Gap::steady(*every)),
        Points::Continuous => Ok(Gap::steady(Length::ZERO)),
        Points::Cron { expression, timezone } => {
            let timezone = timezone.as_deref().unwrap_or("UTC");
            let key = (expression.clone(), timezone.to_owned());
            // Many backups share a few schedules.
            GAPS.get::<String>(key, || Ok(cron_gap(expression, timezone)))?
        }
    }
}

/// A cron expression in a time zone.
pub(super) struct Clock {
    cron: Cron,
    zone: TimeZone,
}

impl Clock {
    pub(super) fn new(expression: &str, timezone: &str) -> Result<Self, String> {
        // The library would take seconds and years as well; cron does not.
        let fields = expression.split_whitespace().count();
        if fields != 5 && !expression.trim_start().starts_with('@') {
            return Err(format!("`{expression}` has {fields} fields; a schedule of cron has five"));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron =
            parser.parse(expression).map_err(|error| format!("`{expression}` is not a schedule: {error}"))?;
        let zone = TimeZone::get(timezone).map_err(|_| format!("`{timezone}` is not a time zone"))?;
        Ok(Self { cron, zone })
    }

    /// Returns the fires after a moment.
    pub(super) fn from(&self, second: i64) -> impl Iterator<Item = i64> {
        let start = Timestamp::from_second(second).unwrap_or_default().to_zoned(self.zone.clone());
        self.cron.iter_after(start).map(|fire: Zoned| fire.timestamp().as_second())
    }

    /// Returns the last fire that is not after a moment.
    pub(super) fn last(&self, second: i64) -> Option<i64> {
        let before = Timestamp::from_second(second.saturating_add(1)).ok()?.to_zoned(self.zone.clone());
        self.cron.iter_before(before).next().map(|fire: Zoned| fire.timestamp().as_second())
    }

    /// Returns the fires of the year that every walk takes, and of a few days before; at most so many.
    ///
    /// # Errors
    ///
    /// When there are more.
    pub(super) fn fires_of_the_year(&self, before: i64, most: usize) -> Result<Vec<i64>, ()> {
        let fires: Vec<i64> = self
            .from(WALK_FROM - before)
            .take_while(|fire| *fire <= WALK_FROM + YEAR)
            .take(most + 1)
            .collect();
        if fires.len() > most { Err(()) } else { Ok(fires) }
    }

    /// Returns a moment as the clock on the wall shows it.
    fn shown(&self, second: i64) -> String {
        let moment = Timestamp::from_second(second).unwrap_or_default().to_zoned(self.zone.clone());
        moment.strftime("%Y-%m-%d %H:%M %Z").to_string()
    }
}

/// Walks along fires and remembers the longest way between two.
#[derive(Default)]
struct Walk {
    longest: Option<(i64, i64)>,
    counts: HashMap<i64, usize>,
    count: usize,
}

impl Walk {
    fn along(&mut self, fires: impl Iterator<Item = i64>) {
        let mut before = None;
        for fire in fires {
            self.count += 1;
            if let Some(before) = before.replace(fire) {
                *self.counts.entry(fire - before).or_default() += 1;
                if self.longest.is_none_or(|(from, to)| fire - before > to - from) {
                    self.longest = Some((before, fire));
                }
            }
        }
    }
}

fn cron_gap(expression: &str, timezone: &str) -> Result<Gap, String> {
    let clock = Clock::new(expression, timezone)?;
    let mut walk = Walk::default();
    let mut ended = false;
    // One fire beyond the end, so that the gap over the end counts.
    let within = |years: i64, ended: &mut bool, fire: &i64| {
        let goes_on = !*ended;
        *ended = *fire > WALK_FROM + years * YEAR;
        goes_on
    };
    walk.along(clock.from(WALK_FROM).take(MOST_FIRES).take_while(|fire| within(1, &mut ended, fire)));
    if walk.count >= MOST_FIRES {
        let start = Timestamp::from_second(WALK_FROM).unwrap_or_default();
        for change in clock.zone.following(start).take(8) {
            let at = change.timestamp().as_second();
            if at > WALK_FROM + YEAR {
                break;
            }
            let around = clock.from(at - DAY).take_while(|fire| *fire <= at + DAY);
            walk.along(around);
        }
    } else if walk.count < RARE_FIRES {
        walk = Walk::default();
        ended = false;
        walk.along(clock.from(WALK_FROM).take_while(|fire| within(RARE_YEARS, &mut ended, fire)));
    }
    let Some((from, to)) = walk.longest else { return Err(format!("`{expression}` never fires twice")) };
    let length = |secs: i64| Length::from_secs(u64::try_from(secs).unwrap_or_default());
    let usual =
        walk.counts.iter().max_by_key(|(gap, count)| (**count, -**gap)).map_or(to - from, |(gap, _)| *gap);
    let between = (usual != to - from).then(|| format!("{} and {}", clock.shown(from), clock.shown(to)));
    Ok(Gap { length: length(to - from), usual: length(usual), between })
}
