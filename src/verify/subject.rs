//! What is to be looked at: each copy of each backup, and where it really lies.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::plan::{Backup, Copy};
use crate::resolve::{Placement, ResolvedPlan};
use crate::value::{Id, Text};

/// Where commands of a plan run, and where its paths begin.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The plan's folder.
    pub folder: PathBuf,
    /// The variables that probes inherit from drplan.
    pub inherited: BTreeMap<String, String>,
}

/// Where a copy lies, for who wants to look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// In a folder, or another path, of this machine.
    Here(PathBuf),
    /// At a URL, such as `s3://bucket/prefix/`.
    Url(String),
    /// On another machine: the place, and the path there.
    Host(Id, String),
    /// Nobody can say; why.
    Nowhere(String),
}

/// A copy that is to be looked at.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The copy, such as `nightly.s3`.
    pub reference: Id,
    /// Its backup.
    pub backup: &'a Backup,
    /// What the plan says of it.
    pub copy: &'a Copy,
    /// The place where it lies.
    pub place: Option<&'a Id>,
    /// Where it lies.
    pub at: Whereabouts,
    /// The variables of its probes.
    pub vars: BTreeMap<String, String>,
}

/// Returns the copies of a plan, in its order; what it imports is looked at by the plan that it is from.
///
/// `here` is the place that this machine is, if somebody says so.
pub fn subjects<'a>(
    plan: &'a ResolvedPlan,
    placement: &Placement,
    ground: &Ground,
    here: Option<&Id>,
) -> Vec<Subject<'a>> {
    let mut subjects = Vec::new();
    for (backup_id, backup) in plan.backups.iter().filter(|(id, _)| !id.as_str().contains('/')) {
        for (copy_id, copy) in &backup.copies {
            let reference = Id::trusted(format!("{backup_id}.{copy_id}"));
            subjects.push(subject(plan, placement, ground, here, reference, backup, copy));
        }
    }
    subjects
}

fn subject<'a>(
    plan: &'a ResolvedPlan,
    placement: &Placement,
    ground: &Ground,
    here: Option<&Id>,
    reference: Id,
    backup: &'a Backup,
    copy: &'a Copy,
) -> Subject<'a> {
    let home = || {
        backup.of.iter().find_map(|asset| {
            let homes = &plan.assets.get(asset)?.homes;
            let moved = placement.homes.get(asset).and_then(|home| homes.iter().find(|other| *other == home));
            moved.or(homes.first())
        })
    };
    let place_id = copy.in_.as_ref().or_else(home);
    let place = place_id.and_then(|id| plan.places.get(id));
    let mut vars = ground.inherited.clone();
    let own = plan.vars.iter().chain(place.into_iter().flat_map(|place| &place.vars));
    vars.extend(own.map(|(name, value)| (name.to_string(), value.to_string())));
    let is_here = place_id.is_none() || place_id == here || place.is_none_or(|place| place.ssh.is_none());
    let at = match copy.at.as_deref() {
        None => Whereabouts::Nowhere("the plan does not say where it lies".to_owned()),
        Some(at) => match Text::new(at).fill(|name| vars.get(name).map(|value| value.as_str().into())) {
            Err(error) => Whereabouts::Nowhere(format!("`at`: {error}")),
            Ok(filled) if filled.contains("://") => Whereabouts::Url(filled),
            Ok(filled) if is_here => Whereabouts::Here(ground.folder.join(filled)),
            Ok(filled) => match place_id {
                Some(place) => Whereabouts::Host(place.clone(), filled),
                None => Whereabouts::Nowhere("the plan does not say on which machine it lies".to_owned()),
            },
        },
    };
    Subject { reference, backup, copy, place: place_id, at, vars }
}
