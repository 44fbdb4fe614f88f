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
        let mut first_of: HashMap<&str, (NameKind, KeyPath)> = HashMap::new();
        for (kind, path, id) in declared(context) {
            let Some((other, first)) = first_of.get(id) else {
                first_of.insert(id, (kind, path));
                continue;
            };
            let message = if kind == *other {
                format!("there are two {} `{id}`", kind.many())
            } else {
                format!("`{id}` is {} and {}", other.one(), kind.one())
            };
            let finding = Finding::error(Self::META.name, message)
                .at(context.place(&path, Part::Key), "the second")
                .related(context.place(first, Part::Key), "the first")
                .help(
                    "places, assets, people, secrets and steps share one set of names; rename one of the two",
                );
            sink.add(finding, Subject::default());
        }
    }
}

/// Returns everything that shares the one set of names, with the section in which it stands.
pub(super) fn declared<'a>(context: &'a Context<'_>) -> impl Iterator<Item = (NameKind, KeyPath, &'a str)> {
    let plan = context.plan;
    let ids = |table: Vec<&'a str>, kind, section: &'static str| {
        table.into_iter().map(move |id| (kind, KeyPath::root().key(section).key(id), id))
    };
    ids(plan.places.keys().map(AsRef::as_ref).collect(), NameKind::Place, "places")
        .chain(ids(plan.assets.keys().map(AsRef::as_ref).collect(), NameKind::Asset, "assets"))
        .chain(ids(plan.people.keys().map(AsRef::as_ref).collect(), NameKind::Person, "people"))
        .chain(ids(plan.secrets.keys().map(AsRef::as_ref).collect(), NameKind::Secret, "secrets"))
        .chain(ids(plan.prepare.keys().map(AsRef::as_ref).collect(), NameKind::Step, "prepare"))
        .chain(ids(plan.steps.keys().map(AsRef::as_ref).collect(), NameKind::Step, "steps"))
        .chain(ids(plan.cleanup.keys().map(AsRef::as_ref).collect(), NameKind::Step, "cleanup"))
}
