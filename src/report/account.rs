//! The report: what was done, by whom, when, on which plan.

use std::collections::BTreeMap;

use arcstr::ArcStr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thin_vec::ThinVec;

use super::measured::{Measured, incident, into_run, measure, targets_met};
use crate::event::{
    Answer, Check, Confined, Delivery, Event, Misfit, Mode, Outline, OutlineKind, Point, RunResult, RunState,
    StepRecord, StepState, StopHow, TakenBack,
};
use crate::value::{Id, Length, Moment, Name, RunId, Stamp, schema_of};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not begun.
    Pending,
    /// Begun, not ended.
    Running,
    /// A person must answer.
    Awaiting,
    /// To be tried again.
    Retrying,
    /// Interrupted, and a person must decide.
    Interrupted,
    /// Carried out.
    Done,
    /// Its work was done already.
    Unneeded,
    /// A person went on without it.
    Skipped,
    /// Failed for good.
    Failed,
    /// A dry run went past it.
    Assumed,
}

impl Standing {
    const fn of(state: &StepState) -> Self {
        match state {
            StepState::Pending => Self::Pending,
            StepState::Running { .. } => Self::Running,
            StepState::Awaiting { .. } => Self::Awaiting,
            StepState::Retrying { .. } => Self::Retrying,
            StepState::Unknown { .. } => Self::Interrupted,
            StepState::Done { .. } => Self::Done,
            StepState::Unneeded => Self::Unneeded,
            StepState::Skipped => Self::Skipped,
            StepState::Failed { .. } => Self::Failed,
            StepState::Assumed => Self::Assumed,
        }
    }

    /// Whether nothing more happens to it unless a person acts.
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Done | Self::Unneeded | Self::Skipped | Self::Failed | Self::Assumed => true,
            Self::Pending | Self::Running | Self::Awaiting | Self::Retrying | Self::Interrupted => false,
        }
    }

    /// Returns the word for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pending => "not begun",
            Self::Running => "running",
            Self::Awaiting => "waiting for a person",
            Self::Retrying => "to be tried again",
            Self::Interrupted => "interrupted",
            Self::Done => "done",
            Self::Unneeded => "not needed",
            Self::Skipped => "SKIPPED",
            Self::Failed => "FAILED",
            Self::Assumed => "would run",
        }
    }
}

/// What became of a node of the route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepAccount {
    /// The step, or the asset that had to become healthy.
    pub id: Id,
    /// Its title.
    #[schemars(with = "String")]
    pub title: ArcStr,
    /// What it is.
    pub kind: OutlineKind,
    /// Where it stands.
    pub state: Standing,
    /// When its first attempt began.
    pub started: Option<Moment>,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How long after the run's start it began, or ended if it never began, by a clock that no change of the
    /// calendar moves: the order of what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Length>,
    /// How long it took, by a clock that no change of the calendar moves.
    pub duration: Option<Length>,
    /// How long it took with all of its parts, if it has parts; these may have run beside others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Length>,
    /// How long the plan said it would take.
    pub estimate: Option<Length>,
    /// How often it was tried.
    pub attempts: u32,
    /// What it restored from.
    pub point: Option<Box<Point>>,
    /// Why it failed, was skipped or was not needed.
    #[schemars(with = "Option<String>")]
    pub note: Option<ArcStr>,
    /// Who answered, if a person was asked.
    pub answered_by: Option<String>,
    /// The names of the values that it left; the values stay in the journal.
    #[schemars(with = "Vec<Name>")]
    pub outputs: ThinVec<Name>,
    /// The values that it names and that only the real thing will know.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub unknown: ThinVec<String>,
    /// How it is taken back, if the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub undo: Option<ArcStr>,
    /// The step that it takes back, if it is an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Id>,
}

/// Something that was carried out and was not taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftBehind {
    /// The step.
    pub step: Id,
    /// Why it was not taken back.
    pub why: String,
    /// How it is taken back, if the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
}

/// What was taken back after the run was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undone {
    /// The steps that were taken back, in this order.
    pub steps: Vec<Id>,
    /// What is left to be taken back by hand, in this order.
    pub left: Vec<LeftBehind>,
}

impl Undone {
    fn of(state: &RunState) -> Option<Self> {
        let TakenBack { undone, left } = state.taken_back()?;
        let left =
            left.into_iter().map(|left| LeftBehind { step: left.step, why: left.why, undo: left.undo });
        Some(Self { steps: undone, left: left.collect() })
    }
}

/// What a person said or decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// When.
    pub at: Moment,
    /// Who.
    pub by: String,
    /// Whether a signature proves it.
    pub verified: bool,
    /// About which step; none if about the run.
    pub step: Option<Id>,
    /// What, in words such as "approved" or "skipped".
    pub what: String,
    /// In the person's own words.
    pub note: Option<String>,
    /// The account that it came from, where nothing proves who it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The fingerprint of the key that it is signed with; text and signature stand in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What somebody said or asked that did not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// When.
    pub at: Moment,
    /// Who is said to have said it; the file of the inbox if nobody can say.
    pub by: String,
    /// About which step; none if about the run.
    pub step: Option<Id>,
    /// Why it did not count.
    pub why: String,
}

/// Something that the plan has and the run left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The step.
    pub step: Id,
    /// Why.
    pub why: String,
}

/// What kept the probes of a dry run from writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// By what.
    pub by: Confined,
    /// What this means, or why nothing did.
    pub note: String,
}

/// What the journal of a run proves.
///
/// The type is the format: its schema is `schema/report.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of the format: 1.
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// The version of drplan.
    pub drplan: String,
    /// The plan's id.
    pub plan: Id,
    /// The plan's title.
    pub title: String,
    /// SHA-256 of the frozen resolved plan, in hexadecimal.
    pub plan_hash: String,
    /// What kind of run it is.
    pub mode: Mode,
    /// The scenario, if the plan has any.
    pub scenario: Option<Id>,
    /// The environment, if one was chosen.
    pub environment: Option<Id>,
    /// `recover` or `failback`.
    pub operation: String,
    /// The account that started it.
    pub by: String,
    /// The fingerprint of the key with which whoever started it has signed that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The machine that it was started on.
    pub host: String,
    /// When it began.
    pub started: Moment,
    /// When the incident began; none while the stage of a drill is not set.
    pub incident: Option<Moment>,
    /// When somebody decided that it is a disaster: said, or when the run was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Moment>,
    /// When it ended; none if it is not over.
    pub ended: Option<Moment>,
    /// How long it has taken until its last event.
    pub duration: Length,
    /// How it ended; none if it is not over.
    pub result: Option<RunResult>,
    /// How often a controller took it up again.
    pub resumed: u32,
    /// What became of each node of the route, in the order of the plan.
    pub steps: Vec<StepAccount>,
    /// What was reached for each target asset.
    pub assets: Vec<Measured>,
    /// What the plan has for this scenario and the run left out: not exercised.
    pub omitted: Vec<LeftOut>,
    /// What people said and decided, in order.
    pub decisions: Vec<Decision>,
    /// What somebody said or asked that did not count, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
    /// What was taken back, if it was given up and what it had carried out was to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Undone>,
    /// What it waits for, if the controller left on purpose.
    pub waits_for: Option<Vec<String>>,
    /// What kept the probes of a dry run from writing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confined: Option<Confinement>,
    /// What a dry run has looked for, and whether it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Who was told of what, or could not be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// What a reader must know to judge the numbers: clock jumps, a mended journal, a changed plan.
    pub notes: Vec<String>,
}

/// Makes the JSON Schema of a report (draft 2020-12).
pub fn schema() -> Value {
    schema_of::<Report>("report", "What a run did and proves")
}

impl Report {
    /// The version of the format.
    pub const VERSION: u32 = 1;

    /// Makes the report of a journal's events.
    ///
    /// # Errors
    ///
    /// When an event does not fit the ones before it, or the run does not begin with its start.
    pub fn of(events: &[(Stamp, Event)]) -> Result<Self, Misfit> {
        let mut draft = Draft::default();
        events.iter().try_for_each(|(stamp, event)| draft.add(stamp, event))?;
        draft.finish(&BTreeMap::new())
    }

    /// Whether every target was met; nothing if that cannot be known.
    pub fn targets_met(&self) -> Option<bool> {
        targets_met(&self.assets)
    }

    /// Returns how many nodes of the route stand as given.
    pub fn count(&self, state: Standing) -> usize {
        self.of_route().filter(|step| step.state == state).count()
    }

    /// Returns the nodes of the route: all but what takes others back.
    pub fn of_route(&self) -> impl Iterator<Item = &StepAccount> {
        self.steps.iter().filter(|step| step.undoes.is_none())
    }

    /// Whether a step was carried out and taken back.
    pub fn is_undone(&self, step: &Id) -> bool {
        self.undone.as_ref().is_some_and(|undone| undone.steps.contains(step))
    }
}

/// A report in the making. It takes the events of a journal one by one, so that they need not be held.
#[derive(Debug, Default)]
pub struct Draft {
    state: RunState,
    /// The last attempt of each node that began its work, by position.
    attempts: Vec<u32>,
    decisions: Vec<Decision>,
    rejected: Vec<Rejected>,
    notes: Vec<String>,
}

impl Draft {
    /// Adds an event.
    ///
    /// # Errors
    ///
    /// When it does not fit the ones before it.
    pub fn add(&mut self, stamp: &Stamp, event: &Event) -> Result<(), Misfit> {
        self.state.apply(event, stamp)?;
        self.attempts.resize(self.state.steps.len(), 0);
        if let Event::StepStarted { step, attempt } = event
            && let Some(at) = self.state.position(step.as_str())
        {
            self.attempts[at] = *attempt;
        }
        self.decisions.extend(decision(stamp, event));
        self.rejected.extend(rejected(stamp, event));
        self.notes.extend(note(stamp, event));
        Ok(())
    }

    /// Makes the report; `newest` is what queries on the restored data said of how new it is.
    ///
    /// # Errors
    ///
    /// When the run does not begin with its start.
    pub fn finish(self, newest: &BTreeMap<Id, Moment>) -> Result<Report, Misfit> {
        let Self { state, attempts, decisions, rejected, mut notes } = self;
        let (Some(start), Some(started), Some(last)) = (&state.start, &state.started, &state.last) else {
            return Err(Misfit::Run("the run does not begin with its start"));
        };
        let account = |((node, record), attempts): ((&Outline, &StepRecord), u32)| {
            StepAccount::of(&state, node, record, attempts)
        };
        if start.mode == Mode::Real && start.incident_at.is_none() {
            notes.push("nobody said when the incident began: its clock starts with the run".to_owned());
        }
        let left_out = |(step, why): (&Id, &String)| LeftOut { step: step.clone(), why: why.clone() };
        Ok(Report {
            version: Report::VERSION,
            run: start.run.clone(),
            drplan: start.drplan.clone(),
            plan: start.plan.clone(),
            title: start.title.clone(),
            plan_hash: start.plan_hash.clone(),
            mode: start.mode,
            scenario: start.scenario.clone(),
            environment: start.environment.clone(),
            operation: start.operation.clone(),
            by: start.by.clone(),
            key: start.proof.as_ref().map(|proof| proof.key.clone()),
            host: start.host.clone(),
            started: started.at,
            incident: incident(&state),
            declared: start.declared_at,
            ended: state.result.map(|_| last.at),
            duration: state.between(started, last),
            result: state.result,
            resumed: state.resumed,
            steps: start.nodes.iter().zip(&state.steps).zip(attempts).map(account).collect(),
            assets: measure(&state, newest),
            omitted: start.omitted.iter().map(left_out).collect(),
            decisions,
            rejected,
            undone: Undone::of(&state),
            waits_for: state.suspended,
            confined: state.confined.map(|(by, note)| Confinement { by, note }),
            checks: state.checks,
            deliveries: state.deliveries,
            notes,
        })
    }
}

impl StepAccount {
    fn of(run: &RunState, node: &Outline, record: &StepRecord, attempts: u32) -> Self {
        let state = Standing::of(&record.state);
        // A step that failed and was taken up again still bears the end of its failure.
        let ended = record.ended.as_ref().filter(|_| state.is_ended());
        // A skip may come hours after the failure; that is nobody's working time.
        let worked = record.started.as_ref().filter(|_| state != Standing::Skipped);
        Self {
            id: node.id.clone(),
            title: node.title.clone(),
            kind: node.kind,
            state,
            started: record.started.as_ref().map(|stamp| stamp.at),
            ended: ended.map(|stamp| stamp.at),
            after: record.started.as_ref().or(record.ended.as_ref()).map(|stamp| into_run(run, stamp)),
            duration: ended.zip(worked).map(|(ended, started)| run.between(started, ended)),
            whole: ended
                .filter(|_| node.kind == OutlineKind::Group && state != Standing::Skipped)
                .and_then(|ended| Some(run.between(run.whole_begun(node.id.as_str())?, ended))),
            estimate: node.takes,
            attempts,
            // What is taken back with a point has not restored it once more.
            point: record.point.clone().filter(|_| node.undoes.is_none()),
            note: record.note.clone(),
            answered_by: record.people().answered_by.clone(),
            outputs: record.outputs.iter().map(|(name, _)| name.clone()).collect(),
            unknown: record.unknown.clone(),
            undo: node.undo.clone(),
            undoes: node.undoes.clone(),
        }
    }
}

fn note(stamp: &Stamp, event: &Event) -> Option<String> {
    let at = stamp.at.for_people();
    match event {
        Event::ClockJumped { by_ms } => {
            let way = if *by_ms < 0 { "back" } else { "forward" };
            let by = Length::from_millis(by_ms.unsigned_abs());
            Some(format!("{at}: the calendar's clock was moved {way} by {by}; durations do not use it"))
        }
        Event::SecretUnmasked { by, secret } => {
            Some(format!("{at}: {by} has got {secret}, which is too short to be masked in its output"))
        }
        Event::HoldBegan { length, .. } => Some(format!("{at}: all was done, and was held for {length}")),
        Event::RunCommitted { by: None, reason, .. } => Some(format!("{at}: what was done stays: {reason}")),
        Event::JournalMended { dropped_bytes } => Some(format!(
            "{at}: a crash tore the journal's end; {dropped_bytes} bytes of an unfinished record were cut off"
        )),
        Event::RunResumed { by, host, plan_changed, taken_over } => {
            let changed = if *plan_changed {
                "; the plan's file had changed, and the run kept to the plan as it was"
            } else {
                ""
            };
            let over = taken_over.as_ref();
            let over = over.map(|over| format!(", taken over from {} ({})", over.from, over.reason));
            let over = over.unwrap_or_default();
            Some(format!("{at}: taken up again by {by} on {host}{over}{changed}"))
        }
        Event::StepJudged { step, verdict, why, .. } => {
            use crate::event::Verdict as V;
            let what = match verdict {
                V::Kept => "went on while drplan was away",
                V::NeverRan => "had not started before the interruption",
                V::Done => "was interrupted, but its work was found done",
                V::Again => "was interrupted and repeated",
                V::Ask => "was interrupted, and a person had to decide",
            };
            Some(format!("{at}: `{step}` {what}: {why}"))
        }
        _ => None,
    }
}

fn decision(stamp: &Stamp, event: &Event) -> Option<Decision> {
    let (by, step, what, note) = match event {
        Event::Answered { step, by, answer, note, .. } => {
            let what = if *answer == Answer::Yes { "said yes to" } else { "said no to" };
            (by, Some(step), what.to_owned(), note.clone())
        }
        Event::HandedOver { step, by, to, note, .. } => {
            (by, Some(step), format!("handed over to {to}:"), note.clone())
        }
        Event::StepSkipped { step, by, reason } => {
            (by, Some(step), "skipped".to_owned(), Some(reason.clone()))
        }
        Event::StepRetried { step, by, reason } => {
            (by, Some(step), "had tried again".to_owned(), Some(reason.clone()))
        }
        Event::StopAsked { by, reason, how } => {
            let what =
                if *how == StopHow::Undo { "asked to take back what was done" } else { "asked to stop" };
            (by, None, what.to_owned(), Some(reason.clone()).filter(|reason| !reason.is_empty()))
        }
        Event::RunCommitted { by: Some(by), reason, .. } => {
            let note = Some(reason.clone()).filter(|reason| !reason.is_empty());
            (by, None, "decided that what was done stays".to_owned(), note)
        }
        _ => return None,
    };
    let (proof, account) = match event {
        Event::Answered { proof, account, .. } | Event::HandedOver { proof, account, .. } => {
            (proof.as_ref(), account.clone())
        }
        Event::RunCommitted { account, .. } => (None, account.clone()),
        _ => (None, None),
    };
    Some(Decision {
        at: stamp.at,
        by: by.clone(),
        verified: proof.is_some(),
        step: step.cloned(),
        what,
        note,
        account,
        key: proof.map(|proof| proof.key.clone()),
    })
}

fn rejected(stamp: &Stamp, event: &Event) -> Option<Rejected> {
    let (by, step, why) = match event {
        Event::AnswerRejected { step, by, why } => (by, Some(step.clone()), why),
        Event::RequestHeard { file, useless: Some(why), .. } => (file, None, why),
        _ => return None,
    };
    Some(Rejected { at: stamp.at, by: by.clone(), step, why: why.clone() })
}
