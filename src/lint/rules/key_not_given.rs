//! A step that restores from an encrypted copy and does not get the key.

use std::collections::HashSet;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::{Action, Need, Plan, Step};
use crate::resolve::copy_of;
use crate::value::{Id, Name};

rule!(
    KeyNotGiven,
    "key-not-given",
    Warn,
    "A step restores from an encrypted copy and does not get the secret with which that is encrypted."
);

impl Rule for KeyNotGiven {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for (id, step) in &context.plan.steps {
            // A person has the key, or the instruction says where it is.
            if matches!(*step.action, Action::Manual { .. }) {
                continue;
            }
            for (at, reference) in step.common.from.iter().enumerate() {
                let Some((backup, _, copy_id, copy)) = copy_of(context.resolved, reference.as_str()) else {
                    continue;
                };
                let Some(key) = copy.key.as_ref().filter(|key| !step.common.secrets.contains(key)) else {
                    continue;
                };
                if is_read_before(context.plan, step, reference, key) {
                    continue;
                }
                let step_path = KeyPath::root().key("steps").key(id.as_str());
                let of_copy =
                    KeyPath::root().key("backups").key(backup.as_str()).key("copies").key(copy_id.as_str());
                let message = format!(
                    "`{id}` restores from `{reference}`, which is encrypted with `{key}`, and does not get that"
                );
                let finding = Finding::warning(Self::META.name, message)
                    .at(context.place(&step_path.key("from").index(at), Part::Value), "cannot be read without its key")
                    .related(context.place(&of_copy.key("key"), Part::Value), "the key")
                    .help(format!("add `{key}` to the step's `secrets`: a step gets the secrets that it names, no others"));
                sink.add(finding, Subject::step(id.as_str()));
            }
        }
    }
}

/// Whether a step that comes before reads the same copy with its key, and so leaves it where it can be read.
fn is_read_before(plan: &Plan, step: &Step, copy: &Id, key: &Name) -> bool {
    let mut seen: HashSet<&Id> = HashSet::new();
    let mut open: Vec<&Step> = vec![step];
    while let Some(step) = open.pop() {
        for (id, before) in
            step.common.needs.iter().flat_map(Need::ids).filter_map(|id| plan.steps.get_key_value(id))
        {
            if before.common.from.contains(copy) && before.common.secrets.contains(key) {
                return true;
            }
            if seen.insert(id) {
                open.push(before);
            }
        }
    }
    false
}
