//! Who is told of what happens in a run, and of backups that fail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::probe::Command;
use crate::value::{NonEmpty, ShortForm, short_form};

/// Something that happens in a run, or that `verify` finds, and that somebody may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A run has begun.
    RunStarted,
    /// A run has been taken up again.
    RunResumed,
    /// A run has stopped and can be taken up again.
    RunSuspended,
    /// A run has ended, well or not.
    RunFinished,
    /// A step has begun.
    StepStarted,
    /// A step has done its work.
    StepFinished,
    /// A step has failed for good.
    StepFailed,
    /// A step waits for a person.
    ApprovalWaiting,
    /// `verify --notify` has found a backup that fails, or of which nobody can know.
    BackupFailed,
    /// `verify --notify` finds all well, and the look that it remembers did not.
    BackupRecovered,
}

impl Occasion {
    /// Returns the word for it, as it stands in a plan.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunStarted => "run-started",
            Self::RunResumed => "run-resumed",
            Self::RunSuspended => "run-suspended",
            Self::RunFinished => "run-finished",
            Self::StepStarted => "step-started",
            Self::StepFinished => "step-finished",
            Self::StepFailed => "step-failed",
            Self::ApprovalWaiting => "approval-waiting",
            Self::BackupFailed => "backup-failed",
            Self::BackupRecovered => "backup-recovered",
        }
    }
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFormat {
    /// The event as JSON.
    Json,
    /// A message for Slack.
    Slack,
}

/// Tells somebody of some events: exactly one of `webhook` and `command`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Notification")]
pub struct RawNotification {
    /// The events, such as `run-started`, `step-failed`, `approval-waiting`, `run-finished`, `backup-failed`.
    on: NonEmpty<Occasion>,
    /// Sends a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<Webhook>,
    /// Runs a command, with the event in its environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Command>,
}

/// Tells somebody of some events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawNotification", into = "RawNotification")]
pub struct Notification {
    /// The events.
    pub on: NonEmpty<Occasion>,
    /// How.
    pub tell: Tell,
}

/// How somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// By a request.
    Webhook(Webhook),
    /// By a command.
    Command(Command),
}

impl Notification {
    /// The keys of which a notification has exactly one.
    pub const WAYS: [&'static str; 2] = ["webhook", "command"];
}

impl TryFrom<RawNotification> for Notification {
    type Error = String;

    fn try_from(raw: RawNotification) -> Result<Self, String> {
        let tell = match (raw.webhook, raw.command) {
            (Some(webhook), None) => Tell::Webhook(webhook),
            (None, Some(command)) => Tell::Command(command),
            _ => return Err(format!("a notification has exactly one of {}", Self::WAYS.join(", "))),
        };
        Ok(Self { on: raw.on, tell })
    }
}

impl From<Notification> for RawNotification {
    fn from(Notification { on, tell }: Notification) -> Self {
        match tell {
            Tell::Webhook(webhook) => Self { on, webhook: Some(webhook), command: None },
            Tell::Command(command) => Self { on, webhook: None, command: Some(command) },
        }
    }
}

impl JsonSchema for Notification {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        RawNotification::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RawNotification::json_schema(generator)
    }
}

/// A request that tells of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to.
    pub url: WebhookUrl,
    /// What is sent; `json` if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<WebhookFormat>,
}

/// A URL, or the environment variable that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookUrl {
    /// The URL itself.
    Url(String),
    /// The environment variable of the controller that holds it.
    Env(String),
}

/// The environment variable that holds a URL.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UrlFromEnv {
    /// The name of the environment variable.
    env: String,
}

impl Serialize for WebhookUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Url(url) => url.serialize(serializer),
            Self::Env(env) => UrlFromEnv { env: env.clone() }.serialize(serializer),
        }
    }
}

impl ShortForm for WebhookUrl {
    type Long = UrlFromEnv;
    type Short = String;
    const EXPECTED: &'static str = "a URL, or a mapping with `env`";
    const NAME: &'static str = "WebhookUrl";

    fn from_long(long: UrlFromEnv) -> Result<Self, String> {
        Ok(Self::Env(long.env))
    }

    fn from_short(url: String) -> Result<Self, String> {
        Ok(Self::Url(url))
    }
}

short_form!(WebhookUrl);
