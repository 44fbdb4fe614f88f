//! Assets: what must come back.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Need;
use crate::probe::{Command, Probe};
use crate::value::{Id, Length};

/// Something that must come back: data, an application, a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// What it is, such as `postgresql`, `files`, `app`, `service`.
    pub kind: Id,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where it may live, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub homes: Vec<Id>,
    /// Which comes back first: 1 before 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<NonZeroU32>,
    /// Recovery time objective: the longest time from the incident until it is healthy, or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto: Option<Objective>,
    /// Recovery point objective: the longest stretch of data that may be lost, or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Objective>,
    /// What it cannot work without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// What it works better with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<Need>,
    /// How to see that it is well; all of them must be content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Arc<Probe>>,
    /// A command that prints, as RFC 3339, the moment of the newest data that it holds; from it the achieved recovery point is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Command>,
}

/// A recovery objective: a length of time, or `none` where nothing is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// Nothing is promised.
    None,
    /// At most this long.
    Within(Length),
}

impl Objective {
    /// Returns the length; nothing if nothing is promised.
    pub const fn length(self) -> Option<Length> {
        match self {
            Self::None => None,
            Self::Within(length) => Some(length),
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Within(length) => length.fmt(f),
        }
    }
}

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Objective;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as 4h, or none")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Objective, E> {
                match text {
                    "none" => Ok(Objective::None),
                    _ => text.parse().map(Objective::Within).map_err(E::custom),
                }
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Objective {
    fn schema_name() -> Cow<'static, str> {
        "Objective".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let length = generator.subschema_for::<Length>();
        json_schema!({
            "description": "A length of time, or `none` where nothing is promised.",
            "anyOf": [{ "const": "none" }, length],
        })
    }
}
