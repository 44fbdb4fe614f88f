//! Other plans that a plan uses things of: each once, whatever ways lead to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Recipes;
use crate::document::{Document, KeyPath, Segment};
use crate::plan::Plan;
use crate::value::Id;

/// Where the entries of `imports` lead: to an imported plan by its position, or to nothing that could be used.
pub type Links = BTreeMap<Id, Option<usize>>;

/// Where the paths under `plan` lead, as [`Links`].
pub type Children = BTreeMap<String, Option<usize>>;

/// A plan that another one uses things of.
#[derive(Clone, Debug)]
pub struct Import {
    /// What stands before its names: `network`, or `identity/network` if it was found through `identity`.
    pub prefix: String,
    /// Its own imports.
    pub links: Links,
    /// The plans that its steps carry out, by the path that stands there.
    pub children: Children,
    /// Whether no plan imports it, but steps carry it out.
    pub only_carried_out: bool,
    /// Its document.
    pub document: Arc<Document>,
    /// What it says.
    pub plan: Arc<Plan>,
    /// The recipes at hand for it.
    pub recipes: Arc<Recipes>,
}

/// All plans that a plan uses things of, nearest first.
#[derive(Clone, Debug, Default)]
pub struct Imports {
    /// The plan's own imports.
    pub links: Links,
    /// The plans that the plan's own steps carry out.
    pub children: Children,
    /// The plans.
    pub plans: Vec<Import>,
}

/// Where a name leads, as far as its prefixes can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// To the plan that imports the others.
    Whole,
    /// To the imported plan with this position.
    Plan(usize),
    /// Through an import of which nothing is known.
    Unknown,
}

impl Imports {
    /// Whether nothing is imported, and no other plan is carried out.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.children.is_empty()
    }

    /// Whether every import of every plan could be used.
    pub fn is_whole(&self) -> bool {
        let inner = self.plans.iter().map(|import| (&import.links, &import.children));
        let mut all = std::iter::once((&self.links, &self.children)).chain(inner);
        all.all(|(links, children)| links.values().chain(children.values()).all(Option::is_some))
    }

    /// Returns the one name that a thing has in the whole, for a name that stands in a plan.
    ///
    /// If `a` and `b` both import `d`, then `a/d/x` and `b/d/x` are one thing.
    pub fn canonical(&self, from: Owner, name: &str) -> String {
        match self.follow(from, name) {
            (Owner::Whole, rest) => rest.to_owned(),
            (Owner::Plan(at), rest) => self
                .plans
                .get(at)
                .map_or_else(|| name.to_owned(), |import| format!("{}/{rest}", import.prefix)),
            (Owner::Unknown, _) => name.to_owned(),
        }
    }

    /// Returns the plan in which a name ends, and what is left of the name there.
    pub fn follow<'n>(&self, from: Owner, name: &'n str) -> (Owner, &'n str) {
        let (mut at, mut rest) = (from, name);
        while let Some((first, after)) = rest.split_once('/') {
            match self.links_of(at).and_then(|links| links.get(first)) {
                None => break,
                Some(Some(next)) => at = Owner::Plan(*next),
                Some(None) => return (Owner::Unknown, after),
            }
            rest = after;
        }
        (at, rest)
    }

    /// Returns the imports of a plan.
    pub fn links_of(&self, owner: Owner) -> Option<&Links> {
        match owner {
            Owner::Whole => Some(&self.links),
            Owner::Plan(at) => self.plans.get(at).map(|import| &import.links),
            Owner::Unknown => None,
        }
    }

    /// Returns the plan that a step of a plan carries out, by the path that stands there; nothing if it could not be used.
    pub fn child_of(&self, owner: Owner, path: &str) -> Option<usize> {
        let children = match owner {
            Owner::Whole => &self.children,
            Owner::Plan(at) => &self.plans.get(at)?.children,
            Owner::Unknown => return None,
        };
        children.get(path).copied().flatten()
    }

    /// Returns the plan to which a thing belongs, by the name that it has in the whole, and its name there.
    pub fn owner<'n>(&self, canonical: &'n str) -> Option<(&Import, &'n str)> {
        let (prefix, own) = canonical.rsplit_once('/')?;
        self.plans.iter().find(|import| import.prefix == prefix).map(|import| (import, own))
    }

    /// Returns the document in which something of an imported plan stands, and the way to it there.
    pub fn written(&self, path: &KeyPath) -> Option<(&Document, KeyPath)> {
        let [Segment::Key(section), Segment::Key(id), rest @ ..] = path.segments() else { return None };
        let (import, own) = self.owner(id)?;
        let start = KeyPath::root().key(section).key(own);
        let path = rest.iter().fold(start, |path, segment| match segment {
            Segment::Key(key) => path.key(key),
            Segment::Index(index) => path.index(*index),
        });
        Some((&import.document, path))
    }
}
