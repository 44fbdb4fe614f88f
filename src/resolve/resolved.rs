//! The resolved plan: everything expanded, nothing left to look up.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use crate::document::KeyPath;
use crate::plan::{
    Action, Activation, Asset, Backup, Common, Consistent, Notification, Person, Place, Policy, Scenario,
    Secret, Takes,
};
use crate::value::{Id, Length, Name, NonEmpty, Scalar, Table, Text};

/// A plan with its environment laid over it and its recipes expanded; frozen into every run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedPlan {
    /// The version of this format.
    pub format: u32,
    /// The plan's id.
    pub plan: Id,
    /// Its title for people.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it is invoked, and when it is over.
    pub activation: Option<Activation>,
    /// The environment that was laid over it.
    pub environment: Option<Id>,
    /// People.
    pub people: Table<Id, Person>,
    /// Variables for every command.
    pub vars: Table<Name, Scalar>,
    /// Secrets.
    pub secrets: Table<Name, Secret>,
    /// Places.
    pub places: Table<Id, Arc<Place>>,
    /// Places for which another stands in, in this environment.
    pub mapped: BTreeMap<Id, Id>,
    /// Places and secrets that this environment replaces or changes.
    pub replaced: Vec<String>,
    /// What a drill may use as it is.
    pub reads: Vec<Id>,
    /// Steps that this environment leaves out.
    pub omit: Vec<Id>,
    /// Assets.
    pub assets: Table<Id, Arc<Asset>>,
    /// Backups.
    pub backups: Table<Id, Arc<Backup>>,
    /// Assets that must be of one moment.
    pub consistent: Vec<Consistent>,
    /// Demands of the owners.
    pub policy: Policy,
    /// Scenarios.
    pub scenarios: Table<Id, Scenario>,
    /// Every step, in the order of the file; the steps of a recipe stand before the step that uses it.
    pub steps: Vec<ResolvedStep>,
    /// Who is told of what happens.
    pub notify: Vec<Notification>,
    /// Other plans, by prefix.
    pub imports: Table<Id, String>,
    /// The shell for texts after `run`.
    pub shell: Option<NonEmpty<String>>,
    /// Names of environment variables that commands inherit.
    pub pass_env: Vec<String>,
    /// What the plans whose things were added say for their own commands, by the prefix of their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imported: BTreeMap<String, Imported>,
}

/// What an imported plan says for its own commands alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// The plan's id.
    pub plan: Id,
    /// Variables for its commands.
    pub vars: Table<Name, Scalar>,
    /// The shell for its texts after `run`.
    pub shell: Option<NonEmpty<String>>,
    /// Names of environment variables that its commands inherit.
    pub pass_env: Vec<String>,
}

/// The version of the frozen resolved plan.
pub(super) const FORMAT: u32 = 1;

/// Where in the plan a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Sets the stage of a drill.
    Prepare,
    /// Recovers.
    Steps,
    /// Tidies up after a drill.
    Cleanup,
}

impl Section {
    /// Returns the key of the section in the plan.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Steps => "steps",
            Self::Cleanup => "cleanup",
        }
    }
}

/// A step after expansion.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedStep {
    /// Its path: `restore-db`, or `restore-db/unpack` inside a recipe.
    pub id: Id,
    /// Where in the plan it stands.
    pub section: Section,
    /// The step that a person wrote in the plan, if it came of one by a recipe, a child plan or `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<Id>,
    /// The step that it is directly part of, if that came of another one itself: see [`Self::group`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Id>,
    /// The prefix of the child plan in which it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<ArcStr>,
    /// The fields that every step may have. A part has taken over those of the step that uses the recipe.
    pub common: Arc<Common>,
    /// What it does. `use` stays on the step that closes the recipe's parts.
    pub action: Arc<Action>,
    /// The inputs of the recipe or of the child plan, as its commands get them.
    #[serde(default = "no_inputs", skip_serializing_if = "is_empty")]
    pub inputs: Arc<BTreeMap<Name, Text>>,
}

fn is_empty(inputs: &BTreeMap<Name, Text>) -> bool {
    inputs.is_empty()
}

/// Returns the inputs of what has none; held once for all of them.
pub(super) fn no_inputs() -> Arc<BTreeMap<Name, Text>> {
    static NONE: LazyLock<Arc<BTreeMap<Name, Text>>> = LazyLock::new(Arc::default);
    Arc::clone(&NONE)
}

impl ResolvedStep {
    /// Returns the step that a person wrote in the plan: itself, or the one of which it came by a recipe, a child plan or
    /// `each`.
    pub fn written_as(&self) -> &str {
        self.part_of.as_ref().unwrap_or(&self.id).as_str()
    }

    /// Returns where a person wrote it.
    pub fn key_path(&self) -> KeyPath {
        KeyPath::root().key(self.section.key()).key(self.written_as())
    }

    /// Returns its title for people; its id if it has none.
    pub fn title(&self) -> &str {
        self.common.title.as_deref().unwrap_or(self.id.as_str())
    }

    /// Returns how long it should take, if the plan says so.
    pub fn takes(&self) -> Option<Length> {
        self.common.takes.map(|Takes { p50, .. }| p50)
    }

    /// Returns the step that it is directly part of.
    pub const fn group(&self) -> Option<&Id> {
        match &self.within {
            Some(group) => Some(group),
            None => self.part_of.as_ref(),
        }
    }

    /// Whether it closes others: the parts of a recipe, the steps of a child plan, or the items of an `each`.
    pub fn is_group(&self) -> bool {
        matches!(*self.action, Action::Use { .. } | Action::Plan { .. }) || self.has_items()
    }

    /// Whether it closes the items of an `each`.
    pub fn has_items(&self) -> bool {
        self.common.each.is_some() && !self.is_item()
    }

    /// Whether it is an item of an `each`, such as `notify@eu`.
    pub fn is_item(&self) -> bool {
        let rest = self.group().and_then(|whole| self.id.as_str().strip_prefix(whole.as_str()));
        rest.is_some_and(|rest| rest.starts_with('@'))
    }

    /// Whether it closes the parts of a recipe, and is done as one thing: its estimate is that of the whole.
    pub fn is_recipe(&self) -> bool {
        matches!(*self.action, Action::Use { .. }) && !self.has_items()
    }

    /// Returns the step with whose other items it shares a limit, and how many of them run at the same time.
    pub fn at_most(&self) -> Option<(&Id, usize)> {
        let whole = self.group().filter(|_| self.is_item())?;
        let at_most = self.common.each.as_ref()?.at_most?;
        Some((whole, usize::try_from(at_most.get()).unwrap_or(usize::MAX)))
    }
}

impl ResolvedPlan {
    /// Returns a step by its path.
    pub fn step(&self, id: &str) -> Option<&ResolvedStep> {
        self.steps.iter().find(|step| step.id.as_str() == id)
    }

    /// Returns the position of the step that another is directly part of. It stands behind its parts.
    pub fn group_of(&self, at: usize) -> Option<usize> {
        let group = self.steps.get(at)?.group()?;
        let behind = self.steps.iter().enumerate().skip(at + 1);
        behind.into_iter().find(|(_, step)| step.id == *group).map(|(at, _)| at)
    }

    /// Returns the positions of the steps that one is part of, directly or not, the nearest first.
    pub fn groups_of(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.group_of(at), |at| self.group_of(*at))
    }

    /// Returns the plan in which a step is written that is not this one, with the prefix of its names.
    pub fn origin(&self, step: &ResolvedStep) -> Option<(&str, &Imported)> {
        match &step.child {
            Some(child) => {
                self.imported.get_key_value(&**child).map(|(prefix, import)| (prefix.as_str(), import))
            }
            None => self.import_of(step.written_as()),
        }
    }

    /// Returns the imported plan to which a thing belongs, with the prefix of its names; nothing for what is the plan's own.
    ///
    /// A step is named as a person wrote it: see [`ResolvedStep::written_as`].
    pub fn import_of(&self, written: &str) -> Option<(&str, &Imported)> {
        let (prefix, _) = written.rsplit_once('/')?;
        self.imported.get_key_value(prefix).map(|(prefix, import)| (prefix.as_str(), import))
    }

    /// Returns the steps of a section.
    pub fn section(&self, section: Section) -> impl Iterator<Item = &ResolvedStep> {
        self.steps.iter().filter(move |step| step.section == section)
    }
}
