//! What can be had at all: the least fixed point over what things rely on.
//!
//! A thing can be had when each of its requirements has enough things that can be had. Starting from what
//! relies on nothing, things are marked until nothing more can be (forward chaining over an and-or graph, as in
//! Dowling and Gallier, 1984: linear in the size of the graph). What is left either waits for itself or for
//! something that nothing brings back.

use std::borrow::Cow;
use std::collections::HashMap;

use super::index::Index;
use super::lists::{Lists, small};
use super::reliance::{Kind, Reliance, Requirement, Requirements, Thing};

/// What can be had, in which round, and what each thing relies on.
pub(super) struct Reach<'a> {
    index: &'a Index<'a>,
    things: Vec<Thing>,
    at_of: Positions,
    /// What each thing relies on because of the route; nothing if it relies on nothing at all.
    own: Vec<Option<Box<[Requirement]>>>,
    /// The round in which a thing could be had; none if it cannot.
    rounds: Vec<Option<u32>>,
    /// Whether a thing is there without anything being done.
    stands: Vec<bool>,
    /// Whether a thing is a step that is not done.
    left_out: Vec<bool>,
}

/// The position of each thing in a list. Asked for so often that no hash is made for what has a number of its own.
#[derive(Default)]
struct Positions {
    by_kind: [Vec<u32>; 5],
    copies: HashMap<(u32, u32), u32, ahash::RandomState>,
}

/// Stands for "no position".
const NONE: u32 = u32::MAX;

impl Positions {
    /// Returns kind and number of a thing, or backup and copy.
    const fn slot(thing: Thing) -> Result<(usize, usize), (u32, u32)> {
        match thing {
            Thing::Step(at) => Ok((0, at)),
            Thing::Asset(at) => Ok((1, at)),
            Thing::Place(at) => Ok((2, at)),
            Thing::Person(at) => Ok((3, at)),
            Thing::Secret(at) => Ok((4, at)),
            Thing::Copy(backup, copy) => Err((backup, copy)),
        }
    }

    fn get(&self, thing: Thing) -> Option<usize> {
        let at = match Self::slot(thing) {
            Ok((kind, at)) => self.by_kind[kind].get(at).copied().filter(|at| *at != NONE),
            Err(copy) => self.copies.get(&copy).copied(),
        };
        at.map(|at| at as usize)
    }

    fn set(&mut self, thing: Thing, position: usize) {
        match Self::slot(thing) {
            Ok((kind, at)) => {
                let list = &mut self.by_kind[kind];
                if list.len() <= at {
                    list.resize(at + 1, NONE);
                }
                list[at] = small(position);
            }
            Err(copy) => {
                self.copies.insert(copy, small(position));
            }
        }
    }
}

/// Some of the things that were asked about.
pub(super) struct Behind<'a> {
    reach: &'a Reach<'a>,
    marked: Vec<bool>,
}

impl Behind<'_> {
    /// Whether a thing is one of them.
    pub(super) fn contains(&self, thing: Thing) -> bool {
        self.reach.at_of.get(thing).is_some_and(|at| self.marked[at])
    }

    /// Takes a thing; whether it is new, and was asked about at all.
    fn mark(&mut self, thing: Thing) -> bool {
        self.reach.at_of.get(thing).is_some_and(|at| !std::mem::replace(&mut self.marked[at], true))
    }
}

impl<'a> Reach<'a> {
    /// Works out what can be had of some things, and of all that they rely on.
    pub(super) fn new(reliance: &Reliance<'a, '_>, roots: impl IntoIterator<Item = Thing>) -> Self {
        let mut reach = Self {
            index: reliance.index,
            things: Vec::new(),
            at_of: Positions::default(),
            own: Vec::new(),
            rounds: Vec::new(),
            stands: Vec::new(),
            left_out: Vec::new(),
        };
        for root in roots {
            reach.add(root);
        }
        let mut at = 0;
        while let Some(thing) = reach.things.get(at).copied() {
            let own = reliance.counts(thing).then(|| reliance.own(thing).into_boxed_slice());
            for requirement in all_of(reach.index, thing, own.as_deref()).iter() {
                requirement.any.iter().for_each(|needed| reach.add(*needed));
            }
            reach.own.push(own);
            reach.stands.push(reliance.stands(thing));
            reach.left_out.push(reliance.is_left_out(thing));
            at += 1;
        }
        // Lists that have grown are up to twice as long as what is in them.
        reach.things.shrink_to_fit();
        reach.own.shrink_to_fit();
        reach.solve();
        reach
    }

    fn add(&mut self, thing: Thing) {
        if self.at_of.get(thing).is_none() {
            self.at_of.set(thing, self.things.len());
            self.things.push(thing);
        }
    }

    fn solve(&mut self) {
        let count = self.things.len();
        self.rounds = vec![None; count];
        // Requirements are numbered through; each knows whose it is, and each thing which ones it helps to meet.
        let mut whose: Vec<u32> = Vec::new();
        let mut missing: Vec<u32> = Vec::new();
        let mut unmet: Vec<u32> = Vec::with_capacity(count);
        let mut links: Vec<(u32, u32)> = Vec::new();
        for (at, thing) in self.things.iter().enumerate() {
            let mut open = 0;
            let requirements = self.requirements_at(at, *thing);
            for requirement in requirements.iter().filter(|requirement| requirement.at_least > 0) {
                let needed = requirement.any.iter().filter_map(|needed| self.at_of.get(*needed));
                // What is left out serves nobody who can have another.
                let done = |at: &usize| !self.left_out[*at];
                let all =
                    requirement.any.len() <= 1 || needed.clone().filter(done).count() < requirement.enough();
                let needed = needed.filter(|at| all || done(at));
                links.extend(needed.map(|needed| (small(needed), small(whose.len()))));
                whose.push(small(at));
                missing.push(requirement.at_least);
                open += 1;
            }
            unmet.push(open);
        }
        let helps = Lists::new(count, &links);
        drop(links);
        let mut ready: Vec<usize> = (0..count).filter(|at| unmet[*at] == 0).collect();
        let mut round = 0;
        while !ready.is_empty() {
            let mut next = Vec::new();
            for at in &ready {
                self.rounds[*at] = Some(round);
            }
            for requirement in ready.iter().flat_map(|at| helps.of(*at)) {
                let left = &mut missing[requirement];
                if *left == 0 {
                    continue;
                }
                *left -= 1;
                if *left == 0 {
                    let dependant = whose[requirement] as usize;
                    unmet[dependant] -= 1;
                    if unmet[dependant] == 0 {
                        next.push(dependant);
                    }
                }
            }
            ready = next;
            round += 1;
        }
    }

    /// Returns the round in which a thing can be had; nothing if it cannot, or was not asked about.
    pub(super) fn round(&self, thing: Thing) -> Option<u32> {
        self.rounds[self.at_of.get(thing)?]
    }

    /// Whether everything can be had.
    pub(super) fn has_all(&self) -> bool {
        self.rounds.iter().all(Option::is_some)
    }

    /// Returns what cannot be had.
    pub(super) fn lacking(&self) -> impl Iterator<Item = Thing> {
        self.things.iter().zip(&self.rounds).filter(|(_, round)| round.is_none()).map(|(thing, _)| *thing)
    }

    /// Returns what a thing relies on.
    pub(super) fn requirements(&self, thing: Thing) -> Requirements<'_> {
        self.at_of.get(thing).map(|at| self.requirements_at(at, thing)).unwrap_or_default()
    }

    fn requirements_at(&self, at: usize, thing: Thing) -> Requirements<'_> {
        all_of(self.index, thing, self.own.get(at).and_then(Option::as_deref))
    }

    /// Of a requirement of a thing, returns what will serve: first what stands, then what can be had before the
    /// thing itself, in the order in which they are written.
    ///
    /// Where not enough can be had, those follow that cannot, so that it shows what is waited for in vain.
    pub(super) fn serving<'r>(&self, thing: Thing, requirement: &'r Requirement) -> Cow<'r, [Thing]> {
        if requirement.any.len() <= 1 && requirement.at_least >= 1 {
            return Cow::Borrowed(&requirement.any);
        }
        let before = self.round(thing).unwrap_or(u32::MAX);
        let worth = |needed: &Thing| {
            let Some(at) = self.at_of.get(*needed) else { return 3 };
            match self.rounds[at] {
                Some(round) if round < before && self.stands[at] => 0,
                Some(round) if round < before && !self.left_out[at] => 1,
                Some(round) if round < before => 2,
                _ => 3,
            }
        };
        if requirement.at_least == 1 {
            let best = requirement.any.iter().min_by_key(|needed| worth(needed));
            return Cow::Borrowed(best.map(std::slice::from_ref).unwrap_or_default());
        }
        let mut serving = requirement.any.to_vec();
        serving.sort_by_key(worth);
        serving.truncate(requirement.enough());
        Cow::Owned(serving)
    }

    /// Returns all that some things rely on in the end: what serves each of them, and whatever these rely on.
    ///
    /// Of what cannot be had, everything that it might rely on belongs to it, so that it shows why.
    pub(super) fn behind(&self, roots: impl IntoIterator<Item = Thing>) -> Behind<'_> {
        let mut behind = Behind { reach: self, marked: vec![false; self.things.len()] };
        let mut open: Vec<Thing> = roots.into_iter().filter(|root| behind.mark(*root)).collect();
        while let Some(thing) = open.pop() {
            for requirement in self.requirements(thing).iter() {
                let next = match self.round(thing) {
                    Some(_) => self.serving(thing, requirement),
                    None => Cow::Borrowed(&*requirement.any),
                };
                open.extend(next.iter().copied().filter(|next| behind.mark(*next)));
            }
        }
        behind
    }

    /// Whether a requirement cannot be met.
    pub(super) fn is_unmet(&self, requirement: &Requirement) -> bool {
        let had = requirement.any.iter().filter(|needed| self.round(**needed).is_some()).count();
        had < requirement.enough()
    }

    /// Of the ways in which something of a kind can be met, returns the first that can be had before the thing.
    pub(super) fn way(&self, thing: Thing, kind: impl Fn(Kind) -> bool) -> Option<Thing> {
        let requirement = self.requirements(thing).iter().find(|requirement| kind(requirement.kind))?;
        let before = self.round(thing)?;
        requirement.any.iter().copied().find(|needed| self.round(*needed).is_some_and(|round| round < before))
    }
}

/// Returns all that a thing relies on, what it does because of the route among it; nothing if it relies on nothing at all.
fn all_of<'r>(index: &'r Index<'_>, thing: Thing, own: Option<&'r [Requirement]>) -> Requirements<'r> {
    own.map(|own| Requirements::new(index.always(thing), own)).unwrap_or_default()
}
