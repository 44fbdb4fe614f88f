//! What was seen: the types of `drplan verify --format json`, and of what `--record` keeps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::probe::{Facts, Integrity};
use crate::value::{Id, Length, Moment, schema_of};

/// What `drplan verify` has seen of the backups of some plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The version of the format: 1.
    pub version: u32,
    /// The version of drplan.
    pub drplan: String,
    /// The moment to which everything was held.
    pub as_of: Moment,
    /// What kept probes from changing the backups: `mounts`, `landlock` or `nothing`.
    pub confined: String,
    /// The plans.
    pub plans: Vec<PlanSeen>,
}

/// What was seen of the backups of one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanSeen {
    /// The plan's id.
    pub plan: Id,
    /// Its title.
    pub title: String,
    /// Its file, relative to the root of the repository.
    pub file: String,
    /// The environment that lay over it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Id>,
    /// Its copies, in the order of the plan.
    pub copies: Vec<CopySeen>,
    /// What makes its backups, where the plan says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobSeen>,
    /// What its restores need, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<RestoreSeen>,
    /// Its assets that have a backup.
    pub assets: Vec<AssetSeen>,
}

/// What was seen of one copy of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopySeen {
    /// The copy, such as `nightly.s3`.
    pub copy: Id,
    /// The assets that it holds.
    pub of: Vec<Id>,
    /// The place where it lies.
    pub place: Option<Id>,
    /// Where in that place.
    pub at: Option<String>,
    /// The moment of the look: what `--record` keeps of an earlier one is older than the rest. In records of an older drplan
    /// nothing: then it is that of the whole.
    #[serde(default)]
    pub as_of: Option<Moment>,
    /// How bad the worst problem is; none if all is well.
    pub verdict: Option<Severity>,
    /// How many recovery points there are; none if nobody could look.
    pub count: Option<u64>,
    /// How many bytes they have together.
    pub bytes: Option<u64>,
    /// The moment of the oldest.
    pub oldest: Option<Moment>,
    /// The moment of the newest.
    pub newest: Option<Moment>,
    /// The age of the newest.
    pub age: Option<Length>,
    /// The age that it may have: by the schedule, and by the assets' `rpo` where the schedule can keep it.
    pub limit: Option<Length>,
    /// The longest time between two points.
    pub longest_gap: Option<Length>,
    /// How far the newest point was looked into.
    pub integrity: Option<Integrity>,
    /// When a good drill has last restored from this copy.
    #[serde(default)]
    pub restored: Option<Moment>,
    /// How far it must have been looked into, by the policy.
    pub wanted: Option<Integrity>,
    /// The points that were looked into, the newest first.
    pub looked_into: Vec<PointSeen>,
    /// The moments of all points, the oldest first.
    pub points: Vec<Moment>,
    /// The moments of points that were there at an earlier look, are gone, and should still be kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Moment>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// What says of which moment a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatedBy {
    /// Its name.
    Name,
    /// What a probe has found inside of it.
    Artifact,
}

/// A recovery point that was looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointSeen {
    /// Its name where it lies.
    pub name: String,
    /// Where it lies.
    pub path: String,
    /// The moment whose data it holds.
    pub time: Option<Moment>,
    /// What says so.
    pub dated_by: DatedBy,
    /// How many bytes it has where it lies.
    pub bytes: Option<u64>,
    /// When something of it was last changed, by the system or the bucket in which it lies; nothing where that cannot be told.
    #[serde(default)]
    pub changed: Option<Moment>,
    /// How far it was looked into.
    pub integrity: Integrity,
    /// How bad the worst problem of this point itself is; none if it is good.
    pub verdict: Option<Severity>,
    /// What its probes have told.
    pub facts: Facts,
}

/// What was seen of what makes a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSeen {
    /// The backup.
    pub backup: Id,
    /// What starts it, such as `/etc/cron.d/backup`.
    pub job: String,
    /// The moment of the look, in what `--record` keeps: that of an earlier one is older than the rest. In what is printed
    /// nothing: then it is that of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
    /// How bad the worst problem is; none if all is well.
    pub verdict: Option<Severity>,
    /// What is as it must be, for people.
    pub good: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// What was seen of what a step needs, before the disaster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreSeen {
    /// The step; where none can bring an asset back, the asset.
    pub step: Id,
    /// The scenarios in which this was found; none in a plan without scenarios.
    pub scenarios: Vec<Id>,
    /// The moment of the look, in what `--record` keeps: that of an earlier one is older than the rest. In what is printed
    /// nothing: then it is that of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
    /// How bad the worst problem is; none if all is well.
    pub verdict: Option<Severity>,
    /// What is as it must be, for people.
    pub good: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// What was seen of an asset over all of its copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetSeen {
    /// The asset.
    pub asset: Id,
    /// The moment of the look, in what `--record` keeps: that of an earlier one is older than the rest. In what is printed
    /// nothing: then it is that of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
    /// How old its newest point is that nothing speaks against.
    pub age: Option<Length>,
    /// The copy that has it.
    pub copy: Option<Id>,
    /// The asset's recovery point objective.
    pub rpo: Option<Length>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is good to know.
    Note,
    /// A promise is not kept, and what is there can be restored.
    Warning,
    /// Nobody can know whether it can be restored.
    Unknown,
    /// What the plan relies on is not there.
    Failure,
}

impl Severity {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Failure => "failure",
        }
    }
}

/// What kind of problem it is; stable, for those who filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// There is no recovery point.
    NoPoint,
    /// Nobody could look.
    NotSeen,
    /// The newest point is older than the schedule allows.
    Stale,
    /// The newest point is older than the asset's `rpo`.
    RpoMissed,
    /// A point of the schedule is not there.
    PointMissed,
    /// A point is dated in the future.
    Future,
    /// The name and what is inside tell different moments.
    Misdated,
    /// A point was there before and should still be kept.
    DeletedEarly,
    /// The points do not reach back as far as they are kept.
    ShortHistory,
    /// Somebody has not finished writing.
    Unfinished,
    /// A point has no bytes.
    Empty,
    /// A point holds less than it must.
    BelowFloor,
    /// A point holds much less than the one before.
    Dropped,
    /// A probe says that the point is not good.
    NotGood,
    /// A probe could not find out.
    NotKnown,
    /// The point is not what its producer wrote.
    DigestDiffers,
    /// Files of the point have no digest.
    NotCovered,
    /// It was not looked into as far as the policy wants.
    IntegrityTooLow,
    /// The secret that reading it takes cannot be fetched.
    NoKey,
    /// Its lock, its versions or its lifecycle are not what the plan says.
    NotProtected,
    /// It cannot be read at once, and the plan counts no time for getting it back.
    Cold,
    /// What makes it is not installed, or did not run.
    JobNotRun,
    /// A restore needs something that is not there.
    NotReady,
    /// Whether what a restore needs is there could not be asked before the restore.
    NotAsked,
    /// It lies where another copy lies, from which the plan says that it is apart.
    NotElsewhere,
}

impl Kind {
    /// Returns the word for it, as it stands in JSON.
    pub fn word(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// What kind it is.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// The point that it is about, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<String>,
    /// What is wrong, for people.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl Problem {
    /// Makes one.
    pub fn new(kind: Kind, severity: Severity, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { kind, severity, point: None, what: what.into(), help: help.into() }
    }

    /// Says which point it is about.
    #[must_use]
    pub fn at(mut self, point: &str) -> Self {
        self.point = Some(point.to_owned());
        self
    }
}

impl CopySeen {
    /// Adds a problem; the worst stand first, of one kind as they were found.
    pub(super) fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
        self.problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
        self.verdict = self
            .problems
            .iter()
            .map(|problem| problem.severity)
            .max()
            .filter(|worst| *worst > Severity::Note);
    }
}

impl PlanSeen {
    /// Returns every problem, each with what it is about: a copy, a backup of which it is the job, a step, or an asset.
    pub fn problems(&self) -> impl Iterator<Item = (&Id, &Problem)> {
        self.problems_seen().map(|(about, problem, _)| (about, problem))
    }

    /// Returns every problem, each with what it is about, and the moment of the look where that is on record.
    pub fn problems_seen(&self) -> impl Iterator<Item = (&Id, &Problem, Option<Moment>)> {
        let of_copies = self.copies.iter().map(|copy| (&copy.copy, &copy.problems, copy.as_of));
        let of_jobs = self.jobs.iter().map(|job| (&job.backup, &job.problems, job.as_of));
        let of_restores = self.restores.iter().map(|seen| (&seen.step, &seen.problems, seen.as_of));
        let of_assets = self.assets.iter().map(|asset| (&asset.asset, &asset.problems, asset.as_of));
        let all = of_copies.chain(of_jobs).chain(of_restores).chain(of_assets);
        all.flat_map(|(about, problems, as_of)| problems.iter().map(move |problem| (about, problem, as_of)))
    }

    /// Returns how bad the worst problem is; none if there is nothing worse than a note.
    pub fn worst(&self) -> Option<Severity> {
        let severities = self.problems().map(|(_, problem)| problem.severity);
        severities.max().filter(|worst| *worst > Severity::Note)
    }
}

impl Verification {
    /// The version of the format.
    pub const VERSION: u32 = 1;

    /// Returns every problem, each with its plan and what it is about.
    pub fn problems(&self) -> impl Iterator<Item = (&PlanSeen, &Id, &Problem)> {
        self.plans.iter().flat_map(|plan| plan.problems().map(move |(about, problem)| (plan, about, problem)))
    }

    /// Returns how bad the worst problem is; none if there is nothing worse than a note.
    pub fn worst(&self) -> Option<Severity> {
        self.plans.iter().filter_map(PlanSeen::worst).max()
    }
}

/// Makes the JSON Schema of a verification (draft 2020-12).
pub fn schema() -> Value {
    schema_of::<Verification>("verification", "What drplan verify has seen")
}
