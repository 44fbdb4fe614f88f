//! Holds what was found of a copy to what the plan promises. Asks nothing and knows no clock.
//!
//! The moments of its points are judged in `times.rs`, a point by itself in `point.rs`.

use super::found::{Found, Seen};
use super::promise::Promise;
use super::subject::Subject;
use super::{CopySeen, DatedBy, Kind, PointSeen, Problem, Severity};
use crate::probe::Integrity;
use crate::value::{Id, Length, Moment};

/// Clocks of two machines differ; a point that is dated further ahead than this is dated wrongly.
pub(super) const CLOCKS_DIFFER: Length = Length::from_secs(600);

/// Holds what was found of a copy to the plan.
pub(super) fn judge_copy(
    promise: &Promise<'_>,
    subject: &Subject<'_>,
    found: Found,
    before: Option<&CopySeen>,
    now: Moment,
    as_of: Moment,
) -> CopySeen {
    let mut seen = CopySeen {
        copy: subject.reference.clone(),
        of: subject.backup.of.to_vec(),
        place: subject.place.cloned(),
        at: subject.copy.at.clone(),
        as_of: Some(as_of),
        verdict: None,
        count: None,
        bytes: None,
        oldest: None,
        newest: None,
        age: None,
        limit: None,
        longest_gap: None,
        integrity: None,
        restored: promise.restored,
        wanted: promise.wanted,
        looked_into: Vec::new(),
        points: Vec::new(),
        lost: Vec::new(),
        problems: Vec::new(),
    };
    let mut judge = Judge { promise, now, as_of, problems: Vec::new() };
    judge.judge(&mut seen, subject, found, before);
    for problem in judge.problems {
        seen.add(problem);
    }
    seen
}

/// A judgement of a copy under way.
pub(super) struct Judge<'a> {
    pub(super) promise: &'a Promise<'a>,
    now: Moment,
    pub(super) as_of: Moment,
    pub(super) problems: Vec<Problem>,
}

impl Judge<'_> {
    pub(super) fn tell(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn judge(&mut self, seen: &mut CopySeen, subject: &Subject<'_>, found: Found, before: Option<&CopySeen>) {
        let copy = &subject.reference;
        self.problems.extend(found.problems.iter().cloned());
        if let Some(why) = &found.no_key {
            let key = subject.copy.key.as_ref().map(ToString::to_string).unwrap_or_default();
            let what = format!("{key}, without which it cannot be read, is not at hand: {why}");
            let help =
                format!("make what `secrets` says of {key} work on this machine, or look from where it does");
            self.tell(Problem::new(Kind::NoKey, Severity::Unknown, what, help));
        }
        if let Some((why, help)) = found.not_seen {
            self.tell(Problem::new(Kind::NotSeen, Severity::Unknown, why, help));
            return;
        }
        let mut moments: Vec<Moment> = found.seen.iter().filter_map(|point| point.time).collect();
        moments.sort_unstable();
        let horizon = self.now.plus(CLOCKS_DIFFER);
        let future: Vec<&Seen> =
            found.seen.iter().filter(|point| point.time.is_some_and(|time| time > horizon)).collect();
        if let Some(point) = future.last() {
            let what = format!("{} is dated {} ahead of this machine's clock", point.name, self.ahead(point));
            let help = "mend the clock of whoever makes it, and give the point its true name: a point from the future hides \
                        that no new ones come";
            self.tell(Problem::new(Kind::Future, Severity::Failure, what, help).at(&point.name));
        }
        // Who asks for a moment before is told of nothing after it; what is live is of a moment after the question.
        let until = if self.as_of < self.now { self.as_of } else { horizon };
        moments.retain(|time| *time <= until);
        seen.count =
            Some(if moments.is_empty() { found.seen.len() - future.len() } else { moments.len() } as u64);
        seen.bytes = found.seen.iter().map(|point| point.measure.bytes).sum();
        for name in &found.unfinished {
            let what = format!("{name} was never finished, or is being written now");
            self.tell(
                Problem::new(Kind::Unfinished, Severity::Note, what, "delete it if nobody is writing it")
                    .at(name),
            );
        }
        let mut points: Vec<PointSeen> = Vec::new();
        for (at, looked) in found.looked.iter().enumerate() {
            let earlier = found.looked.get(at + 1);
            points.push(self.judge_point(looked, earlier, at == 0 || looked.is_whole_copy));
        }
        seen.integrity = points.first().map(|point| self.with_drills(point));
        // What a later look must find again is what is listed: only the newest is looked into.
        let listed = moments.clone();
        // What is inside of an artifact says more than its name.
        if let Some((inside, listed)) = points.iter().zip(&found.looked).find_map(|(point, looked)| {
            (!looked.is_whole_copy && point.dated_by == DatedBy::Artifact)
                .then_some((point.time?, looked.listed))
        }) {
            if let Some(listed) = listed
                && moments.last() == Some(&listed)
            {
                moments.pop();
            }
            moments.push(inside);
            moments.sort_unstable();
        }
        moments.dedup();
        seen.oldest = moments.first().copied();
        seen.newest = moments.last().copied();
        seen.age = seen.newest.map(|newest| self.as_of.since(newest).unwrap_or_default());
        seen.longest_gap = moments.windows(2).filter_map(|pair| pair[1].since(pair[0])).max();
        let has_none = found.seen.is_empty() || seen.count == Some(0);
        if has_none {
            self.no_point(copy, &found);
        } else {
            self.judge_age(seen, copy);
            self.judge_history(seen, &moments, &listed, before);
            self.judge_level(seen, copy);
        }
        seen.points = if listed.is_empty() { moments } else { listed };
        seen.looked_into = points;
    }

    /// What a drill has shown of the copy holds for a point that nothing speaks against.
    fn with_drills(&self, point: &PointSeen) -> Integrity {
        let is_sound = point.verdict.is_none_or(|worst| worst < Severity::Unknown);
        let is_fresh = self
            .promise
            .restored
            .and_then(|on| self.as_of.since(on))
            .is_some_and(|age| age <= self.promise.drills_every);
        if is_sound && is_fresh { Integrity::Restored } else { point.integrity }
    }

    fn ahead(&self, point: &Seen) -> String {
        point.time.and_then(|time| time.since(self.now)).unwrap_or_default().for_people()
    }

    fn no_point(&mut self, copy: &Id, found: &Found) {
        let why = match (&found.missing, &found.folder) {
            (Some(missing), _) => missing.clone(),
            (None, Some(folder)) if found.others > 0 => format!(
                "none of the {} entries of {folder} has a UTC time such as 20261122T140509Z in its name",
                found.others
            ),
            (None, Some(folder)) => format!("{folder} is empty"),
            (None, None) => "no recovery point is listed".to_owned(),
        };
        if self.promise.is_optional {
            let what = format!("there is no recovery point, and the copy is `optional`: {why}");
            let help =
                format!("switch on what makes {copy}, or take it out of the plan: nobody can rely on it");
            return self.tell(Problem::new(Kind::NoPoint, Severity::Warning, what, help));
        }
        let help = if found.others > 0 {
            "name each point by the UTC time of its data, as in db-20261122T140509Z.dump".to_owned()
        } else {
            format!("see whether what makes {copy} runs, and whether `at` is where it writes to")
        };
        // Where a probe could not find out, it has said so.
        if found.seen_by_probe && self.problems.iter().any(|problem| problem.severity == Severity::Unknown) {
            return;
        }
        self.tell(Problem::new(
            Kind::NoPoint,
            Severity::Failure,
            format!("there is no recovery point: {why}"),
            help,
        ));
    }

    fn judge_level(&mut self, seen: &CopySeen, copy: &Id) {
        let reached = seen.integrity.unwrap_or_default();
        let Some(wanted) = self.promise.wanted.filter(|wanted| *wanted > reached) else { return };
        let what = format!("it was looked into as far as `{reached}`; the policy wants `{wanted}`");
        let help = match wanted {
            Integrity::Listed | Integrity::Header | Integrity::Read => {
                format!("give {copy} a `verify` recipe that reads all of it (`drplan recipes`)")
            }
            Integrity::Digest => {
                "let whoever makes it write NAME.sha256 beside it, before it is sent anywhere".to_owned()
            }
            Integrity::Restored => {
                "restore from it in a drill, and put the record into the folder of evidence".to_owned()
            }
        };
        self.tell(Problem::new(Kind::IntegrityTooLow, Severity::Failure, what, help));
    }
}
