//! What a command works on: the plan, the environment and the scenario, as every command chooses them.

use std::num::NonZeroUsize;
use std::path::Path;

use super::session;
use crate::analysis::{Basis, Measured};
use crate::document::Sources;
use crate::error::Error;
use crate::exit::Exit;
use crate::finding::{Finding, Severity};
use crate::history::History;
use crate::lint;
use crate::resolve::ResolvedPlan;
use crate::value::{Id, did_you_mean};
use crate::workspace::{Opened, Variant, Workspace};

/// Opens a plan and lays an environment over it.
///
/// # Errors
///
/// When the file cannot be read, there is no such environment, or the plan has errors.
pub(super) fn sound_plan(
    path: &Path,
    wanted: Option<&str>,
    sources: &mut Sources,
) -> Result<(Opened, Variant), Error> {
    let opened = Opened::one(path, sources)?;
    let variant = sound_variant(&opened, wanted, sources)?;
    Ok((opened, variant))
}

/// Opens a plan to carry it out: what only `check` and `render` need is given up.
///
/// # Errors
///
/// When the file cannot be read, there is no such environment, or the plan has errors.
pub(super) fn plan_to_run(
    path: &Path,
    wanted: Option<&str>,
    sources: &mut Sources,
) -> Result<(Opened, ResolvedPlan), Error> {
    let mut opened = Opened::one(path, sources)?;
    if has_errors(&opened.findings) || opened.plan.is_none() {
        return Err(plan_has_errors(&opened.path));
    }
    let environment = environment(&opened, wanted)?;
    if lint::has_broken_names(&opened, sources) {
        return Err(plan_has_errors(&opened.path));
    }
    match opened.take_resolved(environment.as_ref()) {
        Ok((plan, findings)) if !has_errors(&findings) => Ok((opened, plan)),
        Ok(_) | Err(_) => Err(plan_has_errors(&opened.path)),
    }
}

/// Lays an environment over a plan that was opened.
///
/// # Errors
///
/// When there is no such environment, or the plan has errors.
pub(super) fn sound_variant(
    opened: &Opened,
    wanted: Option<&str>,
    sources: &Sources,
) -> Result<Variant, Error> {
    if has_errors(&opened.findings) || opened.plan.is_none() {
        return Err(plan_has_errors(&opened.path));
    }
    if lint::has_broken_names(opened, sources) {
        return Err(plan_has_errors(&opened.path));
    }
    let environment = environment(opened, wanted)?;
    match opened.variant(environment.as_ref()) {
        Ok((variant, findings)) if !has_errors(&findings) => Ok(variant),
        Ok(_) | Err(_) => Err(plan_has_errors(&opened.path)),
    }
}

fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// Says that a plan has errors, and which command shows them.
pub(super) fn plan_has_errors(path: &Path) -> Error {
    let path = path.display();
    let error = Error::unable(format!("the plan {path} has errors; run `drplan check {path}`"));
    Error { exit: Exit::Found, ..error }
}

/// Chooses the environment; none unless one is asked for.
fn environment(opened: &Opened, wanted: Option<&str>) -> Result<Option<Id>, Error> {
    let Some(wanted) = wanted else { return Ok(None) };
    let known: Vec<&Id> = opened.environments().collect();
    match known.iter().find(|id| id.as_str() == wanted) {
        Some(id) => Ok(Some((*id).clone())),
        None => Err(unknown("environment", wanted, &known)),
    }
}

/// Chooses the scenario: the one that is asked for, or the only one; none if the plan has none.
///
/// # Errors
///
/// When there is no such scenario, or there are several and none is asked for.
pub(super) fn scenario(plan: &ResolvedPlan, wanted: Option<&str>) -> Result<Option<Id>, Error> {
    let known: Vec<&Id> = plan.scenarios.keys().collect();
    match (wanted, known.as_slice()) {
        (Some(wanted), _) => match known.iter().find(|id| id.as_str() == wanted) {
            Some(id) => Ok(Some((*id).clone())),
            None => Err(unknown("scenario", wanted, &known)),
        },
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some((*only).clone())),
        (None, _) => {
            let titles = plan.scenarios.iter().map(|(id, scenario)| {
                format!("\n  --scenario {id}   {}", crate::graph::one_line(&scenario.title))
            });
            let message = format!("the plan has several scenarios; say which:{}", titles.collect::<String>());
            Err(Error::unable(message))
        }
    }
}

/// Returns what schedules rest on: the limits of the command line or the settings, and what drills have measured.
pub(super) fn basis(workspace: &Workspace, plan: &ResolvedPlan, max_parallel: Option<NonZeroUsize>) -> Basis {
    let max_parallel = max_parallel.or(workspace.config.defaults.max_parallel);
    let max_parallel = max_parallel.map_or(Basis::MAX_PARALLEL, NonZeroUsize::get);
    // Records that cannot be read are told by `check`.
    let (history, _) = History::read(&workspace.evidence(), session::now(), &mut Sources::default());
    Basis { max_parallel, measured: Measured::of(&history, plan) }
}

fn unknown(what: &str, wanted: &str, known: &[&Id]) -> Error {
    let names = || known.iter().map(|id| id.as_str());
    let hint = did_you_mean(wanted, names()).unwrap_or_else(|| match known {
        [] => format!("the plan has no {what}s"),
        _ => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
    });
    Error::unable(format!("there is no {what} `{}`", wanted.escape_debug())).hint(hint)
}
