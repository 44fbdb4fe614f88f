//! A name that is the name of nothing, or of the wrong kind of thing.

use std::cell::LazyCell;
use std::collections::HashMap;

use crate::document::{KeyPath, Segment};
use crate::finding::{Finding, Fix, RuleMeta};
use crate::lint::references::references_where;
use crate::lint::rule::rule;
use crate::lint::{Context, NameKind, Reference, Rule, Sink, Stage, Subject, Wanted, references};
use crate::plan::Backup;
use crate::resolve::Owner;
use crate::value::Id;

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
        let uses = LazyCell::new(|| Uses::of(&references(context.plan)));
        for reference in &references_where(context.plan, &|name, wanted| !is_known(context, name, wanted)) {
            let wrong = match reference.wanted {
                Wanted::Sibling => of_sibling(context, reference),
                _ if reference.name.contains('/') => imported(context, reference),
                Wanted::Kinds(kinds, words) => Some(of_kinds(context, reference, kinds, words)),
                Wanted::Copy => of_copy(context, reference.name),
            };
            if let Some(Wrong { message, help, slip }) = wrong {
                let place = context.place(&reference.path, reference.part);
                let fix = slip
                    .filter(|right| uses.make_it_a_slip(context, reference, right))
                    .and_then(|right| Fix::respell(context.document, place, reference.name, &right));
                let finding = Finding::error(Self::META.name, message).at(place, "not known").fix(fix);
                sink.add(finding.maybe_help(help), Subject::default());
            }
        }
    }
}

/// Whether a name is one of the plan's own, as nearly all are; where it stands need not be known for that.
fn is_known(context: &Context<'_>, name: &str, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Kinds(kinds, words) => {
            !name.contains('/') && (words.contains(&name) || context.names().has(name, kinds))
        }
        Wanted::Copy => name.split_once('.').is_some_and(|(backup, copy)| {
            context.plan.backups.get(backup).is_some_and(|backup| backup.copies.contains_key(copy))
        }),
        Wanted::Sibling => false,
    }
}

/// What is wrong with a name.
struct Wrong {
    message: String,
    help: Option<String>,
    /// The one name of which it is a slip of the pen.
    slip: Option<String>,
}

/// How often each name stands in the plan, but where it is given.
struct Uses<'a>(HashMap<&'a str, usize, ahash::RandomState>);

impl<'a> Uses<'a> {
    fn of(references: &[Reference<'a>]) -> Self {
        let mut counts = HashMap::default();
        for reference in references {
            *counts.entry(reference.name).or_insert(0) += 1;
            // A backup stands in the name of each of its copies.
            if let (Wanted::Copy, Some((backup, _))) = (reference.wanted, reference.name.split_once('.')) {
                *counts.entry(backup).or_insert(0) += 1;
            }
        }
        Self(counts)
    }

    fn count(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Where a wrong name stands twice, and nothing names the right one, the slip is where the name is given.
    fn make_it_a_slip(&self, context: &Context<'_>, reference: &Reference<'_>, right: &str) -> bool {
        let segments = reference.path.segments();
        // What would name itself was meant to name something else.
        let owner = match segments {
            [_, Segment::Key(id), ..] => Some(&**id),
            _ => None,
        };
        let above = segments.len().saturating_sub(1);
        let parent = segments[..above].iter().fold(KeyPath::root(), |path, segment| match segment {
            Segment::Key(key) => path.key(key),
            Segment::Index(index) => path.index(*index),
        });
        let parent = context.document.root().at(&parent);
        // So was what stands there a second time.
        let is_there = parent.is_some_and(|parent| {
            parent.get(right).is_some() || parent.items().iter().any(|item| item.as_str() == Some(right))
        });
        let of_backup = |name: &str| name.split_once('.').map(|(backup, _)| backup.to_owned());
        let (wrong, meant) = match (of_backup(reference.name), of_backup(right)) {
            (Some(wrong), Some(meant)) if wrong != meant => (wrong, meant),
            _ => (reference.name.to_owned(), right.to_owned()),
        };
        owner != Some(right) && !is_there && (self.count(&meant) > 0 || context.document.names_once(&wrong))
    }
}

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
        return Some(Wrong { message, help: Some(help.unwrap_or_else(listed)), slip: None });
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
            if context.names().has(&whole, kinds) {
                return None;
            }
            if let Some(other) = context.names().kinds(&whole).iter().next() {
                return Some(Wrong { message: wrong_kind(reference, other, kinds), help: None, slip: None });
            }
            (kinds_in_words(kinds), context.names().of_kinds(kinds).map(str::to_owned).collect())
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
    let help = context.guess(name, known.iter().map(String::as_str)).or_else(listed);
    Some(Wrong { message, help, slip: None })
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

fn of_kinds(context: &Context<'_>, reference: &Reference<'_>, wanted: &[NameKind], words: &[&str]) -> Wrong {
    let name = reference.name;
    if let Some(other) = context.names().kinds(name).iter().next() {
        return Wrong { message: wrong_kind(reference, other, wanted), help: None, slip: None };
    }
    let known: Vec<&str> = context.names().of_kinds(wanted).chain(words.iter().copied()).collect();
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
    let (guess, slip) = context.guess_and_slip(name, &known);
    Wrong { message, help: guess.or_else(listed), slip }
}

fn of_copy(context: &Context<'_>, name: &str) -> Option<Wrong> {
    let backups = &context.plan.backups;
    let (backup, copy) = name.split_once('.').unwrap_or((name, ""));
    let Some(found) = backups.get(backup) else {
        let known: Vec<&str> = backups.keys().map(Id::as_str).collect();
        let (help, slip) = context.guess_and_slip(backup, &known);
        let slip =
            slip.filter(|right| backups.get(right.as_str()).is_some_and(|it| it.copies.contains_key(copy)));
        let slip = slip.map(|right| format!("{right}.{copy}"));
        return Some(Wrong { message: format!("there is no backup `{backup}`"), help, slip });
    };
    if found.copies.contains_key(copy) {
        return None;
    }
    let message = match copy {
        "" => format!("`{backup}` is a backup; a step restores from one of its copies"),
        copy => format!("backup `{backup}` has no copy `{copy}`"),
    };
    let (help, slip) = copies_of(context, found, copy, &format!("{backup}."));
    Some(Wrong { message, help, slip })
}

fn of_sibling(context: &Context<'_>, reference: &Reference<'_>) -> Option<Wrong> {
    let [_, Segment::Key(id), ..] = reference.path.segments() else { return None };
    let backup = context.plan.backups.get(&**id)?;
    if backup.copies.contains_key(reference.name) {
        return None;
    }
    let message = format!("backup `{id}` has no copy `{}`", reference.name);
    let (help, slip) = copies_of(context, backup, reference.name, "");
    Some(Wrong { message, help, slip })
}

fn copies_of(
    context: &Context<'_>,
    backup: &Backup,
    wrong: &str,
    prefix: &str,
) -> (Option<String>, Option<String>) {
    let known: Vec<String> = backup.copies.keys().map(|copy| format!("{prefix}{copy}")).collect();
    let wrong = format!("{prefix}{wrong}");
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let (guess, slip) = context.guess_and_slip(&wrong, &names);
    (guess.or_else(|| (!known.is_empty()).then(|| format!("known here: {}", known.join(", ")))), slip)
}
