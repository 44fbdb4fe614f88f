//! The first line of a report, which never reads as clean when the run was not.

use super::{Reached, Report, Standing};
use crate::event::{Found, Mode, RunResult};
use crate::value::plain;

/// Returns the one sentence that people will quote.
///
/// May hold text of people; a writer of Markdown escapes it.
pub fn headline(report: &Report) -> String {
    let scenario = report.scenario.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
    let mode = match report.mode {
        Mode::Real => "Recovery",
        Mode::Drill => "Drill",
        Mode::DryRun => "Dry run",
        Mode::DryPlan => "Dry run of the plan alone",
    };
    let what = format!("{mode}{scenario}");
    let problems = problems(report);
    let because = |link: &str| match problems.split_last() {
        None => String::new(),
        Some((only, [])) => format!("{link}{only}"),
        Some((last, rest)) => format!("{link}{} and {last}", rest.join(", ")),
    };
    // What was only skipped or left out ends like a failure, but nothing failed.
    let all_went_past = report.of_route().all(|step| step.state.is_ended() && step.state != Standing::Failed);
    match report.result {
        None => {
            let waits = report.waits_for.iter().flatten().map(|text| plain(text)).collect::<Vec<_>>();
            let waits =
                if waits.is_empty() { String::new() } else { format!(": waits for {}", waits.join("; ")) };
            let but = because("; so far ");
            format!("{what} is NOT OVER{waits}{but}")
        }
        Some(RunResult::Failed) if all_went_past && !problems.is_empty() => {
            format!("{what} done, but {}", because(""))
        }
        Some(RunResult::Done) if !problems.is_empty() => format!("{what} done, but {}", because("")),
        Some(RunResult::Done) => {
            let promised = |asset: &super::Measured| {
                asset.rto.verdict != Reached::NoTarget || asset.rpo.verdict != Reached::NoTarget
            };
            let targets = if report.assets.iter().any(promised) {
                "every target was met"
            } else {
                "the plan promises nothing to measure it by"
            };
            format!("{what} done: every step was carried out, and {targets}")
        }
        Some(RunResult::Failed) => format!("{what} FAILED{}", because(": ")),
        Some(RunResult::Aborted) => {
            let back = match &report.undone {
                Some(undone) if undone.left.is_empty() => " and TAKEN BACK",
                Some(undone) if !undone.steps.is_empty() => " and taken back IN PART",
                Some(_) | None => "",
            };
            format!("{what} was GIVEN UP{back}{}", because(": "))
        }
        Some(RunResult::Possible) => {
            format!("{what}: the real thing would have been possible{}", because(", but "))
        }
        Some(RunResult::Impossible) => {
            format!("{what}: the real thing would have been IMPOSSIBLE{}", because(": "))
        }
    }
}

/// Returns all that keeps a run from being clean, each with its number.
pub(super) fn problems(report: &Report) -> Vec<String> {
    let over = report.result.is_some();
    let dry = matches!(report.mode, Mode::DryRun | Mode::DryPlan);
    let verdicts =
        |wanted| report.assets.iter().flat_map(|a| [&a.rto, &a.rpo]).filter(|c| c.verdict == wanted).count();
    let pending = report.of_route().filter(|step| !step.state.is_ended()).count();
    [
        (report.count(Standing::Failed), "step failed", "steps failed"),
        (report.count(Standing::Skipped), "step was skipped", "steps were skipped"),
        (
            report.checks.iter().filter(|check| check.found == Found::Unmet).count(),
            "thing that it needs is not there",
            "things that it needs are not there",
        ),
        (report.omitted.len(), "step was not exercised", "steps were not exercised"),
        (if over { pending } else { 0 }, "step was not carried out", "steps were not carried out"),
        // A real run or a drill that went past a step without doing it would be a fault of ours; never hide it.
        (if dry { 0 } else { report.count(Standing::Assumed) }, "step was assumed", "steps were assumed"),
        (
            report.undone.as_ref().map_or(0, |undone| undone.left.len()),
            "step is left to be taken back by hand",
            "steps are left to be taken back by hand",
        ),
        (verdicts(Reached::Missed), "target was missed", "targets were missed"),
        (
            if over && !dry { verdicts(Reached::Unknown) } else { 0 },
            "target could not be judged",
            "targets could not be judged",
        ),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many }))
    .collect()
}
