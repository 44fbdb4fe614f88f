//! What must be kept by law, or is held for a court, and would be destroyed all the same.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::{Backup, Copy, Keep};
use crate::value::Id;

rule!(
    ArchiveNotKept,
    "archive-not-kept",
    Deny,
    "A copy that must be kept by law or under a legal hold would be destroyed before."
);

impl Rule for ArchiveNotKept {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for (backup_id, backup) in &context.plan.backups {
            for (copy_id, copy) in &backup.copies {
                let path = KeyPath::root().key("backups").key(backup_id.as_str());
                let path = path.key("copies").key(copy_id.as_str());
                let name = format!("{backup_id}.{copy_id}");
                for finding in judge(context, &path, &name, copy) {
                    sink.add(finding, about(backup, copy));
                }
            }
        }
    }
}

/// Of one asset, or of one place, if there is only one.
fn about(backup: &Backup, copy: &Copy) -> Subject {
    let asset = match &*backup.of {
        [only] => Some(only.clone()),
        _ => None,
    };
    Subject { asset, place: copy.in_.clone(), ..Subject::default() }
}

fn judge(context: &Context<'_>, path: &KeyPath, name: &str, copy: &Copy) -> Vec<Finding> {
    let on_hold = copy.legal_hold == Some(true);
    let mut found = Vec::new();
    let mut tell = |key: &str, message: String, label: &str, help: &str| {
        let finding = Finding::error(ArchiveNotKept::META.name, message);
        let duty = if on_hold { "legal_hold" } else { "archive" };
        let mut finding = finding.at(context.place(&path.key(key), Part::Value), label).help(help);
        if key != duty {
            finding = finding.related(context.place(&path.key(duty), Part::Value), "must be kept");
        }
        found.push(finding);
    };
    if copy.archive.is_none() && !on_hold {
        return found;
    }
    if copy.optional == Some(true) {
        let message = format!("`{name}` must be kept, and it is optional: perhaps it is never made");
        tell("optional", message, "exists on paper", "switch it on everywhere and remove `optional`");
    }
    let reach = copy.keep.reaches_back().unwrap_or_default();
    if let Some(archive) = copy.archive.filter(|archive| reach < *archive) {
        let message =
            format!("`{name}` must be kept for {archive} by law or contract, and is deleted after {reach}");
        let message = if copy.keep.reaches_back().is_some() {
            message
        } else {
            format!(
                "`{name}` must be kept for {archive} by law or contract, and keeps a number of points, whatever their age"
            )
        };
        tell(
            "keep",
            message,
            "deletes before",
            "let `keep` reach back as far as `archive`, or archive in another copy",
        );
    } else if on_hold {
        match &copy.keep {
            Keep::Latest | Keep::Generations(_) => {
                let message = format!("`{name}` is under legal hold, and `keep` destroys points in between");
                let help = "while it is held, keep every point for a length of time, and say with `archive` for how long at least";
                tell("keep", message, "destroys points", help);
            }
            Keep::For(length) if copy.archive.is_none() => {
                let message =
                    format!("`{name}` is under legal hold, and its points are deleted after {length}");
                let help =
                    "say with `archive` for how long the hold lasts at least, and let `keep` be as long";
                tell("keep", message, "deletes", help);
            }
            Keep::For(_) => {}
        }
    }
    if on_hold && copy.immutable.is_none() && !nobody_can_erase(context, copy) {
        let message = format!("`{name}` is under legal hold, and somebody can still destroy it");
        let help =
            "make it `immutable` for as long as it is held, or let nobody erase it (`erasable_by: []`)";
        tell("legal_hold", message, "is not locked", help);
    }
    found
}

fn nobody_can_erase(context: &Context<'_>, copy: &Copy) -> bool {
    let place = copy.in_.as_ref().and_then(|place| context.plan.places.get(place));
    let by_place = place.and_then(|place| place.erasable_by.as_ref());
    copy.erasable_by.as_ref().or(by_place).is_some_and(Vec::<Id>::is_empty)
}
