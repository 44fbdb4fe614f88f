//! `drplan render --bundle`: all runbooks in one HTML file, with what is known at this moment.

use std::path::{Path, PathBuf};

use super::render::{Made, Templates, fault, made_of};
use super::{Terminal, resume, session, shown};
use crate::document::Sources;
use crate::error::Error;
use crate::event::{RunResult, RunState};
use crate::exit::Exit;
use crate::history::History;
use crate::journal::Runs;
use crate::plan::Scenario;
use crate::runbook::{
    CopyState, DrillState, Page, ProblemState, RunLine, RunbookTemplate, StateView, bundle,
};
use crate::value::{Id, Moment, RunId};
use crate::verify::{CopySeen, Known, PlanSeen, Severity, known_file};
use crate::workspace::{Workspace, replace};

/// So many runs of a plan are shown.
const MOST_RUNS: usize = 5;

/// Makes the bundle of some plans.
pub(super) fn write(
    file: &Path,
    plans: &[PathBuf],
    workspace: &Workspace,
    templates: &Templates,
    terminal: &Terminal,
) -> Result<Exit, Error> {
    let made = session::now();
    let template = RunbookTemplate::state().map_err(fault)?;
    let known = Known::read(&known_file(&workspace.state));
    // Records that cannot be read are told by `check`.
    let (history, _) = History::read(&workspace.evidence(), made, &mut Sources::default());
    let runs = runs_of(&Runs::new(&workspace.state));
    let mut pages: Vec<Page> = Vec::new();
    for path in plans {
        let of_plan = made_of(path, workspace, templates)?;
        let plan = of_plan.plan.plan.to_string();
        if pages.iter().any(|page| page.plan == plan) {
            return Err(Error::unable(format!("two plans have the id {plan}: one of them must be left out")));
        }
        let state = state_of(&of_plan, made, &known, &history, &runs);
        let markdown = template.fill(&state).map_err(fault)?;
        let title = format!("{}: what is known now", of_plan.plan.title);
        let state =
            Page { plan: plan.clone(), name: "now".to_owned(), title, markdown, outline: String::new() };
        let mut others = of_plan.pages.into_iter().map(|page| Page {
            plan: plan.clone(),
            name: page.name.trim_end_matches(".md").to_owned(),
            title: page.title,
            markdown: page.markdown,
            outline: page.outline,
        });
        pages.extend(others.next());
        pages.push(state);
        pages.extend(others);
    }
    let text = bundle(&made.for_people(), &pages);
    replace(file, &text)
        .map_err(|error| Error::unable(format!("cannot write {}: {error}", file.display())))?;
    terminal.say(&format!("wrote {}", shown(file)));
    Ok(Exit::Done)
}

/// Returns the runs that are on record here, the newest first; what cannot be read tells nothing.
fn runs_of(runs: &Runs) -> Vec<(RunId, RunState)> {
    let list = runs.list().unwrap_or_default();
    let read = |run: RunId| {
        let journal = session::read_journal(&runs.dir(&run)).ok()?;
        Some((run, resume::state_of(&journal).ok()?))
    };
    let mut runs: Vec<_> = list.into_iter().filter_map(read).collect();
    runs.sort_by_key(|(_, state)| {
        std::cmp::Reverse(state.started.as_ref().map(|stamp| stamp.at.as_unix_millis()))
    });
    runs
}

fn state_of(
    made: &Made,
    now: Moment,
    known: &Known,
    history: &History,
    runs: &[(RunId, RunState)],
) -> StateView {
    let plan = &made.plan;
    let seen = known.plan(&plan.plan, None);
    let drill = |id: Option<&Id>, title: &str| DrillState {
        scenario: title.to_owned(),
        on: history.last_good_drill(&plan.plan, id).map(|drill| drill.on.for_people()),
    };
    let drills = if plan.scenarios.is_empty() {
        vec![drill(None, "Everything comes back")]
    } else {
        plan.scenarios
            .iter()
            .map(|(id, scenario): (&Id, &Scenario)| drill(Some(id), &scenario.title))
            .collect()
    };
    let own = runs.iter().filter(|(_, state)| state.start.as_ref().is_some_and(|s| s.plan == plan.plan));
    StateView {
        title: plan.title.clone(),
        file: made.file.clone(),
        sha256: made.sha256.clone(),
        made: now.for_people(),
        looked: seen.map(|seen| {
            let latest = seen.copies.iter().filter_map(|copy| copy.as_of).max();
            latest.map_or_else(
                || "at a time that is not known".to_owned(),
                |at| format!("at {}", at.for_people()),
            )
        }),
        copies: seen.map(|seen| seen.copies.iter().map(copy).collect()).unwrap_or_default(),
        problems: seen.map(problems).unwrap_or_default(),
        drills,
        runs: own.take(MOST_RUNS).map(|(run, state)| line(run, state)).collect(),
    }
}

fn copy(seen: &CopySeen) -> CopyState {
    let lies = match (&seen.place, &seen.at) {
        (Some(place), Some(at)) => format!("{place}: {at}"),
        (None, Some(at)) => at.clone(),
        (place, None) => place.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    CopyState {
        copy: seen.copy.to_string(),
        lies,
        seen: moment(seen.as_of),
        newest: moment(seen.newest),
        oldest: moment(seen.oldest),
        count: seen.count.map_or_else(|| "unknown".to_owned(), |count| count.to_string()),
        integrity: seen.integrity.map_or_else(|| "not looked into".to_owned(), |level| level.to_string()),
        verdict: seen.verdict.map_or("well", Severity::as_str).to_owned(),
        path: seen.looked_into.first().map(|point| point.path.clone()),
    }
}

fn moment(moment: Option<Moment>) -> String {
    moment.map_or_else(|| "-".to_owned(), Moment::for_people)
}

fn problems(seen: &PlanSeen) -> Vec<ProblemState> {
    let told = seen.problems_seen().filter(|(_, problem, _)| problem.severity > Severity::Note);
    let shown = told.map(|(about, problem, seen)| ProblemState {
        severity: problem.severity.as_str().to_owned(),
        about: problem.point.as_ref().map_or_else(|| about.to_string(), |point| format!("{about}, {point}")),
        what: problem.what.trim_end_matches('.').to_owned(),
        seen: moment(seen),
        help: problem.help.trim_end_matches('.').to_owned(),
    });
    shown.collect()
}

fn line(run: &RunId, state: &RunState) -> RunLine {
    let result = match state.result {
        Some(RunResult::Done) => "done",
        Some(RunResult::Failed) => "failed",
        Some(RunResult::Aborted) => "given up",
        Some(RunResult::Possible) => "the real thing would have been possible",
        Some(RunResult::Impossible) => "the real thing would have failed",
        None => "not over",
    };
    let what = state.start.as_ref().map(|start| match &start.scenario {
        Some(scenario) => format!("{}, {scenario}", start.mode.title()),
        None => start.mode.title().to_owned(),
    });
    RunLine {
        run: run.to_string(),
        what: what.unwrap_or_default(),
        began: state.started.as_ref().map(|stamp| stamp.at.for_people()).unwrap_or_default(),
        result: result.to_owned(),
    }
}
