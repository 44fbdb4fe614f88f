//! Steps: what is done, and where it stands among the others.

use std::num::NonZeroU32;
use std::sync::Arc;

use arcstr::ArcStr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::Need;
use crate::probe::{Command, Expect, HttpRequest, Probe, ProbeKind};
use crate::value::{
    Field, Id, Length, Name, NonEmpty, OneOrMany, Scalar, ShortForm, Table, Text, Tool, short_form,
};

/// A step as it is written: exactly one of `run`, `manual`, `approve`, `wait`, `http`, `use` and `plan`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
pub struct RawStep {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The heading under which the runbook shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,

    /// Runs a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Command>,
    /// Tells a person what to do; `$NAME` is replaced by its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual: Option<Text>,
    /// Asks people for leave to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<Approve>,
    /// Waits for a length of time, or until a probe is content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// Sends a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRequest>,
    /// Carries out the steps of a recipe.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub use_: Option<Id>,
    /// Carries out another plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,

    /// `use`, `plan`: the inputs. `$NAME` in a text is replaced by its value.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub with: Table<Field, OneOrMany<Scalar>>,
    /// `http`: what the answer must look like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// `run`: the shell that is given the text, as a program with its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<NonEmpty<String>>,
    /// `manual`: the person or role that does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Id>,

    /// What must be there first: steps, assets, places, people, secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// The assets that it brings back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<Id>,
    /// The places that it builds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Id>,
    /// The places or assets that it cuts off, so that the old one cannot come back beside the new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fences: Vec<Id>,
    /// The copies that it restores from, such as `nightly.local`; the first that is usable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Id>,
    /// Where it is done: `home`, a place, or the controller if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Id>,
    /// The values that it writes to `$DRPLAN_OUTPUT` as `NAME=value` lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Name>,
    /// The secrets that it gets; no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Name>,
    /// The tools that must be there, such as `psql` or `psql >=15`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_tools: Vec<Tool>,
    /// Variables for this step.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub env: Table<Name, Scalar>,

    /// How long it should take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
    /// How long it may take before it is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Length>,
    /// How often it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// What must hold before each attempt; asked by a dry run as well. All of them must be content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preconditions: Vec<Arc<Probe>>,
    /// How to see that its work is done; all of them must be content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<Arc<Probe>>,
    /// A probe that says whether its work is done already; then it is not carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unless: Option<Arc<Probe>>,
    /// How to take it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<Arc<Undo>>,
    /// Whether it may be repeated after it was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Rerun>,
    /// What happens to the run if it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// When it belongs to the plan at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Once for each of several items or places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Each>,
    /// Steps with the same lock do not run at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<Id>,
}

impl RawStep {
    /// The keys of which a step has exactly one.
    pub const ACTIONS: [&'static str; 7] = ["run", "manual", "approve", "wait", "http", "use", "plan"];

    /// Fields that fit some actions alone: the field, and the actions that it fits.
    pub const ACTION_FIELDS: [(&'static str, &'static [&'static str]); 4] =
        [("with", &["use", "plan"]), ("expect", &["http"]), ("shell", &["run"]), ("by", &["manual"])];
}

/// The fields that every step may have, whatever it does.
///
/// A large plan has a hundred thousand of these: what most steps lack takes one word, and what a recipe says is held once
/// for all steps that use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<ArcStr>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<ArcStr>,
    /// The heading under which the runbook shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<ArcStr>,
    /// What must be there first: steps, assets, places, people, secrets.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub needs: ThinVec<Need>,
    /// The assets that it brings back.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub restores: ThinVec<Id>,
    /// The places that it builds.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub provides: ThinVec<Id>,
    /// The places or assets that it cuts off, so that the old one cannot come back beside the new.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub fences: ThinVec<Id>,
    /// The copies that it restores from, such as `nightly.local`; the first that is usable.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub from: ThinVec<Id>,
    /// Where it is done: `home`, a place, or the controller if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Id>,
    /// The values that it writes to `$DRPLAN_OUTPUT` as `NAME=value` lines.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub outputs: ThinVec<Name>,
    /// The secrets that it gets; no others.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub secrets: ThinVec<Name>,
    /// The tools that must be there, such as `psql` or `psql >=15`.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub needs_tools: ThinVec<Tool>,
    /// Variables for this step.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub env: Table<Name, Scalar>,
    /// How long it should take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
    /// How long it may take before it is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Length>,
    /// How often it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Box<Retry>>,
    /// What must hold before each attempt; asked by a dry run as well. All of them must be content.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub preconditions: ThinVec<Arc<Probe>>,
    /// How to see that its work is done; all of them must be content.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub verify: ThinVec<Arc<Probe>>,
    /// A probe that says whether its work is done already; then it is not carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unless: Option<Arc<Probe>>,
    /// How to take it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<Arc<Undo>>,
    /// Whether it may be repeated after it was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Rerun>,
    /// What happens to the run if it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// When it belongs to the plan at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Box<When>>,
    /// Once for each of several items or places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Box<Each>>,
    /// Steps with the same lock do not run at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<Box<Id>>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Runs a command, in the given shell if it is a text and a shell is given.
    Run {
        /// The command.
        command: Command,
        /// The shell, if the step names one.
        shell: Option<Box<NonEmpty<String>>>,
    },
    /// Tells a person what to do.
    Manual {
        /// What to do.
        text: Text,
        /// Who does it.
        by: Option<Id>,
    },
    /// Asks people for leave to go on.
    Approve(Box<Approve>),
    /// Waits.
    Wait(Wait),
    /// Sends a request.
    Http {
        /// The request.
        request: Box<HttpRequest>,
        /// What the answer must look like.
        expect: Box<Expect>,
    },
    /// Carries out the steps of a recipe.
    Use {
        /// The recipe.
        recipe: Id,
        /// Its inputs.
        with: Table<Field, OneOrMany<Scalar>>,
    },
    /// Carries out another plan.
    Plan {
        /// The plan's file.
        path: String,
        /// Its inputs.
        with: Table<Field, OneOrMany<Scalar>>,
    },
}

impl Action {
    /// Returns the key under which the action is written.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Manual { .. } => "manual",
            Self::Approve(_) => "approve",
            Self::Wait(_) => "wait",
            Self::Http { .. } => "http",
            Self::Use { .. } => "use",
            Self::Plan { .. } => "plan",
        }
    }
}

/// A step: what is done, and where it stands among the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawStep")]
pub struct Step {
    /// The fields that every step may have. The steps of a large plan are held once: what is made of them shares them.
    pub common: Arc<Common>,
    /// What it does.
    pub action: Arc<Action>,
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(mut raw: RawStep) -> Result<Self, String> {
        let with = std::mem::take(&mut raw.with);
        let expect = raw.expect.take();
        let shell = raw.shell.take().map(Box::new);
        let by = raw.by.take();
        let given = [
            ("with", !with.is_empty()),
            ("expect", expect.is_some()),
            ("shell", shell.is_some()),
            ("by", by.is_some()),
        ];
        let actions = [
            raw.run.take().map(|command| Action::Run { command, shell }),
            raw.manual.take().map(|text| Action::Manual { text, by }),
            raw.approve.take().map(|approve| Action::Approve(Box::new(approve))),
            raw.wait.take().map(Action::Wait),
            raw.http.take().map(|request| Action::Http {
                request: Box::new(request),
                expect: Box::new(expect.unwrap_or_default()),
            }),
            raw.use_.take().map(|recipe| Action::Use { recipe, with: with.clone() }),
            raw.plan.take().map(|path| Action::Plan { path, with }),
        ];
        let mut actions = actions.into_iter().flatten();
        let (Some(action), None) = (actions.next(), actions.next()) else {
            return Err(format!("a step has exactly one of {}", RawStep::ACTIONS.join(", ")));
        };
        for (field, _) in given.iter().filter(|(_, given)| *given) {
            let fits = RawStep::ACTION_FIELDS
                .iter()
                .any(|(name, keys)| name == field && keys.contains(&action.key()));
            if !fits {
                return Err(format!("`{field}` does not fit a step with `{}`", action.key()));
            }
        }
        if let Action::Http { expect, .. } = &action {
            let fitting = ProbeKind::expectations(action.key());
            if let Some(misfit) = expect.given().find(|name| !fitting.contains(name)) {
                return Err(format!("`{misfit}` does not fit a step with `http`"));
            }
        }
        let common = Common {
            title: raw.title.map(Into::into),
            description: raw.description.map(Into::into),
            phase: raw.phase.map(Into::into),
            needs: raw.needs.into(),
            restores: raw.restores.into(),
            provides: raw.provides.into(),
            fences: raw.fences.into(),
            from: raw.from.into(),
            on: raw.on,
            outputs: raw.outputs.into(),
            secrets: raw.secrets.into(),
            needs_tools: raw.needs_tools.into(),
            env: raw.env,
            takes: raw.takes,
            timeout: raw.timeout,
            retry: raw.retry.map(Box::new),
            preconditions: raw.preconditions.into(),
            verify: raw.verify.into(),
            unless: raw.unless,
            undo: raw.undo,
            rerun: raw.rerun,
            on_failure: raw.on_failure,
            when: raw.when.map(Box::new),
            each: raw.each.map(Box::new),
            lock: raw.lock.map(Box::new),
        };
        Ok(Self { common: Arc::new(common), action: Arc::new(action) })
    }
}

impl JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        RawStep::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RawStep::json_schema(generator)
    }
}

/// Asks people for leave to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The people or roles who may give it.
    pub by: NonEmpty<Id>,
    /// What they are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Text>,
    /// Somebody who must be another person: `starter`, or a step that a person has carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct_from: Option<Id>,
    /// How many must give it; 1 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<NonZeroU32>,
    /// How long to wait for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Length>,
    /// What happens then: `stop` if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_expiry: Option<OnExpiry>,
}

/// What happens when nobody has answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// The step fails.
    Stop,
    /// The run goes on as if it had been given, and says so.
    Continue,
}

/// Waits for a length of time, or until a probe is content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// This long.
    For(Length),
    /// Until it is content.
    Until(Arc<Probe>),
}

impl Serialize for Wait {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::For(length) => length.serialize(serializer),
            Self::Until(probe) => probe.serialize(serializer),
        }
    }
}

impl ShortForm for Wait {
    type Long = Probe;
    type Short = Length;
    const EXPECTED: &'static str = "a length of time such as 30s, or a probe";
    const NAME: &'static str = "Wait";

    fn from_long(probe: Probe) -> Result<Self, String> {
        Ok(Self::Until(Arc::new(probe)))
    }

    fn from_short(length: Length) -> Result<Self, String> {
        Ok(Self::For(length))
    }
}

short_form!(Wait);

/// How long something should take: a length of time, or the median and the 95th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    /// The median.
    pub p50: Length,
    /// The 95th percentile, if it is known.
    pub p95: Option<Length>,
}

/// The median and the 95th percentile.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TakesLong")]
pub struct TakesLong {
    /// The median.
    p50: Length,
    /// The 95th percentile.
    p95: Length,
}

impl Serialize for Takes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.p95 {
            None => self.p50.serialize(serializer),
            Some(p95) => TakesLong { p50: self.p50, p95 }.serialize(serializer),
        }
    }
}

impl ShortForm for Takes {
    type Long = TakesLong;
    type Short = Length;
    const EXPECTED: &'static str = "a length of time such as 15m, or a mapping with `p50` and `p95`";
    const NAME: &'static str = "Takes";

    fn from_long(TakesLong { p50, p95 }: TakesLong) -> Result<Self, String> {
        if p95 < p50 {
            return Err(format!(
                "`p95` is {p95}, less than `p50`, {p50}: 95 of 100 times it takes at most `p95`"
            ));
        }
        Ok(Self { p50, p95: Some(p95) })
    }

    fn from_short(p50: Length) -> Result<Self, String> {
        Ok(Self { p50, p95: None })
    }
}

short_form!(Takes);

/// How often a step is tried again: a number, or a mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// How many times after the first.
    pub times: u32,
    /// How long to wait before the first of them.
    pub delay: Length,
    /// By how much the wait grows each time; 1 keeps it as it is.
    pub factor: u32,
    /// The longest wait.
    pub max_delay: Length,
}

/// How often a step is tried again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RetryLong")]
pub struct RetryLong {
    /// How many times after the first.
    #[schemars(range(min = 1, max = 1000))]
    times: u32,
    /// How long to wait before the first of them; 5s if nothing is said.
    delay: Option<Length>,
    /// By how much the wait grows each time; 2 if nothing is said, 1 keeps it as it is.
    #[schemars(range(min = 1, max = 10))]
    factor: Option<u32>,
    /// The longest wait; 5m if nothing is said.
    max_delay: Option<Length>,
}

/// How many times a step is tried again.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct RetryTimes(u32);

impl JsonSchema for RetryTimes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RetryTimes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": 1000 })
    }
}

impl ShortForm for Retry {
    type Long = RetryLong;
    type Short = RetryTimes;
    const EXPECTED: &'static str = "a number, or a mapping with `times`";
    const NAME: &'static str = "Retry";

    fn from_long(long: RetryLong) -> Result<Self, String> {
        let factor = long.factor.unwrap_or(2);
        if !(1..=1000).contains(&long.times) {
            return Err("`times` is a number from 1 to 1000".into());
        }
        if !(1..=10).contains(&factor) {
            return Err("`factor` is a number from 1 to 10".into());
        }
        Ok(Self {
            times: long.times,
            delay: long.delay.unwrap_or(Length::from_secs(5)),
            factor,
            max_delay: long.max_delay.unwrap_or(Length::from_secs(300)),
        })
    }

    fn from_short(RetryTimes(times): RetryTimes) -> Result<Self, String> {
        Self::from_long(RetryLong { times, delay: None, factor: None, max_delay: None })
    }
}

short_form!(Retry);

impl Retry {
    /// Returns how long to wait after the attempt with this number (from 1) has failed.
    pub fn delay_after(&self, attempt: u32) -> Length {
        let growth = u64::from(self.factor).saturating_pow(attempt.saturating_sub(1));
        Length::from_millis(self.delay.as_millis().saturating_mul(growth)).min(self.max_delay)
    }

    /// Returns that wait, shortened by up to a quarter: `chance` says by which part of it, of all that it can be.
    ///
    /// So what failed together is not tried again together, and nothing waits longer than the plan says.
    pub fn jittered_after(&self, attempt: u32, chance: u16) -> Length {
        let longest = self.delay_after(attempt);
        let quarter = u128::from(longest.as_millis() / 4);
        let less = quarter * u128::from(chance) / u128::from(u16::MAX);
        longest.saturating_sub(Length::from_millis(u64::try_from(less).unwrap_or(0)))
    }
}

/// How to take a step back: a command, or instructions for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// A command.
    Run(Command),
    /// Instructions for a person.
    Manual(Text),
}

/// How to take a step back: exactly one of `run` and `manual`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UndoLong")]
pub struct UndoLong {
    /// A command.
    run: Option<Command>,
    /// Instructions for a person.
    manual: Option<Text>,
}

impl ShortForm for Undo {
    type Long = UndoLong;
    type Short = Command;
    const EXPECTED: &'static str = "a command, or a mapping with `run` or `manual`";
    const NAME: &'static str = "Undo";

    fn from_long(long: UndoLong) -> Result<Self, String> {
        match long {
            UndoLong { run: Some(command), manual: None } => Ok(Self::Run(command)),
            UndoLong { run: None, manual: Some(text) } => Ok(Self::Manual(text)),
            _ => Err(format!("an undo has exactly one of {}", Self::WAYS.join(", "))),
        }
    }

    fn from_short(command: Command) -> Result<Self, String> {
        Ok(Self::Run(command))
    }
}

short_form!(Undo);

impl Undo {
    /// The keys of which an undo has exactly one.
    pub const WAYS: [&'static str; 2] = ["run", "manual"];

    /// Returns the undo for people.
    pub fn shown(&self) -> String {
        match self {
            Self::Run(command) => command.shown(),
            Self::Manual(text) => text.as_str().to_owned(),
        }
    }
}

/// Whether a step may be repeated after it was interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rerun {
    /// It may.
    Safe,
    /// A person is asked.
    #[default]
    Ask,
    /// It may not.
    Never,
}

/// What happens to the run if a step fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Nothing more is started.
    #[default]
    Stop,
    /// What does not need the step goes on.
    Continue,
    /// A person is asked.
    Ask,
}

/// When a step belongs to the plan at all; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// In one of these scenarios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<OneOrMany<Id>>,
    /// In one of these environments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<OneOrMany<Id>>,
    /// In this operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
}

/// Which way things move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// To a home that is alive.
    #[default]
    Recover,
    /// Back to the first home.
    Failback,
}

impl Operation {
    /// Returns the operation as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::Failback => "failback",
        }
    }
}

/// Once for each of several: a list of keys, or a mapping with `of`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Each {
    /// The items, each a stable key, or places.
    pub of: NonEmpty<Id>,
    /// How many at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<NonZeroU32>,
}

/// Once for each of several.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EachLong")]
pub struct EachLong {
    /// The items, each a stable key, or places.
    of: NonEmpty<Id>,
    /// How many at the same time.
    at_most: Option<NonZeroU32>,
}

impl ShortForm for Each {
    type Long = EachLong;
    type Short = NonEmpty<Id>;
    const EXPECTED: &'static str = "a list of keys, or a mapping with `of`";
    const NAME: &'static str = "Each";

    fn from_long(EachLong { of, at_most }: EachLong) -> Result<Self, String> {
        Ok(Self { of, at_most })
    }

    fn from_short(of: NonEmpty<Id>) -> Result<Self, String> {
        Ok(Self { of, at_most: None })
    }
}

short_form!(Each);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_spread_within_a_quarter_and_never_late() {
        let retry = Retry::from_short(RetryTimes(9)).unwrap();
        let waits = |chance| [1, 2, 7, 9].map(|attempt| retry.jittered_after(attempt, chance).as_millis());
        assert_eq!(waits(0), [5_000, 10_000, 300_000, 300_000]);
        assert_eq!(waits(u16::MAX), [3_750, 7_500, 225_000, 225_000]);
        let spread: std::collections::BTreeSet<u64> =
            (0..1000).map(|n| retry.jittered_after(1, n * 65).as_millis()).collect();
        assert!(spread.len() > 900, "{}", spread.len());
        assert!(spread.iter().all(|wait| (3_750..=5_000).contains(wait)));
    }
}
