//! Assets that must be of one moment and come back as of different ones.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::plan::{Backup, Points};
use crate::resolve::{copy_of, farthest_apart};
use crate::value::Id;

rule!(
    InconsistentPoints,
    "inconsistent-points",
    Deny,
    "Assets that must be of one moment come back from points that are further apart than allowed."
);

/// An asset of a group, and what it comes back from.
struct Restored<'a> {
    asset: &'a Id,
    /// Its position in the group.
    at: usize,
    copy: Id,
    backup_id: &'a Id,
    backup: &'a Backup,
    points: &'a Points,
}

impl Rule for InconsistentPoints {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        for (group, consistent) in context.plan.consistent.iter().enumerate() {
            let restored = restored(context, routed, &consistent.assets);
            for (nth, one) in restored.iter().enumerate() {
                for other in restored.iter().skip(nth + 1) {
                    judge(context, routed, group, one, other, sink);
                }
            }
        }
    }
}

fn restored<'a>(context: &'a Context<'_>, routed: &Routed, assets: &'a [Id]) -> Vec<Restored<'a>> {
    let find = |(at, asset): (usize, &'a Id)| {
        let by = routed
            .route
            .assets
            .get(asset)
            .filter(|on_route| on_route.state.is_goal())?
            .restored_by
            .as_ref()?;
        let choice = routed.route.chosen.get(by)?.copy.as_ref()?;
        let (backup_id, backup, _, copy) = copy_of(context.resolved, choice.copy.as_str())?;
        let points = copy.points.as_ref().unwrap_or(&backup.points);
        Some(Restored { asset, at, copy: choice.copy.clone(), backup_id, backup, points })
    };
    assets.iter().enumerate().filter_map(find).collect()
}

fn judge(
    context: &Context<'_>,
    routed: &Routed,
    group: usize,
    one: &Restored<'_>,
    other: &Restored<'_>,
    sink: &mut Sink,
) {
    // What one backup has captured is of one moment, in whatever copy it lies.
    if one.backup_id == other.backup_id && one.backup.of.contains(other.asset) {
        return;
    }
    let Some(consistent) = context.plan.consistent.get(group) else { return };
    let between =
        format!("`{}` comes back from `{}` and `{}` from `{}`", one.asset, one.copy, other.asset, other.copy);
    let scenario = routed.route.scenario.as_ref();
    let message = match consistent.within {
        None => format!("{between}{}: they must be of one moment", in_scenario(scenario)),
        Some(within) => match farthest_apart(one.points, other.points) {
            Ok(apart) if apart <= within => return,
            Ok(apart) => {
                format!(
                    "{between}{}: their points are up to {apart} apart, more than {within}",
                    in_scenario(scenario)
                )
            }
            // A schedule that is none is told at the schedule.
            Err(_) => return,
        },
    };
    let path = KeyPath::root().key("consistent").index(group).key("assets");
    let points = |backup: &Id| {
        let path = KeyPath::root().key("backups").key(backup.as_str()).key("points");
        context.place(&path, Part::Value)
    };
    let finding = Finding::error(InconsistentPoints::META.name, message)
        .at(context.place(&path.index(other.at), Part::Value), "would not fit")
        .related(points(one.backup_id), format!("the points of `{}`", one.backup_id))
        .related(points(other.backup_id), format!("the points of `{}`", other.backup_id))
        .help(
            "let one backup cover them all, take their points at the same time, or allow more with `within`",
        );
    sink.add(finding, Subject::asset(other.asset).within(scenario));
}
