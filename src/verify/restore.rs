//! Holds what a restore needs to what is there: judges what a look at the whole recovery has found. Asks nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Problem, RestoreSeen, Severity};
use crate::event::{Found, RunState, StepState};
use crate::resolve::{ResolvedPlan, ResolvedStep, Section};
use crate::value::Id;

/// Says of each step of a recovery that was only looked at whether all is there that it needs.
pub fn judge_restores(plan: &ResolvedPlan, scenario: Option<&Id>, state: &RunState) -> Vec<RestoreSeen> {
    let seen = steps_of(plan, state).into_iter().map(|(step, parts)| {
        let mut seen = RestoreSeen {
            step: Id::trusted(step),
            scenarios: scenario.into_iter().cloned().collect(),
            as_of: None,
            verdict: None,
            good: Vec::new(),
            problems: Vec::new(),
        };
        judge(&mut seen, &parts, state);
        seen
    });
    seen.filter(|seen| !seen.good.is_empty() || !seen.problems.is_empty()).collect()
}

/// Says that the plan has no way to bring an asset back.
pub fn no_way(asset: &Id, scenario: Option<&Id>, why: &str) -> RestoreSeen {
    let help = "`drplan check` says at which place of the plan, and `drplan graph` shows the way";
    RestoreSeen {
        step: asset.clone(),
        scenarios: scenario.into_iter().cloned().collect(),
        as_of: None,
        verdict: Some(Severity::Failure),
        good: Vec::new(),
        problems: vec![Problem::new(Kind::NotReady, Severity::Failure, why, help)],
    }
}

/// Returns the steps that a person wrote, each with its parts that are to be carried out.
fn steps_of<'p>(plan: &'p ResolvedPlan, state: &RunState) -> BTreeMap<&'p str, Vec<&'p ResolvedStep>> {
    let mut steps: BTreeMap<&str, Vec<&ResolvedStep>> = BTreeMap::new();
    let to_be_done = plan.steps.iter().filter(|step| step.section == Section::Steps);
    for step in to_be_done.filter(|step| state.position(step.id.as_str()).is_some()) {
        steps.entry(step.written_as()).or_default().push(step);
    }
    steps
}

fn judge(seen: &mut RestoreSeen, parts: &[&ResolvedStep], state: &RunState) {
    let ids: BTreeSet<&str> = parts.iter().map(|step| step.id.as_str()).chain([seen.step.as_str()]).collect();
    let checks = state.checks.iter().filter(|check| check.steps.iter().any(|id| ids.contains(id.as_str())));
    let mut unasked: BTreeSet<String> =
        parts.iter().flat_map(|step| &step.common.preconditions).map(|probe| probe.named()).collect();
    let mut problems = Vec::new();
    for check in checks {
        unasked.remove(&check.what);
        let told = format!("{}: {}", check.what, check.note);
        let (kind, severity, what, help) = match check.found {
            Found::Met => {
                seen.good.push(told);
                continue;
            }
            Found::Unmet => (
                Kind::NotReady,
                Severity::Failure,
                told,
                "see to it now: on the day of the disaster the recovery would stop here",
            ),
            Found::Broken => (
                Kind::NotKnown,
                Severity::Unknown,
                told,
                "make the question work where `drplan verify` runs; until then nobody knows whether this is there",
            ),
            Found::Unknown => (
                Kind::NotAsked,
                Severity::Note,
                format!("cannot be known before: {told}"),
                "a drill finds out: `drplan execute --drill`; or look by hand",
            ),
        };
        let problem = Problem::new(kind, severity, what, help);
        // The parts of a step have their secrets from the same place.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    // One reason is enough: what one part has met, all have.
    let failed = parts.iter().find_map(|step| {
        let record = state.steps.get(state.position(step.id.as_str())?)?;
        matches!(record.state, StepState::Failed { .. }).then(|| record.note.as_deref().unwrap_or_default())
    });
    if let Some(why) = failed {
        let help = "see to it now: on the day of the disaster the recovery would stop here";
        problems.push(Problem::new(Kind::NotReady, Severity::Failure, why, help));
    } else if !unasked.is_empty() {
        let (why, help) = why_not(parts, state);
        let what = format!("not asked, as {why}: {}", Vec::from_iter(unasked).join("; "));
        problems.push(Problem::new(Kind::NotAsked, Severity::Note, what, help));
    }
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    seen.verdict =
        problems.iter().map(|problem| problem.severity).max().filter(|worst| *worst > Severity::Note);
    seen.problems = problems;
}

/// Says why nothing of a step was asked, and what to do.
fn why_not(parts: &[&ResolvedStep], state: &RunState) -> (String, String) {
    let records = parts.iter().filter_map(|step| state.steps.get(state.position(step.id.as_str())?));
    let unneeded = records.into_iter().find(|record| record.state == StepState::Unneeded);
    if let Some(record) = unneeded {
        let why = format!("it is done already ({})", record.note.as_deref().unwrap_or_default());
        return (why, String::new());
    }
    let failed = state
        .steps
        .iter()
        .zip(state.nodes())
        .find(|(record, _)| matches!(record.state, StepState::Failed { .. }));
    match failed {
        Some((record, node)) => (
            format!("the recovery stops at {} ({})", node.id, record.note.as_deref().unwrap_or_default()),
            format!("see to {} first: what comes after it is asked then", node.id),
        ),
        None => (
            "the recovery does not come that far".to_owned(),
            "see what `drplan execute --dry-run` says of what comes before it".to_owned(),
        ),
    }
}
