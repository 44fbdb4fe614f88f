//! A controller's time with a run: engine, effects, listeners, and what is told at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::execute::EventFormat;
use super::frozen::Frozen;
use super::placement;
use super::typed::Answers;
use super::{Terminal, live};
use crate::effect::{Dry, DrySetup, Judged, Live, LiveSetup, Signals, is_of_the_machine};
use crate::engine::{self, Ground, Halt, Setup};
use crate::error::Error;
use crate::event::{Event, Listener, Mode, RunResult, RunStarted, RunState};
use crate::exit::Exit;
use crate::journal::{self, Holder, Lock, LockError, Record, Runs, WriteError, Writer};
use crate::keeper;
use crate::report::{self, Draft, Report};
use crate::resolve::{Course, ResolvedPlan};
use crate::value::{Id, Length, Moment, RunId, Stamp};
use crate::verify::{Known, known_file};
use crate::workspace::Workspace;

/// How long an asset may take to become healthy unless somebody says otherwise.
pub(super) const PATIENCE: Length = Length::from_secs(600);

/// How long is waited at the end for messages that are still on their way, unless somebody says otherwise.
pub(super) const LAST_WORDS: Length = Length::from_secs(10);

/// A controller's time with a run.
pub(super) struct Session<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) run_dir: PathBuf,
    pub(super) frozen: Frozen,
    pub(super) start: Arc<RunStarted>,
    /// Who controls the run now; on resume another than who began it.
    pub(super) account: String,
    pub(super) format: EventFormat,
    /// Whether a line an event is wanted, even at a terminal.
    pub(super) plain: bool,
    pub(super) stays: bool,
    /// The secrets that a person has typed.
    pub(super) answers: Answers,
}

impl Session<'_> {
    /// Carries the run out, from its start or from where it was left, and tells how it went.
    pub(super) fn carry_out(
        self,
        writer: Writer,
        earlier: &[Record],
        resumed: Vec<Event>,
        terminal: &Terminal,
    ) -> Result<Exit, Error> {
        // From here on secrets are in our memory.
        keeper::seal();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let plan_file = self.workspace.root.join(&self.frozen.plan_file);
        let exe = std::env::current_exe()?;
        let setup = Setup {
            plan: &self.frozen.plan,
            course: &self.frozen.course,
            start: Arc::clone(&self.start),
            account: self.account.clone(),
            ground: ground(&plan_file, &self.frozen.plan.pass_env),
            imported: self.imported(),
            exe: exe.clone(),
            max_parallel: self.frozen.max_parallel,
            patience: self.frozen.patience,
            last_words: self.workspace.config.defaults.last_words.unwrap_or(LAST_WORDS),
            stays: self.stays,
        };
        let (judged, confines) = (self.judged(), self.workspace.config.defaults.confine.unwrap_or(true));
        // What acts is asked to stop, and what only looks is ended. It is heard before the terminal is taken, so that this
        // is given back in any case.
        let signals = {
            let _inside = runtime.enter();
            match setup.mode() {
                Mode::DryRun | Mode::DryPlan => None,
                Mode::Real | Mode::Drill => Some(Signals::new()?),
            }
        };
        let mut listener = live::Listening::begin(&self, earlier, terminal);
        let mut scribe =
            Scribe { listener: &mut listener, plan_file: &plan_file, frozen: &self.frozen, moved: Ok(None) };
        let outcome = runtime.block_on(async {
            match signals {
                None => {
                    let effects = Dry::new(DrySetup {
                        asks: setup.mode() == Mode::DryRun,
                        start: keeper::stamp(),
                        run_dir: self.run_dir.clone(),
                        exe,
                        confines,
                        judged,
                        goes_on: false,
                    });
                    Ok::<_, Error>(engine::run(&setup, effects, writer, &mut scribe, earlier, resumed).await)
                }
                Some(signals) => {
                    let live = LiveSetup {
                        run_dir: self.run_dir.clone(),
                        exe,
                        account: self.account.clone(),
                        answers: self.answers,
                        login: account(),
                        home: home(),
                        interactive: terminal.interactive && self.format == EventFormat::Human,
                        desk: scribe.listener.desk(),
                        judged,
                        confines,
                        signals,
                    };
                    let effects = Live::new(live)?;
                    Ok(engine::run(&setup, effects, writer, &mut scribe, earlier, resumed).await)
                }
            }
        })?;
        // A look that hangs, such as at a file on a dead share, does not hold up the end.
        runtime.shutdown_background();
        let (halt, state) = outcome.map_err(|error| {
            let run = &self.start.run;
            let is_theirs = matches!(&error, engine::Error::Journal(WriteError::TakenOver(_)));
            let error = Error::unable(format!("failed to {error}"));
            if is_theirs {
                return error.hint(format!("nothing more was started here; `drplan status {run}` shows it"));
            }
            error.hint(format!("nothing more was started; mend the cause, then `drplan resume {run}`"))
        })?;
        let result = state.result;
        if halt != Halt::Over {
            scribe.record(&state);
        }
        let moved = scribe.moved;
        // The report is made of the journal alone; of a large plan the rest would double what is in memory.
        let (run_dir, format) = (self.run_dir, self.format);
        let way_on = super::status::way_on(&state, &self.start.run);
        drop(setup);
        let recap = listener.end();
        drop((state, self.frozen, self.start));
        let (report, markdown) = write_report(&run_dir)?;
        #[cfg(feature = "otel")]
        if halt == Halt::Over && matches!(report.mode, Mode::Real | Mode::Drill) {
            super::traces::send(&run_dir, terminal);
        }
        if format == EventFormat::Human {
            let shown = super::shown(&markdown);
            let way_on = way_on.map(|way| format!("{way}\n")).unwrap_or_default();
            terminal.print(&format!("{recap}\n{}{way_on}\nreport: {shown}\n", report::summary(&report)))?;
        }
        // What could not be recorded is told, and does not make a recovery that has succeeded a failed one.
        match moved {
            Ok(Some(file)) => {
                terminal.say(&format!("{} says where things live now: commit it", super::shown(&file)));
            }
            Ok(None) => {}
            Err(error) => terminal.error(&error),
        }
        Ok(exit_of(halt, result, &report))
    }
}

/// Writes down where things live now, and passes on what it hears.
struct Scribe<'a> {
    listener: &'a mut live::Listening,
    plan_file: &'a Path,
    frozen: &'a Frozen,
    moved: Result<Option<PathBuf>, Error>,
}

impl Scribe<'_> {
    fn record(&mut self, state: &RunState) {
        if state.start.as_ref().is_some_and(|start| start.mode == Mode::Real) {
            self.moved = placement::record(self.plan_file, self.frozen, state);
        }
    }
}

impl Listener for Scribe<'_> {
    fn hear(&mut self, stamp: &Stamp, event: &Event, state: &RunState) {
        self.listener.hear(stamp, event, state);
    }

    fn before_end(&mut self, state: &RunState) {
        self.record(state);
    }
}

impl Session<'_> {
    /// Returns what `drplan verify --record` has found of the recovery points of this plan.
    fn judged(&self) -> Vec<Judged> {
        let plan = &self.frozen.plan;
        Known::read(&known_file(&self.workspace.state)).judged(&plan.plan, plan.environment.as_ref())
    }

    /// Returns where the commands of imported plans run.
    fn imported(&self) -> BTreeMap<String, Ground> {
        let plan = &self.frozen.plan;
        let of_import = |import: &super::frozen::FrozenImport| {
            let pass_env = plan.imported.get(&import.prefix).map(|import| import.pass_env.as_slice());
            let file = self.workspace.root.join(&import.file);
            (import.prefix.clone(), ground(&file, pass_env.unwrap_or_default()))
        };
        self.frozen.imports.iter().map(of_import).collect()
    }
}

/// Returns where the commands of a plan run.
pub(super) fn ground(file: &Path, pass_env: &[String]) -> Ground {
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    Ground { folder, inherited: inherited(pass_env) }
}

/// Returns how the program ends for a run that ended, or was left.
fn exit_of(halt: Halt, result: Option<RunResult>, report: &Report) -> Exit {
    match (halt, result) {
        (Halt::Suspended, _) | (_, None) => Exit::Suspended,
        (Halt::Over, Some(RunResult::Failed | RunResult::Aborted)) => Exit::Failed,
        (Halt::Over, Some(RunResult::Impossible)) => Exit::Found,
        (Halt::Over, Some(RunResult::Possible)) => Exit::Done,
        (Halt::Over, Some(RunResult::Done)) => match report.targets_met() {
            Some(false) => Exit::Missed,
            Some(true) | None => Exit::Done,
        },
    }
}

/// Makes the report of a run from its journal, and writes it into the run's folder.
pub(super) fn write_report(run_dir: &Path) -> Result<(Report, PathBuf), Error> {
    let report = report_of(run_dir)?;
    let markdown = run_dir.join("report.md");
    write(&run_dir.join("report.json"), |file| report::write_json(&report, file))?;
    write(&markdown, |file| report::write_markdown(&report, file))?;
    Ok((report, markdown))
}

/// Makes the report of a run from its journal.
pub(super) fn report_of(run_dir: &Path) -> Result<Report, Error> {
    let mut draft = Draft::default();
    // What asset queries have said of how new the data is.
    let mut newest = BTreeMap::new();
    let mut misfit = None;
    let add = |Record { stamp, event, .. }| {
        // A flaw of the file says more than what it makes of the events, and is told first.
        misfit = misfit.take().or_else(|| draft.add(&stamp, &event).err());
        if let Event::StepFinished { step, outputs, .. } = event
            && let Some(moment) = outputs.get(engine::NEWEST).and_then(|text| text.parse().ok())
        {
            newest.insert(step, moment);
        }
    };
    journal::read_each(run_dir, add).map_err(|error| unreadable(&error))?;
    let report = misfit.map_or_else(|| draft.finish(&newest), Err);
    report.map_err(|error| Error::unable(format!("the journal makes no sense: {error}")))
}

/// Reads a run's journal.
pub(super) fn read_journal(run_dir: &Path) -> Result<journal::Journal, Error> {
    journal::read(run_dir).map_err(|error| unreadable(&error))
}

pub(super) fn unreadable(error: &journal::ReadError) -> Error {
    Error::unable(format!("cannot {error}"))
}

/// Writes a file that is made anew from the journal whenever it is lost.
fn write(path: &Path, text: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), Error> {
    let written = File::create(path).map(BufWriter::new).and_then(|mut file| {
        text(&mut file)?;
        file.flush()
    });
    written.map_err(|error| Error::unable(format!("cannot write {}: {error}", path.display())))
}

fn inherited(pass_env: &[String]) -> BTreeMap<String, String> {
    let is_wanted = |name: &str| is_of_the_machine(name) || pass_env.iter().any(|passed| passed == name);
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_wanted(name))
        .collect()
}

/// Returns the time.
pub(super) fn now() -> Moment {
    keeper::stamp().at
}

/// Returns the account's name.
#[expect(clippy::disallowed_methods, reason = "who somebody is, the environment tells first")]
pub(super) fn account() -> String {
    let by_env =
        ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    by_env.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

/// Returns the folder in which a person's usual keys are.
pub(super) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

/// Returns the machine's name.
pub(super) fn host() -> String {
    hostname::get().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "unknown".to_owned())
}

/// Returns who holds a lock, when this process does.
pub(super) fn holder(account: &str, now: Moment) -> Holder {
    Holder::this_process(account, host(), now)
}

/// Takes the locks of all plans of which a run carries anything out: one run of a plan at a time.
pub(super) fn lock_plans(
    runs: &Runs,
    plan: &ResolvedPlan,
    course: &Course,
    holder: &Holder,
    run: &RunId,
) -> Result<Vec<Lock>, Error> {
    course.plans(plan).into_iter().map(|plan| lock_plan(runs, plan, holder, run)).collect()
}

fn lock_plan(runs: &Runs, plan: &Id, holder: &Holder, run: &RunId) -> Result<Lock, Error> {
    let holder = Holder { run: Some(run.clone()), ..holder.clone() };
    let lock = runs.lock_plan(plan, &holder).map_err(|error| {
        let is_held = matches!(error, LockError::Locked { .. });
        let error = Error::unable(format!("cannot {error}"));
        if is_held { error.hint("one run of a plan at a time; `drplan status` shows it") } else { error }
    })?;
    refuse_beside_a_kept_run(runs, plan, run)?;
    Ok(lock)
}

/// A controller that died gives the plan's lock back, but its keeper goes on with the steps: no other run beside them.
fn refuse_beside_a_kept_run(runs: &Runs, plan: &Id, run: &RunId) -> Result<(), Error> {
    let list = runs.list().map_err(|error| Error::unable(format!("cannot {error}")))?;
    for other in list.iter().filter(|other| *other != run && keeper::is_kept(&runs.dir(other))) {
        let Ok(state) = read_journal(&runs.dir(other)).and_then(|journal| super::resume::state_of(&journal))
        else {
            continue;
        };
        let is_open = state.result.is_none() && state.steps.iter().any(|record| record.state.is_open());
        let touches = || {
            let frozen = Frozen::read(&runs.dir(other));
            frozen.is_ok_and(|(frozen, _)| frozen.course.plans(&frozen.plan).contains(plan))
        };
        if is_open && (state.start.is_some_and(|start| start.plan == *plan) || touches()) {
            let error = Error::unable(format!(
                "the run {other} of the plan {plan} is under way: its controller is gone, but its steps still run"
            ));
            return Err(error.hint(format!(
                "`drplan resume {other}` takes it up; `drplan abort {other} --reason …` ends it"
            )));
        }
    }
    Ok(())
}
