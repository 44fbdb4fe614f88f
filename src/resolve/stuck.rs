//! Recovery that needs what it recovers: the story of why something can never begin.

use std::collections::BTreeSet;

use super::index::Index;
use super::reach::Reach;
use super::reliance::{Kind, Requirement, Thing};
use super::{Harm, ResolvedPlan};
use crate::document::KeyPath;
use crate::value::Id;

/// One link of a story: something relies on something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What relies.
    pub from: String,
    /// What is relied on.
    pub to: String,
    /// Where that is written.
    pub path: KeyPath,
    /// What it says, for people: "`restore-db` needs the secret `PGPASSWORD`".
    pub says: String,
    /// Whether it is a plain `needs`, which is wrong in every scenario if it leads in a circle.
    pub is_plain: bool,
}

/// How a story ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It comes back to the link with this position: these wait for each other.
    Loop(usize),
    /// It ends at something that nothing brings back: what it is, and why it is not there.
    Gone(String, String),
    /// It ends at an asset that nothing brings back.
    Stranded(Id),
    /// It ends where too few people are left: the role or the person.
    NoOne(String),
}

/// Something of the route that can never begin, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The first step or asset, in the order of the plan, that the story keeps from beginning.
    pub first: Id,
    /// How many steps and assets the same end keeps from beginning.
    pub count: usize,
    /// From one to the next.
    pub links: Vec<Link>,
    /// How it ends.
    pub end: End,
}

impl Stuck {
    /// Returns the story in one line: "restore-db → PGPASSWORD → password-manager → sso → restore-db".
    pub fn way(&self) -> String {
        let mut names: Vec<&str> = self.links.first().map(|link| link.from.as_str()).into_iter().collect();
        names.extend(self.links.iter().map(|link| link.to.as_str()));
        names.join(" → ")
    }

    /// Returns why it can never begin, for people.
    pub fn why(&self) -> String {
        match &self.end {
            End::Loop(_) => format!("these wait for each other: {}", self.way()),
            End::Gone(what, why) if self.links.len() > 1 => format!("{}: {what} {why}", self.way()),
            End::Gone(what, why) => format!("{} needs {what}, which {why}", self.first),
            End::Stranded(asset) => format!("{}: nothing brings {asset} back", self.way()),
            End::NoOne(role) => format!("{}: nobody is left for {role}", self.way()),
        }
    }
}

/// Finds what of some steps and assets can never begin; one story for each end.
pub(super) fn stuck(
    index: &Index<'_>,
    harm: &Harm,
    reach: &Reach<'_>,
    nodes: impl Iterator<Item = Thing>,
) -> Vec<Stuck> {
    let teller = Teller { plan: index.plan, harm, index, reach };
    let mut stories: Vec<(BTreeSet<Thing>, Stuck)> = Vec::new();
    for thing in nodes {
        if reach.round(thing).is_some() {
            continue;
        }
        let id = Id::trusted(index.name_of(thing));
        let (ends_at, links, end) = teller.tell(thing);
        match stories.iter_mut().find(|(known, _)| !known.is_disjoint(&ends_at)) {
            Some((_, story)) => {
                story.count += 1;
                // The shortest way to the end is the one that is told.
                if links.len() < story.links.len() {
                    (story.links, story.end, story.first) = (links, end, id);
                }
            }
            None => stories.push((ends_at, Stuck { first: id, count: 1, links, end })),
        }
    }
    stories.into_iter().map(|(_, story)| story).collect()
}

struct Teller<'a> {
    plan: &'a ResolvedPlan,
    harm: &'a Harm,
    index: &'a Index<'a>,
    reach: &'a Reach<'a>,
}

impl Teller<'_> {
    /// Follows what is waited for in vain, until that is known already or nothing follows.
    fn tell(&self, start: Thing) -> (BTreeSet<Thing>, Vec<Link>, End) {
        let mut way = vec![start];
        let mut links: Vec<Link> = Vec::new();
        while let Some(at) = way.last().copied() {
            let unmet = self.reach.requirements(at).iter().filter(|needed| self.reach.is_unmet(needed));
            // What nobody can meet comes before what may be met once something else is.
            let Some(requirement) = unmet.min_by_key(|needed| !needed.any.is_empty()) else { break };
            let next = requirement.any.iter().copied().find(|needed| self.reach.round(*needed).is_none());
            let Some(next) = next else {
                let end = self.gone(at, requirement);
                return (BTreeSet::from([at]), links, end);
            };
            links.push(self.link(at, next, requirement));
            if let Some(begin) = way.iter().position(|known| *known == next) {
                // What leads into the loop is no part of it.
                let around: BTreeSet<Thing> = way.iter().skip(begin).copied().collect();
                return (around, links, End::Loop(begin));
            }
            if let (Thing::Person(_), Kind::By | Kind::Approve) = (next, requirement.kind) {
                let role = self.role(at, requirement);
                return (BTreeSet::from([at]), links, End::NoOne(role));
            }
            way.push(next);
        }
        // Whatever has no unmet requirement could be had, so the way never ends here.
        (BTreeSet::from([start]), links, End::Gone(self.index.name_of(start), "cannot be had".to_owned()))
    }

    fn gone(&self, at: Thing, requirement: &Requirement) -> End {
        let name = self.index.name_of(at);
        match (at, requirement.kind) {
            (Thing::Asset(_), _) => End::Stranded(Id::trusted(name)),
            (Thing::Place(_), _) => {
                let why =
                    self.harm.of_place(&name).map_or_else(|| "is not there".to_owned(), super::Fall::why);
                End::Gone(name, format!("{why}, and no step provides it"))
            }
            (Thing::Person(_), _) => {
                let why =
                    self.harm.of_place(&name).map_or_else(|| "cannot come".to_owned(), super::Fall::why);
                End::Gone(name, why)
            }
            (_, Kind::From) => End::Gone(name, "has no copy that can be read".to_owned()),
            _ => End::Gone(name, "cannot be had".to_owned()),
        }
    }

    fn role(&self, at: Thing, requirement: &Requirement) -> String {
        use crate::plan::Action;
        let Thing::Step(step) = at else { return self.index.name_of(at) };
        let who = match self.plan.steps.get(step).map(|step| &*step.action) {
            Some(Action::Manual { by: Some(by), .. }) => by.to_string(),
            Some(Action::Approve(approve)) if requirement.kind == Kind::Approve => {
                approve.by.iter().map(Id::as_str).collect::<Vec<_>>().join(" or ")
            }
            _ => requirement.any.first().map(|person| self.index.name_of(*person)).unwrap_or_default(),
        };
        if requirement.at_least > 1 { format!("{who} ({} are needed)", requirement.at_least) } else { who }
    }

    fn link(&self, from: Thing, to: Thing, requirement: &Requirement) -> Link {
        let (path, says) = self.written(from, to, requirement);
        let is_plain = matches!(
            (requirement.kind, from, to),
            (Kind::Needs(_), Thing::Step(_) | Thing::Asset(_) | Thing::Secret(_), _)
        );
        Link { from: self.index.name_of(from), to: self.index.name_of(to), path, says, is_plain }
    }

    /// Returns where it is written that one thing relies on another, and what it says.
    fn written(&self, from: Thing, to: Thing, requirement: &Requirement) -> (KeyPath, String) {
        let (name, other) = (self.index.name_of(from), self.index.name_of(to));
        let path = self.index.declared(from);
        let thing = match to {
            Thing::Secret(_) => format!("the secret `{other}`"),
            _ => format!("`{other}`"),
        };
        let in_list = |list: KeyPath, needs: &[crate::plan::Need], at: usize| {
            let Some(need) = needs.get(at) else { return list };
            let item = list.index(at);
            match need {
                crate::plan::Need::One(_) => item,
                crate::plan::Need::Any(_) => {
                    let inner = need.ids().iter().position(|id| id.as_str() == other);
                    inner.map_or(item.clone(), |inner| item.key("any").index(inner))
                }
            }
        };
        match requirement.kind {
            Kind::Needs(at) => {
                let path = in_list(path.key("needs"), self.needs_of(from), at as usize);
                let verb = match from {
                    Thing::Secret(_) => "can be fetched only with",
                    Thing::Place(_) => "is reached only with",
                    Thing::Copy(..) => "is read only with",
                    _ => "needs",
                };
                (path, format!("`{name}` {verb} {thing}"))
            }
            Kind::Inherited(asset, at) => {
                let Some((asset, declared)) = self.plan.assets.get_index(asset as usize) else {
                    return (path, name);
                };
                let needs = KeyPath::root().key("assets").key(asset.as_str()).key("needs");
                (
                    in_list(needs, &declared.needs, at as usize),
                    format!("`{name}` restores `{asset}`, which needs {thing}"),
                )
            }
            Kind::Home(asset) => {
                let asset = self
                    .plan
                    .assets
                    .get_index(asset as usize)
                    .map(|(id, _)| id.to_string())
                    .unwrap_or_default();
                let homes = KeyPath::root().key("assets").key(&asset).key("homes");
                (homes, format!("`{name}` restores `{asset}`, whose home is {thing}"))
            }
            Kind::On => (path.key("on"), format!("`{name}` is done on {thing}")),
            Kind::Controller => (
                self.index.declared(to).key("controller"),
                format!("`{name}` is run from {thing}, a controller"),
            ),
            Kind::Secret(at) => {
                let own = match from {
                    Thing::Step(step) => {
                        self.plan.steps.get(step).map_or(0, |step| step.common.secrets.len())
                    }
                    _ => 0,
                };
                let at = at as usize;
                let path = if at < own { path.key("secrets").index(at) } else { path.key("use") };
                (path, format!("`{name}` uses {thing}"))
            }
            Kind::From => {
                let step = match from {
                    Thing::Step(at) => self.plan.steps.get(at),
                    _ => None,
                };
                let at =
                    step.and_then(|step| step.common.from.iter().position(|copy| copy.as_str() == other));
                let from = path.key("from");
                (at.map_or(from.clone(), |at| from.index(at)), format!("`{name}` restores from {thing}"))
            }
            Kind::By => (path.key("manual"), format!("`{name}` is done by {thing}")),
            Kind::Approve => (path.key("approve").key("by"), format!("`{name}` is approved by {thing}")),
            Kind::RestoredBy => {
                (self.index.declared(to).key("restores"), format!("`{name}` is restored by {thing}"))
            }
            Kind::ProvidedBy => {
                (self.index.declared(to).key("provides"), format!("`{name}` is provided by {thing}"))
            }
            Kind::Within(place, at) => {
                let Some((place, declared)) = self.plan.places.get_index(place as usize) else {
                    return (path, name);
                };
                let parents = KeyPath::root().key("places").key(place.as_str()).key("in");
                (
                    in_list(parents, &declared.in_, at as usize),
                    format!("`{name}` provides `{place}`, which is in {thing}"),
                )
            }
            Kind::Alive => (path, format!("`{name}` is not to be had")),
            Kind::LiesIn => (path.key("in"), format!("`{name}` lies in {thing}")),
            Kind::Key => (path.key("key"), format!("`{name}` is encrypted with {thing}")),
        }
    }

    fn needs_of(&self, thing: Thing) -> &[crate::plan::Need] {
        let plan = self.plan;
        let needs = match thing {
            Thing::Step(at) => plan.steps.get(at).map(|step| step.common.needs.as_slice()),
            Thing::Asset(at) => plan.assets.get_index(at).map(|(_, asset)| asset.needs.as_slice()),
            Thing::Place(at) => plan.places.get_index(at).map(|(_, place)| place.needs.as_slice()),
            Thing::Secret(at) => plan.secrets.get_index(at).map(|(_, secret)| secret.needs.as_slice()),
            Thing::Copy(backup, copy) => plan
                .backups
                .get_index(backup as usize)
                .and_then(|(_, backup)| backup.copies.get_index(copy as usize))
                .map(|(_, copy)| copy.needs.as_slice()),
            Thing::Person(_) => None,
        };
        needs.unwrap_or_default()
    }
}
