//! `drplan status`, `drplan runs` and `drplan report`: what there is to know of runs.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::frozen::Frozen;
use super::session;
use super::testimony::Testimony;
use super::{Global, Terminal};
use crate::display::last_words;
use crate::error::Error;
use crate::event::{Mode, RunResult, RunState, StepState};
use crate::exit::Exit;
use crate::journal::{self, LockError, Record, Runs, Writer};
use crate::report;
use crate::value::{RunId, plain};
use crate::workspace::Workspace;

/// Arguments of `drplan status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  drplan status                     where the newest run stands
  drplan status latest --watch      the live view of a run that another terminal controls; `q` leaves it")]
pub(super) struct StatusArgs {
    /// The run: its id, the beginning of it, or `latest`
    #[arg(default_value = "latest")]
    pub run: String,
    /// Stay, and show what happens until the run is over
    #[arg(long, short)]
    pub watch: bool,
    /// With `--watch`: print a line an event instead of the live view, also at a terminal
    #[arg(long, requires = "watch")]
    pub plain: bool,
}

/// Arguments of `drplan report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  drplan report latest                     Markdown, for the incident channel
  drplan report latest --format json       for machines
  drplan report latest --format record     the drill record that stands under evidence/")]
pub(super) struct ReportArgs {
    /// The run: its id, the beginning of it, or `latest`
    #[arg(default_value = "latest")]
    pub run: String,
    /// What it looks like
    #[arg(long, value_enum, default_value = "markdown")]
    pub format: ReportFormat,
}

/// What a report looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// For people
    Markdown,
    /// For machines
    Json,
    /// The drill record
    Record,
}

/// Prints where a run stands.
pub(super) fn status(args: &StatusArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let (_, runs, run) = super::find_run(global, &args.run)?;
    let run_dir = runs.dir(&run);
    if args.watch {
        return super::live::watch(&run, &run_dir, args.plain, terminal);
    }
    let journal = session::read_journal(&run_dir)?;
    let state = super::resume::state_of(&journal)?;
    let Some(start) = &state.start else {
        return Err(Error::unable(format!("the run {run} never began: its journal is empty")));
    };
    let unheard = super::waiting::unheard(&run_dir, &state);
    let mut text = format!(
        "{run}  {} ({})\n{}\n",
        plain(&start.title),
        start.mode.title(),
        standing(&state, &runs, &run)
    );
    for (_, line) in unheard.iter().filter(|(step, _)| step.is_none()) {
        text.push_str(&format!("{line}\n"));
    }
    text.push('\n');
    let width = state.nodes().iter().map(|node| node.id.as_str().len()).max().unwrap_or(0);
    let waiting = super::waiting::waiting(&run_dir, &state, &journal.records);
    for (node, record) in state.nodes().iter().zip(&state.steps) {
        let note = match (&record.state, &record.note) {
            (StepState::Done { .. }, _) | (_, None) => String::new(),
            (_, Some(note)) => format!("  {}", note.lines().next().unwrap_or_default().escape_debug()),
        };
        let undone = if state.is_undone(node.id.as_str()) { ", undone" } else { "" };
        text.push_str(&format!("  {:width$}  {}{undone}{note}\n", node.id.as_str(), record.state.title()));
        let mut more: Vec<String> =
            waiting.iter().filter(|(step, _)| *step == node.id).map(|(_, line)| line.clone()).collect();
        if let StepState::Failed { attempt } = record.state {
            more.extend(last_words(&run_dir, &node.id, attempt));
        }
        more.extend(
            unheard.iter().filter(|(step, _)| step.as_ref() == Some(&node.id)).map(|(_, line)| line.clone()),
        );
        for line in more {
            text.push_str(&format!("  {:width$}    {line}\n", ""));
        }
    }
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// Says in one line how a run stands, and what to do.
fn standing(state: &RunState, runs: &Runs, run: &RunId) -> String {
    if let Some(result) = state.result {
        let how = match result {
            RunResult::Done => "done",
            RunResult::Failed => match way_on(state, run) {
                Some(way) => return format!("ended with a step that failed or was skipped\n{way}"),
                None => "ended with a step that failed or was skipped",
            },
            RunResult::Aborted => match state.taken_back() {
                Some(taken) if taken.left.is_empty() => "given up, and taken back",
                Some(_) => "given up; `drplan report` says what is left to be taken back by hand",
                None => "given up",
            },
            RunResult::Possible => "the real thing would have been possible",
            RunResult::Impossible => "the real thing would have failed",
        };
        return how.to_owned();
    }
    if let Some(waits_for) = &state.suspended {
        return format!("stopped; waits for {}\ngo on with: drplan resume {run}", waits_for.join("; "));
    }
    let probe = session::holder("", session::now());
    match Writer::vacant(&runs.dir(run), &probe) {
        Err(LockError::Locked { held, .. }) => {
            let choice = state.hold.as_ref().filter(|_| state.is_held());
            let choice =
                choice.map(|hold| format!("\nheld: {}", hold.choice(run.as_str()))).unwrap_or_default();
            format!("under way; its controller is {held}{choice}")
        }
        Err(error) => format!("nobody can say whether it is under way: cannot {error}"),
        Ok(()) => match state.controlled_elsewhere(&session::host()) {
            Some(controller) => format!(
                "controlled by {controller}; from here nobody can see whether that is gone\n\
                 if it is, go on with: drplan resume {run} --take-over \"how you know\""
            ),
            None => format!("its controller is gone\ngo on with: drplan resume {run}"),
        },
    }
}

/// Says how to go on after a run has ended with a failed step; nothing if it has not, or is over for good.
pub(super) fn way_on(state: &RunState, run: &RunId) -> Option<String> {
    let start = state.start.as_ref().filter(|_| state.result == Some(RunResult::Failed))?;
    let steps = state.nodes().iter().zip(&state.steps);
    let mut failed = steps.filter(|(_, record)| matches!(record.state, StepState::Failed { .. }));
    let (node, _) = failed.next()?;
    match start.mode {
        Mode::DryRun | Mode::DryPlan => None,
        Mode::Drill => {
            Some("mend the cause and begin another drill: this one has tidied up and is over".to_owned())
        }
        Mode::Real => Some(format!(
            "mend the cause, then: drplan retry {run} {} --reason \"…\" && drplan resume {run}\n\
             or take back what was done: drplan abort {run} --undo --reason \"…\"",
            node.id
        )),
    }
}

/// Lists the runs, newest first.
pub(super) fn runs(global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let here = PathBuf::from(".");
    let workspace = Workspace::find(&here, global.state.as_deref())?;
    let runs = Runs::new(&workspace.state);
    let list = runs.list().map_err(|error| Error::unable(format!("cannot {error}")))?;
    if list.is_empty() {
        terminal.say("no runs yet; `drplan execute PLAN --dry-run` makes one");
    }
    let rows: Vec<[String; 5]> = list.iter().map(|run| row_of(&runs, run)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for row in &rows {
        let cells: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        text.push_str(&format!("{cells}{}\n", row[4]));
    }
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// Returns a run's line: its id, plan, scenario, kind, and how it stands.
fn row_of(runs: &Runs, run: &RunId) -> [String; 5] {
    let read = session::read_journal(&runs.dir(run)).and_then(|journal| super::resume::state_of(&journal));
    let (plan, scenario, mode, how) = match read {
        Ok(state) => match &state.start {
            Some(start) => {
                let scenario = start.scenario.as_ref().map_or("-", |id| id.as_str());
                let how = standing(&state, runs, run);
                let how = how.lines().next().unwrap_or_default().to_owned();
                (start.plan.to_string(), scenario.to_owned(), start.mode.title(), how)
            }
            None => ("-".to_owned(), "-".to_owned(), "-", "never began".to_owned()),
        },
        Err(error) => ("-".to_owned(), "-".to_owned(), "-", format!("cannot be read: {error}")),
    };
    [run.to_string(), plan, scenario, mode.to_owned(), how]
}

/// Prints the report of a run.
pub(super) fn report(args: &ReportArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let (_, runs, run) = super::find_run(global, &args.run)?;
    let run_dir = runs.dir(&run);
    let report = session::report_of(&run_dir)?;
    hold_to_testimony(&run_dir, &report.plan_hash)?;
    let unable = |error: serde_json::Error| Error::unable(error.to_string());
    let text = match args.format {
        ReportFormat::Markdown => report::markdown(&report),
        ReportFormat::Json => report::json(&report).map_err(unable)?,
        ReportFormat::Record => {
            let journal = session::read_journal(&run_dir)?;
            let head = journal.records.last().map(|record| record.hash.as_str()).unwrap_or_default();
            report::record_json(&report::Record::of(&report, head)).map_err(unable)?
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// Refuses a journal in which people say what they have not said.
fn hold_to_testimony(run_dir: &Path, plan_hash: &str) -> Result<(), Error> {
    // A report is made of the journal alone, also where the rest of the run's folder is lost.
    let frozen = Frozen::read(run_dir).ok().filter(|(_, hash)| hash == plan_hash);
    let mut testimony = Testimony::new(frozen.map(|(frozen, _)| frozen));
    let mut against = None;
    let hear = |record: Record| {
        if against.is_none() {
            against = testimony.hear(&record.event).err().map(|why| (record.n, why));
        }
    };
    journal::read_each(run_dir, hear).map_err(|error| session::unreadable(&error))?;
    match against {
        None => Ok(()),
        Some((n, why)) => {
            let error = Error::unable(format!("record {n} of the journal is not to be trusted: {why}"));
            Err(error.hint("the journal was written anew by another hand: restore it from a copy"))
        }
    }
}
