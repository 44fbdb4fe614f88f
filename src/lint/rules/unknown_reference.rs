//! A name that is the name of nothing, or of the wrong kind of thing.

use crate::document::Segment;
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, NameKind, Reference, Rule, Sink, Stage, Subject, Wanted, references};
use crate::plan::Backup;

rule!(
    UnknownReference,
    "unknown-reference",
    Deny,
    "Something is named that does not exist, or that is the wrong kind of thing."
);

/// Longer lists of what is known help nobody.
const MOST_LISTED: usize = 8;

impl Rule for UnknownReference {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn stage(&self) -> Stage {
        Stage::Names
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for reference in references(context.plan) {
            if context.names.is_imported(reference.name) {
                continue;
            }
            let wrong = match reference.wanted {
                Wanted::Kinds(kinds, words) => of_kinds(context, &reference, kinds, words),
                Wanted::Copy => of_copy(context, reference.name),
                Wanted::Sibling => of_sibling(context, &reference),
            };
            if let Some((message, help)) = wrong {
                let place = context.place(&reference.path, reference.part);
                let finding = Finding::error(Self::META.name, message).at(place, "not known");
                sink.add(finding.maybe_help(help), Subject::default());
            }
        }
    }
}

type Wrong = (String, Option<String>);

fn of_kinds(
    context: &Context<'_>,
    reference: &Reference<'_>,
    wanted: &[NameKind],
    words: &[&str],
) -> Option<Wrong> {
    let name = reference.name;
    let is = context.names.kinds(name);
    if words.contains(&name) || is.iter().any(|kind| wanted.contains(kind)) {
        return None;
    }
    let path = &reference.path;
    if let Some(other) = is.first() {
        let wanted: Vec<&str> = wanted.iter().map(|kind| kind.one()).collect();
        let message = format!("`{name}` is {}, but `{path}` names {}", other.one(), wanted.join(" or "));
        return Some((message, None));
    }
    let known: Vec<&str> = context.names.of_kinds(wanted).chain(words.iter().copied()).collect();
    let message = if wanted == NameKind::THINGS {
        format!("there is no step, asset, place, person or secret `{name}`")
    } else {
        let wanted: Vec<&str> = wanted.iter().map(|kind| kind.word()).collect();
        format!("there is no {} `{name}`", wanted.join(" or "))
    };
    let listed = || match known.len() {
        0 => wanted.first().map(|kind| format!("this plan has no {}", kind.many())),
        1..=MOST_LISTED => Some(format!("known here: {}", known.join(", "))),
        _ => None,
    };
    Some((message, context.guess(name, known.iter().copied()).or_else(listed)))
}

fn of_copy(context: &Context<'_>, name: &str) -> Option<Wrong> {
    let backups = &context.plan.backups;
    let (backup, copy) = name.split_once('.').unwrap_or((name, ""));
    let Some(found) = backups.get(backup) else {
        let help = context.guess(backup, backups.keys().map(crate::value::Id::as_str));
        return Some((format!("there is no backup `{backup}`"), help));
    };
    if found.copies.contains_key(copy) {
        return None;
    }
    let help = copies_of(context, found, copy, &format!("{backup}."));
    let message = match copy {
        "" => format!("`{backup}` is a backup; a step restores from one of its copies"),
        copy => format!("backup `{backup}` has no copy `{copy}`"),
    };
    Some((message, help))
}

fn of_sibling(context: &Context<'_>, reference: &Reference<'_>) -> Option<Wrong> {
    let [_, Segment::Key(id), ..] = reference.path.segments() else { return None };
    let backup = context.plan.backups.get(&**id)?;
    if backup.copies.contains_key(reference.name) {
        return None;
    }
    let message = format!("backup `{id}` has no copy `{}`", reference.name);
    Some((message, copies_of(context, backup, reference.name, "")))
}

fn copies_of(context: &Context<'_>, backup: &Backup, wrong: &str, prefix: &str) -> Option<String> {
    let known: Vec<String> = backup.copies.keys().map(|copy| format!("{prefix}{copy}")).collect();
    let wrong = format!("{prefix}{wrong}");
    let guess = context.guess(&wrong, known.iter().map(String::as_str));
    guess.or_else(|| (!known.is_empty()).then(|| format!("known here: {}", known.join(", "))))
}
