//! A copy of which nobody knows whether it is good.

use super::backup_found_bad::{day_of, relied_on};
use crate::document::Part;
use crate::finding::{Finding, RuleMeta};
use crate::history::Wrong;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::value::{Length, Moment};

/// A look says something for as long as a point may be old, and then once more; for so long where nothing says how old that is.
const USUAL_LIMIT: Length = Length::from_secs(3 * 24 * 3600);

rule!(
    BackupNotLookedAt,
    "backup-not-looked-at",
    Warn,
    "Nobody knows whether a copy on which the plan relies is good, by what drplan verify has seen."
);

impl Rule for BackupNotLookedAt {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let (Some(seen), Some(as_of)) = (&context.history.seen, context.as_of) else { return };
        // A look of this very day is not in the future.
        let Ok(end_of_day) = format!("{as_of}T23:59:59Z").parse::<Moment>() else { return };
        for (copy, path) in relied_on(context) {
            let message = match seen.copy(&context.plan.plan, &copy) {
                None => {
                    let on = day_of(seen.at);
                    format!("`{copy}` was not looked at on {on}, when other copies were")
                }
                Some(copy_seen) => match &copy_seen.wrong {
                    Some(Wrong::Fails(_)) => continue,
                    Some(Wrong::Unknown(why)) => {
                        let on = day_of(copy_seen.at);
                        format!("nobody could know on {on} whether `{copy}` is good: {why}")
                    }
                    None => {
                        let limit = copy_seen.limit.unwrap_or(USUAL_LIMIT);
                        let age = end_of_day.since(copy_seen.at).unwrap_or_default();
                        let on = day_of(copy_seen.at);
                        if age <= limit.saturating_add(limit) {
                            continue;
                        }
                        format!(
                            "`{copy}` was last looked at on {on}; its newest point may be {limit} old, and much may have happened since"
                        )
                    }
                },
            };
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&path, Part::Key), "nobody knows how it is")
                .help("look at it from where that works, and let cron do so: `drplan verify --quiet --record --notify`");
            sink.add(finding, Subject::default());
        }
    }
}
