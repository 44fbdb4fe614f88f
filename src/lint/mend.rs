//! Mends what can be meant in one way only, round by round; writes nothing.

use std::collections::HashSet;
use std::path::Path;

use super::check::{Request, check};
use super::recipes;
use super::rules::RULES;
use super::{Levels, Stage};
use crate::document::{SourceId, Sources, Span};
use crate::finding::{Finding, Fix, Severity, apply};
use crate::history::History;
use crate::plan::load_recipe;
use crate::value::Date;
use crate::workspace::{Error, Opened, is_recipe};

/// Each round mends what the one before has laid open; a plan that needs more is mended by the next call.
const MOST_ROUNDS: usize = 50;

/// What became of a text.
#[derive(Debug)]
pub struct Mended {
    /// The text as it was.
    pub before: String,
    /// The text as it would be.
    pub after: String,
    /// What was mended: the line, counted from 1, and what was done there.
    pub mended: Vec<(usize, String)>,
    /// What is wrong still: the file, the stretch and the message.
    pub remaining: HashSet<(String, Span, String)>,
    /// Whether the text would have more errors than before, so that it must not be written.
    pub is_worse: bool,
}

/// Mends a text as if it stood in a file, until nothing more can be mended.
///
/// # Errors
///
/// When what stands beside the file, such as a recipe, cannot be read.
pub fn mend(path: &Path, text: String, levels: &Levels, as_of: &Date) -> Result<Mended, Error> {
    let eye = Eye { path, levels, as_of, is_recipe: is_recipe(path) };
    let mut mended = Vec::new();
    let mut after = text.clone();
    let mut look = eye.look(&after)?;
    let first = look.faults();
    for _ in 0..MOST_ROUNDS {
        let chosen = look.chosen();
        let edits: Vec<(Span, &str)> = chosen
            .iter()
            .flat_map(|(_, fix)| fix.edits.iter().map(|edit| (edit.place.span, edit.replacement.as_str())))
            .collect();
        let Some(next) = apply(&after, &edits).filter(|next| *next != after) else { break };
        for (finding, fix) in chosen {
            let (line, _) = look.sources.get(look.source).line_column(finding.primary.place.span.start);
            mended.push((line, format!("{}: {}", finding.message, fix.title)));
        }
        after = next;
        look = eye.look(&after)?;
    }
    mended.sort();
    let is_worse = look.faults() > first;
    Ok(Mended { before: text, after, mended, remaining: look.remaining(), is_worse })
}

/// How a file is looked at.
struct Eye<'a> {
    path: &'a Path,
    levels: &'a Levels,
    as_of: &'a Date,
    is_recipe: bool,
}

/// What is wrong in a text.
struct Look {
    sources: Sources,
    source: SourceId,
    findings: Vec<Finding>,
    /// How far the text could be understood.
    understood: Understood,
}

/// How far a text could be understood.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Understood {
    Nothing,
    Tree,
    Types,
}

impl Eye<'_> {
    fn look(&self, text: &str) -> Result<Look, Error> {
        let mut sources = Sources::default();
        if self.is_recipe {
            let source = sources.add(self.path.display().to_string(), text);
            let loaded = load_recipe(source, &sources);
            let understood = Understood::of(loaded.document.is_some(), loaded.value.is_some());
            let mut findings = loaded.findings;
            if let Some(recipe) = &loaded.value {
                findings.extend(recipes::inside(source, recipe, None, &sources));
            }
            return Ok(Look { sources, source, findings, understood });
        }
        let opened = Opened::of_text(self.path, text.to_owned(), &mut sources)?;
        let history = History::default();
        let request =
            Request { levels: self.levels, as_of: self.as_of, history: &history, environment: None };
        let findings = check(&opened, &sources, &request);
        let understood = Understood::of(opened.document.is_some(), opened.plan.is_some());
        Ok(Look { sources, source: opened.source, findings, understood })
    }
}

impl Understood {
    const fn of(is_tree: bool, is_typed: bool) -> Self {
        match (is_tree, is_typed) {
            (_, true) => Self::Types,
            (true, false) => Self::Tree,
            (false, false) => Self::Nothing,
        }
    }
}

impl Look {
    /// Counts the errors: of the text, of its shape, of its names, of all else.
    ///
    /// What is mended at one of these lets the next be looked at, so fewer errors there weigh more than any here.
    fn faults(&self) -> [usize; 4] {
        let mut faults = [0; 4];
        for finding in self.findings.iter().filter(|finding| finding.severity == Severity::Error) {
            let rule = RULES.iter().find(|rule| rule.meta().name == finding.code);
            let at = match (self.understood, rule.map(|rule| rule.stage())) {
                (Understood::Nothing, _) => 0,
                (Understood::Tree, _) => 1,
                (Understood::Types, Some(Stage::Deep)) => 3,
                (Understood::Types, _) => 2,
            };
            faults[at] += 1;
        }
        faults
    }

    /// Returns what can be mended at once: nothing beside this file, and no stretch twice; errors come first.
    fn chosen(&self) -> Vec<(&Finding, &Fix)> {
        let mut fixable: Vec<(&Finding, &Fix)> = self
            .findings
            .iter()
            .filter_map(|finding| Some((finding, finding.fix.as_ref()?)))
            .filter(|(_, fix)| fix.edits.iter().all(|edit| edit.place.source == self.source))
            .collect();
        fixable.sort_by_key(|(finding, _)| (std::cmp::Reverse(finding.severity), finding.primary.place.span));
        let mut taken: Vec<Span> = Vec::new();
        fixable.retain(|(_, fix)| {
            let spans = fix.edits.iter().map(|edit| edit.place.span);
            let is_free =
                |span: Span| taken.iter().all(|other| span.end <= other.start || other.end <= span.start);
            let is_fine = spans.clone().all(is_free);
            if is_fine {
                taken.extend(spans);
            }
            is_fine
        });
        fixable
    }

    fn remaining(&self) -> HashSet<(String, Span, String)> {
        let told = |finding: &Finding| {
            let place = finding.primary.place;
            (self.sources.get(place.source).name.clone(), place.span, finding.message.clone())
        };
        self.findings.iter().map(told).collect()
    }
}
