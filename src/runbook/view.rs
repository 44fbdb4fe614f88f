//! What a template may use: types of their own, so that the program can change without breaking templates.
//!
//! Version 1. A field may be added within a version; none is taken away or changes its meaning.

use serde::Serialize;

use super::Fence;

/// The version of these types, as `view` in a template.
pub const VIEW: u32 = 1;

/// A runbook: one plan in one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Runbook {
    /// The version of these types.
    pub view: u32,
    /// The plan.
    pub plan: PlanView,
    /// The scenario; null if the plan has none.
    pub scenario: Option<ScenarioView>,
    /// When the plan is invoked, who decides, when it is over.
    pub activation: ActivationView,
    /// Whom to call.
    pub people: Vec<PersonView>,
    /// What is promised, and what is expected.
    pub targets: Vec<TargetView>,
    /// Places and people that are gone.
    pub losses: Vec<Reason>,
    /// The assets that are hit, with how they come back.
    pub hit: Vec<AssetView>,
    /// The assets that are not hit.
    pub untouched: Vec<Reason>,
    /// The places that the recovery uses.
    pub places: Vec<PlaceView>,
    /// How long it takes.
    pub times: TimesView,
    /// The order as a Mermaid flowchart.
    pub diagram: String,
    /// What every bash begins with that steps are done in: it sets the variables that are the same at all of them.
    pub start: Fence,
    /// The steps in the order in which one person can do them, under their headings.
    pub groups: Vec<GroupView>,
    /// Whether there is anything to do.
    pub has_steps: bool,
    /// Steps that are not part of this recovery, each with the reason.
    pub not_chosen: Vec<Reason>,
    /// What this plan cannot bring back or do without, in words.
    pub missing: Vec<String>,
    /// What is left to do when everything is healthy, in words.
    pub afterwards: Vec<String>,
    /// The files that this runbook was made from.
    pub files: Vec<FileView>,
    /// The version of the plan language.
    pub language: u32,
}

/// The index of a plan's runbooks.
#[derive(Clone, Debug, Serialize)]
pub struct Index {
    /// The version of these types.
    pub view: u32,
    /// The plan.
    pub plan: PlanView,
    /// When the plan is invoked, who decides, when it is over.
    pub activation: ActivationView,
    /// Whom to call.
    pub people: Vec<PersonView>,
    /// The assets with their targets.
    pub targets: Vec<TargetView>,
    /// The runbooks.
    pub runbooks: Vec<IndexEntry>,
    /// The files that it was made from.
    pub files: Vec<FileView>,
    /// The version of the plan language.
    pub language: u32,
}

/// A runbook in the index.
#[derive(Clone, Debug, Serialize)]
pub struct IndexEntry {
    /// The file beside the index.
    pub file: String,
    /// The scenario's title.
    pub title: String,
    /// What happens in it, in words.
    pub what: Vec<String>,
    /// From the incident to the end of the recovery.
    pub total: String,
    /// Whether a target is missed or something cannot come back.
    pub falls_short: bool,
}

/// A plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlanView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Its file, relative to the repository's root.
    pub file: String,
    /// The folder of the file, relative to the repository's root; `.` for the root.
    pub folder: String,
}

/// A scenario.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
    /// What happens, in words.
    pub what: Vec<String>,
}

/// When the plan is invoked, and when it is over.
#[derive(Clone, Debug, Serialize)]
pub struct ActivationView {
    /// What must have happened.
    pub when: Option<String>,
    /// The person or role that decides.
    pub by: Option<String>,
    /// The names of the people who may decide.
    pub deciders: Vec<String>,
    /// What must be true in the end.
    pub ends_when: Option<String>,
    /// For how long it can be decided at the end whether what was done stays.
    pub hold: Option<HoldView>,
}

/// For how long it can be decided at the end whether what was done stays.
#[derive(Clone, Debug, Serialize)]
pub struct HoldView {
    /// How long.
    pub length: String,
    /// Whether what was done is taken back when nobody has decided by then; else it stays.
    pub undoes: bool,
}

/// A person.
#[derive(Clone, Debug, Serialize)]
pub struct PersonView {
    /// The name.
    pub name: String,
    /// The roles, with commas.
    pub roles: String,
    /// How to reach the person.
    pub contact: Option<String>,
    /// How long it takes until the person can act.
    pub arrives: Option<String>,
    /// Why the person cannot be relied on in this scenario.
    pub lost: Option<String>,
}

/// An asset with its targets.
#[derive(Clone, Debug, Serialize)]
pub struct TargetView {
    /// The asset's title.
    pub title: String,
    /// What it is.
    pub kind: String,
    /// Which comes back first.
    pub priority: Option<u32>,
    /// Recovery time objective.
    pub rto: Option<String>,
    /// Recovery point objective.
    pub rpo: Option<String>,
    /// When it should be healthy, from the incident; null if it is not hit or cannot come back.
    pub expected: Option<String>,
    /// Whether that is later than promised.
    pub missed: bool,
}

/// Something and the reason.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    /// What.
    pub name: String,
    /// Why.
    pub why: String,
}

/// An asset that is hit.
#[derive(Clone, Debug, Serialize)]
pub struct AssetView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What happened to it, in one word.
    pub state: String,
    /// Why.
    pub why: String,
    /// Where it will live.
    pub home: Option<String>,
    /// Where it lived; null if it stays.
    pub was: Option<String>,
    /// The homes that were passed over.
    pub homes_passed_over: Vec<Reason>,
    /// The copy that it comes back from.
    pub copy: Option<CopyView>,
    /// The copies that were passed over.
    pub copies_passed_over: Vec<Reason>,
    /// The number of the step that brings it back.
    pub step: Option<usize>,
    /// Why nothing brings it back.
    pub stranded: Option<String>,
}

/// A copy of a backup.
#[derive(Clone, Debug, Serialize)]
pub struct CopyView {
    /// Its name, such as `nightly.s3`.
    pub name: String,
    /// The place where it lies.
    pub place: Option<String>,
    /// Where in that place.
    pub at: Option<String>,
    /// How long points are kept.
    pub keep: String,
    /// When points are captured.
    pub points: String,
    /// How long getting it back takes.
    pub fetch: Option<String>,
}

/// A place that the recovery uses.
#[derive(Clone, Debug, Serialize)]
pub struct PlaceView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is.
    pub kind: String,
    /// How it is logged in to; null if it is acted on from the controller.
    pub login: Option<String>,
    /// The host key to expect.
    pub host_key: Option<String>,
    /// The number of the step that builds it.
    pub built_by: Option<usize>,
    /// Its variables, as `NAME=value`.
    pub vars: Vec<String>,
}

/// How long it takes.
#[derive(Clone, Debug, Serialize)]
pub struct TimesView {
    /// Until somebody notices.
    pub detect: String,
    /// Until it is decided.
    pub decide: String,
    /// From there until everything is healthy.
    pub recover: String,
    /// All together.
    pub total: String,
    /// The smallest recovery time objective and its asset, in words.
    pub smallest_rto: Option<String>,
    /// What the time until the last asset is healthy is made of, as a sum; waiting for people has a part of its own.
    pub sum: Option<String>,
    /// The steps that set the time.
    pub critical: Vec<Link>,
    /// Steps without an estimate, which count as nothing.
    pub unknown: Vec<Link>,
}

/// A step as it is pointed at.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    /// Its number.
    pub number: usize,
    /// Its title.
    pub title: String,
}

/// Steps under one heading.
#[derive(Clone, Debug, Serialize)]
pub struct GroupView {
    /// The heading.
    pub heading: String,
    /// The steps.
    pub steps: Vec<StepView>,
}

/// A step, or an asset that must become healthy.
#[derive(Clone, Debug, Serialize)]
pub struct StepView {
    /// Its number, from 1.
    pub number: usize,
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is: `run`, `manual`, `approve`, `wait`, `http`, `use`, `plan` or `health`.
    pub kind: String,
    /// More about it.
    pub description: Option<String>,
    /// Who does it or may allow it, in words.
    pub who: Option<String>,
    /// The place where it is done; null for the controller.
    pub place: Option<String>,
    /// How that place is logged in to.
    pub login: Option<String>,
    /// The folder of the imported plan that it is from, relative to the repository's root, if that is another one.
    pub folder: Option<String>,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// How long it should take.
    pub takes: Option<String>,
    /// How long it may take.
    pub timeout: Option<String>,
    /// The steps that must be over.
    pub after: Vec<Link>,
    /// The copy that it restores from.
    pub copy: Option<CopyView>,
    /// What it cuts off, so that the old one cannot come back beside the new.
    pub fences: Vec<String>,
    /// The tools that must be there.
    pub tools: Vec<String>,
    /// Values to write down before it begins.
    pub blanks: Vec<Reason>,
    /// Variables to set first; all of them.
    pub variables: Option<Fence>,
    /// Those of them that `start` of the runbook has not set.
    pub own_variables: Option<Fence>,
    /// Secrets to fetch first.
    pub secrets: Vec<SecretView>,
    /// What to do, in order.
    pub actions: Vec<ActionView>,
    /// The values that it gives.
    pub outputs: Vec<String>,
    /// How to see that it is done.
    pub checks: Vec<CheckView>,
    /// How to see that it was done already.
    pub unless: Option<CheckView>,
    /// How to take it back.
    pub undo: Option<ActionView>,
    /// What to do if it fails, in words.
    pub on_failure: String,
    /// Whether it may be repeated, in words.
    pub rerun: String,
    /// Why it cannot be done; nothing brings this asset back.
    pub stranded: Option<String>,
}

/// Something to do.
#[derive(Clone, Debug, Serialize)]
pub struct ActionView {
    /// Its title; null if the step's own says it.
    pub title: Option<String>,
    /// Instructions.
    pub text: Option<String>,
    /// Variables that it alone has.
    pub variables: Option<Fence>,
    /// The command.
    pub command: Option<Fence>,
}

/// A secret: its name and how to fetch it, never the secret.
#[derive(Clone, Debug, Serialize)]
pub struct SecretView {
    /// Its name.
    pub name: String,
    /// How to fetch it, in words.
    pub how: String,
    /// How to fetch it, to paste.
    pub command: Fence,
}

/// A check.
#[derive(Clone, Debug, Serialize)]
pub struct CheckView {
    /// What must come of it, in words.
    pub expected: String,
    /// Where it is asked, if not where the step is done.
    pub on: Option<String>,
    /// Variables to set first.
    pub variables: Option<Fence>,
    /// The command.
    pub command: Option<Fence>,
}

/// A file that the runbook was made from.
#[derive(Clone, Debug, Serialize)]
pub struct FileView {
    /// Its name, relative to the repository's root; `drplan:` for what is part of the program.
    pub name: String,
    /// The SHA-256 of its bytes.
    pub sha256: String,
}
