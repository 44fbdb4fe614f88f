//! What the events of a run add up to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arcstr::ArcStr;
use thin_vec::ThinVec;

use super::HARMED_AT;
use super::boots::Boots;
use super::{
    Answer, Check, Confined, Controller, Delivery, Event, Failure, Illegal, Mode, Outcome, Outline,
    OutlineKind, Point, Proof, RunResult, RunStarted, StepRecords, StepState, StopHow, Verdict, next,
};
use crate::value::{Id, Length, Moment, Name, Stamp};

/// What is known of a node of the route.
#[derive(Clone, Debug, Default)]
pub struct StepRecord {
    /// Where it stands.
    pub state: StepState,
    /// When its first attempt began.
    pub started: Option<Stamp>,
    /// When its last attempt began.
    pub begun: Option<Stamp>,
    /// When it reached its last state.
    pub ended: Option<Stamp>,
    /// Whether an attempt of it may have changed anything: one began its work.
    pub acted: bool,
    /// The number of the event that ended its last attempt: what ended later has a larger one.
    pub order: u64,
    /// How often it failed and was to be tried again by itself, since a person last said how to go on.
    pub retries: u32,
    /// What it wrote.
    pub outputs: ThinVec<(Name, String)>,
    /// What it restored from.
    pub point: Option<Box<Point>>,
    /// Why it failed, was skipped or is not needed; what it waits for.
    pub note: Option<ArcStr>,
    /// The values that it names and that are known only when the real thing runs.
    pub unknown: ThinVec<String>,
    /// Most steps ask nobody.
    people: Option<Box<Asked>>,
}

/// What is asked of people at a node, and what they have said.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The outputs that an answer must give.
    pub wanted: Vec<Name>,
    /// The outputs that those who answered have given.
    pub given: BTreeMap<Name, String>,
    /// Who agreed to what the step asks.
    pub agreed: Vec<String>,
    /// Who answered last, if anybody.
    pub answered_by: Option<String>,
    /// Whether the last answer was that it must not go on, or cannot be done.
    pub denied: bool,
    /// To whom it was handed over.
    pub held_by: Option<Id>,
    /// Who has handed it over, in any attempt.
    pub handed_by: Vec<String>,
}

static NOBODY: Asked = Asked {
    wanted: Vec::new(),
    given: BTreeMap::new(),
    agreed: Vec::new(),
    answered_by: None,
    denied: false,
    held_by: None,
    handed_by: Vec::new(),
};

impl StepRecord {
    /// Returns what is asked of people, and what they have said.
    pub fn people(&self) -> &Asked {
        self.people.as_deref().unwrap_or(&NOBODY)
    }
}

/// For how long it can be decided whether what was done stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Since when.
    pub since: Stamp,
    /// For how long.
    pub length: Length,
    /// Whether what was done is taken back when nobody has decided by then; else it stays.
    pub undoes: bool,
}

impl Hold {
    /// Returns when it is over, by the calendar.
    pub fn until(&self) -> Moment {
        self.since.at.plus(self.length)
    }

    /// Says what a person can do, and what happens if nobody does.
    pub fn choice(&self, run: &str) -> String {
        let then = if self.undoes { "what was done is taken back" } else { "what was done stays" };
        format!(
            "`drplan commit {run}` or `drplan abort {run} --undo --reason \"WHY\"` until {}; then {then}",
            self.until().for_people()
        )
    }
}

/// All that the events of a run add up to.
#[derive(Clone, Debug, Default)]
pub struct RunState {
    /// The event that began it; nothing is known before.
    pub start: Option<Arc<RunStarted>>,
    /// When it began.
    pub started: Option<Stamp>,
    /// When the incident was staged, in a drill with `prepare` steps.
    pub staged: Option<Stamp>,
    /// The last event's time.
    pub last: Option<Stamp>,
    /// Who controls it, or did last.
    pub controller: Option<Controller>,
    /// The nodes, by their position in the list of the start.
    pub steps: StepRecords,
    /// How it was last asked to stop, unless it was resumed since.
    pub stop: Option<StopHow>,
    /// Whether it was given up and how, also if it was resumed since.
    pub given_up: Option<StopHow>,
    /// Since when and until when it can be decided whether what was done stays.
    pub hold: Option<Hold>,
    /// Whether it was decided that what was done stays.
    pub committed: bool,
    /// Whether what was carried out is being taken back, or was.
    pub undoing: bool,
    /// What was carried out and cannot be taken back.
    pub left: Vec<Id>,
    /// Whether the controller left on purpose and what for, unless it was resumed since.
    pub suspended: Option<Vec<String>>,
    /// How it ended.
    pub result: Option<RunResult>,
    /// How often a controller took it up again.
    pub resumed: u32,
    /// The requests that were heard, by the SHA-256 of their files.
    pub heard: BTreeSet<String>,
    /// The statements that persons have signed, by their nonces: each counts once.
    pub nonces: BTreeSet<String>,
    /// What keeps the probes of a dry run from writing, and what this means.
    pub confined: Option<(Confined, String)>,
    /// What a dry run has asked for.
    pub checks: Vec<Check>,
    /// Who was told of what, or could not be.
    pub deliveries: Vec<Delivery>,
    positions: HashMap<Id, usize>,
    events: u64,
    boots: Boots,
}

/// An event that does not fit what happened before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A node of the route met an event that it cannot meet.
    #[error("`{step}`: {source}")]
    Step {
        /// The node.
        step: Id,
        /// What does not fit.
        source: Illegal,
    },
    /// The event is about a node that the run does not have.
    #[error("`{0}` is not a step of this run")]
    Stranger(Id),
    /// The run has no start, two starts, or goes on after its end.
    #[error("{0}")]
    Run(&'static str),
}

/// Whether the attempt that an event ends may have changed anything; nothing if it ends none.
const fn acts(event: &Event) -> Option<bool> {
    let (Event::StepFinished { outcome: Outcome::Failed { failure }, .. }
    | Event::RetryPlanned { failure, .. }) = event
    else {
        return match event {
            Event::StepFinished { outcome, .. } => Some(matches!(outcome, Outcome::Done)),
            Event::PointRefused { .. } => Some(true),
            Event::StepJudged { verdict, .. } => match verdict {
                Verdict::Done | Verdict::Again | Verdict::Ask => Some(true),
                Verdict::Kept | Verdict::NeverRan => None,
            },
            _ => None,
        };
    };
    Some(match failure {
        Failure::NotStarted { .. } | Failure::Refused { .. } | Failure::Expired { .. } => false,
        Failure::Exit { .. }
        | Failure::Signal { .. }
        | Failure::TimedOut { .. }
        | Failure::OutOfReach { .. }
        | Failure::Unverified { .. }
        | Failure::Unhealthy { .. }
        | Failure::BadOutput { .. }
        | Failure::Request { .. }
        | Failure::Stopped => true,
    })
}

impl RunState {
    /// Returns the position of a node.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.positions.get(id).copied()
    }

    /// Returns what is known of a node.
    pub fn step(&self, id: &str) -> Option<&StepRecord> {
        self.position(id).and_then(|at| self.steps.get(at))
    }

    /// Returns a step with all of its parts, whether it has them by a recipe, a child plan or `each`.
    pub fn whole<'a, 'i>(&'a self, id: &'i str) -> impl Iterator<Item = &'a StepRecord> + use<'a, 'i> {
        let nodes = self.nodes().iter().zip(&self.steps);
        nodes.filter(move |(node, _)| node.id.is_of(id)).map(|(_, record)| record)
    }

    /// Returns when the first part of a step began that has parts, else when the step itself began.
    pub fn whole_begun(&self, id: &str) -> Option<&Stamp> {
        self.whole(id).filter_map(|record| record.started.as_ref()).min_by_key(|stamp| stamp.at)
    }

    /// Returns the nodes of the route; none before the start.
    pub fn nodes(&self) -> &[Outline] {
        self.start.as_ref().map_or(&[], |start| &start.nodes)
    }

    /// Returns when the incident began: as staged, as said at the start, or the start itself.
    pub fn incident(&self) -> Option<Moment> {
        if let Some(staged) = &self.staged {
            return Some(staged.at);
        }
        let said = self.start.as_ref().and_then(|start| start.incident_at);
        said.or_else(|| self.started.as_ref().map(|started| started.at))
    }

    /// Returns the time between two moments of the run; neither a moved calendar nor a reboot falsifies it.
    pub fn between(&self, earlier: &Stamp, later: &Stamp) -> Length {
        self.boots.between(earlier, later)
    }

    /// Returns the time between the incident and a stamp of the run; nothing while a drill's stage is not set.
    ///
    /// By the boot clock as far as it was there: from the staging or the start of the run on. What lies
    /// before the start can only be taken from the calendar.
    pub fn since_incident(&self, stamp: &Stamp) -> Option<Length> {
        if let Some(staged) = &self.staged {
            return Some(self.between(staged, stamp));
        }
        let (start, started) = (self.start.as_ref()?, self.started.as_ref()?);
        if start.mode == Mode::Drill && start.nodes.iter().any(|node| node.kind == OutlineKind::Prepare) {
            return None;
        }
        let Some(said) = start.incident_at else { return Some(self.between(started, stamp)) };
        Some(match started.at.since(said) {
            Some(before) => before.saturating_add(self.between(started, stamp)),
            // Said to begin while the run was on its way already.
            None => {
                self.between(started, stamp).saturating_sub(said.since(started.at).unwrap_or(Length::ZERO))
            }
        })
    }

    /// Takes in an event.
    ///
    /// # Errors
    ///
    /// When the event does not fit; the state is then as it was.
    pub fn apply(&mut self, event: &Event, stamp: &Stamp) -> Result<(), Misfit> {
        match (event, &self.start) {
            (Event::RunStarted(_), Some(_)) => return Err(Misfit::Run("the run starts twice")),
            (Event::RunStarted(start), None) => {
                self.positions =
                    start.nodes.iter().enumerate().map(|(at, node)| (node.id.clone(), at)).collect();
                self.steps = StepRecords::unknown(start.nodes.len());
                self.start = Some(start.clone());
                self.use_up(start.proof.as_deref());
                let (by, host) = (start.by.clone(), start.host.clone());
                self.controller = Some(Controller { by, host, since: stamp.at });
                self.started = Some(stamp.clone());
            }
            (_, None) => return Err(Misfit::Run("the run does not begin with its start")),
            // A person may have decided how to go on after a failure.
            (Event::RunResumed { by, host, .. }, Some(_)) if self.result == Some(RunResult::Failed) => {
                self.result = None;
                self.take_up(by, host, stamp);
            }
            // That the run is over can be told only once it is.
            (Event::Told(delivery), Some(_)) => {
                self.deliveries.push(delivery.clone());
                // When this arrived says nothing of when the run ended.
                return Ok(());
            }
            (_, Some(_)) if self.result.is_some() => {
                return Err(Misfit::Run("the run goes on after its end"));
            }
            (Event::IncidentStaged, _) => self.staged = Some(stamp.clone()),
            (Event::StopAsked { how, .. }, _) => {
                self.stop = Some(*how);
                if matches!(how, StopHow::Abort | StopHow::Undo) {
                    self.given_up = Some(*how);
                }
            }
            (Event::HoldBegan { length, undoes }, _) => {
                self.hold = Some(Hold { since: stamp.clone(), length: *length, undoes: *undoes });
            }
            (Event::RunCommitted { .. }, _) if !self.is_held() => {
                return Err(Misfit::Run("it is committed while it is not held"));
            }
            (Event::RunCommitted { .. }, _) => self.committed = true,
            (Event::UndoBegan { .. }, _) if self.undoing => {
                return Err(Misfit::Run("what was carried out is taken back twice"));
            }
            (Event::UndoBegan { nodes, left }, _) => {
                self.add_undos(nodes);
                self.left.clone_from(left);
            }
            (Event::RunResumed { by, host, .. }, _) => {
                self.stop = None;
                self.suspended = None;
                self.take_up(by, host, stamp);
            }
            (Event::RunSuspended { waits_for }, _) => self.suspended = Some(waits_for.clone()),
            (Event::RunFinished { result }, _) => self.result = Some(*result),
            (Event::RequestHeard { sha256, proof, .. }, _) => {
                self.heard.insert(sha256.clone());
                self.use_up(proof.as_deref());
            }
            (Event::ProbesConfined { by, note }, _) => self.confined = Some((*by, note.clone())),
            (Event::Checked(check), _) => self.checks.push(check.clone()),
            (Event::JournalMended { .. } | Event::ClockJumped { .. } | Event::SecretUnmasked { .. }, _) => {}
            _ => self.apply_to_step(event, stamp)?,
        }
        self.events += 1;
        self.boots.hear(stamp);
        self.last = Some(stamp.clone());
        Ok(())
    }

    fn take_up(&mut self, by: &str, host: &str, stamp: &Stamp) {
        self.resumed += 1;
        self.controller = Some(Controller { by: by.to_owned(), host: host.to_owned(), since: stamp.at });
    }

    /// Returns who controlled a run that nobody has left on purpose, if that was on another machine than this one: from here
    /// nobody can see whether it still does.
    pub fn controlled_elsewhere(&self, here: &str) -> Option<&Controller> {
        let was_left = self.suspended.is_some() || self.result.is_some();
        self.controller.as_ref().filter(|controller| !was_left && controller.host != here)
    }

    /// The undos become nodes of the run, each with the recovery point of what it takes back.
    fn add_undos(&mut self, nodes: &[Outline]) {
        self.undoing = true;
        for node in nodes {
            let undone = node.undoes.as_ref().and_then(|step| self.step(step.as_str()));
            let point = undone.and_then(|undone| undone.point.clone());
            self.positions.insert(node.id.clone(), self.steps.len());
            self.steps.push(StepRecord { point, ..StepRecord::default() });
        }
        if let Some(start) = &mut self.start {
            Arc::make_mut(start).nodes.extend_from_slice(nodes);
        }
    }

    /// Returns when the data of an asset was spoiled, as far as that is known: as the run was told when it began, or by a step
    /// that has found it out; the earlier of both.
    pub fn harmed_at(&self, asset: &Id) -> Option<Moment> {
        let harmed = self.start.as_ref()?.harmed.as_ref().filter(|harmed| harmed.assets.contains(asset))?;
        let found = self.steps.iter().filter_map(|record| {
            record.outputs.iter().find(|(name, _)| name.as_str() == HARMED_AT)?.1.parse::<Moment>().ok()
        });
        let found = found.min();
        // What somebody has found out counts before what was only assumed.
        let told = harmed.at.filter(|_| found.is_none() || !harmed.assumed);
        found.into_iter().chain(told).min()
    }

    /// Whether it waits for the decision whether what was done stays.
    pub const fn is_held(&self) -> bool {
        self.hold.is_some() && !self.committed && self.given_up.is_none() && self.result.is_none()
    }

    /// Returns the undo of a node, if there is one.
    pub fn undo_of(&self, step: &str) -> Option<&StepRecord> {
        let is_its = |node: &Outline| node.undoes.as_ref().is_some_and(|undone| undone.as_str() == step);
        let undos = self.nodes().iter().zip(&self.steps).filter(|_| self.undoing);
        undos.rev().find(|(node, _)| is_its(node)).map(|(_, record)| record)
    }

    fn apply_to_step(&mut self, event: &Event, stamp: &Stamp) -> Result<(), Misfit> {
        let Some(step) = event.subject() else {
            return Ok(());
        };
        let at = self.position(step.as_str()).ok_or_else(|| Misfit::Stranger(step.clone()))?;
        let record = self.steps.at_mut(at);
        let state =
            next(&record.state, event).map_err(|source| Misfit::Step { step: step.clone(), source })?;
        let changed = state != record.state;
        // What only a person was asked for, and nobody has done, has changed nothing.
        let was_asked = matches!(record.state, StepState::Awaiting { .. });
        record.state = state;
        if let Some(acted) = acts(event) {
            record.acted |= acted && (!was_asked || matches!(record.state, StepState::Done { .. }));
            record.order = self.events;
        }
        match event {
            Event::PointChosen { point, .. } => record.point = Some(Box::new(point.clone())),
            Event::ValuesUnknown { names, .. } => record.unknown = names.iter().cloned().collect(),
            Event::StepStarted { .. } => {
                record.started.get_or_insert_with(|| stamp.clone());
                record.begun = Some(stamp.clone());
                // What was agreed to was the attempt before.
                if let Some(people) = &mut record.people {
                    people.agreed.clear();
                    people.given.clear();
                    people.denied = false;
                    people.held_by = None;
                }
            }
            Event::StepFinished { outcome, outputs, .. } => {
                record.outputs = outputs.clone().into_iter().collect();
                record.note = match outcome {
                    Outcome::Failed { failure } => Some(failure.to_string().into()),
                    Outcome::Done | Outcome::Assumed => None,
                };
            }
            Event::RetryPlanned { failure, .. } => {
                record.retries += 1;
                record.note = Some(failure.to_string().into());
            }
            Event::PointRefused { why, .. } => record.note = Some(why.as_str().into()),
            Event::StepRetried { .. } => record.retries = 0,
            Event::StepUnneeded { why, .. } | Event::StepJudged { why, .. } => {
                record.note = Some(why.as_str().into());
            }
            Event::StepSkipped { by, reason, .. } => record.note = Some(format!("{reason} ({by})").into()),
            Event::AnswerAwaited { text, outputs, .. } => {
                record.note = Some(text.as_str().into());
                record.people.get_or_insert_default().wanted.clone_from(outputs);
            }
            Event::Answered { by, answer, outputs, .. } => {
                let people = record.people.get_or_insert_default();
                people.answered_by = Some(by.clone());
                people.denied = *answer == Answer::No;
                if *answer == Answer::Yes {
                    people.agreed.push(by.clone());
                    people.given.clone_from(outputs);
                }
            }
            Event::HandedOver { by, to, .. } => {
                let people = record.people.get_or_insert_default();
                people.held_by = Some(to.clone());
                people.handed_by.push(by.clone());
            }
            _ => {}
        }
        if changed && !record.state.is_open() {
            record.ended = Some(stamp.clone());
        }
        if let Event::Answered { proof, .. } | Event::HandedOver { proof, .. } = event {
            self.use_up(proof.as_deref());
        }
        Ok(())
    }

    fn use_up(&mut self, proof: Option<&Proof>) {
        self.nonces.extend(proof.and_then(Proof::nonce).map(str::to_owned));
    }
}
