//! `drplan resume`: takes up a run where it was left.

use super::execute::EventFormat;
use super::frozen::{Frozen, hash_of};
use super::session::{self, Session};
use super::typed;
use super::{Global, Terminal};
use crate::engine;
use crate::error::Error;
use crate::event::{Event, Mode, OutlineKind, RunResult, RunState, StepState, StopHow, TakeOver};
use crate::exit::Exit;
use crate::journal::{Journal, Writer};
use crate::value::RunId;

/// Arguments of `drplan resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  drplan resume latest
  drplan resume 20261122t2210       any beginning of a run's id that fits one run only
  drplan resume latest --take-over 'the laptop is under water'")]
pub(super) struct Args {
    /// The run: its id, the beginning of it, or `latest`
    pub run: String,
    /// Stay while people are waited for, even if nobody is at the terminal
    #[arg(long)]
    pub wait: bool,
    /// What is printed while it runs
    #[arg(long, value_enum, default_value = "human")]
    pub format: EventFormat,
    /// Print a line an event instead of the live view, also at a terminal
    #[arg(long)]
    pub plain: bool,
    /// Take the run over from a controller on another machine that is gone: say how you know
    #[arg(long, value_name = "REASON")]
    pub take_over: Option<String>,
    /// Whether what was carried out is about to be taken back.
    #[arg(skip)]
    pub undo: bool,
}

pub(super) fn run(args: &Args, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let (workspace, runs, run) = super::find_run(global, &args.run)?;
    let run_dir = runs.dir(&run);
    let (frozen, hash) = Frozen::read(&run_dir)?;
    let account = session::account();
    let now = session::now();
    let holder = session::holder(&account, now);
    let (writer, journal) = Writer::open(&run_dir, &holder).map_err(|error| {
        let error = Error::unable(format!("cannot {error}"));
        error.hint(format!("if its controller still runs, let it; `drplan status {run}` shows the run"))
    })?;
    let state = state_of(&journal)?;
    let Some(start) = state.start.clone() else {
        return Err(Error::unable(format!("the run {run} never began: its journal is empty")));
    };
    if start.run != run {
        let message = format!("the folder {run} holds the run {}: it was copied or renamed", start.run);
        return Err(Error::unable(message).hint(format!("give it its name back: {}", start.run)));
    }
    if start.plan_hash != hash {
        let message = format!(
            "what the run {run} was frozen into has been changed since: its hash is not the journal's"
        );
        return Err(Error::unable(message).hint("restore frozen/run.json from a copy of the run's folder"));
    }
    refuse_ended(&state, &run_dir)?;
    let taken_over = take_over(&state, &run, args.take_over.as_deref())?;
    let lock = match start.mode {
        Mode::DryRun | Mode::DryPlan => {
            return Err(Error::unable(
                "a dry run is not resumed; begin it anew with `drplan execute --dry-run`",
            ));
        }
        Mode::Real | Mode::Drill => session::lock_plans(&runs, &frozen.plan, &frozen.course, &holder, &run)?,
    };
    let own = [(&frozen.plan_file, &frozen.plan_file_hash)];
    let imported = frozen.imports.iter().map(|import| (&import.file, &import.hash));
    let mut plan_changed = false;
    for (file, hash) in own.into_iter().chain(imported) {
        if std::fs::read(workspace.root.join(file)).map_or(true, |bytes| hash_of(&bytes) != *hash) {
            plan_changed = true;
            terminal.say(&format!(
                "note: {file} is not what it was when the run began; the run keeps to what it was frozen into"
            ));
        }
    }
    // What has ended needs no secret any more.
    let (plan, course) = engine::with_begun_undos(&frozen.plan, &frozen.course, state.nodes());
    let undoes = args.undo || state.given_up == Some(StopHow::Undo);
    let is_open = |at: usize| {
        let Some(record) = state.steps.get(at) else { return true };
        let node = state.nodes().get(at);
        if undoes {
            // The undos themselves, or what they will take back.
            let is_undo = node.is_some_and(|node| node.undoes.is_some());
            let will_be = !state.undoing
                && node.is_some_and(|node| {
                    node.undo.is_some() && (record.acted || node.kind == OutlineKind::Group)
                });
            return (is_undo && !record.state.releases()) || will_be;
        }
        !record.state.releases()
    };
    let answers = typed::ask(&plan, &course, is_open, terminal)?;
    drop((plan, course));
    let (by, host) = (account.clone(), session::host());
    let mut resumed = vec![Event::RunResumed { by, host, plan_changed, taken_over }];
    resumed.extend(journal.torn.map(|dropped_bytes| Event::JournalMended { dropped_bytes }));
    let session = Session {
        answers,
        workspace: &workspace,
        run_dir,
        frozen,
        start,
        account,
        format: args.format,
        plain: args.plain,
        stays: args.wait,
    };
    let exit = session.carry_out(writer, &journal.records, resumed, terminal);
    drop(lock);
    exit
}

/// What the records of a journal add up to.
pub(super) fn state_of(journal: &Journal) -> Result<RunState, Error> {
    let mut state = RunState::default();
    for record in &journal.records {
        state.apply(&record.event, &record.stamp).map_err(|error| {
            Error::unable(format!("record {} of the journal makes no sense: {error}", record.n))
        })?;
    }
    Ok(state)
}

/// Returns from whom a run is taken over. Without a word of a person, no run is taken from a controller that may still live
/// where nobody can see it from here.
fn take_over(state: &RunState, run: &RunId, reason: Option<&str>) -> Result<Option<TakeOver>, Error> {
    let Some(before) = state.controlled_elsewhere(&session::host()) else { return Ok(None) };
    match reason.map(str::trim) {
        Some("") => {
            Err(Error::unable("`--take-over` needs a reason: how is it known that the other is gone?"))
        }
        Some(reason) => Ok(Some(TakeOver { from: before.clone(), reason: reason.to_owned() })),
        None => {
            let error = Error::unable(format!(
                "the run {run} is controlled by {before}; from here nobody can see whether that is gone"
            ));
            Err(error.hint(format!(
                "two controllers would do the work twice: end that one, or switch its machine off; then \
                 `drplan resume {run} --take-over \"how you know that it is gone\"`"
            )))
        }
    }
}

/// A run that is over is not taken up, unless a person has decided how to go on after a failure.
fn refuse_ended(state: &RunState, run_dir: &std::path::Path) -> Result<(), Error> {
    let Some(result) = state.result else { return Ok(()) };
    let is_drill = state.start.as_ref().is_some_and(|start| start.mode == Mode::Drill);
    if result != RunResult::Failed || is_drill {
        return Err(Error::unable("the run is over").hint("`drplan report` shows how it went"));
    }
    let asked = std::fs::read_dir(run_dir.join("inbox")).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
    });
    if asked {
        return Ok(());
    }
    let failed = state.nodes().iter().zip(&state.steps);
    let failed = failed.filter(|(_, record)| matches!(record.state, StepState::Failed { .. }));
    let failed: Vec<&str> = failed.map(|(node, _)| node.id.as_str()).collect();
    let message = format!("the run is over: {} failed", failed.join(", "));
    Err(Error::unable(message)
        .hint("say how to go on, with `drplan retry RUN STEP --reason …` or `drplan skip RUN STEP --reason …`, then resume"))
}
