//! People and secrets: what a recovery relies on besides machines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Need;
use crate::probe::Command;
use crate::value::{Id, Length};

/// A person who acts in the plan, and who can be lost like anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name, for the runbook.
    pub name: String,
    /// How to reach the person: a telephone number, an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What the person may do, such as `operator`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Id>,
    /// The places that the person is lost with.
    #[serde(default, rename = "in", skip_serializing_if = "Vec::is_empty")]
    pub in_: Vec<Need>,
    /// How long it takes until the person can act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrives: Option<Length>,
    /// The person's public SSH key, with which approvals are checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Where a secret comes from: exactly one of `env`, `file`, `command` and `ask`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Secret")]
pub struct RawSecret {
    /// The environment variable of the controller that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<String>,
    /// The file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The command that prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Command>,
    /// The question that a person answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<String>,
    /// What fetching it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<Need>,
}

/// A secret: fetched when a step names it; never journalled, logged or rendered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSecret", into = "RawSecret")]
pub struct Secret {
    /// Where it comes from.
    pub source: SecretSource,
    /// What fetching it takes.
    pub needs: Vec<Need>,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The environment variable of the controller that holds it.
    Env(String),
    /// The file that holds it.
    File(String),
    /// The command that prints it.
    Command(Command),
    /// The question that a person answers.
    Ask(String),
}

impl Secret {
    /// The keys of which a secret has exactly one.
    pub const SOURCES: [&'static str; 4] = ["env", "file", "command", "ask"];
}

impl TryFrom<RawSecret> for Secret {
    type Error = String;

    fn try_from(raw: RawSecret) -> Result<Self, String> {
        let sources = [
            raw.env.map(SecretSource::Env),
            raw.file.map(SecretSource::File),
            raw.command.map(SecretSource::Command),
            raw.ask.map(SecretSource::Ask),
        ];
        let mut sources = sources.into_iter().flatten();
        match (sources.next(), sources.next()) {
            (Some(source), None) => Ok(Self { source, needs: raw.needs }),
            _ => Err(format!("a secret has exactly one of {}", Self::SOURCES.join(", "))),
        }
    }
}

impl From<Secret> for RawSecret {
    fn from(secret: Secret) -> Self {
        let raw = Self { needs: secret.needs, ..Self::default() };
        match secret.source {
            SecretSource::Env(name) => Self { env: Some(name), ..raw },
            SecretSource::File(path) => Self { file: Some(path), ..raw },
            SecretSource::Command(command) => Self { command: Some(command), ..raw },
            SecretSource::Ask(question) => Self { ask: Some(question), ..raw },
        }
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        RawSecret::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RawSecret::json_schema(generator)
    }
}
