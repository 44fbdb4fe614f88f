//! What the owners demand of every asset, and the exceptions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::probe::Integrity;
use crate::value::{Date, Id, Length};

/// What the owners demand of every asset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Demands on copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<CopiesPolicy>,
    /// Demands on drills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drills: Option<DrillsPolicy>,
    /// The least time that points must be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Length>,
    /// How far `drplan verify` must have looked into the newest point of every copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity: Option<Integrity>,
    /// Exceptions, each with its reason and its end.
    #[serde(default, rename = "except", skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// Demands on the copies of each asset (3-2-1-1-0).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopiesPolicy {
    /// How many, the original included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,
    /// On how many kinds of medium.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<u32>,
    /// How many at another site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offsite: Option<u32>,
    /// How many that nobody can destroy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub immutable: Option<u32>,
    /// How many with a verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<u32>,
}

/// Demands on drills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillsPolicy {
    /// How old the last good drill of each scenario may be.
    pub every: Length,
}

/// An exception from a rule, with its reason and its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The rule.
    pub rule: Id,
    /// For this asset only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<Id>,
    /// For this scenario only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Id>,
    /// For this step only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Id>,
    /// For this place only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Id>,
    /// Why.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// The last day on which it holds, as `2027-06-30`.
    pub until: Date,
}
