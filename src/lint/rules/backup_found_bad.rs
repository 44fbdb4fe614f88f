//! A copy that `drplan verify` has found bad, or the job that makes one.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::history::Wrong;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::value::Moment;

rule!(
    BackupFoundBad,
    "backup-found-bad",
    Deny,
    "A copy on which the plan relies is bad, or what makes it does not run, by what drplan verify has seen."
);

impl Rule for BackupFoundBad {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let Some(seen) = &context.history.seen else { return };
        for (copy, path) in relied_on(context) {
            let Some(seen) = seen.copy(&context.plan.plan, &copy) else { continue };
            let Some(Wrong::Fails(what)) = &seen.wrong else { continue };
            let message = format!("`{copy}` failed when it was looked at on {}: {what}", day_of(seen.at));
            let finding = Finding::error(Self::META.name, message)
                .at(context.place(&path, Part::Key), "is bad, as it really is")
                .help(format!("mend it, then look again: `drplan verify --copy {copy} --record`"));
            sink.add(finding, Subject::default());
        }
        for (backup, body) in context.plan.backups.iter().filter(|_| context.environment.is_none()) {
            let job = body.job.as_ref().and_then(|_| seen.job(&context.plan.plan, backup));
            let Some((seen, Wrong::Fails(what))) = job.and_then(|seen| Some((seen, seen.wrong.as_ref()?)))
            else {
                continue;
            };
            let path = KeyPath::root().key("backups").key(backup.as_str()).key("job");
            let message =
                format!("the job of `{backup}` failed when it was looked at on {}: {what}", day_of(seen.at));
            let finding = Finding::error(Self::META.name, message)
                .at(context.place(&path, Part::Key), "does not make it, as it really is")
                .help("mend it, then look again: `drplan verify --record`");
            sink.add(finding, Subject::default());
        }
    }
}

/// Returns the copies of the plan's own backups that count, each with where it stands. Backups are looked at as they are without
/// an environment.
pub(super) fn relied_on(context: &Context<'_>) -> Vec<(String, KeyPath)> {
    let own = context.plan.backups.iter().filter(|_| context.environment.is_none());
    let copies = own.flat_map(|(backup, body)| {
        let counts = body.copies.iter().filter(|(_, copy)| copy.optional != Some(true));
        counts.map(move |(copy, _)| {
            let path = KeyPath::root().key("backups").key(backup.as_str()).key("copies").key(copy.as_str());
            (format!("{backup}.{copy}"), path)
        })
    });
    copies.collect()
}

/// Returns the day of a look, in UTC.
pub(super) fn day_of(look: Moment) -> String {
    look.to_string().chars().take(10).collect()
}
