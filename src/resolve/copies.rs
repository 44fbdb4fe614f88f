//! Which copies of a backup can be used in a scenario, and why the others cannot.

use std::cell::RefCell;
use std::collections::HashMap;

use super::{Harm, Harmed, ResolvedPlan, clean_reach, emptiness};
use crate::plan::{Backup, Copy, Keep, Scenario};
use crate::value::{Id, Length};

/// The copy that a step restores from, and why the ones before it were passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyChoice {
    /// The copy, such as `nightly.s3`.
    pub copy: Id,
    /// The copies that come before it in the step's `from`, each with the reason against it.
    pub passed_over: Vec<(Id, String)>,
    /// The copies that come behind it there and could be used as well, should it hold nothing good.
    pub others: Vec<Id>,
}

/// In which way a copy cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossKind {
    /// It does not hold the asset, or there is no such copy.
    NotOfIt,
    /// It exists on paper alone: nobody has to make it.
    OnPaper,
    /// The place where it lies is lost or compromised.
    Gone,
    /// Its points are younger than the harm.
    Unclean,
    /// The points from before the harm have been deleted.
    Expired,
    /// An intruder may have erased it.
    Erasable,
}

impl LossKind {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotOfIt => "not of it",
            Self::OnPaper => "on paper",
            Self::Gone => "gone",
            Self::Unclean => "unclean",
            Self::Expired => "expired",
            Self::Erasable => "erasable",
        }
    }
}

/// Why a copy cannot be used in a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// In which way.
    pub kind: LossKind,
    /// Why, for people: "lies in vps-00, which is lost with fsn".
    pub why: String,
}

/// Finds a copy by its reference, such as `nightly.s3`.
pub fn copy_of<'a>(
    plan: &'a ResolvedPlan,
    reference: &str,
) -> Option<(&'a Id, &'a Backup, &'a Id, &'a Copy)> {
    let (backup, copy) = reference.split_once('.')?;
    let (backup_id, backup) = plan.backups.get_key_value(backup)?;
    let (copy_id, copy) = backup.copies.get_key_value(copy)?;
    Some((backup_id, backup, copy_id, copy))
}

/// What a copy is asked for: the copy, the home of the asset, and whether the asset's data is spoiled.
type Question = (Id, Option<Id>, bool);

/// Which copies cannot be used in one scenario. What one backup holds is asked about asset by asset, and the answer is
/// nearly always the same: it is worked out once.
#[derive(Debug, Default)]
pub struct Losses(RefCell<HashMap<Question, Option<Loss>, ahash::RandomState>>);

impl Losses {
    /// Says why a copy cannot be used for an asset in the scenario; nothing if it can.
    ///
    /// `home` is where the asset lives when the scenario strikes. Plan and scenario are the same each time.
    pub fn of(
        &self,
        plan: &ResolvedPlan,
        scenario: Option<(&Scenario, &Harm)>,
        reference: &Id,
        asset: &Id,
        home: Option<&Id>,
    ) -> Option<Loss> {
        let lost = |kind, why: String| Some(Loss { kind, why });
        let Some((backup_id, backup, _, copy)) = copy_of(plan, reference.as_str()) else {
            return lost(LossKind::NotOfIt, "there is no such copy".to_owned());
        };
        if !backup.of.contains(asset) {
            return lost(LossKind::NotOfIt, format!("does not hold {asset}"));
        }
        let is_damaged = scenario.is_some_and(|(_, harm)| harm.is_damaged(asset));
        let question = (reference.clone(), home.cloned(), is_damaged);
        if let Some(known) = self.0.borrow().get(&question) {
            return known.clone();
        }
        let answer = loss_of(plan, scenario, reference, (backup_id, backup, copy), home, is_damaged);
        self.0.borrow_mut().insert(question, answer.clone());
        answer
    }
}

/// Says why a copy cannot be used for what it holds; nothing if it can.
fn loss_of(
    plan: &ResolvedPlan,
    scenario: Option<(&Scenario, &Harm)>,
    reference: &Id,
    (backup_id, backup, copy): (&Id, &Backup, &Copy),
    home: Option<&Id>,
    is_damaged: bool,
) -> Option<Loss> {
    let lost = |kind, why: String| Some(Loss { kind, why });
    if copy.optional == Some(true) {
        return lost(LossKind::OnPaper, "is optional: nobody can rely on it".to_owned());
    }
    for above in made_from(backup, copy) {
        let (above_id, declared) = above;
        if declared.optional == Some(true) {
            return lost(
                LossKind::OnPaper,
                format!("is made from {backup_id}.{above_id}, which is optional"),
            );
        }
        if let Some(why) = emptiness(plan, &format!("{backup_id}.{above_id}")) {
            return lost(LossKind::Expired, format!("is made from {backup_id}.{above_id}, which {why}"));
        }
    }
    // Where an asset lives now, there is a place, whatever the plan says of the time before it was built.
    let is_missing =
        |place: &&Id| plan.places.get(*place).is_some_and(|at| !at.exists) && home != Some(*place);
    if let Some(place) = copy.in_.as_ref().filter(is_missing) {
        return lost(LossKind::Gone, format!("lies in {place}, which is not there yet (`exists: false`)"));
    }
    let (scenario, harm) = scenario?;
    let place = copy.in_.as_ref().or(home);
    if let Some((place, fall)) = place.and_then(|place| Some((place, harm.of_place(place.as_str())?))) {
        return lost(LossKind::Gone, format!("lies in {place}, which {}", fall.why()));
    }
    let intruder = !scenario.compromise.is_empty();
    if !is_damaged && !intruder {
        return emptiness(plan, reference.as_str()).map(|why| Loss { kind: LossKind::Expired, why });
    }
    let found_after = scenario.found_after.unwrap_or_default();
    let must_reach = match clean_reach(plan, reference.as_str(), found_after) {
        Ok(must_reach) => must_reach,
        Err(why) if copy.keep == Keep::Latest => return lost(LossKind::Unclean, why),
        Err(why) => return lost(LossKind::Expired, why),
    };
    let why = intruder.then(|| erasable(plan, harm, copy, home, must_reach)).flatten()?;
    lost(LossKind::Erasable, why)
}

/// Returns the copies that a copy is made from, one after the other; a circle is told elsewhere.
fn made_from<'a>(backup: &'a Backup, copy: &'a Copy) -> Vec<(&'a Id, &'a Copy)> {
    let mut chain: Vec<(&Id, &Copy)> = Vec::new();
    let mut next = copy.from.as_ref();
    while let Some((id, copy)) = next.and_then(|id| backup.copies.get_key_value(id)) {
        if chain.iter().any(|(known, _)| *known == id) {
            break;
        }
        chain.push((id, copy));
        next = copy.from.as_ref();
    }
    chain
}

/// Says why an intruder could have erased the copy; nothing if they could not.
fn erasable(
    plan: &ResolvedPlan,
    harm: &Harm,
    copy: &Copy,
    home: Option<&Id>,
    must_reach: Length,
) -> Option<String> {
    let place = copy.in_.as_ref().or(home);
    let by_place =
        place.and_then(|place| plan.places.get(place)).and_then(|place| place.erasable_by.as_ref());
    let claimed = copy.erasable_by.as_ref().or(by_place);
    let assumed = || home.map(|home| with_all_above(plan, home)).unwrap_or_default();
    let may_erase = claimed.cloned().unwrap_or_else(assumed);
    let eraser = may_erase.iter().find(|eraser| harm.erasers().contains(*eraser))?;
    if let Some(immutable) = &copy.immutable {
        let lifted = immutable.except.iter().any(|except| harm.erasers().contains(except));
        if !lifted && immutable.for_ >= must_reach {
            return None;
        }
    }
    let how = match harm.of_place(eraser.as_str()).map(|fall| fall.harmed) {
        Some(Harmed::Compromised) => "whose login is in wrong hands",
        _ => "which an intruder can reach",
    };
    let basis = if claimed.is_some() { "" } else { " (assumed, since no `erasable_by` is given)" };
    Some(format!("can be erased from {eraser}, {how}{basis}"))
}

/// Returns a place and everything that it is in.
fn with_all_above(plan: &ResolvedPlan, place: &Id) -> Vec<Id> {
    let mut all = vec![place.clone()];
    let mut at = 0;
    while let Some(id) = all.get(at) {
        let above = plan.places.get(id).map(|place| place.in_.as_slice()).unwrap_or_default();
        let more: Vec<Id> =
            above.iter().flat_map(crate::plan::Need::ids).filter(|id| !all.contains(id)).cloned().collect();
        all.extend(more);
        at += 1;
    }
    all
}
