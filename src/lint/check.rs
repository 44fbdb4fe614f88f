//! Runs every rule, then levels, allows and exceptions.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use super::allows::Allows;
use super::recipes;
use super::rules::RULES;
use super::{Context, Levels, Rule, Sink, Stage, Subject};
use crate::document::{Place, Sources};
use crate::finding::{Finding, Level, Severity};
use crate::history::History;
use crate::value::{Date, Id};
use crate::workspace::{Opened, Variant};

/// How to check.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What to make of what each rule finds.
    pub levels: &'a Levels,
    /// The day on which exceptions must still hold.
    pub as_of: &'a Date,
    /// What earlier drills have shown.
    pub history: &'a History,
    /// The only environment to check under; under none and under each if nothing is said.
    pub environment: Option<&'a Id>,
}

/// The same fault found twice is told once.
type Fingerprint = (&'static str, Place, String);

fn fingerprint(finding: &Finding) -> Fingerprint {
    (finding.code, finding.primary.place, finding.message.clone())
}

/// Finds everything that is wrong in a plan, in no order.
pub fn check(opened: &Opened, sources: &Sources, request: &Request<'_>) -> Vec<Finding> {
    let mut told = opened.findings.clone();
    if opened.plan.is_none() {
        return told;
    }
    told.extend(recipes::beside(opened, sources));
    let (variants, findings) = variants(opened, request.environment);
    told.extend(findings);
    let guesses = Cell::new(0);
    let contexts: Vec<Context<'_>> = variants
        .iter()
        .map(|(environment, variant)| Context::new(opened, variant, *environment, sources, &guesses))
        .map(|context| context.on(request.as_of, request.history))
        .collect();
    let mut allows = Allows::new(opened, request.as_of);
    // A recipe that is misused hides nothing else; a name that is wrong would be told in ten ways.
    let before_names = told.len();
    for stage in [Stage::Names, Stage::Deep] {
        for rule in RULES.iter().filter(|rule| rule.stage() == stage) {
            // What holds only if it holds everywhere cannot be judged from one environment.
            if rule.is_universal() && request.environment.is_some() {
                continue;
            }
            let Some(severity) = request.levels.severity(&rule.meta()) else { continue };
            for (mut finding, about) in run(*rule, &contexts) {
                finding.severity = severity;
                told.extend(allows.judge(finding, &about, sources));
            }
        }
        let is_sound = told[before_names..].iter().all(|finding| finding.severity != Severity::Error);
        if stage == Stage::Names && !is_sound {
            break;
        }
        if stage == Stage::Deep && request.environment.is_none() {
            told.extend(allows.unused(request.levels));
        }
    }
    told.extend(allows.unknown(request.levels));
    let mut seen = HashSet::new();
    told.retain(|finding| seen.insert(fingerprint(finding)));
    for finding in &mut told {
        finding.severity = request.levels.told_as(finding.severity);
    }
    told
}

/// Whether something of the plan has a wrong name: a route found over it would leave out what the name stands for.
pub fn has_broken_names(opened: &Opened, sources: &Sources) -> bool {
    let (variants, findings) = variants(opened, None);
    let guesses = Cell::new(0);
    let mut contexts = variants
        .iter()
        .map(|(environment, variant)| Context::new(opened, variant, *environment, sources, &guesses));
    let is_broken = |context: Context<'_>| {
        RULES.iter().filter(|rule| rule.stage() == Stage::Names).any(|rule| {
            let mut sink = Sink::default();
            rule.check(&context, &mut sink);
            rule.meta().level == Level::Deny && !sink.found.is_empty()
        })
    };
    findings.iter().any(|finding| finding.severity == Severity::Error) || contexts.any(is_broken)
}

/// Returns the plan without an environment and under each, or under the one that is asked for.
fn variants<'a>(opened: &'a Opened, only: Option<&'a Id>) -> (Vec<(Option<&'a Id>, Variant)>, Vec<Finding>) {
    let environments: Vec<Option<&Id>> = match only {
        Some(environment) => vec![Some(environment)],
        None => std::iter::once(None).chain(opened.environments().map(Some)).collect(),
    };
    let mut variants = Vec::new();
    let mut told = Vec::new();
    for environment in environments {
        match opened.variant(environment) {
            Ok((variant, findings)) => {
                variants.push((environment, variant));
                told.extend(findings);
            }
            Err(findings) => told.extend(findings),
        }
    }
    (variants, told)
}

/// Runs a rule on every variant; what was found twice comes once.
fn run(rule: &dyn Rule, contexts: &[Context<'_>]) -> Vec<(Finding, Subject)> {
    let mut counts: HashMap<Fingerprint, usize> = HashMap::new();
    let mut found = Vec::new();
    for context in contexts {
        let mut sink = Sink::default();
        rule.check(context, &mut sink);
        let mut here = HashSet::new();
        for (finding, about) in sink.found {
            let fingerprint = fingerprint(&finding);
            if !here.insert(fingerprint.clone()) {
                continue;
            }
            let count = counts.entry(fingerprint).or_insert(0);
            *count += 1;
            if *count == 1 {
                found.push((finding, about));
            }
        }
    }
    if rule.is_universal() {
        found.retain(|(finding, _)| counts.get(&fingerprint(finding)) == Some(&contexts.len()));
    }
    found
}
