//! A thing with the name of something that the language itself means.

use super::duplicate_id::declared;
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Stage, Subject};

rule!(ReservedId, "reserved-id", Deny, "A thing has a name that already means something in the language.");

/// The words, and what they mean.
const WORDS: [(&str, &str); 4] = [
    ("home", "the place where an asset lives"),
    ("controller", "the machine on which drplan runs"),
    ("all", "all assets"),
    ("starter", "the person who has started the run"),
];

impl Rule for ReservedId {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn stage(&self) -> Stage {
        Stage::Names
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for (kind, section, id) in declared(context) {
            let Some((_, meaning)) = WORDS.iter().find(|(word, _)| *word == id) else { continue };
            let message = format!("{} cannot be called `{id}`", kind.one());
            let finding = Finding::error(Self::META.name, message)
                .at(context.place(&KeyPath::root().key(section).key(id), Part::Key), "reserved")
                .help(format!("`{id}` means {meaning}; choose another name"));
            sink.add(finding, Subject::default());
        }
    }
}
