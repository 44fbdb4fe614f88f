//! What a dry run has found out, and who was told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Id, Moment};

/// What keeps the probes of a dry run from writing files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confined {
    /// Every file system is read-only for them, in a mount namespace of their own.
    Mounts,
    /// Landlock refuses them to write, create, remove and rename files.
    Landlock,
    /// Nothing.
    Nothing,
}

/// Whether something that the real thing needs is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It is.
    Met,
    /// It is not: the real thing would fail.
    Unmet,
    /// Nobody can say before the real thing.
    Unknown,
    /// It could not be looked for: the question itself failed.
    Broken,
}

/// Something that the real thing needs, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was asked for, such as "tool psql >=15".
    pub what: String,
    /// The steps that need it; none if the run as a whole does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Id>,
    /// Whether it is there.
    pub found: Found,
    /// What was found.
    pub note: String,
}

/// How somebody was told of something that happened in the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Whom: a webhook or a command, without anything that may be secret.
    pub to: String,
    /// Of what, such as "step-failed".
    pub of: String,
    /// The step that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Id>,
    /// When that happened.
    pub at: Moment,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it did not arrive; none if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
