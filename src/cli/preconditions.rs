//! Asks before the disaster what each restore of a plan will need: the whole recovery is looked at, scenario by scenario, as
//! in a dry run, and goes on where something is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::execute::outline_of;
use super::{choose, harm, session};
use crate::analysis::Network;
use crate::effect::{Dry, DrySetup};
use crate::engine::{self, Ground, Setup};
use crate::error::Error;
use crate::event::{Event, Listener, Mode, RunStarted, RunState};
use crate::graph::StepGraph;
use crate::journal::Writer;
use crate::keeper;
use crate::plan::Operation;
use crate::resolve::{Course, End, Placement, Request, ResolvedPlan, Route, route};
use crate::value::{Id, Length, RunId, Stamp};
use crate::verify::{RestoreSeen, judge_restores, no_way};
use crate::workspace::Workspace;

/// What looking at the recoveries of a plan takes.
pub(super) struct Preconditions<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) file: &'a Path,
    pub(super) plan: &'a ResolvedPlan,
    pub(super) placement: &'a Placement,
    /// Where the commands of imported plans run.
    pub(super) imported: &'a BTreeMap<String, Ground>,
    /// The assets that are asked for; all if none are named.
    pub(super) only: &'a [Id],
    /// A folder of this look's own.
    pub(super) folder: PathBuf,
}

impl Preconditions<'_> {
    /// Asks in every scenario; what is the same in several is told once.
    pub(super) async fn ask(&self) -> Result<Vec<RestoreSeen>, Error> {
        let scenarios: Vec<Option<&Id>> = if self.plan.scenarios.is_empty() {
            vec![None]
        } else {
            self.plan.scenarios.keys().map(Some).collect()
        };
        let mut all: Vec<RestoreSeen> = Vec::new();
        for scenario in scenarios {
            for seen in self.ask_in(scenario).await? {
                let is_same = |other: &&mut RestoreSeen| {
                    (&other.step, &other.good, &other.problems) == (&seen.step, &seen.good, &seen.problems)
                };
                match all.iter_mut().find(is_same) {
                    Some(other) => other.scenarios.extend(seen.scenarios),
                    None => all.push(seen),
                }
            }
        }
        Ok(all)
    }

    async fn ask_in(&self, scenario: Option<&Id>) -> Result<Vec<RestoreSeen>, Error> {
        let request = Request { scenario, operation: Operation::Recover, only: self.only, with_stage: false };
        let route = route(self.plan, self.placement, &request);
        let dead_ends = dead_ends(&route, scenario);
        if !dead_ends.is_empty() {
            return Ok(dead_ends);
        }
        let basis = choose::basis(self.workspace, self.plan, None);
        let order = StepGraph::new(&route.nodes).order().map_err(|_| choose::plan_has_errors(self.file))?;
        let ranks = Network::new(self.plan, &route, &order, &basis).ranks().to_vec();
        let course = Course::new(self.plan, &route, &vec![None; route.nodes.len()], &ranks);
        if course.nodes.is_empty() {
            return Ok(Vec::new());
        }
        let state = self.look_at(&route, &course, basis.max_parallel).await?;
        Ok(judge_restores(self.plan, scenario, &state))
    }

    /// Goes through a recovery without doing anything of it.
    async fn look_at(&self, route: &Route, course: &Course, max_parallel: usize) -> Result<RunState, Error> {
        let (mode, now) = (Mode::DryRun, session::now());
        let account = session::account();
        let name = route.scenario.as_ref().map_or("all", Id::as_str).replace('/', "-");
        let run_dir = self.folder.join(&name);
        std::fs::create_dir_all(&run_dir)?;
        let plan = self.plan;
        let start = RunStarted {
            run: RunId::trusted(format!("verify-{name}")),
            drplan: env!("CARGO_PKG_VERSION").to_owned(),
            plan: plan.plan.clone(),
            title: plan.title.clone(),
            plan_hash: String::new(),
            mode,
            scenario: route.scenario.clone(),
            environment: plan.environment.clone(),
            operation: route.operation.as_str().to_owned(),
            by: account.clone(),
            host: session::host(),
            incident_at: None,
            declared_at: None,
            harmed: harm::harmed_at(plan, route, course, harm::Told::default(), mode, now)?,
            before: None,
            // The points themselves are looked into by the rest of `verify`.
            unverified: true,
            assumed: Length::ZERO,
            targets: Vec::new(),
            nodes: course.nodes.iter().map(|node| outline_of(plan, node)).collect(),
            omitted: BTreeMap::new(),
            proof: None,
        };
        let exe = std::env::current_exe()?;
        let setup = Setup {
            plan,
            course,
            start: Arc::new(start),
            account: account.clone(),
            ground: session::ground(self.file, &plan.pass_env),
            imported: self.imported.clone(),
            exe: exe.clone(),
            max_parallel,
            patience: Length::ZERO,
            last_words: Length::ZERO,
            stays: false,
        };
        let effects = Dry::new(DrySetup {
            asks: true,
            start: keeper::stamp(),
            run_dir: run_dir.clone(),
            exe,
            confines: self.workspace.config.defaults.confine.unwrap_or(true),
            judged: Vec::new(),
            goes_on: true,
        });
        let failed = |error: &dyn std::fmt::Display| Error::unable(format!("cannot {error}"));
        let writer =
            Writer::create(&run_dir, &session::holder(&account, now)).map_err(|error| failed(&error))?;
        let outcome = engine::run(&setup, effects, writer, &mut Nobody, &[], Vec::new()).await;
        outcome.map(|(_, state)| state).map_err(|error| failed(&error))
    }
}

/// Returns what can never be brought back, and why.
fn dead_ends(route: &Route, scenario: Option<&Id>) -> Vec<RestoreSeen> {
    let stranded = route.assets.iter().filter_map(|(id, asset)| {
        let why = asset.stranded.as_ref().filter(|_| asset.state.is_goal())?;
        Some(no_way(id, scenario, why))
    });
    // A stranded asset is told above; people may yet be found.
    let stuck = route.stuck.iter().filter(|stuck| !matches!(stuck.end, End::Stranded(_) | End::NoOne(_)));
    let stuck =
        stuck.map(|stuck| no_way(&stuck.first, scenario, &format!("it can never begin: {}", stuck.why())));
    stranded.chain(stuck).collect()
}

/// Nobody listens: what was found stands in the state at the end.
struct Nobody;

impl Listener for Nobody {
    fn hear(&mut self, _: &Stamp, _: &Event, _: &RunState) {}
}
