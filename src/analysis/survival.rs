//! What is left of an asset's data after a scenario.

use std::collections::HashMap;
use std::sync::Arc;

use crate::plan::{Backup, Objective};
use crate::resolve::{AssetState, Loss, LossKind, Losses, ResolvedPlan, Route};
use crate::value::Id;

use super::rpo;

/// What becomes of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFate {
    /// The copy, such as `nightly.s3`.
    pub copy: Id,
    /// Why it cannot be used; nothing if it can.
    pub loss: Option<Loss>,
}

/// What is left of an asset's data after a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survival {
    /// The asset.
    pub asset: Id,
    /// Every copy of every backup that holds the asset, in the order of the plan.
    pub copies: Vec<CopyFate>,
    /// Whether the targets give the data up: `rpo: none`.
    pub is_given_up: bool,
}

impl Survival {
    /// Returns the copies that can be used.
    pub fn left(&self) -> impl Iterator<Item = &Id> {
        self.copies.iter().filter(|fate| fate.loss.is_none()).map(|fate| &fate.copy)
    }

    /// Whether the data is gone, though something is promised for it.
    pub fn is_broken(&self) -> bool {
        !self.is_given_up && self.left().next().is_none()
    }
}

/// Works out what is left of each asset whose data a scenario takes.
///
/// An asset without a backup has no data of its own, such as an application, unless it has an RPO: then there is
/// nothing left of it. An asset that is moved under or interrupted keeps its data.
pub fn survival(plan: &ResolvedPlan, route: &Route) -> Vec<Survival> {
    let scenario = route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
    let Some(scenario) = scenario else { return Vec::new() };
    let mut backups_of: HashMap<&Id, Vec<usize>, ahash::RandomState> = HashMap::default();
    // Each copy is named once, however many assets it holds.
    let names = |(backup, declared): (&Id, &Arc<Backup>)| -> Vec<Id> {
        declared.copies.keys().map(|copy| Id::trusted(format!("{backup}.{copy}"))).collect()
    };
    let names: Vec<Vec<Id>> = plan.backups.iter().map(names).collect();
    for (backup, declared) in plan.backups.values().enumerate() {
        for asset in &*declared.of {
            let backups = backups_of.entry(asset).or_default();
            // An asset that is listed twice is backed up once.
            if backups.last().is_none_or(|last| *last != backup) {
                backups.push(backup);
            }
        }
    }
    let losses = Losses::default();
    let mut all = Vec::new();
    for (id, asset) in &route.assets {
        if !matches!(asset.state, AssetState::Lost | AssetState::Damaged) {
            continue;
        }
        let promised = rpo(plan, Some(scenario), id);
        let backups = backups_of.get(id).map(Vec::as_slice).unwrap_or_default();
        let copies: Vec<CopyFate> = backups
            .iter()
            .flat_map(|backup| names.get(*backup).into_iter().flatten().cloned())
            .map(|copy| {
                let loss = losses.of(plan, Some((scenario, &route.harm)), &copy, id, asset.was.as_ref());
                CopyFate { copy, loss }
            })
            .collect();
        if copies.is_empty() && !matches!(promised, Some(Objective::Within(_))) {
            continue;
        }
        let is_given_up = promised == Some(Objective::None);
        all.push(Survival { asset: id.clone(), copies, is_given_up });
    }
    all
}

/// Says what would have made a copy survive.
pub fn remedy(kind: LossKind) -> &'static str {
    match kind {
        LossKind::Gone => "keep a copy in a place that is there and that the scenario does not take",
        LossKind::OnPaper => {
            "make the optional copy binding (drop `optional`), and see to it that it is made"
        }
        LossKind::Unclean => "keep a history of points, not only the newest state",
        LossKind::Expired => "keep points for longer than the harm stays unseen, and one gap more",
        LossKind::Erasable => {
            "make a copy `immutable` for longer than the harm stays unseen, or say with `erasable_by` whose login can \
             really erase it"
        }
        LossKind::NotOfIt => "add the asset to the backup",
    }
}
