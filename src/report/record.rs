//! The drill record: what auditors ask for, as far as a run can know it.
//!
//! What only people can know stands in the record as an empty list or nothing, to be filled in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::headline::problems;
use super::{Compared, LeftOut, Measured, Reached, Report, Standing};
use crate::event::{Mode, OutlineKind, RunResult};
use crate::value::{Date, Id, Length, Moment, RunId, schema_of};

/// By how much the clock of the machine that made a record may be ahead.
const A_DAY: Length = Length::from_secs(86_400);

/// What kind of test it was, in the words of NIST SP 800-34 and CP-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestType {
    /// The plan was walked through; nothing was asked or changed.
    Walkthrough,
    /// Read-only questions were asked of the real systems; nothing was changed.
    Simulation,
    /// Everything was really done, beside production in an environment of its own.
    Parallel,
    /// No test: the disaster.
    RealEvent,
}

/// Whether restored data was found intact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Integrity {
    /// The asset.
    pub asset: Id,
    /// Whether its health probes passed after the restore; none if that is not known.
    pub passed: Option<bool>,
    /// What the probes found, if they did not pass.
    pub note: Option<String>,
}

/// A recovery point that was restored, and how old it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestorePoint {
    /// The step that restored it.
    pub step: Id,
    /// The copy.
    pub copy: Id,
    /// What moment of the data it holds.
    pub time: Option<Moment>,
    /// Its age when the restore began.
    pub age: Option<Length>,
    /// Why this one.
    pub why: String,
}

/// Somebody who took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// Who.
    pub who: String,
    /// In which role; for people to fill in.
    pub role: Option<String>,
    /// What they did.
    pub did: Vec<String>,
    /// Whether a signature proves any of it.
    pub verified: bool,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepLine {
    /// The step, or the asset that had to become healthy.
    pub id: Id,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub state: Standing,
    /// When it began.
    pub started: Option<Moment>,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How long it took.
    pub duration: Option<Length>,
    /// How long the plan said it would take.
    pub estimate: Option<Length>,
    /// Why it failed, was skipped or was not needed.
    pub note: Option<String>,
}

/// Something that will be put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Corrective {
    /// What.
    pub what: String,
    /// Who sees to it.
    pub owner: String,
    /// Until when.
    pub due: Date,
    /// How far it is, such as `open` or `done`.
    pub status: String,
}

/// A drill record.
///
/// The type is the format: its schema is `schema/evidence.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of the format: 1.
    pub version: u32,
    /// The test's unique id: that of its run.
    pub id: RunId,
    /// When it began.
    pub started: Moment,
    /// When it ended; none if it is not over.
    pub ended: Option<Moment>,
    /// How long it took.
    pub duration: Length,
    /// The plan.
    pub plan: Id,
    /// The plan's title.
    pub title: String,
    /// The version of the plan that was tested: SHA-256 of the plan as it was run.
    pub plan_hash: String,
    /// The version of drplan.
    pub drplan: String,
    /// What kind of test it was.
    pub test_type: TestType,
    /// The scenario.
    pub scenario: Option<Id>,
    /// The environment that it took place in.
    pub environment: Option<Id>,
    /// `recover` or `failback`.
    pub operation: String,
    /// The assets in scope.
    pub systems: Vec<Id>,
    /// When the incident began, or was staged.
    pub incident: Option<Moment>,
    /// How the run ended; none if it is not over.
    pub result: Option<RunResult>,
    /// Whether all was carried out and every target met; none if that cannot be known.
    pub passed: Option<bool>,
    /// What keeps it from being clean.
    pub gaps: Vec<String>,
    /// Targets against what was reached.
    pub targets: Vec<Measured>,
    /// Whether the restored data was intact.
    pub integrity: Vec<Integrity>,
    /// What was restored from, and its age.
    pub restored_from: Vec<RestorePoint>,
    /// The account of the steps, with their times.
    pub steps: Vec<StepLine>,
    /// What the plan has and the run left out.
    pub not_exercised: Vec<LeftOut>,
    /// Who took part.
    pub participants: Vec<Participant>,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
    /// What a reader must know to judge the numbers.
    pub notes: Vec<String>,
    /// What people observed; for people to fill in.
    pub observations: Vec<String>,
    /// What they advise; for people to fill in.
    pub recommendations: Vec<String>,
    /// What will be put right; for people to fill in.
    pub corrective_actions: Vec<Corrective>,
    /// Who was kept out, such as key personnel said to be unavailable; for people to fill in.
    pub excluded: Vec<String>,
    /// Third parties that were involved; for people to fill in.
    pub third_parties: Vec<String>,
    /// Risk assessment or impact analysis that it belongs to; for people to fill in.
    pub references: Vec<String>,
    /// Who reviewed the record; nobody yet.
    pub reviewer: Option<String>,
    /// When; not yet.
    pub reviewed: Option<Date>,
    /// The hash of the journal's last record, which holds the whole journal.
    pub journal_head: String,
}

/// Makes the JSON Schema of a drill record (draft 2020-12).
pub fn schema() -> Value {
    schema_of::<Record>("evidence", "A drill record")
}

impl Record {
    /// The version of the format.
    pub const VERSION: u32 = 1;

    /// Says what of it cannot be, whoever has written it; nothing if it may all be so.
    ///
    /// What people have seen they may add, and nobody knows whether it is true. But a drill that is still to come has shown
    /// nothing, and one that says that it passed has done all and met every target.
    pub fn contradiction(&self, now: Moment) -> Option<String> {
        let over = self.ended.unwrap_or(self.started);
        if over > now.plus(A_DAY) {
            return Some(format!("is of {}, which is still to come", over.for_people()));
        }
        if self.passed != Some(true) {
            return None;
        }
        let but = self.against_passed()?;
        Some(format!("says that it passed, and that {but}"))
    }

    fn against_passed(&self) -> Option<String> {
        if self.result != Some(RunResult::Done) {
            return Some("its run did not end well".to_owned());
        }
        if let Some(out) = self.not_exercised.first() {
            return Some(format!("`{}` was not exercised", out.step));
        }
        let undone = |step: &&StepLine| !matches!(step.state, Standing::Done | Standing::Unneeded);
        if let Some(step) = self.steps.iter().find(undone) {
            return Some(format!("`{}` is {}", step.id, step.state.title()));
        }
        self.targets.iter().find_map(|asset| {
            let of = |what: &str, compared: &Compared| {
                let (target, verdict) = (compared.target?, compared.verdict.title());
                if compared.verdict != Reached::Met {
                    return Some(format!("the {what} of `{}` is {verdict}", asset.asset));
                }
                let late = compared.achieved.filter(|achieved| *achieved > target)?;
                Some(format!("the {what} of `{}` was {late} and met {target}", asset.asset))
            };
            of("recovery time", &asset.rto).or_else(|| of("data lost", &asset.rpo))
        })
    }

    /// Makes the record of a run; `journal_head` is the hash of its journal's last record.
    pub fn of(report: &Report, journal_head: &str) -> Self {
        Self {
            version: Self::VERSION,
            id: report.run.clone(),
            started: report.started,
            ended: report.ended,
            duration: report.duration,
            plan: report.plan.clone(),
            title: report.title.clone(),
            plan_hash: report.plan_hash.clone(),
            drplan: report.drplan.clone(),
            test_type: match report.mode {
                Mode::Real => TestType::RealEvent,
                Mode::Drill => TestType::Parallel,
                Mode::DryRun => TestType::Simulation,
                Mode::DryPlan => TestType::Walkthrough,
            },
            scenario: report.scenario.clone(),
            environment: report.environment.clone(),
            operation: report.operation.clone(),
            systems: report.assets.iter().map(|asset| asset.asset.clone()).collect(),
            incident: report.incident,
            result: report.result,
            passed: passed(report),
            gaps: problems(report),
            targets: report.assets.clone(),
            integrity: report.assets.iter().map(|asset| integrity(report, &asset.asset)).collect(),
            restored_from: restored_from(report),
            steps: steps(report),
            not_exercised: report.omitted.clone(),
            participants: participants(report),
            assumptions: assumptions(report),
            notes: report.notes.clone(),
            observations: Vec::new(),
            recommendations: Vec::new(),
            corrective_actions: Vec::new(),
            excluded: Vec::new(),
            third_parties: Vec::new(),
            references: Vec::new(),
            reviewer: None,
            reviewed: None,
            journal_head: journal_head.to_owned(),
        }
    }
}

fn passed(report: &Report) -> Option<bool> {
    match report.result? {
        // A dry run restores nothing: it can show that a recovery is impossible, never that it works.
        RunResult::Possible => None,
        RunResult::Failed | RunResult::Aborted | RunResult::Impossible => Some(false),
        RunResult::Done if problems(report).is_empty() => Some(true),
        RunResult::Done => {
            let missed =
                report.assets.iter().any(|a| [a.rto.verdict, a.rpo.verdict].contains(&Reached::Missed));
            let whole = report.omitted.is_empty()
                && report.steps.iter().all(|step| matches!(step.state, Standing::Done | Standing::Unneeded));
            if missed || !whole { Some(false) } else { None }
        }
    }
}

fn integrity(report: &Report, asset: &Id) -> Integrity {
    let health = report.steps.iter().find(|step| step.kind == OutlineKind::Health && step.id == *asset);
    let passed = match health.map(|step| step.state) {
        Some(Standing::Done) => Some(true),
        Some(Standing::Failed) => Some(false),
        _ => None,
    };
    Integrity {
        asset: asset.clone(),
        passed,
        note: health.and_then(|step| step.note.as_deref()).map(str::to_owned),
    }
}

fn restored_from(report: &Report) -> Vec<RestorePoint> {
    let mut points = Vec::new();
    for step in &report.steps {
        let Some(point) = &step.point else { continue };
        let age = step.started.zip(point.time).and_then(|(started, time)| started.since(time));
        points.push(RestorePoint {
            step: step.id.clone(),
            copy: point.copy.clone(),
            time: point.time,
            age,
            why: point.why.clone(),
        });
    }
    points
}

fn steps(report: &Report) -> Vec<StepLine> {
    let line = |step: &super::StepAccount| StepLine {
        id: step.id.clone(),
        title: step.title.to_string(),
        state: step.state,
        started: step.started,
        ended: step.ended,
        duration: step.duration,
        estimate: step.estimate,
        note: step.note.as_deref().map(str::to_owned),
    };
    report.steps.iter().map(line).collect()
}

fn participants(report: &Report) -> Vec<Participant> {
    let new = |who: &str, did: String, verified| Participant {
        who: who.to_owned(),
        role: None,
        did: vec![did],
        verified,
    };
    let mut people =
        vec![new(&report.by, format!("started the run on {}", report.host), report.key.is_some())];
    for decision in &report.decisions {
        let step = decision.step.as_ref().map(|step| format!(" `{step}`")).unwrap_or_default();
        let did = format!("{}{step}", decision.what);
        match people.iter_mut().find(|person| person.who == decision.by) {
            Some(person) => {
                person.did.push(did);
                person.verified |= decision.verified;
            }
            None => people.push(new(&decision.by, did, decision.verified)),
        }
    }
    people
}

fn assumptions(report: &Report) -> Vec<String> {
    let assumed = report.assets.iter().find_map(|asset| asset.rto.assumed);
    let told = |time| format!("to detect the incident and to decide takes {time}, as the plan says");
    assumed.map(told).into_iter().collect()
}
