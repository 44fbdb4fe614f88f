//! A person's key that no answer can be checked with.

use std::collections::BTreeMap;

use crate::approval::{Key, KeyError};
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};

rule!(
    UnusableKey,
    "unusable-key",
    Deny,
    "A person's key cannot prove who answers: it is no public SSH key, or another person has it too."
);

impl Rule for UnusableKey {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        let people = context.plan.people.iter();
        for (id, text) in people.filter_map(|(id, person)| Some((id, person.key.as_deref()?))) {
            let path = |id: &str| KeyPath::root().key("people").key(id).key("key");
            let place = || context.place(&path(id.as_str()), Part::Value);
            let finding = match Key::parse(text) {
                Ok(key) => match owners.insert(key.to_string(), id.as_str()) {
                    None => continue,
                    Some(other) => {
                        let message =
                            format!("`{other}` and `{id}` have the same key: it proves neither of them");
                        Finding::error(Self::META.name, message)
                            .at(place(), "the same key")
                            .related(context.place(&path(other), Part::Value), "the first to have it")
                            .help("give each person a key of their own")
                    }
                },
                Err(KeyError::Private) => Finding::error(
                    Self::META.name,
                    format!("the key of `{id}` is a private key, for all to see"),
                )
                .at(place(), "must be the public half")
                .help("put in the line of the `.pub` file, and make a new key: this one is known now"),
                Err(error @ KeyError::Malformed) => {
                    Finding::error(Self::META.name, format!("the key of `{id}` is of no use: {error}"))
                        .at(place(), "is no line of a `.pub` file")
                        .help("put in the line of a `.pub` file, such as `ssh-ed25519 AAAA…`")
                }
                Err(error @ KeyError::Unsupported(_)) => {
                    Finding::error(Self::META.name, format!("the key of `{id}` is of no use: {error}"))
                        .at(place(), "is of another kind")
                        .help(
                            "use an Ed25519 key (`ssh-keygen -t ed25519`), or an ECDSA key on P-256 or P-384",
                        )
                }
            };
            sink.add(finding, Subject::default());
        }
    }
}
