//! Holds what was found to what the plan promises. Asks nothing and knows no clock.

use super::floor;
use super::promise::Promise;
use super::subject::Subject;
use super::{AssetSeen, CopySeen, DatedBy, Kind, PointSeen, Problem, Severity};
use crate::effect::{Digests, Inspection, Listing, Verdict};
use crate::plan::{Asset, Keep};
use crate::probe::{Facts, Integrity};
use crate::resolve::ResolvedPlan;
use crate::value::{Id, Length, Moment};

/// Clocks of two machines differ; a point that is dated further ahead than this is dated wrongly.
pub(super) const CLOCKS_DIFFER: Length = Length::from_secs(600);

/// The moment in a name and the one inside of the artifact may be apart by this, and by the time that the backup takes.
const NAMES_DIFFER: Length = Length::from_secs(3600);

/// What was found of a copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Why nobody could look, and what to do.
    pub(super) not_seen: Option<(String, String)>,
    /// The folder is not there.
    pub(super) missing: Option<String>,
    /// The folder as the system knows it.
    pub(super) folder: Option<String>,
    /// The points, the oldest first.
    pub(super) seen: Vec<Seen>,
    /// A probe of the whole copy was to list the points and has listed none.
    pub(super) seen_by_probe: bool,
    pub(super) unfinished: Vec<String>,
    pub(super) others: usize,
    /// Those that were looked into, the newest first.
    pub(super) looked: Vec<Looked>,
    /// What is wrong beside the points.
    pub(super) problems: Vec<Problem>,
    /// Why the secret could not be fetched.
    pub(super) no_key: Option<String>,
}

impl Found {
    /// Takes what a folder holds.
    pub(super) fn take(&mut self, listing: Listing) {
        self.unfinished = listing.unfinished;
        self.others = listing.others;
        self.folder = Some(listing.folder.display().to_string());
        self.seen.extend(listing.points.into_iter().map(|point| Seen {
            name: point.name,
            path: point.path.display().to_string(),
            time: Some(point.time),
            bytes: point.bytes,
            files: point.files,
        }));
    }
}

/// A point as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) time: Option<Moment>,
    pub(super) bytes: Option<u64>,
    pub(super) files: Option<u64>,
}

impl Seen {
    /// A point of a repository, of which only the moment is known.
    pub(super) fn at(time: Moment) -> Self {
        Self { name: String::new(), path: String::new(), time: Some(time), bytes: None, files: None }
    }
}

/// A point that was looked into.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) listed: Option<Moment>,
    pub(super) bytes: Option<u64>,
    pub(super) files: Option<u64>,
    pub(super) inspections: Vec<(String, Inspection)>,
    pub(super) digests: Digests,
    /// How far drplan itself has read it.
    pub(super) read: Integrity,
    /// Whether it is a repository with all of its points.
    pub(super) is_whole_copy: bool,
}

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

struct Judge<'a> {
    promise: &'a Promise<'a>,
    now: Moment,
    as_of: Moment,
    problems: Vec<Problem>,
}

impl Judge<'_> {
    fn tell(&mut self, problem: Problem) {
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
        seen.bytes = found.seen.iter().map(|point| point.bytes).sum();
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
            self.judge_history(seen, &moments, before);
            self.judge_level(seen, copy);
        }
        seen.points = moments;
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

    fn ahead(&self, point: &Seen) -> Length {
        point.time.and_then(|time| time.since(self.now)).unwrap_or_default().rounded()
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

    fn judge_age(&mut self, seen: &mut CopySeen, copy: &Id) {
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
                        age.rounded(),
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
                let what = format!("the newest point is {} old; the rpo of {asset} is {rpo}", age.rounded());
                let help = format!("make a point now, and find out why {copy} has none that is newer");
                self.tell(Problem::new(Kind::RpoMissed, Severity::Failure, what, help));
            }
        }
    }

    fn judge_history(&mut self, seen: &mut CopySeen, moments: &[Moment], before: Option<&CopySeen>) {
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
            let is_here =
                moments.binary_search(time).is_ok() || is_continuous && **time > oldest && **time < newest;
            **time > limit && **time <= self.as_of && !is_here
        };
        let known = before.into_iter().flat_map(|before| before.lost.iter().chain(&before.points));
        let mut lost: Vec<Moment> = known.filter(is_lost).copied().collect();
        lost.sort_unstable();
        lost.dedup();
        if let (Some(first), false) = (lost.first(), kept_for == Length::ZERO) {
            let what = format!(
                "{} points that were here before are gone, the oldest of {first}; they are kept for {kept_for}",
                lost.len()
            );
            let help = "find out who deletes them: a retention job that counts wrongly, or an intruder; if it was on purpose, delete \
                        verification.json in the folder of runs";
            self.tell(Problem::new(Kind::DeletedEarly, Severity::Failure, what, help));
            seen.lost = lost;
        }
        if oldest > limit && kept_for > Length::ZERO {
            let reach = self.as_of.since(oldest).unwrap_or_default().rounded();
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

    /// Judges one point by itself, and the newest by what the plan wants to be in it.
    fn judge_point(&mut self, looked: &Looked, earlier: Option<&Looked>, is_newest: bool) -> PointSeen {
        let mut problems = Vec::new();
        let mut facts = Facts::default();
        let mut level = looked.read;
        let name = looked.name.as_str();
        for (probe, inspection) in &looked.inspections {
            facts.add(inspection.facts.clone());
            let (kind, severity, help) = match inspection.verdict {
                Verdict::Good => {
                    level = level.max(inspection.facts.integrity.unwrap_or(Integrity::Header));
                    continue;
                }
                Verdict::Bad => (
                    Kind::NotGood,
                    Severity::Failure,
                    "do not rely on this point: make a new one, and find out what went wrong with this one",
                ),
                Verdict::Unknown => (
                    Kind::NotKnown,
                    Severity::Unknown,
                    "make the check work where `drplan verify` runs; until then nobody knows whether this can be restored",
                ),
            };
            let first = probe.lines().next().unwrap_or_default();
            problems.push(Problem::new(kind, severity, format!("{first}: {}", inspection.note), help));
        }
        match &looked.digests {
            Digests::None => {}
            Digests::Same(_) => level = level.max(Integrity::Digest),
            Digests::Differ(why) => {
                let help = "do not rely on this point; fetch it again if another copy has it whole";
                problems.push(Problem::new(Kind::DigestDiffers, Severity::Failure, why, help));
            }
            Digests::Uncovered(why) => {
                let help = "let whoever makes it take the digest of every file";
                problems.push(Problem::new(Kind::NotCovered, Severity::Warning, why, help));
            }
            Digests::Unknown(why) => {
                let help = "see whether the list of digests is whole, and whether it can be read";
                let what = format!("its digests cannot be read: {why}");
                problems.push(Problem::new(Kind::NotKnown, Severity::Unknown, what, help));
            }
        }
        if looked.bytes == Some(0) {
            let help = "the backup writes nothing: look at the log of what makes it";
            problems.push(Problem::new(Kind::Empty, Severity::Failure, "it has no bytes", help));
        }
        if is_newest {
            problems.extend(floor::judge(self.promise.floor, looked, &facts, earlier));
        }
        let time = if looked.is_whole_copy { looked.listed } else { facts.time.or(looked.listed) };
        if let (Some(inside), Some(listed), false) = (facts.time, looked.listed, looked.is_whole_copy) {
            let apart = inside.since(listed).or_else(|| listed.since(inside)).unwrap_or_default();
            let delay = self.promise.expected.as_ref().map_or(Length::ZERO, |expected| expected.delay);
            if apart > NAMES_DIFFER.saturating_add(delay) {
                let what = format!("its name says {listed}, and what is inside is of {inside}");
                let help = "an old artifact has got a new name; see what whoever makes it really copies";
                problems.push(Problem::new(Kind::Misdated, Severity::Failure, what, help));
            }
        }
        let verdict =
            problems.iter().map(|problem| problem.severity).max().filter(|worst| *worst > Severity::Note);
        if verdict.is_some_and(|worst| worst >= Severity::Unknown) {
            level = Integrity::Listed;
        }
        // An older one was looked into for comparison alone.
        if is_newest {
            self.problems.extend(problems.into_iter().map(|problem| problem.at(name)));
        }
        let by_artifact = facts.time.is_some() && !looked.is_whole_copy;
        PointSeen {
            name: looked.name.clone(),
            path: looked.path.clone(),
            time,
            dated_by: if by_artifact { DatedBy::Artifact } else { DatedBy::Name },
            bytes: looked.bytes,
            integrity: level,
            verdict,
            facts,
        }
    }
}

/// Holds the copies of an asset together to its `rpo`: one of them must keep it.
pub fn judge_asset(
    plan: &ResolvedPlan,
    asset_id: &Id,
    asset: &Asset,
    copies: &[CopySeen],
) -> Option<AssetSeen> {
    let of_it: Vec<&CopySeen> = copies.iter().filter(|copy| copy.of.contains(asset_id)).collect();
    if of_it.is_empty() {
        return None;
    }
    let is_sound = |copy: &&&CopySeen| {
        let spoils = |problem: &Problem| {
            problem.severity >= Severity::Unknown && !matches!(problem.kind, Kind::Stale | Kind::RpoMissed)
        };
        !copy.problems.iter().any(spoils)
    };
    let best = of_it.iter().filter(is_sound).filter_map(|copy| Some((copy.age?, &copy.copy))).min();
    let rpo = asset.rpo.and_then(crate::plan::Objective::length);
    let mut problems = Vec::new();
    if let Some(rpo) = rpo {
        let (severity, what) = match best {
            Some((age, _)) if age <= rpo => (None, String::new()),
            Some((age, copy)) => (
                Some(Severity::Failure),
                format!("its newest good point is {} old, at {copy}; its rpo is {rpo}", age.rounded()),
            ),
            None => (
                Some(worst_of(&of_it)),
                format!("no copy has a point that is known to be good; its rpo is {rpo}"),
            ),
        };
        // A copy that is too old by the same `rpo` has said so already.
        let is_told =
            of_it.iter().any(|copy| copy.problems.iter().any(|problem| problem.kind == Kind::RpoMissed));
        if let (Some(severity), false) = (severity, is_told) {
            let help = format!("an incident now would lose more than {} promises for {asset_id}", plan.plan);
            problems.push(Problem::new(Kind::RpoMissed, severity, what, help));
        }
    }
    Some(AssetSeen {
        asset: asset_id.clone(),
        age: best.map(|(age, _)| age),
        copy: best.map(|(_, copy)| copy.clone()),
        rpo,
        problems,
    })
}

/// Where nobody could look, nobody knows; where somebody did, it is not there.
fn worst_of(copies: &[&CopySeen]) -> Severity {
    let is_unknown =
        copies.iter().any(|copy| copy.problems.iter().all(|problem| problem.severity <= Severity::Unknown));
    if is_unknown { Severity::Unknown } else { Severity::Failure }
}
