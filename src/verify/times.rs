//! Holds the moments of a copy's points to schedule, `rpo` and `keep`.

use super::judge::{CLOCKS_DIFFER, Judge};
use super::{CopySeen, Kind, Problem, Severity};
use crate::plan::Keep;
use crate::resolve::lost_generations;
use crate::value::{Id, Length, Moment};

impl Judge<'_> {
    pub(super) fn judge_age(&mut self, seen: &mut CopySeen, copy: &Id) {
        let (Some(newest), Some(age)) = (seen.newest, seen.age) else {
            let what = "nothing tells of which moment it is: neither its name nor what is inside";
            let help = "name points by their UTC time, or give the copy a `verify` recipe that tells TIME";
            return self.tell(Problem::new(Kind::NotKnown, Severity::Unknown, what, help));
        };
        let by_schedule = match &self.promise.expected {
            Ok(expected) => {
                if newest.plus(CLOCKS_DIFFER) < expected.newest {
                    let what = format!(
                        "the newest point is {} old ({newest}); by {} there should be one of {}",
                        age.for_people(),
                        expected.by,
                        expected.newest
                    );
                    let help =
                        format!("find out why {copy} is not made any more: look at the log of what makes it");
                    self.tell(Problem::new(Kind::Stale, Severity::Failure, what, help));
                }
                self.as_of.since(expected.newest)
            }
            Err(why) => {
                let help = "`drplan check` shows where the schedule is wrong";
                self.tell(Problem::new(Kind::NotKnown, Severity::Unknown, why.clone(), help));
                None
            }
        };
        seen.limit = by_schedule;
        if let Some((asset, rpo)) = &self.promise.rpo {
            seen.limit = seen.limit.max(Some(*rpo));
            if age > *rpo {
                let what = format!(
                    "the newest point is {} old; the rpo of {asset} is {rpo}",
                    age.for_people_against(*rpo)
                );
                let help = format!("make a point now, and find out why {copy} has none that is newer");
                self.tell(Problem::new(Kind::RpoMissed, Severity::Failure, what, help));
            }
        }
    }

    pub(super) fn judge_history(
        &mut self,
        seen: &mut CopySeen,
        moments: &[Moment],
        listed: &[Moment],
        before: Option<&CopySeen>,
    ) {
        let Some((oldest, newest)) = seen.oldest.zip(seen.newest) else { return };
        if *self.promise.keep == Keep::Latest {
            return;
        }
        self.judge_gaps(oldest, newest, moments);
        let kept_for = self.promise.kept_for;
        let limit = Moment::from_unix_millis(
            self.as_of.as_unix_millis() - i64::try_from(kept_for.as_millis()).unwrap_or(i64::MAX / 2),
        );
        // Logs have every moment between the first and the last that they tell.
        let is_continuous = self.promise.expected.as_ref().is_ok_and(|expected| expected.is_continuous);
        // What was there when it was last looked at, and should still be.
        let is_lost = |time: &&Moment| {
            let is_here = moments.binary_search(time).is_ok()
                || listed.binary_search(time).is_ok()
                || is_continuous && **time > oldest && **time < newest;
            **time > limit && !is_here
        };
        let known = before.into_iter().flat_map(|before| before.lost.iter().chain(&before.points)).copied();
        let known: Vec<Moment> = known.filter(|time| *time <= self.as_of).collect();
        let mut lost: Vec<Moment> = match self.promise.keep {
            Keep::Generations(generations) => {
                lost_generations(generations, &known, &[moments, listed].concat())
            }
            Keep::For(_) | Keep::Latest => Vec::new(),
        };
        let kept = if lost.is_empty() {
            format!("they are kept for {kept_for}")
        } else {
            format!("it keeps {}", self.promise.keep)
        };
        if kept_for > Length::ZERO {
            lost.extend(known.iter().filter(is_lost));
        }
        lost.sort_unstable();
        lost.dedup();
        if let Some(first) = lost.first() {
            let what = format!(
                "{} points that were here before are gone, the oldest of {first}; {kept}",
                lost.len()
            );
            let help = "find out who deletes them: a retention job that counts wrongly, or an intruder; if it was on purpose, delete \
                        verification.json in the folder of runs";
            self.tell(Problem::new(Kind::DeletedEarly, Severity::Failure, what, help));
            seen.lost = lost;
        }
        if oldest > limit && kept_for > Length::ZERO {
            let reach = self.as_of.since(oldest).unwrap_or_default().for_people_against(kept_for);
            let what = format!("the oldest point is {reach} old; points are kept for {kept_for}");
            let help =
                "nothing to do if the backup is younger than that; `--record` remembers what was there";
            self.tell(Problem::new(Kind::ShortHistory, Severity::Note, what, help));
        }
    }

    /// Each moment of the schedule between the oldest and the newest point has a point of its own.
    fn judge_gaps(&mut self, oldest: Moment, newest: Moment, moments: &[Moment]) {
        let Some(schedule) = self.promise.moments(oldest, newest) else { return };
        if !matches!(self.promise.keep, Keep::For(_)) {
            return;
        }
        let is_covered = |pair: &[Moment]| {
            let earliest = Moment::from_unix_millis(
                pair[0].as_unix_millis() - i64::try_from(CLOCKS_DIFFER.as_millis()).unwrap_or_default(),
            );
            let from = moments.partition_point(|time| *time < earliest);
            moments.get(from).is_some_and(|time| *time < pair[1])
        };
        let missed: Vec<Moment> =
            schedule.windows(2).filter(|pair| !is_covered(pair)).map(|pair| pair[0]).collect();
        if let (Some(first), Some(last)) = (missed.first(), missed.last()) {
            let what = match missed.len() {
                1 => format!("the point of {first} is missing"),
                count => format!("{count} points are missing, from {first} to {last}"),
            };
            let help =
                "look at what happened then; what is lost in between cannot be restored to those moments";
            self.tell(Problem::new(Kind::PointMissed, Severity::Warning, what, help));
        }
    }
}
