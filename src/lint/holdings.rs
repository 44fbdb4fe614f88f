//! The copies of each asset, as far as somebody can rely on them.

use std::collections::HashMap;
use std::sync::Arc;

use super::Context;
use crate::document::{KeyPath, Part, Place};
use crate::plan::{Asset, Copy, Objective};
use crate::value::Id;

/// A copy that holds an asset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<'a> {
    pub(super) backup_id: &'a Id,
    pub(super) copy_id: &'a Id,
    pub(super) copy: &'a Copy,
}

impl<'a> Held<'a> {
    /// Returns its name with that of its backup: `nightly.s3`.
    pub(super) fn reference(&self) -> String {
        format!("{}.{}", self.backup_id, self.copy_id)
    }

    pub(super) fn key_path(&self) -> KeyPath {
        let path = KeyPath::root().key("backups").key(self.backup_id.as_str());
        path.key("copies").key(self.copy_id.as_str())
    }

    /// Whether it is made for sure: an optional one exists on paper.
    pub(super) fn is_sure(&self) -> bool {
        self.copy.optional != Some(true)
    }

    /// Returns where it lies, for an asset that lives in `home`.
    pub(super) fn place(&self, home: Option<&'a Id>) -> Option<&'a Id> {
        self.copy.in_.as_ref().or(home)
    }
}

/// An asset that holds data, and its copies.
#[derive(Debug)]
pub(super) struct Holding<'a> {
    pub(super) asset: &'a Id,
    /// Where it lives now.
    pub(super) home: Option<&'a Id>,
    /// All its copies, in the order of the plan.
    pub(super) copies: Vec<Held<'a>>,
}

impl<'a> Holding<'a> {
    /// Returns the copies that are made for sure.
    pub(super) fn sure(&self) -> impl Iterator<Item = &Held<'a>> {
        self.copies.iter().filter(|held| held.is_sure())
    }
}

impl<'a> Context<'a> {
    /// Returns the assets that hold data: those that a backup covers, and those of which little may be lost.
    ///
    /// An application without either is made anew from what it is installed from.
    pub(super) fn holdings(&self) -> Vec<Holding<'a>> {
        let mut copies: HashMap<&Id, Vec<Held<'a>>, ahash::RandomState> = HashMap::default();
        for (backup_id, backup) in &self.plan.backups {
            for (copy_id, copy) in &backup.copies {
                for asset in &*backup.of {
                    copies.entry(asset).or_default().push(Held { backup_id, copy_id, copy });
                }
            }
        }
        let holding = |(asset, about): (&'a Id, &'a Arc<Asset>)| {
            let copies = copies.remove(asset).unwrap_or_default();
            let has_data = !copies.is_empty() || matches!(about.rpo, Some(Objective::Within(_)));
            has_data.then(|| Holding { asset, home: self.home_of(asset, about), copies })
        };
        self.plan.assets.iter().filter_map(holding).collect()
    }

    /// Returns where an asset lives now.
    pub(super) fn home_of(&self, id: &Id, asset: &'a Asset) -> Option<&'a Id> {
        self.placement.homes.get(id).or_else(|| asset.homes.first())
    }

    pub(super) fn place_of_asset(&self, id: &Id) -> Place {
        self.place(&KeyPath::root().key("assets").key(id.as_str()), Part::Key)
    }

    pub(super) fn place_of_scenario(&self, id: &Id) -> Place {
        self.place(&KeyPath::root().key("scenarios").key(id.as_str()), Part::Key)
    }
}

/// Returns a place and everything that it is in.
pub(super) fn with_all_above<'c>(context: &'c Context<'_>, place: &'c Id) -> Vec<&'c Id> {
    let mut all = vec![place];
    let mut at = 0;
    while let Some(id) = all.get(at) {
        let above = context.plan.places.get(*id).map(|place| place.in_.as_slice()).unwrap_or_default();
        for id in above.iter().flat_map(crate::plan::Need::ids) {
            if !all.contains(&id) {
                all.push(id);
            }
        }
        at += 1;
    }
    all
}

/// Joins names for people: "`a`, `b` and `c`".
pub(super) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
