//! Recipes: tested steps or a probe, with typed inputs, written in YAML.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Step, Undo};
use crate::probe::{Probe, Scope};
use crate::value::{Field, Id, LanguageVersion, OneOrMany, Scalar, Table, Tool};

/// A recipe: steps to carry out, or a probe to ask.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The recipe's name, such as `files/restore-tar`.
    pub recipe: Id,
    /// The version of the language; always 1.
    pub version: LanguageVersion,
    /// One line for people.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
    /// What it is given. `database` reaches the commands as `INPUT_DATABASE`.
    #[serde(default)]
    pub inputs: Table<Field, Input>,
    /// The tools that must be there, such as `tar` or `psql >=15`.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// What is carried out.
    #[serde(default)]
    pub steps: Table<Id, Step>,
    /// What is asked.
    pub probe: Option<Probe>,
    /// What the probe looks at: one recovery point (`point`, if nothing is said), or all of a copy at once (`copy`).
    #[serde(default)]
    pub of: Scope,
    /// Whether the probe keeps a core busy: not more of them than there are cores run at the same time.
    #[serde(default)]
    pub cpu_bound: bool,
    /// Whether the probe may be kept from writing files outside of its `TMPDIR`; true if nothing is said.
    pub confine: Option<bool>,
    /// How to see that its work is done.
    #[serde(default)]
    pub verify: Vec<Arc<Probe>>,
    /// How to take it back.
    pub undo: Option<Arc<Undo>>,
    /// What it detects.
    #[serde(default)]
    pub detects: Vec<String>,
    /// What it cannot detect.
    #[serde(default)]
    pub misses: Vec<String>,
}

/// An input of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it may be; `text` if nothing is said.
    #[serde(rename = "type", default)]
    pub kind: InputKind,
    /// What it is for.
    pub description: String,
    /// What it is if nothing is given; without it, it must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<OneOrMany<Scalar>>,
}

/// What an input may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A text of one line.
    #[default]
    Text,
    /// A whole number.
    Integer,
    /// The path of a file or folder.
    Path,
    /// A list of texts; reaches the commands with one item a line.
    List,
}

impl InputKind {
    /// Says what is wrong with a value.
    pub fn check(self, value: &OneOrMany<Scalar>) -> Result<(), String> {
        match (self, &**value) {
            (Self::List, _) => Ok(()),
            (Self::Integer, [one]) if one.as_str().parse::<i64>().is_err() => {
                Err(format!("`{one}` is not a whole number"))
            }
            (Self::Path, [one]) if one.as_str().is_empty() => Err("the path is empty".into()),
            (_, [one]) if one.as_str().contains('\n') => Err("the text has more than one line".into()),
            (_, [_]) => Ok(()),
            (_, _) => Err("one value is expected, not a list".into()),
        }
    }
}
