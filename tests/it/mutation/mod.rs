//! The clean plans of the repository, each broken in one thing at a time: the right rule tells it at the right place, and
//! nothing else is told.

mod copies;
mod people_and_places;
mod promises;
mod references;
mod shape;
mod steps;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::drplan::Drplan;

/// Begins the part of an expected place at which the finding must point.
const BEGIN: char = '«';
/// Ends it; a place without it says only where the finding begins.
const END: char = '»';

/// One thing that is broken in a clean plan, and what must be told of it.
pub(crate) struct Mutation {
    name: &'static str,
    plan: &'static str,
    edits: Vec<(&'static str, String)>,
    rule: &'static str,
    at: &'static str,
    says: &'static [&'static str],
    count: usize,
    also: Vec<(&'static str, usize)>,
}

/// Begins a mutation of `plans/metachat.yaml`.
pub(crate) fn metachat(name: &'static str) -> Mutation {
    Mutation::of("plans/metachat.yaml", name)
}

/// Begins a mutation of `plans/quickstart.yaml`.
pub(crate) fn quickstart(name: &'static str) -> Mutation {
    Mutation::of("plans/quickstart.yaml", name)
}

impl Mutation {
    const fn of(plan: &'static str, name: &'static str) -> Self {
        Self { name, plan, edits: Vec::new(), rule: "", at: "", says: &[], count: 1, also: Vec::new() }
    }

    /// Replaces a text that stands in the plan exactly once.
    pub(crate) fn put(mut self, old: &'static str, new: &str) -> Self {
        self.edits.push((old, new.to_owned()));
        self
    }

    /// Takes a text out that stands in the plan exactly once.
    pub(crate) fn drop(self, old: &'static str) -> Self {
        self.put(old, "")
    }

    /// Puts a text before one that stands in the plan exactly once.
    pub(crate) fn before(self, old: &'static str, new: &str) -> Self {
        let both = format!("{new}{old}");
        self.put(old, &both)
    }

    /// The rule that must tell it, at the marked part of a text that stands in the mutated plan exactly once.
    pub(crate) const fn gives(mut self, rule: &'static str, at: &'static str) -> Self {
        self.rule = rule;
        self.at = at;
        self
    }

    /// Words that the finding must hold, in its message, its help or its labels.
    pub(crate) const fn says(mut self, words: &'static [&'static str]) -> Self {
        self.says = words;
        self
    }

    /// How often the rule must fire, where one fault has more than one consequence; the place is that of one of them.
    pub(crate) const fn times(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// A consequence that another rule rightly tells, and how often.
    pub(crate) fn also(mut self, rule: &'static str, count: usize) -> Self {
        self.also.push((rule, count));
        self
    }

    /// The plan with its one fault; each edit must fit exactly once, so that a changed plan is seen at once.
    fn text(&self) -> Result<String, String> {
        let mut text = fs::read_to_string(self.plan).unwrap();
        for (old, new) in &self.edits {
            match text.matches(old).count() {
                1 => text = text.replacen(old, new, 1),
                count => return Err(format!("{} holds {old:?} {count} times, not once", self.plan)),
            }
        }
        Ok(text)
    }
}

fn all() -> Vec<Mutation> {
    [
        shape::mutations(),
        references::mutations(),
        copies::mutations(),
        targets::mutations(),
        people_and_places::mutations(),
        steps::mutations(),
        promises::mutations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A finding as the machine output has it, with the text at which it points.
#[derive(Debug)]
struct Told {
    code: String,
    line: u64,
    start: usize,
    end: usize,
    words: String,
}

fn check(text: &str, args: &[&str]) -> Vec<Told> {
    let all = ["check", "plan.yaml", "--format", "json", "--as-of", "2026-11-01"];
    let recipe = include_str!("../../../plans/recipes/restore-metachat-database.yaml");
    let drplan = Drplan::new().plan(text).file("recipes/restore-metachat-database.yaml", recipe);
    let drplan = drplan.args(all.into_iter().chain(args.iter().copied()));
    let outcome = drplan.run();
    assert!(matches!(outcome.status, Some(0 | 1)), "{outcome:#?}");
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    json["findings"].as_array().unwrap().iter().map(told).collect()
}

fn told(finding: &serde_json::Value) -> Told {
    let labels = finding["labels"].as_array().unwrap();
    let primary = labels.iter().find(|label| label["primary"] == true).unwrap();
    let offset = |key: &str| usize::try_from(primary[key]["offset"].as_u64().unwrap()).unwrap();
    let mut words =
        format!("{} | {}", finding["message"].as_str().unwrap(), finding["help"].as_str().unwrap_or("-"));
    for label in labels {
        write!(words, " | {}: {}", label["start"]["line"], label["text"].as_str().unwrap_or_default())
            .unwrap();
    }
    Told {
        code: finding["code"].as_str().unwrap().to_owned(),
        line: primary["start"]["line"].as_u64().unwrap(),
        start: offset("start"),
        end: offset("end"),
        words,
    }
}

/// Where in a text the marked part stands; only its begin where the end is not marked.
fn marked(text: &str, at: &str) -> Result<(usize, Option<usize>), String> {
    let plain: String = at.chars().filter(|char| ![BEGIN, END].contains(char)).collect();
    let found = text.matches(&plain).count();
    let (Some(first), Some(begin), 1) = (text.find(&plain), at.find(BEGIN), found) else {
        return Err(format!("the mutated plan holds the place {at:?} {found} times, not once"));
    };
    let end = at.find(END).map(|end| first + end - BEGIN.len_utf8());
    Ok((first + begin, end))
}

/// Runs a mutation; says what is not as expected.
fn try_out(mutation: &Mutation) -> Result<(), String> {
    let text = mutation.text()?;
    let (start, end) = marked(&text, mutation.at)?;
    let found = check(&text, &[]);
    let mut wrong = String::new();
    let fits = |told: &&Told| {
        told.code == mutation.rule && told.start == start && end.is_none_or(|end| told.end == end)
    };
    match found.iter().find(fits) {
        None => writeln!(wrong, "no {} at {:?}", mutation.rule, mutation.at).unwrap(),
        Some(_) => {
            let has = |word: &&str| found.iter().filter(fits).any(|told| told.words.contains(*word));
            for word in mutation.says.iter().filter(|word| !has(word)) {
                writeln!(wrong, "it does not say {word:?}").unwrap();
            }
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for told in &found {
        *counts.entry(&told.code).or_default() += 1;
    }
    let wanted: BTreeMap<&str, usize> =
        mutation.also.iter().copied().chain([(mutation.rule, mutation.count)]).collect();
    if counts != wanted {
        writeln!(wrong, "told: {counts:?}, not {wanted:?}").unwrap();
    }
    if wrong.is_empty() {
        return Ok(());
    }
    for Told { code, line, start, end, words } in found {
        let token = text.get(start..end).unwrap_or_default().lines().next().unwrap_or_default();
        writeln!(wrong, "  {code} line {line} {BEGIN}{token}{END}: {words}").unwrap();
    }
    Err(wrong)
}

/// Does the work of many small runs of the program side by side.
fn side_by_side<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = work(item) {
                        wrong.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

#[test]
fn each_fault_is_told_by_its_rule_at_its_place_and_by_no_other() {
    let all = all();
    let wrong = side_by_side(&all, |mutation| {
        try_out(mutation).map_err(|why| format!("{} ({}):\n{why}", mutation.name, mutation.plan))
    });
    assert!(wrong.is_empty(), "{} of {} mutations\n\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn the_plans_themselves_are_clean() {
    for plan in ["plans/metachat.yaml", "plans/quickstart.yaml"] {
        let found = check(&fs::read_to_string(plan).unwrap(), &[]);
        assert!(found.is_empty(), "{plan}: {found:#?}");
    }
}

/// Rules that no single fault of these two plans can make fire, and why.
const OUT_OF_REACH: &[(&str, &str)] = &[
    ("restore-not-ready", "no fault of a plan, but of what is there; tests/it/verify/record.rs has it"),
    ("backup-found-bad", "no fault of a plan, but of its backups; tests/it/verify/folder.rs has it"),
    ("backup-not-looked-at", "no fault of a plan either; it stands beside the other"),
    ("unused-import", "neither plan imports another; tests/it/imports.rs has it"),
];

#[test]
fn every_rule_has_a_mutation() {
    let expected: BTreeSet<&str> = all().iter().map(|mutation| mutation.rule).collect();
    for rule in ::drplan::lint::RULES {
        let name = rule.meta().name;
        let is_out = OUT_OF_REACH.iter().any(|(out, _)| *out == name);
        assert_ne!(expected.contains(name), is_out, "{name}: give it a mutation, or say why it has none");
    }
    for (out, why) in OUT_OF_REACH {
        assert!(::drplan::lint::RULES.iter().any(|rule| rule.meta().name == *out), "{out}: {why}");
    }
}

#[test]
fn mutations_have_names_of_their_own() {
    let all = all();
    let names: BTreeSet<&str> = all.iter().map(|mutation| mutation.name).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.len() >= 45, "only {}", all.len());
}

/// The gate itself: what is allowed is not found, so that the findings above come from their rules.
#[test]
fn what_is_allowed_is_not_told() {
    let mut first_of: BTreeMap<&str, Mutation> = BTreeMap::new();
    for mutation in all() {
        if ::drplan::lint::RULES.iter().any(|rule| rule.meta().name == mutation.rule) {
            first_of.entry(mutation.rule).or_insert(mutation);
        }
    }
    let all: Vec<(&str, Mutation)> = first_of.into_iter().collect();
    let wrong = side_by_side(&all, |(rule, mutation)| {
        let text = mutation.text()?;
        let found = check(&text, &["--allow", rule]);
        match found.iter().find(|told| told.code == *rule) {
            None => Ok(()),
            Some(told) => Err(format!("{}: {told:?}", mutation.name)),
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
