//! `drplan execute`: carries out a plan, for real, as a drill, or as a dry run.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;

use super::frozen::{Frozen, FrozenImport, relative_to_root};
use super::session::{self, Session};
use super::typed;
use super::{Global, Terminal, speech};
use super::{choose, harm};
use crate::analysis::{
    Basis, Foreseen, Network, Odds, OpenEnd, Timing, WaitedFor, estimate, foresee, open_ends, schedule,
};
use crate::document::Sources;
use crate::error::Error;
use crate::event::{Mode, Outline, OutlineKind, Prediction, RunStarted, Target};
use crate::exit::Exit;
use crate::graph::StepGraph;
use crate::journal::{Runs, Writer};
use crate::plan::{Action, Operation};
use crate::resolve::{
    AssetState, Course, CourseKind, End, Node, NodeKind, Request, ResolvedPlan, Route, Section, Stuck, route,
};
use crate::value::{Id, Length, Moment, RunId};
use crate::workspace::Workspace;

/// Arguments of `drplan execute`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  drplan execute plans/chat.yaml --scenario host-loss --dry-run     what would happen, and could it
  drplan execute plans/chat.yaml --scenario host-loss --drill       really, in the drill environment
  drplan execute plans/chat.yaml --scenario host-loss               the disaster

First Ctrl-C: nothing more is started. Second: what runs is ended. Both can be resumed.")]
pub(super) struct Args {
    /// The plan
    pub plan: PathBuf,
    /// The scenario; the only one if the plan has one
    #[arg(long, short, value_name = "ID")]
    pub scenario: Option<String>,
    /// Change nothing: `probe` really asks every read-only question, `plan` asks nothing
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "probe")]
    pub dry_run: Option<DryRun>,
    /// Carry the plan out in the environment `drill`, or in the one given
    #[arg(long)]
    pub drill: bool,
    /// The environment
    #[arg(long, short, value_name = "ID")]
    pub environment: Option<String>,
    /// Which way things move
    #[arg(long, value_enum, default_value = "recover")]
    pub operation: OperationArg,
    /// Only bring back this asset (can be given several times)
    #[arg(long, value_name = "ASSET")]
    pub only: Vec<String>,
    /// When the incident began, such as 2026-11-22T14:05:00Z
    #[arg(long, value_name = "TIME")]
    pub incident_at: Option<Moment>,
    /// When somebody decided that it is a disaster; now, if nothing is said
    #[arg(long, value_name = "TIME")]
    pub declared_at: Option<Moment>,
    /// When data was spoiled, after damage or an intrusion: older recovery points are restored
    #[arg(long, value_name = "TIME", conflicts_with = "before")]
    pub harmed_at: Option<Moment>,
    /// Restore only recovery points from before this moment
    #[arg(long, value_name = "TIME")]
    pub before: Option<Moment>,
    /// Take recovery points without looking into them first
    #[arg(long)]
    pub unverified: bool,
    /// How many steps run at the same time
    #[arg(long, value_name = "N")]
    pub max_parallel: Option<NonZeroUsize>,
    /// Who you are in the plan: the id of a person
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<String>,
    /// Do not ask whether to begin; approvals in the plan are asked all the same
    #[arg(long, short)]
    pub yes: bool,
    /// Stay while people are waited for, even if nobody is at the terminal
    #[arg(long)]
    pub wait: bool,
    /// What is printed while it runs
    #[arg(long, value_enum, default_value = "human")]
    pub format: EventFormat,
    /// Print a line an event instead of the live view, also at a terminal
    #[arg(long)]
    pub plain: bool,
}

/// How much a dry run asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DryRun {
    /// Every read-only question
    Probe,
    /// Nothing
    Plan,
}

/// Which way things move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OperationArg {
    /// To a home that is alive
    Recover,
    /// Back to the first home
    Failback,
}

impl From<OperationArg> for Operation {
    fn from(operation: OperationArg) -> Self {
        match operation {
            OperationArg::Recover => Self::Recover,
            OperationArg::Failback => Self::Failback,
        }
    }
}

/// What is printed while a run runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EventFormat {
    /// A line an event, for people
    Human,
    /// A line of JSON an event
    Json,
}

pub(super) fn run(args: &Args, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    if !cfg!(target_os = "linux") {
        let error = Error::unable("`execute` works on Linux alone");
        return Err(error.hint("`check` and `render` work everywhere"));
    }
    let asked = session::now();
    check_moments(args, asked)?;
    let workspace = Workspace::find(&args.plan, global.state.as_deref())?;
    let mode = mode_of(args);
    let environment = args.environment.as_deref().or(args.drill.then_some("drill"));
    let mut sources = Sources::default();
    let (opened, plan) = choose::plan_to_run(&args.plan, environment, &mut sources)?;
    // Going back to the first home is no answer to a disaster: nothing is lost.
    let scenario = match args.operation {
        OperationArg::Failback => None,
        OperationArg::Recover => choose::scenario(&plan, args.scenario.as_deref())?,
    };
    let only = assets_of(&plan, &args.only)?;
    let request = Request {
        scenario: scenario.as_ref(),
        operation: args.operation.into(),
        only: &only,
        with_stage: args.drill,
    };
    let route = route(&plan, &opened.placement, &request);
    refuse_dead_ends(&route, mode)?;
    let basis = choose::basis(&workspace, &plan, args.max_parallel);
    let order = StepGraph::new(&route.nodes).order().map_err(|_| choose::plan_has_errors(&args.plan))?;
    let ranks = Network::new(&plan, &route, &order, &basis).ranks().to_vec();
    let mut estimates: Vec<Option<Length>> =
        route.nodes.iter().map(|node| expected(&plan, node, &basis)).collect();
    if matches!(mode, Mode::DryRun | Mode::DryPlan) {
        let timings = schedule(&plan, &route, &order, &basis).timings;
        for (at, estimate) in estimates.iter_mut().enumerate() {
            *estimate = on_paper(&route, &timings, at).or(*estimate);
        }
    }
    let predicted = predict(&plan, &route, &basis);
    let course = Course::new(&plan, &route, &estimates, &ranks);
    if args.drill {
        refuse_open_ends(&plan, &open_ends(&plan, &course))?;
    }
    check_person(&plan, &course, args.person.as_deref(), mode)?;
    if course.nodes.is_empty() {
        terminal
            .print("Nothing is to be done: the scenario hits nothing that the plan must bring back.\n")?;
        return Ok(Exit::Done);
    }
    let told = harm::Told { harmed_at: args.harmed_at, before: args.before, drill: args.drill };
    let harmed = harm::harmed_at(&plan, &route, &course, told, mode, asked)?;
    if mode == Mode::Real && !args.yes {
        confirm(&plan, scenario.as_ref(), terminal)?;
    }
    let answers = match mode {
        Mode::Real | Mode::Drill => typed::ask(&plan, &course, |_| true, terminal)?,
        Mode::DryRun | Mode::DryPlan => typed::Answers::default(),
    };
    let account = args.person.clone().unwrap_or_else(session::account);
    let now = session::now();
    let runs = Runs::new(&workspace.state);
    let (run, run_dir) = runs.create(now).map_err(|error| Error::unable(format!("cannot {error}")))?;
    let holder = session::holder(&account, now);
    let mut unbegun = Unbegun(Some(run_dir.clone()));
    let lock = match mode {
        Mode::DryRun | Mode::DryPlan => Vec::new(),
        Mode::Real | Mode::Drill => session::lock_plans(&runs, &plan, &course, &holder, &run)?,
    };
    let defaults = &workspace.config.defaults;
    let patience = defaults.patience.unwrap_or(session::PATIENCE);
    let plan_file = relative_to_root(&workspace, &args.plan);
    let imports = FrozenImport::all(&workspace, &opened, &sources);
    let mut frozen = Frozen::new(
        plan_file,
        &sources.get(opened.source).text(),
        imports,
        plan,
        course,
        basis.max_parallel,
        patience,
    );
    frozen.homes = homes_of(&route);
    let plan_hash = frozen.write(&run_dir, &opened, &sources)?;
    let mut start = start_of(&frozen, &route, run, plan_hash, mode, args, account.clone());
    start.harmed = harmed;
    for target in &mut start.targets {
        target.predicted = predicted.get(&target.asset).cloned();
    }
    if mode == Mode::Real {
        start.declared_at.get_or_insert(asked);
    }
    if args.person.is_some() && matches!(mode, Mode::Real | Mode::Drill) {
        start.proof = speech::prove_start(&frozen.plan, &start, terminal)?.map(Box::new);
    }
    let writer =
        Writer::create(&run_dir, &holder).map_err(|error| Error::unable(format!("cannot {error}")))?;
    unbegun.0 = None;
    drop((sources, opened, route));
    let session = Session {
        answers,
        workspace: &workspace,
        run_dir,
        frozen,
        start: start.into(),
        account,
        format: args.format,
        plain: args.plain,
        stays: args.wait,
    };
    let exit = session.carry_out(writer, &[], Vec::new(), terminal);
    drop(lock);
    exit
}

/// Returns where each asset lives that a route brings back; those of other plans are theirs to keep.
fn homes_of(route: &Route) -> BTreeMap<Id, Id> {
    let goals = route.assets.iter().filter(|(id, asset)| asset.state.is_goal() && !id.as_str().contains('/'));
    goals.filter_map(|(id, asset)| Some((id.clone(), asset.home.clone()?))).collect()
}

/// The folder of a run that has not begun: what never begins leaves no run behind.
struct Unbegun(Option<PathBuf>);

impl Drop for Unbegun {
    fn drop(&mut self) {
        if let Some(run_dir) = &self.0 {
            // What is left of it reads "never began".
            let _ = std::fs::remove_dir_all(run_dir);
        }
    }
}

/// What was said of the incident must be possible: it began, was declared a disaster, and then this run was asked for.
fn check_moments(args: &Args, asked: Moment) -> Result<(), Error> {
    let too_late = |name: &str, at: Option<Moment>, limit: Moment, what: &str| match at {
        Some(at) if at > limit => {
            let error = Error::unable(format!("`{name} {at}` lies after {what}, {limit}"));
            Err(error.hint(
                "moments are in UTC, as in 2026-11-22T14:05:00Z; another time zone is written as +01:00",
            ))
        }
        _ => Ok(()),
    };
    too_late("--declared-at", args.declared_at, asked, "this machine's time")?;
    too_late("--harmed-at", args.harmed_at, asked, "this machine's time")?;
    too_late("--before", args.before, asked, "this machine's time")?;
    let declared = args.declared_at.unwrap_or(asked);
    let what = if args.declared_at.is_some() { "`--declared-at`" } else { "this machine's time" };
    too_late("--incident-at", args.incident_at, declared, what)
}

fn mode_of(args: &Args) -> Mode {
    match (args.dry_run, args.drill) {
        (Some(DryRun::Plan), _) => Mode::DryPlan,
        (Some(DryRun::Probe), _) => Mode::DryRun,
        (None, true) => Mode::Drill,
        (None, false) => Mode::Real,
    }
}

fn assets_of(plan: &ResolvedPlan, only: &[String]) -> Result<Vec<Id>, Error> {
    let find = |wanted: &String| {
        let known = || plan.assets.keys().map(Id::as_str);
        plan.assets.get_key_value(wanted.as_str()).map(|(id, _)| id.clone()).ok_or_else(|| {
            let error = Error::unable(format!("there is no asset `{}`", wanted.escape_debug()));
            let guess = crate::value::did_you_mean(wanted, known());
            error.hint(
                guess.unwrap_or_else(|| format!("there are: {}", known().collect::<Vec<_>>().join(", "))),
            )
        })
    };
    only.iter().map(find).collect()
}

/// A route that cannot bring everything back is not begun.
fn refuse_dead_ends(route: &Route, mode: Mode) -> Result<(), Error> {
    let stranded = route.assets.iter().filter_map(|(id, asset)| {
        let why = asset.stranded.as_ref()?;
        asset.state.is_goal().then(|| format!("\n  {id}: {why}"))
    });
    // A stranded asset is told above; people may yet be found.
    let is_new = |stuck: &&Stuck| !matches!(stuck.end, End::Stranded(_) | End::NoOne(_));
    let stuck = route.stuck.iter().filter(is_new);
    let stuck = stuck.map(|stuck| format!("\n  {} can never begin: {}", stuck.first, stuck.why()));
    let reasons: String = stranded.chain(stuck).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    let exit = match mode {
        Mode::DryRun | Mode::DryPlan => Exit::Found,
        Mode::Real | Mode::Drill => Exit::Unable,
    };
    let message = format!("the plan cannot bring everything back:{reasons}");
    let error = Error::unable(message)
        .hint("`drplan graph` shows the route; `--only ASSET` goes for what can be had");
    Err(Error { exit, ..error })
}

fn refuse_open_ends(plan: &ResolvedPlan, open: &[OpenEnd]) -> Result<(), Error> {
    if open.is_empty() {
        return Ok(());
    }
    let environment = plan.environment.as_ref().map_or("drill", Id::as_str);
    let list: String = open.iter().map(|end| format!("\n  {} touches {}", end.node, end.touches)).collect();
    let error =
        Error::unable(format!("the drill would touch what is not of the environment `{environment}`:{list}"));
    Err(error.hint(format!(
        "under `environments.{environment}`: map it, list it under `reads` if it is only read, or list the step under `omit`"
    )))
}

/// Who begins must be a person of the plan, and must be named where an approval is for somebody else.
fn check_person(plan: &ResolvedPlan, course: &Course, person: Option<&str>, mode: Mode) -> Result<(), Error> {
    let is_for_another = |node: &crate::resolve::CourseNode| match node.kind {
        CourseKind::Step(at) => matches!(
            &*plan.steps[at].action,
            Action::Approve(approve) if approve.distinct_from.as_ref().is_some_and(|who| who.as_str() == "starter")
        ),
        CourseKind::Health => false,
    };
    let acts = matches!(mode, Mode::Real | Mode::Drill);
    match person {
        None if acts && course.nodes.iter().any(is_for_another) => {
            let known: Vec<&str> = plan.people.keys().map(Id::as_str).collect();
            let error =
                Error::unable("an approval of this plan must come from another person than who begins");
            Err(error.hint(format!("say who you are with --as PERSON, one of: {}", known.join(", "))))
        }
        Some(person) if !plan.people.contains_key(person) => {
            let known: Vec<&str> = plan.people.keys().map(Id::as_str).collect();
            let error = Error::unable(format!("`{}` is not a person of the plan", person.escape_debug()));
            Err(error.hint(format!("there are: {}", known.join(", "))))
        }
        _ => Ok(()),
    }
}

/// A real run begins only when somebody has typed the plan's id.
fn confirm(plan: &ResolvedPlan, scenario: Option<&Id>, terminal: &Terminal) -> Result<(), Error> {
    if !terminal.interactive {
        let error = Error::unable("a real run must be confirmed, and nobody is at the terminal");
        return Err(error.hint("give `--yes`, or try `--drill` or `--dry-run` first"));
    }
    let scenario = scenario.map(|id| format!(" for {id}")).unwrap_or_default();
    terminal.say(&format!("This is REAL: {}{scenario}. Type {} to begin:", plan.title, plan.plan));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if line.trim() == plan.plan.as_str() {
        return Ok(());
    }
    Err(Error::unable("not confirmed; nothing was done"))
}

fn start_of(
    frozen: &Frozen,
    route: &Route,
    run: RunId,
    plan_hash: String,
    mode: Mode,
    args: &Args,
    by: String,
) -> RunStarted {
    let plan = &frozen.plan;
    let scenario = route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
    let reason = format!("left out in {}", plan.environment.as_ref().map_or("this environment", Id::as_str));
    RunStarted {
        run,
        drplan: env!("CARGO_PKG_VERSION").to_owned(),
        plan: plan.plan.clone(),
        title: plan.title.clone(),
        plan_hash,
        mode,
        scenario: route.scenario.clone(),
        environment: plan.environment.clone(),
        operation: route.operation.as_str().to_owned(),
        by,
        host: session::host(),
        incident_at: args.incident_at,
        declared_at: args.declared_at,
        harmed: None,
        before: args.before,
        unverified: args.unverified,
        assumed: scenario.map(crate::plan::Scenario::assumed_delay).unwrap_or_default(),
        targets: targets_of(plan, route),
        nodes: frozen.course.nodes.iter().map(|node| outline_of(plan, node)).collect(),
        omitted: plan.omit.iter().map(|step| (step.clone(), reason.clone())).collect(),
        proof: None,
    }
}

/// Returns how long a node should take: what drills have measured counts before what the plan says.
fn expected(plan: &ResolvedPlan, node: &Node, basis: &Basis) -> Option<Length> {
    let measured = match node.kind {
        NodeKind::Step(at) => {
            let step = plan.steps.get(at).filter(|step| step.section == Section::Steps);
            step.and_then(|step| basis.measured.median(step.id.as_str()))
        }
        NodeKind::Health(_) => None,
    };
    measured.or_else(|| estimate(plan, node))
}

/// Returns how long a node takes on the clock of a dry run, which nothing else moves: with its share of what a recipe takes as
/// a whole, with the time to get back a copy, and with that until somebody is there. Nothing if that is no time at all.
fn on_paper(route: &Route, timings: &[Timing], at: usize) -> Option<Length> {
    let Timing { start, end, waited_for, .. } = &timings[at];
    let ready = match waited_for {
        WaitedFor::Arrival(_) => {
            route.nodes[at].after.iter().map(|(before, _)| timings[*before].end).max().unwrap_or_default()
        }
        _ => *start,
    };
    Some(end.saturating_sub(ready)).filter(|length| *length > Length::ZERO)
}

/// Predicts when each asset is healthy again, from what drills have measured and else from the plan.
fn predict(plan: &ResolvedPlan, route: &Route, basis: &Basis) -> BTreeMap<Id, Prediction> {
    // The more steps there are, the less chance moves their sum: fewer runs say it as exactly, and nobody waits for more.
    let nodes = u32::try_from(route.nodes.len()).unwrap_or(u32::MAX);
    let runs = (100_000 / nodes.max(1)).clamp(100, 1_000);
    let Ok(foreseen) = foresee(plan, route, basis, &Odds { runs, ..Odds::default() }) else {
        return BTreeMap::new();
    };
    let drills = basis.measured.steps.values().map(Vec::len).max().unwrap_or_default();
    let predicted = |it: Foreseen| (it.asset, Prediction { p50: it.p50, p95: it.p95, drills });
    foreseen.into_iter().map(predicted).collect()
}

fn targets_of(plan: &ResolvedPlan, route: &Route) -> Vec<Target> {
    let scenario = route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
    let hit = plan.assets.iter().filter_map(|(id, asset)| {
        let hit = route
            .assets
            .get(id)
            .filter(|hit| !matches!(hit.state, AssetState::Untouched | AssetState::LeftOut))?;
        let (rto, rpo) = crate::resolve::targets_in(scenario, id, asset);
        Some(Target { asset: id.clone(), rto, rpo, why: hit.why.to_string(), predicted: None })
    });
    hit.collect()
}

pub(super) fn outline_of(plan: &ResolvedPlan, node: &crate::resolve::CourseNode) -> Outline {
    let undo = match node.kind {
        CourseKind::Step(at) => plan.steps[at].common.undo.as_deref().map(crate::plan::Undo::shown),
        CourseKind::Health => None,
    };
    let (kind, title, restores) = match node.kind {
        CourseKind::Health => {
            let title = plan.assets.get(&node.id).and_then(|asset| asset.title.clone());
            (OutlineKind::Health, title.map_or_else(|| (&node.id).into(), Into::into), <_>::default())
        }
        CourseKind::Step(at) => {
            let step = &plan.steps[at];
            let kind = match step.section {
                Section::Prepare => OutlineKind::Prepare,
                Section::Cleanup => OutlineKind::Cleanup,
                Section::Steps if step.is_group() => OutlineKind::Group,
                Section::Steps => OutlineKind::Step,
            };
            (
                kind,
                step.common.title.clone().unwrap_or_else(|| (&step.id).into()),
                step.common.restores.iter().cloned().collect(),
            )
        }
    };
    Outline {
        id: node.id.clone(),
        kind,
        title,
        takes: node.estimate.filter(|estimate| *estimate > Length::ZERO),
        after: node.after.clone(),
        restores,
        undo: undo.map(Into::into),
        undoes: None,
    }
}
