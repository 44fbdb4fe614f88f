//! Scenarios: what the plan claims to survive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Objective;
use crate::value::{Id, Length, Table};

/// A disaster that the plan claims to survive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name for people.
    pub title: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Places and people that are gone, with all that is in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lose: Vec<Id>,
    /// Assets whose data is spoiled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<Id>,
    /// Places whose login is in wrong hands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compromise: Vec<Id>,
    /// How long until somebody notices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detect: Option<Length>,
    /// How long until it is decided to recover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decide: Option<Length>,
    /// How long after the harm it is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_after: Option<Length>,
    /// Targets for this scenario: by asset, or `all`.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub targets: Table<Id, Targets>,
}

impl Scenario {
    /// Returns the time before the recovery begins: `detect` and `decide`.
    pub fn assumed_delay(&self) -> Length {
        self.detect.unwrap_or_default().saturating_add(self.decide.unwrap_or_default())
    }
}

/// Targets that replace those of the assets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Recovery time objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto: Option<Objective>,
    /// Recovery point objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Objective>,
}
