//! A name that is the name of nothing, or of the wrong kind of thing.

use crate::document::Segment;
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, NameKind, Reference, Rule, Sink, Stage, Subject, Wanted, references};
use crate::plan::Backup;
use crate::resolve::Owner;

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
            let wrong = match reference.wanted {
                Wanted::Sibling => of_sibling(context, &reference),
                _ if reference.name.contains('/') => imported(context, &reference),
                Wanted::Kinds(kinds, words) => of_kinds(context, &reference, kinds, words),
                Wanted::Copy => of_copy(context, reference.name),
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

/// What is wrong with a name of another plan: its prefix, or the name itself.
fn imported(context: &Context<'_>, reference: &Reference<'_>) -> Option<Wrong> {
    let name = reference.name;
    let (owner, rest) = context.imports.follow(Owner::Whole, name);
    let prefix = name.strip_suffix(rest).unwrap_or_default();
    if owner == Owner::Unknown {
        // Why nothing is known of the plan is told where it is imported.
        return None;
    }
    if let Some((wrong, _)) = rest.split_once('/') {
        let links = context.imports.links_of(owner).into_iter().flatten();
        let known: Vec<String> = links.map(|(id, _)| format!("{prefix}{id}")).collect();
        let help = context.guess(&format!("{prefix}{wrong}"), known.iter().map(String::as_str));
        let message = match prefix.strip_suffix('/') {
            None => format!("nothing is imported as `{wrong}`, so there is no `{name}`"),
            Some(plan) => {
                format!("the imported plan `{plan}` imports nothing as `{wrong}`, so there is no `{name}`")
            }
        };
        let none = || "name the file of the other plan under `imports`".to_owned();
        let listed = || if known.is_empty() { none() } else { format!("known here: {}", known.join(", ")) };
        return Some((message, Some(help.unwrap_or_else(listed))));
    }
    let whole = context.imports.canonical(Owner::Whole, name);
    let in_whole = whole.strip_suffix(rest).unwrap_or_default();
    let plan = prefix.trim_end_matches('/');
    let as_written = |known: &str| known.strip_prefix(in_whole).map(|own| format!("{prefix}{own}"));
    let (what, known): (String, Vec<String>) = match reference.wanted {
        Wanted::Copy => {
            let backups = &context.resolved.backups;
            let known = backups
                .iter()
                .flat_map(|(backup, body)| body.copies.keys().map(move |copy| format!("{backup}.{copy}")));
            ("copy".to_owned(), known.collect())
        }
        Wanted::Kinds(kinds, _) => {
            let is = context.names.kinds(&whole);
            if is.iter().any(|kind| kinds.contains(kind)) {
                return None;
            }
            if let Some(other) = is.first() {
                return Some((wrong_kind(reference, *other, kinds), None));
            }
            (kinds_in_words(kinds), context.names.of_kinds(kinds).map(str::to_owned).collect())
        }
        Wanted::Sibling => return None,
    };
    if known.contains(&whole) {
        return None;
    }
    let known: Vec<String> = known
        .iter()
        .filter_map(|known| as_written(known))
        .filter(|known| !known.trim_start_matches(prefix).contains('/'))
        .collect();
    let message = format!("the imported plan `{plan}` has no {what} `{rest}`");
    let listed = || match known.len() {
        0 => Some(format!("it has no {what} at all")),
        1..=MOST_LISTED => Some(format!("known there: {}", known.join(", "))),
        _ => None,
    };
    Some((message, context.guess(name, known.iter().map(String::as_str)).or_else(listed)))
}

fn wrong_kind(reference: &Reference<'_>, is: NameKind, wanted: &[NameKind]) -> String {
    let wanted: Vec<&str> = wanted.iter().map(|kind| kind.one()).collect();
    let Reference { name, path, .. } = reference;
    format!("`{name}` is {}, but `{path}` names {}", is.one(), wanted.join(" or "))
}

fn kinds_in_words(kinds: &[NameKind]) -> String {
    if kinds == NameKind::THINGS {
        return "step, asset, place or person".to_owned();
    }
    kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" or ")
}

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
    if let Some(other) = is.first() {
        return Some((wrong_kind(reference, *other, wanted), None));
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
