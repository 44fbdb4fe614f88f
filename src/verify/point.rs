//! Judges one point by what was found inside of it.

use super::found::Looked;
use super::judge::Judge;
use super::{DatedBy, Kind, PointSeen, Problem, Severity, floor};
use crate::effect::{Digests, Verdict};
use crate::probe::{Facts, Integrity};
use crate::value::Length;

/// The moment in a name and the one inside of the artifact may be apart by this, and by the time that the backup takes.
const NAMES_DIFFER: Length = Length::from_secs(3600);

impl Judge<'_> {
    /// Judges one point by itself, and the newest by what the plan wants to be in it.
    pub(super) fn judge_point(
        &mut self,
        looked: &Looked,
        earlier: Option<&Looked>,
        is_newest: bool,
    ) -> PointSeen {
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
        if looked.measure.bytes == Some(0) {
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
            bytes: looked.measure.bytes,
            changed: looked.measure.changed,
            integrity: level,
            verdict,
            facts,
        }
    }
}
