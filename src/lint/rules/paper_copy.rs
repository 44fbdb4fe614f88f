//! A step that restores from a copy which perhaps is never made.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::resolve::copy_of;

rule!(
    PaperCopy,
    "paper-copy",
    Warn,
    "A step restores from a copy that is optional, and so perhaps was never made."
);

impl Rule for PaperCopy {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for (id, step) in &context.plan.steps {
            for (at, reference) in step.common.from.iter().enumerate() {
                let Some((backup, _, copy_id, copy)) = copy_of(context.resolved, reference.as_str()) else {
                    continue;
                };
                if copy.optional != Some(true) {
                    continue;
                }
                let path = KeyPath::root().key("steps").key(id.as_str()).key("from").index(at);
                let of_copy =
                    KeyPath::root().key("backups").key(backup.as_str()).key("copies").key(copy_id.as_str());
                let message =
                    format!("`{id}` restores from `{reference}`, which is optional and never relied on");
                let finding = Finding::warning(Self::META.name, message)
                    .at(context.place(&path, Part::Value), "exists on paper")
                    .related(context.place(&of_copy.key("optional"), Part::Value), "is made only where somebody has switched it on")
                    .help(format!("have `{reference}` made everywhere and remove `optional`, or restore from another copy"));
                sink.add(finding, Subject::step(id.as_str()));
            }
        }
    }
}
