//! Environments: what is different in a drill.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Need, Notification, Person, Secret, Ssh};
use crate::value::{Id, Name, Scalar, ShortForm, Table, short_form};

/// What is different in an environment; laid over the plan before anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Places: another place that stands in, or what is changed.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub places: Table<Id, PlaceOverlay>,
    /// Variables.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub vars: Table<Name, Scalar>,
    /// Secrets.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub secrets: Table<Name, Secret>,
    /// People.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub people: Table<Id, Person>,
    /// Who is told what; replaces the plan's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Vec<Notification>>,
    /// Places, secrets and needs of production that a drill may use as they are, reading only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<Id>,
    /// Steps that are left out; they read "not exercised".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omit: Vec<Id>,
}

/// Another place that stands in, or what is changed in the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceOverlay {
    /// Another place of the plan stands in.
    Mapped(Id),
    /// These fields are changed.
    Changed(Box<PlaceChange>),
}

/// The fields of a place that an environment changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceChange {
    /// The places that it is lost with.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub in_: Option<Vec<Need>>,
    /// False if it is not there before a step provides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// How it is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<Ssh>,
    /// Variables, merged with those of the place.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub vars: Table<Name, Scalar>,
}

impl Serialize for PlaceOverlay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Mapped(id) => id.serialize(serializer),
            Self::Changed(change) => change.serialize(serializer),
        }
    }
}

impl ShortForm for PlaceOverlay {
    type Long = PlaceChange;
    type Short = Id;
    const EXPECTED: &'static str = "the id of the place that stands in, or a mapping of what is changed";
    const NAME: &'static str = "PlaceOverlay";

    fn from_long(change: PlaceChange) -> Result<Self, String> {
        Ok(Self::Changed(Box::new(change)))
    }

    fn from_short(id: Id) -> Result<Self, String> {
        Ok(Self::Mapped(id))
    }
}

short_form!(PlaceOverlay);
