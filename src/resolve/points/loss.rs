//! The recovery point, line by line.

use super::kept::{Tier, clean};
use super::known::{CLEAN, Making};
use super::timeline::Timeline;
use crate::document::KeyPath;
use crate::plan::{Backup, Copy, Keep};
use crate::resolve::ResolvedPlan;
use crate::resolve::copies::copy_of;
use crate::value::{Id, Length};

/// One line of the arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What it is, for people: "nightly takes".
    pub says: String,
    /// How long.
    pub length: Length,
    /// Where in the plan it comes from.
    pub path: KeyPath,
    /// By how much it is longer than on most days.
    pub beyond_usual: Length,
}

impl Term {
    /// Makes a line that is the same on all days.
    pub(super) fn steady(says: String, length: Length, path: KeyPath) -> Self {
        Self { says, length, path, beyond_usual: Length::ZERO }
    }
}

/// What happens to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Harmful {
    /// The place is lost: nothing more is carried from it.
    Loss,
    /// The data is spoiled, or an intruder is in; it is found after so long, and until then everything is carried on.
    FoundAfter(Length),
}

/// The most that can be lost of what was written before the harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointLoss {
    /// Line by line; the sum is the loss.
    pub terms: Vec<Term>,
    /// Whether that can really happen; else it is a bound that no case goes beyond.
    pub is_exact: bool,
    /// What was written after the harm, and is lost as well.
    pub after_harm: Length,
}

impl PointLoss {
    /// Returns what is lost at most on all days but those on which a clock is put back; nothing if none is.
    pub fn without_clock_change(&self) -> Option<Length> {
        // No zone puts its clock back by more than two hours.
        let most = Length::from_secs(7_200);
        let wider = self.terms.iter().map(|term| term.beyond_usual).max();
        let wider = wider.filter(|wider| *wider > Length::ZERO && *wider <= most)?;
        Some(self.total().saturating_sub(wider))
    }

    /// Returns the most that can be lost.
    pub fn total(&self) -> Length {
        self.terms.iter().fold(Length::ZERO, |sum, term| sum.saturating_add(term.length))
    }
}

/// Works out the most that is lost when an asset is restored from a copy.
///
/// With the longest gap G between points, the time D until a point is usable at the copy (`takes`, `lag`s, and the
/// wait for schedules of its own), and harm that is found after F:
///
/// - loss of a place: G + D, since the next point never arrives;
/// - damage or compromise: G + max(0, D − F), since the points go on arriving until it is found. Where old points are
///   kept more rarely (generations), G is how far apart those are that are F old.
///
/// # Errors
///
/// Why there may be no point from before the harm, for people.
pub fn point_loss(plan: &ResolvedPlan, copy: &str, harm: Harmful) -> Result<PointLoss, String> {
    let Some((backup_id, backup, copy_id, copy)) = copy_of(plan, copy) else {
        return Err("there is no such copy".to_owned());
    };
    let timeline = Timeline::of(backup_id, backup, copy_id, false)?;
    let Harmful::FoundAfter(found_after) = harm else {
        return Ok(PointLoss { terms: timeline.age, is_exact: timeline.is_exact, after_harm: Length::ZERO });
    };
    let tier = clean_tier(backup_id, backup, copy_id, copy, found_after)?;
    let path = KeyPath::root().key("backups").key(backup_id.as_str());
    let first = if matches!(copy.keep, Keep::For(_)) {
        timeline.gap_term.clone()
    } else {
        let path = path.key("copies").key(copy_id.as_str()).key("keep");
        let says = format!(
            "{backup_id}.{copy_id} keeps {} of what is {found_after} old: points are up to that far apart",
            tier.name
        );
        Term::steady(says, tier.gap, path)
    };
    let on_its_way = timeline.age().saturating_sub(found_after).saturating_sub(first.length);
    let mut terms = vec![first];
    if on_its_way > Length::ZERO {
        let says = format!(
            "the newest clean point is still on its way to {backup_id}.{copy_id} when the harm is found"
        );
        terms.push(Term::steady(says, on_its_way, path.key("takes")));
    }
    Ok(PointLoss { terms, is_exact: timeline.is_exact, after_harm: found_after })
}

/// Returns how old a point must be able to become untouched, so that one from before a harm is left.
///
/// # Errors
///
/// Why no point may be left, for people.
pub fn clean_reach(plan: &ResolvedPlan, copy: &str, found_after: Length) -> Result<Length, String> {
    let Some((backup_id, backup, copy_id, declared)) = copy_of(plan, copy) else {
        return Err("there is no such copy".to_owned());
    };
    let tier = clean_tier(backup_id, backup, copy_id, declared, found_after)?;
    Ok(found_after.saturating_add(tier.gap))
}

/// Says why a copy may hold no point at all: it deletes its points before the next one comes; nothing if it holds one.
pub fn emptiness(plan: &ResolvedPlan, copy: &str) -> Option<String> {
    let (backup_id, backup, copy_id, declared) = copy_of(plan, copy)?;
    let Keep::For(keep) = declared.keep else { return None };
    let timeline = Timeline::of(backup_id, backup, copy_id, false).ok()?;
    let age = timeline.age();
    (keep < age).then(|| {
        format!("keeps its points for {keep}, but the newest may be {age} old: at times it holds none")
    })
}

/// Returns how far apart the points of a copy are from which the newest clean one is taken.
fn clean_tier(
    backup_id: &Id,
    backup: &Backup,
    copy_id: &Id,
    copy: &Copy,
    found_after: Length,
) -> Result<Tier, String> {
    let work_out = || -> Result<Result<Tier, String>, String> {
        let with_points = matches!(copy.keep, Keep::Generations(_));
        let timeline = Timeline::of(backup_id, backup, copy_id, with_points)?;
        Ok(clean(&copy.keep, &timeline, found_after))
    };
    match Making::of(backup, copy) {
        Some(making) => CLEAN.get((making, found_after), work_out)?,
        // What is wrong with the chain is told with its names.
        None => work_out()?,
    }
}
