//! What a change does to the promises of plans.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Standing, Verdict};
use crate::value::{Id, Length, schema_of};

/// Which way a change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is lost, it is back sooner, or more is promised and kept.
    Better,
    /// Another way, neither better nor worse.
    Changed,
    /// More is lost, it is back later, or less is promised.
    Worse,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// The plan.
    pub plan: Id,
    /// The scenario; none if the change is about the plan as a whole, or the plan has none.
    pub scenario: Option<Id>,
    /// The asset; none if the change is about a scenario or a plan as a whole.
    pub asset: Option<Id>,
    /// What has changed, such as "recovery point".
    pub what: String,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
    /// Which way it goes.
    pub direction: Direction,
}

/// What a change does to the promises of plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// The version of this format: 1.
    pub version: u32,
    /// The worst of the changes; none if nothing has changed.
    pub verdict: Option<Direction>,
    /// Promises that were kept and no longer are.
    pub broken: usize,
    /// Promises that were not kept and now are.
    pub mended: usize,
    /// The plans on the new side that have errors, so that nothing can be said of them.
    pub not_known: Vec<String>,
    /// Every change, in the order of plans, scenarios and assets.
    pub changes: Vec<Change>,
}

/// Makes the JSON Schema of a difference (draft 2020-12).
pub fn difference_schema() -> serde_json::Value {
    schema_of::<Difference>("diff", "What a change does to the promises of plans")
}

type Key<'a> = (&'a Id, Option<&'a Id>, &'a Id);

/// Compares where promises stood with where they stand.
pub fn difference(old: &[Standing], new: &[Standing], not_known: Vec<String>) -> Difference {
    let mut changes = Vec::new();
    let by_key = |all: &'_ [Standing]| -> BTreeMap<(Id, Option<Id>, Id), Standing> {
        all.iter()
            .map(|one| ((one.plan.clone(), one.scenario.clone(), one.asset.clone()), one.clone()))
            .collect()
    };
    let (before, after) = (by_key(old), by_key(new));
    wholes(old, new, &mut changes);
    let known = |all: &[Standing]| -> BTreeSet<(Id, Option<Id>)> {
        all.iter().map(|one| (one.plan.clone(), one.scenario.clone())).collect()
    };
    let (scenarios_before, scenarios_after) = (known(old), known(new));
    let (mut broken, mut mended) = (0, 0);
    let mut seen: HashSet<Key<'_>> = HashSet::new();
    let keys = new.iter().chain(old).map(|one| (&one.plan, one.scenario.as_ref(), &one.asset));
    let keys: Vec<Key<'_>> = keys.filter(|key| seen.insert(*key)).collect();
    let still: HashSet<(&Id, &Id)> = new.iter().map(|one| (&one.plan, &one.asset)).collect();
    for (plan, scenario, asset) in keys {
        let key = (plan.clone(), scenario.cloned(), asset.clone());
        let place = (plan.clone(), scenario.cloned());
        let mut told = Teller { plan, scenario, asset, changes: &mut changes };
        match (before.get(&key), after.get(&key)) {
            (Some(old), Some(new)) => {
                told.both(old, new);
                let targets = [(&old.rpo, &new.rpo), (&old.rto, &new.rto)];
                for ((was, is), (wanted, wants)) in
                    [(old.point, new.point), (old.time, new.time)].into_iter().zip(targets)
                {
                    broken +=
                        usize::from(was == Verdict::Met && matches!(is, Verdict::Missed | Verdict::Unknown));
                    // A target that was made longer until it fits is no mend.
                    let is_less =
                        target_direction(wanted.as_deref(), wants.as_deref()) == Some(Direction::Worse);
                    let was_missed = matches!(was, Verdict::Missed | Verdict::Unknown);
                    mended += usize::from(was_missed && is == Verdict::Met && !is_less);
                }
            }
            // An asset of a scenario that is new or gone as a whole is told with it.
            (Some(old), None) if scenarios_after.contains(&place) => {
                // What no scenario takes any more is no longer looked at.
                let is_gone = !still.contains(&(plan, asset));
                let direction = if is_gone { Direction::Worse } else { Direction::Changed };
                told.add("hit", &old.hit, if is_gone { "in no scenario" } else { "not hit" }, direction);
            }
            (None, Some(new)) if scenarios_before.contains(&place) => {
                let direction = if new.is_kept() { Direction::Changed } else { Direction::Worse };
                told.add("hit", "not hit", &new.hit, direction);
            }
            _ => {}
        }
    }
    let verdict = changes.iter().map(|change| change.direction).max();
    Difference { version: 1, verdict, broken, mended, not_known, changes }
}

/// Plans and scenarios that are new, or gone.
fn wholes(old: &[Standing], new: &[Standing], changes: &mut Vec<Change>) {
    let mut tell = |from: &[Standing], to: &[Standing], is_new: bool| {
        let plans: HashSet<&Id> = from.iter().map(|one| &one.plan).collect();
        let known: HashSet<(&Id, Option<&Id>)> =
            from.iter().map(|one| (&one.plan, one.scenario.as_ref())).collect();
        let mut told: HashSet<(&Id, Option<&Id>)> = HashSet::new();
        for one in to {
            let is_known = plans.contains(&one.plan);
            let scenario = one.scenario.as_ref().filter(|_| is_known);
            let has = is_known && known.contains(&(&one.plan, one.scenario.as_ref()));
            if has || !told.insert((&one.plan, scenario)) {
                continue;
            }
            let of_it = |other: &&Standing| {
                other.plan == one.plan && (scenario.is_none() || other.scenario.as_ref() == scenario)
            };
            let is_kept = to.iter().filter(of_it).all(Standing::is_kept);
            let what = if scenario.is_some() { "scenario" } else { "plan" };
            let (old, new, direction) = match (is_new, is_kept) {
                (true, true) => ("-", "new", Direction::Better),
                (true, false) => ("-", "new, and not every promise is kept", Direction::Worse),
                // What is no longer looked at is no longer promised.
                (false, _) => ("there", "gone", Direction::Worse),
            };
            changes.push(Change {
                plan: one.plan.clone(),
                scenario: scenario.cloned(),
                asset: None,
                what: what.to_owned(),
                old: old.to_owned(),
                new: new.to_owned(),
                direction,
            });
        }
    };
    tell(old, new, true);
    tell(new, old, false);
}

/// Which way a target goes: one that is longer, or not given any more, promises less.
fn target_direction(old: Option<&str>, new: Option<&str>) -> Option<Direction> {
    let length = |text: Option<&str>| text.and_then(|text| text.parse::<Length>().ok());
    match (length(old), length(new)) {
        _ if old == new => None,
        (Some(old), Some(new)) if new < old => Some(Direction::Better),
        (Some(_), _) => Some(Direction::Worse),
        (None, Some(_)) => Some(Direction::Better),
        (None, None) => Some(Direction::Changed),
    }
}

struct Teller<'a> {
    plan: &'a Id,
    scenario: Option<&'a Id>,
    asset: &'a Id,
    changes: &'a mut Vec<Change>,
}

impl Teller<'_> {
    fn add(&mut self, what: &str, old: &str, new: &str, direction: Direction) {
        self.changes.push(Change {
            plan: self.plan.clone(),
            scenario: self.scenario.cloned(),
            asset: Some(self.asset.clone()),
            what: what.to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
            direction,
        });
    }

    fn both(&mut self, old: &Standing, new: &Standing) {
        if old.hit != new.hit {
            self.add("hit", &old.hit, &new.hit, Direction::Changed);
        }
        let left = |one: &Standing| one.copies_left.as_ref().map_or(usize::MAX, Vec::len);
        if left(old) != left(new) {
            let shown = |one: &Standing| match &one.copies_left {
                None => "data not taken".to_owned(),
                Some(left) if left.is_empty() => "none".to_owned(),
                Some(left) => left.iter().map(Id::as_str).collect::<Vec<_>>().join(", "),
            };
            let direction = if left(new) < left(old) { Direction::Worse } else { Direction::Better };
            self.add("copies left", &shown(old), &shown(new), direction);
        }
        self.measure("recovery point", old.recovery_point, new.recovery_point, old.point, new.point);
        self.measure("recovery time", old.recovery_time, new.recovery_time, old.time, new.time);
        self.target("RPO", old.rpo.as_deref(), new.rpo.as_deref());
        self.target("RTO", old.rto.as_deref(), new.rto.as_deref());
        let named = |id: &Option<Id>| id.as_ref().map_or_else(|| "-".to_owned(), Id::to_string);
        for (what, was, is) in [
            ("restored from", &old.restored_from, &new.restored_from),
            ("home", &old.home, &new.home),
            ("restored by", &old.restored_by, &new.restored_by),
        ] {
            if was != is {
                self.add(what, &named(was), &named(is), Direction::Changed);
            }
        }
    }

    fn measure(&mut self, what: &str, old: Option<Length>, new: Option<Length>, was: Verdict, is: Verdict) {
        let shown = |length: Option<Length>, kept: Verdict| {
            let length = length.map_or_else(|| "-".to_owned(), |length| length.to_string());
            if kept == Verdict::Missed { format!("{length}, missed") } else { length }
        };
        let direction = match (old, new) {
            (Some(old), Some(new)) if new < old => Direction::Better,
            (Some(old), Some(new)) if new > old => Direction::Worse,
            (Some(_), None) if is == Verdict::Missed => Direction::Worse,
            (None, Some(_)) if was == Verdict::Missed => Direction::Better,
            (Some(_), None) | (None, Some(_)) => Direction::Changed,
            _ if is > was => Direction::Worse,
            _ if is < was => Direction::Better,
            _ => return,
        };
        self.add(what, &shown(old, was), &shown(new, is), direction);
    }

    fn target(&mut self, what: &str, old: Option<&str>, new: Option<&str>) {
        if let Some(direction) = target_direction(old, new) {
            self.add(what, old.unwrap_or("-"), new.unwrap_or("-"), direction);
        }
    }
}
