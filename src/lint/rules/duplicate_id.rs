//! Two things with one name.

use std::collections::HashMap;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, NameKind, Rule, Sink, Stage, Subject};

rule!(DuplicateId, "duplicate-id", Deny, "Two things of a plan have the same id.");

impl Rule for DuplicateId {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn stage(&self) -> Stage {
        Stage::Names
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let mut first_of: HashMap<&str, (NameKind, &'static str), ahash::RandomState> = HashMap::default();
        first_of.reserve(context.plan.steps.len() + context.plan.assets.len());
        for (kind, section, id) in declared(context) {
            let Some((other, first)) = first_of.get(id) else {
                first_of.insert(id, (kind, section));
                continue;
            };
            let path = |section: &str| KeyPath::root().key(section).key(id);
            let message = if kind == *other {
                format!("there are two {} `{id}`", kind.many())
            } else {
                format!("`{id}` is {} and {}", other.one(), kind.one())
            };
            let finding = Finding::error(Self::META.name, message)
                .at(context.place(&path(section), Part::Key), "the second")
                .related(context.place(&path(first), Part::Key), "the first")
                .help(
                    "places, assets, people, secrets and steps share one set of names; rename one of the two",
                );
            sink.add(finding, Subject::default());
        }
    }
}

/// Returns everything that shares the one set of names, with the section in which it stands.
pub(super) fn declared<'a>(
    context: &'a Context<'_>,
) -> impl Iterator<Item = (NameKind, &'static str, &'a str)> {
    let plan = context.plan;
    let places = plan.places.keys().map(|id| (NameKind::Place, "places", id.as_str()));
    let assets = plan.assets.keys().map(|id| (NameKind::Asset, "assets", id.as_str()));
    let people = plan.people.keys().map(|id| (NameKind::Person, "people", id.as_str()));
    let secrets = plan.secrets.keys().map(|name| (NameKind::Secret, "secrets", name.as_str()));
    let steps = [("prepare", &plan.prepare), ("steps", &plan.steps), ("cleanup", &plan.cleanup)];
    let steps = steps
        .into_iter()
        .flat_map(|(section, steps)| steps.keys().map(move |id| (NameKind::Step, section, id.as_str())));
    places.chain(assets).chain(people).chain(secrets).chain(steps)
}
