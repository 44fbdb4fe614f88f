//! What the owners demand of every asset, and the exceptions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::probe::Integrity;
use crate::value::{Date, Id, Length, ShortForm, Table, short_form};

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
    /// How far `drplan verify` must have looked into the newest point of every copy: a level, or a mapping from assets (or `all`)
    /// to levels.
    #[serde(default, skip_serializing_if = "Levels::is_nothing")]
    pub integrity: Levels,
    /// Exceptions, each with its reason and its end.
    #[serde(default, rename = "except", skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// How far points must be looked into: by asset, or `all`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Levels(pub Table<Id, Integrity>);

impl Levels {
    /// Returns the level that a copy needs which holds these assets: the highest of theirs.
    pub fn of(&self, assets: &[Id]) -> Option<Integrity> {
        assets.iter().filter_map(|asset| self.0.get(asset).or_else(|| self.0.get("all"))).max().copied()
    }

    fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

/// Levels by asset, or `all`.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LevelsByAsset(Table<Id, Integrity>);

impl ShortForm for Levels {
    type Long = LevelsByAsset;
    type Short = Integrity;
    const EXPECTED: &'static str = "a level, or a mapping from assets (or `all`) to levels";
    const NAME: &'static str = "Levels";

    fn from_long(LevelsByAsset(levels): LevelsByAsset) -> Result<Self, String> {
        Ok(Self(levels))
    }

    fn from_short(level: Integrity) -> Result<Self, String> {
        Ok(Self([(Id::trusted("all"), level)].into_iter().collect()))
    }
}

short_form!(Levels);

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
