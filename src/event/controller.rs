//! Who controls a run.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Moment, plain};

/// A run was taken over from a controller on another machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeOver {
    /// The controller before.
    pub from: Controller,
    /// Why a person holds that it is gone.
    pub reason: String,
}

/// Who controls a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// The account.
    pub by: String,
    /// The machine.
    pub host: String,
    /// Since when.
    pub since: Moment,
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}, since {}", plain(&self.by), plain(&self.host), self.since.for_people())
    }
}
