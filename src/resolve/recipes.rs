//! The recipes at hand: those shipped with drplan, and the user's own.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::LazyLock;

use super::ResolvedPlan;
use crate::document::{SourceId, Sources};
use crate::plan::{Action, Recipe, Wait, load_recipe};
use crate::probe::{Probe, ProbeKind};
use crate::value::Id;

/// A recipe that is part of the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name, such as `files/restore-tar`.
    pub name: &'static str,
    /// Its YAML.
    pub text: &'static str,
    /// What it says, read when it is first asked for: a plan uses few of them.
    recipe: &'static LazyLock<Recipe>,
}

/// A recipe by its name, which is its path as well.
macro_rules! shipped {
    ($name:literal) => {{
        const TEXT: &str = include_str!(concat!("../../recipes/", $name, ".yaml"));
        static RECIPE: LazyLock<Recipe> = LazyLock::new(|| sound(TEXT));
        Shipped { name: $name, text: TEXT, recipe: &RECIPE }
    }};
}

/// Reads a recipe that is part of the program; a test holds all of them sound.
fn sound(text: &str) -> Recipe {
    let mut sources = Sources::default();
    let source = sources.add("drplan", text);
    load_recipe(source, &sources).value.unwrap_or_else(|| unreachable!("a shipped recipe is sound"))
}

/// The recipes that are part of the program; the one list.
const SHIPPED: &[Shipped] = &[
    shipped!("crypt/age-decrypt"),
    shipped!("crypt/gpg-decrypt"),
    shipped!("crypt/remove-plaintext"),
    shipped!("crypt/verify-age"),
    shipped!("crypt/verify-gpg"),
    shipped!("files/restore-borg"),
    shipped!("files/restore-rclone"),
    shipped!("files/restore-restic"),
    shipped!("files/restore-rsync"),
    shipped!("files/restore-tar"),
    shipped!("files/verify-borg"),
    shipped!("files/verify-mirror"),
    shipped!("files/verify-restic"),
    shipped!("files/verify-tar"),
    shipped!("mariadb/replay-binlog"),
    shipped!("mariadb/restore-dump"),
    shipped!("mariadb/restore-mariabackup"),
    shipped!("mariadb/verify-binlog"),
    shipped!("mariadb/verify-dump"),
    shipped!("mariadb/verify-mariabackup"),
    shipped!("pg-dump/verify"),
    shipped!("postgres/promote-replica"),
    shipped!("postgres/restore-barman"),
    shipped!("postgres/restore-base"),
    shipped!("postgres/restore-dump"),
    shipped!("postgres/restore-pgbackrest"),
    shipped!("postgres/verify-archiver"),
    shipped!("postgres/verify-barman"),
    shipped!("postgres/verify-base"),
    shipped!("postgres/verify-globals"),
    shipped!("postgres/verify-pgbackrest"),
    shipped!("postgres/verify-replica"),
    shipped!("postgres/verify-wal"),
    shipped!("redis/restore-aof"),
    shipped!("redis/restore-rdb"),
    shipped!("redis/verify-aof"),
    shipped!("redis/verify-rdb"),
    shipped!("s3/fetch-point"),
    shipped!("s3/rollback-prefix"),
    shipped!("s3/undelete"),
    shipped!("s3/verify-objects"),
    shipped!("sqlite/restore"),
    shipped!("sqlite/verify"),
    shipped!("truth/files"),
    shipped!("truth/postgres"),
    shipped!("truth/redis"),
];

/// The recipes at hand, by name.
#[derive(Debug, Default)]
pub struct Recipes {
    by_name: BTreeMap<Id, (SourceId, Held)>,
}

#[derive(Debug)]
enum Held {
    Shipped(&'static Shipped),
    Own(Box<Recipe>),
}

impl Held {
    fn recipe(&self) -> &Recipe {
        match self {
            Self::Shipped(shipped) => shipped.recipe,
            Self::Own(recipe) => recipe,
        }
    }
}

impl Recipes {
    /// Returns the recipes that are part of the program, as YAML.
    pub const fn shipped() -> &'static [Shipped] {
        SHIPPED
    }

    /// Begins with the recipes that are part of the program.
    pub fn with_shipped(sources: &mut Sources) -> Self {
        let held = SHIPPED.iter().map(|shipped| {
            let source = sources.add(format!("drplan:{}.yaml", shipped.name), shipped.text);
            (Id::trusted(shipped.name), (source, Held::Shipped(shipped)))
        });
        Self { by_name: held.collect() }
    }

    /// Adds a recipe; returns the source of the one that has the name already, if there is one.
    pub fn add(&mut self, source: SourceId, recipe: Recipe) -> Option<SourceId> {
        match self.by_name.entry(recipe.recipe.clone()) {
            Entry::Occupied(taken) => Some(taken.get().0),
            Entry::Vacant(free) => {
                free.insert((source, Held::Own(recipe.into())));
                None
            }
        }
    }

    /// Returns a recipe and its source.
    pub fn get(&self, name: &str) -> Option<(SourceId, &Recipe)> {
        self.by_name.get(name).map(|(source, held)| (*source, held.recipe()))
    }

    /// Returns the recipes, each with its source.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Recipe)> {
        self.by_name.values().map(|(source, held)| (*source, held.recipe()))
    }

    /// Returns the recipes that are no part of the program, each with its source.
    pub fn own(&self) -> impl Iterator<Item = (SourceId, &Recipe)> {
        self.by_name.values().filter_map(|(source, held)| match held {
            Held::Shipped(_) => None,
            Held::Own(recipe) => Some((*source, &**recipe)),
        })
    }

    /// Returns the recipes that a plan uses, each with its source.
    pub fn used_by<'a>(&'a self, plan: &'a ResolvedPlan) -> impl Iterator<Item = (&'a str, SourceId)> {
        let asks =
            |probe: &Probe, name: &Id| matches!(&probe.kind, ProbeKind::Use(recipe, _) if recipe == name);
        let uses = move |name: &Id| {
            let by_step = plan.steps.iter().any(|step| {
                matches!(&*step.action, Action::Use { recipe, .. } if recipe == name)
                    || step.common.verify.iter().chain(&step.common.unless).any(|probe| asks(probe, name))
                    || matches!(&*step.action, Action::Wait(Wait::Until(probe)) if asks(probe, name))
            });
            by_step || plan.assets.values().flat_map(|asset| &asset.health).any(|probe| asks(probe, name))
        };
        self.by_name
            .iter()
            .filter(move |(name, _)| uses(name))
            .map(|(name, (source, _))| (name.as_str(), *source))
    }

    /// Returns the names of all recipes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(Id::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_sound_and_has_the_name_of_its_file() {
        for shipped in Recipes::shipped() {
            let mut sources = Sources::default();
            let source = sources.add(shipped.name, shipped.text);
            let loaded = load_recipe(source, &sources);
            assert_eq!(loaded.findings, [], "{}", shipped.name);
            assert_eq!(loaded.value.unwrap().recipe.as_str(), shipped.name);
        }
    }
}
