//! The root of the plan.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asset, Backup, Environment, Notification, Person, Place, Policy, Scenario, Secret, Step};
use crate::value::{Id, LanguageVersion, Length, Name, NonEmpty, Scalar, Table};

/// A disaster-recovery plan.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of the language; always 1.
    pub version: LanguageVersion,
    /// The plan's id, unique in the repository.
    pub plan: Id,
    /// Its title for people.
    pub title: Option<String>,
    /// More about it.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When the plan is invoked, and when it is over.
    pub activation: Option<Activation>,
    /// The people who act in it.
    #[serde(default)]
    pub people: Table<Id, Person>,
    /// Variables for every command.
    #[serde(default)]
    pub vars: Table<Name, Scalar>,
    /// Secrets, fetched when a step names them.
    #[serde(default)]
    pub secrets: Table<Name, Secret>,
    /// Failure domains: what can be lost as one.
    #[serde(default)]
    pub places: Table<Id, Arc<Place>>,
    /// What must come back.
    #[serde(default)]
    pub assets: Table<Id, Arc<Asset>>,
    /// What it comes back from.
    #[serde(default)]
    pub backups: Table<Id, Arc<Backup>>,
    /// Assets that must be of one moment.
    #[serde(default)]
    pub consistent: Vec<Consistent>,
    /// What the owners demand of every asset.
    #[serde(default)]
    pub policy: Policy,
    /// What the plan claims to survive.
    #[serde(default)]
    pub scenarios: Table<Id, Scenario>,
    /// What sets the stage of a drill: it runs before the clock starts, in drills alone.
    #[serde(default)]
    pub prepare: Table<Id, Step>,
    /// What is done to recover.
    #[serde(default)]
    pub steps: Table<Id, Step>,
    /// What is done after every drill, also after one that failed.
    #[serde(default)]
    pub cleanup: Table<Id, Step>,
    /// What is different in a drill.
    #[serde(default)]
    pub environments: Table<Id, Environment>,
    /// Who is told of what happens.
    #[serde(default)]
    pub notify: Vec<Notification>,
    /// Other plans whose assets and places this one needs, by prefix.
    #[serde(default)]
    pub imports: Table<Id, String>,
    /// The shell that is given the texts after `run`, as a program with its arguments.
    pub shell: Option<NonEmpty<String>>,
    /// Names of environment variables of the controller that commands inherit.
    #[serde(default)]
    pub pass_env: Vec<String>,
}

/// When the plan is invoked, and when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// What must have happened.
    pub when: String,
    /// The person or role that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Id>,
    /// What must be true in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_when: Option<String>,
    /// For how long it can be decided whether what was done stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
}

/// For how long it can be decided, after the last step, whether what was done stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// How long, from the end of the last step.
    #[serde(rename = "for")]
    pub length: Length,
    /// What happens when nobody has decided by then.
    pub then: AfterHold,
}

/// What happens when nobody has decided in time whether what was done stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterHold {
    /// It stays.
    Commit,
    /// It is taken back.
    Undo,
}

/// Assets that must be of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Consistent {
    /// The assets.
    pub assets: NonEmpty<Id>,
    /// How far apart their points may be; not at all if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Length>,
}
