//! Where things live now, as the last real run has left them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Id;

/// Where assets live that are not at their first home: `<plan>.placement.yaml` beside the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// The plan's id.
    pub placement: Option<Id>,
    /// Asset and home.
    #[serde(default)]
    pub homes: BTreeMap<Id, Id>,
}
