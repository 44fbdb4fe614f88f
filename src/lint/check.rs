//! Runs every rule, then levels, allows and exceptions.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;

use rayon::prelude::*;

use super::allows::Allows;
use super::cores::on_all_cores;
use super::recipes;
use super::rules::RULES;
use super::sink::Found;
use super::{Context, Levels, Rule, Sink, Stage, Taken};
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
    let guesses = AtomicUsize::new(0);
    let mut contexts: Vec<Context<'_>> = variants
        .iter()
        .map(|(environment, variant)| Context::new(opened, variant, *environment, sources, &guesses))
        .map(|context| context.on(request.as_of, request.history))
        .collect();
    let mut allows = Allows::new(opened, request.as_of);
    // A recipe that is misused hides nothing else; a name that is wrong would be told in ten ways.
    let before_names = told.len();
    for stage in [Stage::Names, Stage::Deep] {
        let rules = RULES.iter().copied().filter(|rule| rule.stage() == stage);
        // What holds only if it holds everywhere cannot be judged from one environment.
        let rules = rules.filter(|rule| !rule.is_universal() || request.environment.is_none());
        let rules: Vec<(&dyn Rule, Severity)> =
            rules.filter_map(|rule| Some((rule, request.levels.severity(&rule.meta())?))).collect();
        let sinks = run(stage, &rules, &contexts);
        for ((rule, severity), sinks) in rules.into_iter().zip(sinks) {
            for Found { mut finding, about, .. } in put_together(rule, sinks) {
                finding.severity = severity;
                told.extend(allows.judge(finding, &about, sources));
            }
        }
        let is_sound = told[before_names..].iter().all(|finding| finding.severity != Severity::Error);
        if stage == Stage::Names {
            // Of what could not be imported nothing is known, so nothing can be said of the whole.
            if !(is_sound && opened.imports.is_whole()) {
                break;
            }
            contexts.iter_mut().for_each(Context::forget_names);
        } else if request.environment.is_none() {
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
    let guesses = AtomicUsize::new(0);
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

/// Runs rules on every variant. Returns, for each rule, what it has found in each variant.
fn run(stage: Stage, rules: &[(&dyn Rule, Severity)], contexts: &[Context<'_>]) -> Vec<Vec<Sink>> {
    let look = |(rule, _): &(&dyn Rule, Severity)| -> Vec<Sink> {
        contexts.iter().map(|context| found_by(|sink| rule.check(context, sink))).collect()
    };
    let mut sinks: Vec<Vec<Sink>> = rules.iter().map(look).collect();
    if stage == Stage::Names {
        return sinks;
    }
    for (at, context) in contexts.iter().enumerate() {
        let (found, taken) = on_routes(rules, context);
        for (((rule, _), sinks), found) in rules.iter().zip(&mut sinks).zip(found) {
            sinks[at].append(found);
            rule.conclude(context, &taken, &mut sinks[at]);
        }
    }
    sinks
}

/// The routes of a plan with fewer steps are found before a thread has begun.
const WORTH_A_THREAD: usize = 200;
/// Routes over so many steps in all are held at the same time: those of a plan of a hundred thousand one by one.
const MOST_STEPS_HELD: usize = 100_000;

/// Runs rules on the routes of a variant, on all cores, and lets each route go again: one of a large plan is large.
fn on_routes(rules: &[(&dyn Rule, Severity)], context: &Context<'_>) -> (Vec<Sink>, Taken) {
    let look = |scenario: Option<&Id>| {
        let routed = context.routed(scenario);
        let found = rules.iter().map(|(rule, _)| found_by(|sink| rule.check_route(context, &routed, sink)));
        (found.collect::<Vec<_>>(), Taken::by(&routed.route))
    };
    let scenarios = context.scenarios();
    let steps = context.resolved.steps.len();
    let looked: Vec<(Vec<Sink>, Taken)> = if steps < WORTH_A_THREAD {
        scenarios.into_iter().map(look).collect()
    } else {
        let side_by_side = |some: &[Option<&Id>]| -> Vec<_> {
            // What one thread has let go of serves the next route alone on that thread.
            if let [alone] = some {
                return vec![look(*alone)];
            }
            on_all_cores(|| some.par_iter().with_max_len(1).map(|scenario| look(*scenario)).collect())
        };
        scenarios.chunks((MOST_STEPS_HELD / steps).max(1)).flat_map(side_by_side).collect()
    };
    let mut all: Vec<Sink> = rules.iter().map(|_| Sink::default()).collect();
    let mut taken = Taken::default();
    for (found, by) in looked {
        all.iter_mut().zip(found).for_each(|(all, found)| all.append(found));
        taken = taken.or(&by);
    }
    (all, taken)
}

fn found_by(look: impl FnOnce(&mut Sink)) -> Sink {
    let mut sink = Sink::default();
    look(&mut sink);
    sink
}

/// Puts together what a rule has found in every variant; what was found twice comes once.
fn put_together(rule: &dyn Rule, sinks: Vec<Sink>) -> Vec<Found> {
    let variants = sinks.len();
    let mut counts: HashMap<Fingerprint, usize> = HashMap::new();
    let mut all = Vec::new();
    for sink in sinks {
        let mut here = HashSet::new();
        for found in sink.found {
            let fingerprint = fingerprint(&found.finding);
            if !here.insert(fingerprint.clone()) {
                continue;
            }
            let count = counts.entry(fingerprint).or_insert(0);
            *count += 1;
            if *count == 1 {
                all.push(found);
            }
        }
    }
    if rule.is_universal() {
        all.retain(|found| counts.get(&fingerprint(&found.finding)) == Some(&variants));
    }
    all
}
