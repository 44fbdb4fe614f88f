//! The events, and which of them must be on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::{Check, Confined, Delivery, Failure, Outcome, Proof, TakeOver};
use crate::value::{Id, Length, Moment, Name, RunId};

/// What kind of run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The disaster.
    Real,
    /// Everything is really done, in an environment of its own.
    Drill,
    /// Nothing is changed; read-only questions are really asked.
    DryRun,
    /// Nothing is changed and nothing is asked.
    DryPlan,
}

impl Mode {
    /// Whether nothing is changed in it.
    pub const fn is_dry(self) -> bool {
        matches!(self, Self::DryRun | Self::DryPlan)
    }

    /// Returns the mode's name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Real => "real run",
            Self::Drill => "drill",
            Self::DryRun => "dry run",
            Self::DryPlan => "dry run of the plan alone",
        }
    }
}

/// A recovery target of an asset in this run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The asset.
    pub asset: Id,
    /// Longest time from the incident until the asset is healthy; none if nothing is promised.
    pub rto: Option<Length>,
    /// Longest stretch of lost data; none if nothing is promised.
    pub rpo: Option<Length>,
    /// What the route does with the asset, such as "lost with vps-00".
    pub why: String,
    /// What its recovery time was predicted to be before the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Prediction>,
}

/// A recovery time as it was predicted: the route carried out on paper many times, from the incident until the asset is healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// Half of the times it took at most this long; null if fewer came to an end.
    pub p50: Option<Length>,
    /// Of 100 times, 95 took at most this long; null if fewer came to an end.
    pub p95: Option<Length>,
    /// How many drills have measured the steps, at most; 0 if it rests on the estimates of the plan alone.
    pub drills: usize,
}

/// What a node of the route is, as far as a listener needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutlineKind {
    /// A step that sets the stage of a drill, before the clock starts.
    Prepare,
    /// A step of the recovery.
    Step,
    /// The steps of a recipe, closed by its verification.
    Group,
    /// An asset that must be healthy.
    Health,
    /// A step that tidies up after a drill.
    Cleanup,
    /// Takes a step back that was carried out.
    Undo,
}

/// A node of the route, as listeners need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outline {
    /// The node: a step by its path, or an asset that must become healthy.
    pub id: Id,
    /// What it is.
    pub kind: OutlineKind,
    /// Its title for people.
    #[schemars(with = "String")]
    pub title: ArcStr,
    /// How long it should take, if the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Length>,
    /// What it waits for, as positions in the list of nodes.
    #[schemars(with = "Vec<usize>")]
    pub after: Arc<[usize]>,
    /// Assets that it restores.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    #[schemars(with = "Vec<Id>")]
    pub restores: ThinVec<Id>,
    /// How it is taken back, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub undo: Option<ArcStr>,
    /// The step that it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Id>,
}

/// A recovery point that a step restores from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The copy, such as `nightly.local`.
    pub copy: Id,
    /// Where it lies, if drplan could look.
    pub path: Option<String>,
    /// What moment of the data it holds, if the point says so.
    pub time: Option<Moment>,
    /// Why this one.
    pub why: String,
    /// The moment before which it had to be, if there was one: of the harm, or what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Moment>,
}

/// The output by which a step says when data was spoiled.
pub const HARMED_AT: &str = "HARMED_AT";

/// Returns what a person types elsewhere to answer a step.
pub fn how_to_answer(run: &str, step: &Id, outputs: &[Name]) -> String {
    let outputs: String = outputs.iter().map(|name| format!(" --output {name}=VALUE")).collect();
    format!("drplan approve {run} {step} --as PERSON{outputs}")
}

/// When data was spoiled, and whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HarmedAt {
    /// The moment; nothing where it was not known yet: a drill's stage does the harm, or a step finds out when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// Whether nobody has said so: a drill or a dry run counts back `found_after`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
    /// The assets whose data is spoiled.
    pub assets: Vec<Id>,
}

/// How a run is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopHow {
    /// Start nothing more and wait for what runs; can be resumed.
    Drain,
    /// End what runs as well; can be resumed.
    Kill,
    /// End what runs and give the run up.
    Abort,
    /// End what runs, give the run up, and take back what was carried out.
    Undo,
}

/// What was decided about a step that had a start and no end when the run was resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It still runs, or its end was found: nothing was lost.
    Kept,
    /// It had never started; it starts now.
    NeverRan,
    /// `unless` or `verify` says that its work is done.
    Done,
    /// It may be repeated and is.
    Again,
    /// Nobody can know; a person must say.
    Ask,
}

/// What a person said about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Approved, or done.
    Yes,
    /// Refused, or cannot be done.
    No,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// Every step was done and every asset is healthy.
    Done,
    /// A step failed, was skipped by a person, or was left out.
    Failed,
    /// A person gave the run up.
    Aborted,
    /// A dry run: the real thing would have been possible.
    Possible,
    /// A dry run: the real thing would have failed.
    Impossible,
}

/// How a run began; all that a listener needs to know of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunStarted {
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
    /// The machine that it was started on.
    pub host: String,
    /// When the incident began, if that was said.
    pub incident_at: Option<Moment>,
    /// When somebody decided that it is a disaster: as was said, or when a real run was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<Moment>,
    /// When data was spoiled, if the scenario spoils any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harmed: Option<HarmedAt>,
    /// The moment before which every recovery point must be, if somebody has asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Moment>,
    /// Whether recovery points are taken without looking into them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
    /// The plan's `detect` and `decide`, which a drill adds to what it measured.
    pub assumed: Length,
    /// The targets of the assets that the route brings back.
    pub targets: Vec<Target>,
    /// The nodes of the route, in the order of the plan.
    pub nodes: Vec<Outline>,
    /// What the plan has for this scenario and this run leaves out: step and reason.
    pub omitted: BTreeMap<Id, String>,
    /// What whoever started it has signed, and the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Box<Proof>>,
}

/// Something that happened in a run.
///
/// The type is the format: its schema is `schema/event.schema.json`. Fields may be added; none is
/// renamed or removed while the journal's version stays the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The run began.
    RunStarted(Arc<RunStarted>),
    /// The stage of a drill is set: the clock of the incident starts here.
    IncidentStaged,
    /// A recovery point was chosen for a step.
    PointChosen {
        /// The step.
        step: Id,
        /// The point.
        point: Point,
    },
    /// A step that restores has found its recovery point bad. The step is tried again with the one before.
    PointRefused {
        /// The step.
        step: Id,
        /// The attempt that has found it.
        attempt: u32,
        /// Where the point lies.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A step begins. On disk before anything is done.
    StepStarted {
        /// The step.
        step: Id,
        /// Counts from 1.
        attempt: u32,
    },
    /// A step ended.
    StepFinished {
        /// The step.
        step: Id,
        /// The attempt that ended.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// What it wrote to `$DRPLAN_OUTPUT`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<Name, String>,
    },
    /// An attempt failed and another will follow.
    RetryPlanned {
        /// The step.
        step: Id,
        /// The attempt that failed.
        attempt: u32,
        /// Why it failed.
        failure: Failure,
        /// How long to wait before the next.
        delay: Length,
    },
    /// A step is not carried out because its work is done already (`unless`).
    StepUnneeded {
        /// The step.
        step: Id,
        /// What the probe found.
        why: String,
    },
    /// A person decided to go on without a step.
    StepSkipped {
        /// The step.
        step: Id,
        /// Who decided.
        by: String,
        /// Why.
        reason: String,
    },
    /// A person decided that a failed step is tried again.
    StepRetried {
        /// The step.
        step: Id,
        /// Who decided.
        by: String,
        /// Why.
        reason: String,
    },
    /// A step waits for a person.
    AnswerAwaited {
        /// The step.
        step: Id,
        /// The attempt.
        attempt: u32,
        /// Who may answer: people or roles; empty means anybody.
        from: Vec<Id>,
        /// Whether it is an approval (else something to do).
        approval: bool,
        /// What is asked, with its values put in.
        text: String,
        /// The outputs that the answer must give.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outputs: Vec<Name>,
    },
    /// A person answered.
    Answered {
        /// The step.
        step: Id,
        /// Who: a person of the plan, or the account's name.
        by: String,
        /// Whether a signature proves it.
        verified: bool,
        /// What was said.
        answer: Answer,
        /// In the person's own words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// The outputs of the step, where it has some: what the person's words give.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<Name, String>,
        /// The account that it came from, where nothing proves who it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// What was signed, and the signature.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<Box<Proof>>,
    },
    /// A person gave what is to be done into other hands.
    HandedOver {
        /// The step.
        step: Id,
        /// Who: a person of the plan, or the account's name.
        by: String,
        /// To whom.
        to: Id,
        /// In the person's own words: how far it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// The account that it came from, where nothing proves who it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// What was signed, and the signature.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<Box<Proof>>,
    },
    /// A file of the inbox was heard: it is recorded with what it led to, and removed only then.
    RequestHeard {
        /// The file's name.
        file: String,
        /// SHA-256 of what stood in it, in hexadecimal: the same request is not heard twice.
        sha256: String,
        /// Why it counted for nothing, where that stands in no other event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        useless: Option<String>,
        /// What was signed, and the signature, where that stands in no other event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<Box<Proof>>,
    },
    /// An answer or a request did not count.
    AnswerRejected {
        /// The step.
        step: Id,
        /// Who gave it.
        by: String,
        /// Why it did not count.
        why: String,
    },
    /// A step that had a start and no end was judged when the run was resumed.
    StepJudged {
        /// The step.
        step: Id,
        /// The attempt that was interrupted.
        attempt: u32,
        /// What was decided.
        verdict: Verdict,
        /// Why.
        why: String,
    },
    /// A controller took the run up again.
    RunResumed {
        /// The account.
        by: String,
        /// The machine.
        host: String,
        /// Whether the plan's file has changed since the run began; the run keeps to the frozen one.
        plan_changed: bool,
        /// From whom it was taken over, and why, where nobody could see whether that one still controlled it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taken_over: Option<TakeOver>,
    },
    /// The journal's end was torn by a crash and was cut off.
    JournalMended {
        /// How many bytes of an unfinished record were dropped.
        dropped_bytes: u64,
    },
    /// The calendar's clock was moved during the run.
    ClockJumped {
        /// By how many milliseconds; negative if it went back.
        by_ms: i64,
    },
    /// A secret is too short to be taken out of what a step prints.
    SecretUnmasked {
        /// The step that got it.
        by: Id,
        /// The secret's name.
        secret: Name,
    },
    /// The run was asked to stop.
    StopAsked {
        /// Who asked.
        by: String,
        /// How.
        how: StopHow,
        /// Why; empty for a signal.
        reason: String,
    },
    /// All is done, and the run is held: until it is committed or given up, or until the time is over.
    HoldBegan {
        /// For how long.
        length: Length,
        /// Whether what was done is taken back when nobody has decided by then; else it stays.
        undoes: bool,
    },
    /// What was done stays.
    RunCommitted {
        /// Who decided; nobody if the time was over and the plan says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// In the person's own words, or what the plan says.
        reason: String,
        /// The account that it came from, where nothing proves who it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
    },
    /// What was carried out is taken back from here on.
    UndoBegan {
        /// The undos, in the order in which they are carried out: from now on they are nodes of the run.
        nodes: Vec<Outline>,
        /// What was carried out as well and cannot be taken back: it has no undo, or a person has skipped it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<Id>,
    },
    /// The controller leaves; the run can be resumed.
    RunSuspended {
        /// What it waits for, in words.
        waits_for: Vec<String>,
    },
    /// The run is over.
    RunFinished {
        /// How it ended.
        result: RunResult,
    },
    /// A dry run says whether its probes can change anything.
    ProbesConfined {
        /// What keeps them from writing.
        by: Confined,
        /// What this means, or why nothing does.
        note: String,
    },
    /// A dry run has asked for something that the real thing will need.
    Checked(Check),
    /// A dry run comes to something that names values which are known only when the real thing runs.
    ValuesUnknown {
        /// The step or asset.
        step: Id,
        /// The names.
        names: Vec<String>,
    },
    /// Somebody was told of something that happened in the run, or could not be.
    Told(Delivery),
    /// Shown and forgotten: a health probe or `wait` was not yet content.
    StillWaiting {
        /// The node.
        step: Id,
        /// What the last look found.
        why: String,
    },
}

impl Event {
    /// Whether the event must be in the journal before anything acts on it.
    pub const fn is_durable(&self) -> bool {
        match self {
            Self::RunStarted(_)
            | Self::IncidentStaged
            | Self::PointChosen { .. }
            | Self::PointRefused { .. }
            | Self::StepStarted { .. }
            | Self::StepFinished { .. }
            | Self::RetryPlanned { .. }
            | Self::StepUnneeded { .. }
            | Self::StepSkipped { .. }
            | Self::StepRetried { .. }
            | Self::AnswerAwaited { .. }
            | Self::Answered { .. }
            | Self::HandedOver { .. }
            | Self::RequestHeard { .. }
            | Self::AnswerRejected { .. }
            | Self::StepJudged { .. }
            | Self::RunResumed { .. }
            | Self::JournalMended { .. }
            | Self::ClockJumped { .. }
            | Self::SecretUnmasked { .. }
            | Self::StopAsked { .. }
            | Self::HoldBegan { .. }
            | Self::RunCommitted { .. }
            | Self::UndoBegan { .. }
            | Self::RunSuspended { .. }
            | Self::RunFinished { .. }
            | Self::ProbesConfined { .. }
            | Self::Checked(_)
            | Self::ValuesUnknown { .. }
            | Self::Told(_) => true,
            Self::StillWaiting { .. } => false,
        }
    }

    /// Returns the step or asset that the event is about.
    pub const fn subject(&self) -> Option<&Id> {
        match self {
            Self::PointChosen { step, .. }
            | Self::PointRefused { step, .. }
            | Self::StepStarted { step, .. }
            | Self::StepFinished { step, .. }
            | Self::RetryPlanned { step, .. }
            | Self::StepUnneeded { step, .. }
            | Self::StepSkipped { step, .. }
            | Self::StepRetried { step, .. }
            | Self::AnswerAwaited { step, .. }
            | Self::Answered { step, .. }
            | Self::HandedOver { step, .. }
            | Self::AnswerRejected { step, .. }
            | Self::StepJudged { step, .. }
            | Self::ValuesUnknown { step, .. }
            | Self::StillWaiting { step, .. } => Some(step),
            Self::RunStarted(_)
            | Self::IncidentStaged
            | Self::RequestHeard { .. }
            | Self::RunResumed { .. }
            | Self::JournalMended { .. }
            | Self::ClockJumped { .. }
            | Self::SecretUnmasked { .. }
            | Self::StopAsked { .. }
            | Self::HoldBegan { .. }
            | Self::RunCommitted { .. }
            | Self::UndoBegan { .. }
            | Self::RunSuspended { .. }
            | Self::RunFinished { .. }
            | Self::ProbesConfined { .. }
            | Self::Checked(_)
            | Self::Told(_) => None,
        }
    }
}
