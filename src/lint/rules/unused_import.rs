//! An imported plan of which nothing is used.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject, references};

rule!(UnusedImport, "unused-import", Warn, "A plan is imported, and nothing of it is used.");

impl Rule for UnusedImport {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        if context.plan.imports.is_empty() {
            return;
        }
        let named = references(context.plan);
        for id in context.plan.imports.keys() {
            let is_used = named.iter().any(|reference| {
                reference.name.split_once('/').is_some_and(|(prefix, _)| prefix == id.as_str())
            });
            if is_used {
                continue;
            }
            let path = KeyPath::root().key("imports").key(id.as_str());
            let finding =
                Finding::warning(Self::META.name, format!("nothing uses anything of the imported `{id}`"))
                    .at(context.place(&path, Part::Key), "of no use")
                    .help(format!(
                        "name what this plan needs of it, such as `needs: [{id}/…]`, or remove the line"
                    ));
            sink.add(finding, Subject::default());
        }
    }
}
