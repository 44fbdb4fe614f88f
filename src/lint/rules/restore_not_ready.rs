//! A restore that `drplan verify --preconditions` has found to lack something.

use super::backup_found_bad::day_of;
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::history::Wrong;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::value::Id;

rule!(
    RestoreNotReady,
    "restore-not-ready",
    Deny,
    "A step needs something that is not there, by what drplan verify --preconditions has seen."
);

impl Rule for RestoreNotReady {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let Some(seen) = context.history.seen.as_ref().filter(|_| context.environment.is_none()) else {
            return;
        };
        // An asset that no step can bring back is told by rules of its own.
        let own =
            seen.restores(&context.plan.plan).filter(|seen| context.plan.steps.contains_key(&seen.step));
        for restore in own {
            let Some(Wrong::Fails(what)) = &restore.seen.wrong else { continue };
            let scenarios: Vec<&str> = restore.scenarios.iter().map(Id::as_str).collect();
            let of =
                if scenarios.is_empty() { String::new() } else { format!(" in {}", scenarios.join(", ")) };
            let message = format!(
                "`{}` could not have been done{of} when it was looked at on {}: {what}",
                restore.step,
                day_of(restore.seen.at)
            );
            let path = KeyPath::root().key("steps").key(restore.step.as_str());
            let finding = Finding::error(Self::META.name, message)
                .at(context.place(&path, Part::Key), "lacks something, as it really is")
                .help("see to it, then look again: `drplan verify --preconditions --record`");
            sink.add(finding, Subject::default());
        }
    }
}
