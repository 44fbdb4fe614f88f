//! A route as numbers: what waits for what, and which limits it meets.
//!
//! Made once and run often: a simulation runs it ten thousand times.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Measured;
use super::estimate::{Estimate, Groups, estimates, recovering};
use crate::plan::Action;
use crate::resolve::{Harm, NodeKind, ResolvedPlan, ResolvedStep, Route};
use crate::value::{Id, Length};

/// What a schedule rests on besides plan and route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// How many commands and requests run at the same time.
    pub max_parallel: usize,
    /// What drills have measured.
    pub measured: Measured,
}

impl Basis {
    /// As many as run at the same time if nothing is said.
    pub const MAX_PARALLEL: usize = 8;
}

impl Default for Basis {
    fn default() -> Self {
        Self { max_parallel: Self::MAX_PARALLEL, measured: Measured::default() }
    }
}

/// Stands for "none" among small numbers.
pub(super) const NONE: u32 = u32::MAX;

/// What a node meets when it could begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing: it waits for others alone, or for a length of time.
    Nothing,
    /// One of the slots for what runs at the same time.
    Slot,
    /// A person of this crew, who does nothing else meanwhile.
    Person(u32),
    /// That so many people of a crew are there, by the number of the gate.
    Answers(u32),
}

/// A node and its limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) demand: Demand,
    /// The lock that it holds while it runs.
    pub(super) lock: u32,
    /// The nodes that wait for it: a range of [`Network::after`].
    pub(super) after: (u32, u32),
}

impl Member {
    /// Whether it needs a slot and nothing else, as most nodes do.
    pub(super) const fn needs_a_slot_alone(&self) -> bool {
        matches!(self, Self { demand: Demand::Slot, lock: NONE, .. })
    }

    /// Whether it begins as soon as what it waits for has ended.
    pub(super) const fn needs_nothing(&self) -> bool {
        matches!(self, Self { demand: Demand::Nothing, lock: NONE, .. })
    }
}

/// So many of a crew must be there.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) crew: u32,
    /// How many, from 1.
    pub(super) people: usize,
}

/// A route as numbers. Its nodes are numbered by rank: of what could begin, the smallest number goes first.
#[derive(Clone, Debug)]
pub struct Network {
    /// By rank.
    pub(super) members: Vec<Member>,
    /// How many nodes each node waits for, by rank.
    pub(super) open: Vec<u32>,
    /// The nodes that wait for none, by rank.
    pub(super) roots: Vec<u32>,
    /// What waits for what, see [`Member::after`].
    pub(super) after: Vec<u32>,
    /// The position in the route of each rank.
    pub(super) node_of: Vec<u32>,
    /// The rank of each position in the route.
    pub(super) rank_of: Vec<u32>,
    pub(super) slots: usize,
    /// The names of the locks; none for the limit of an `each`.
    pub(super) locks: Vec<Option<Id>>,
    /// How many hold each lock at the same time: one, or as many items of an `each` as it says.
    pub(super) holders: Vec<u32>,
    /// Who may do a kind of step, by their numbers, in the order of the plan.
    pub(super) crews: Vec<Vec<u32>>,
    /// The crews of each person.
    pub(super) crews_of: Vec<Vec<u32>>,
    pub(super) gates: Vec<Gate>,
    /// The people who have not fallen, in the order of the plan.
    pub(super) people: Vec<Id>,
    /// When each of them is there, in milliseconds after it was decided to recover.
    pub(super) arrivals: Vec<u64>,
    /// The nodes for which nobody is left, as positions in the route.
    pub(super) without_person: Vec<usize>,
    /// What is known of each node, by position in the route.
    pub(super) estimates: Vec<Estimate>,
    /// By rank.
    pub(super) groups: Groups,
    /// How long each node takes, by rank, in milliseconds.
    pub(super) lengths: Vec<u64>,
    /// How much of that it takes to get a copy back.
    pub(super) fetches: Vec<u64>,
}

impl Network {
    /// Makes the network of a route; `order` has each node after all that it waits for.
    pub fn new(plan: &ResolvedPlan, route: &Route, order: &[usize], basis: &Basis) -> Self {
        let estimates = estimates(plan, route, &basis.measured);
        let groups = Groups::new(plan, route, order, &estimates);
        let whole = |estimate: &Estimate| estimate.work().saturating_add(estimate.fetch).as_millis();
        let mut lengths: Vec<u64> = estimates.iter().map(whole).collect();
        groups.spread(&mut lengths, &mut Vec::new());
        let mut fetches = vec![0; lengths.len()];
        for (at, estimate) in
            estimates.iter().enumerate().filter(|(_, estimate)| estimate.fetch > Length::ZERO)
        {
            let carrier = groups.carrier(at);
            fetches[carrier] = estimate.fetch.as_millis().min(lengths[carrier]);
        }
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); route.nodes.len()];
        for (at, node) in route.nodes.iter().enumerate() {
            for (earlier, _) in &node.after {
                before[*earlier].push(at);
            }
        }
        let node_of = by_rank(plan, route, order, &before, &lengths);
        let mut rank_of = vec![0; node_of.len()];
        for (rank, at) in (0..).zip(&node_of) {
            rank_of[*at as usize] = rank;
        }
        let mut limits = Limits::new(plan, &route.harm);
        let mut after = Vec::new();
        let mut members = Vec::with_capacity(node_of.len());
        let mut open = Vec::with_capacity(node_of.len());
        for at in node_of.iter().map(|at| *at as usize) {
            let start = small(after.len());
            after.extend(before[at].iter().map(|next| rank_of[*next]));
            let node = &route.nodes[at];
            let (demand, lock) = match recovering(plan, node) {
                Some(step) => (limits.demand(step, at), limits.lock(step, node)),
                None => (Demand::Nothing, NONE),
            };
            members.push(Member { demand, lock, after: (start, small(after.len())) });
            open.push(small(node.after.len()));
        }
        let mut crews_of = vec![Vec::new(); limits.people.len()];
        for (crew, people) in (0..).zip(&limits.crews) {
            for person in people {
                crews_of[*person as usize].push(crew);
            }
        }
        Self {
            members,
            roots: (0..).zip(&open).filter(|(_, open)| **open == 0).map(|(rank, _)| rank).collect(),
            open,
            after,
            groups: groups.renamed(&rank_of),
            lengths: node_of.iter().map(|at| lengths[*at as usize]).collect(),
            fetches: node_of.iter().map(|at| fetches[*at as usize]).collect(),
            node_of,
            rank_of,
            slots: basis.max_parallel.max(1),
            holders: limits.holders,
            locks: limits.locks,
            crews: limits.crews,
            crews_of,
            gates: limits.gates,
            people: limits.people,
            arrivals: limits.arrivals,
            without_person: limits.without_person,
            estimates,
        }
    }

    /// Keeps what tells the numbers of a run apart; nothing can be run on it any more.
    pub(super) fn keep_names(&mut self) {
        self.after = Vec::new();
        self.open = Vec::new();
        self.roots = Vec::new();
        self.lengths = Vec::new();
        self.groups = Groups::default();
    }

    /// Returns how many nodes there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns for each node, by its position in the route, its place in the order in which what could begin begins.
    pub fn ranks(&self) -> &[u32] {
        &self.rank_of
    }

    /// Returns the nodes that wait for a node.
    pub(super) fn after(&self, rank: usize) -> &[u32] {
        let (start, end) = self.members[rank].after;
        &self.after[start as usize..end as usize]
    }
}

pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Orders the nodes: first what serves the asset with the highest priority, then what has the least slack, then the
/// order of the plan.
fn by_rank(
    plan: &ResolvedPlan,
    route: &Route,
    order: &[usize],
    before: &[Vec<usize>],
    lengths: &[u64],
) -> Vec<u32> {
    let len = route.nodes.len();
    let (mut start, mut tail, mut priority) = (vec![0u64; len], vec![0u64; len], vec![u32::MAX; len]);
    for at in order {
        let end = start[*at].saturating_add(lengths[*at]);
        for next in &before[*at] {
            start[*next] = start[*next].max(end);
        }
    }
    for at in order.iter().rev() {
        let own = match route.nodes[*at].kind {
            NodeKind::Health(asset) => plan.assets[asset].priority,
            NodeKind::Step(_) => None,
        };
        let later = before[*at].iter().map(|next| priority[*next]).min();
        priority[*at] = own.map_or(u32::MAX, std::num::NonZeroU32::get).min(later.unwrap_or(u32::MAX));
        let later = before[*at].iter().map(|next| tail[*next]).max().unwrap_or(0);
        tail[*at] = lengths[*at].saturating_add(later);
    }
    // The longer the way that leads through a node, the less slack it has.
    let way = |at: usize| start[at].saturating_add(tail[at]);
    let mut nodes: Vec<(u32, Reverse<u64>, u32)> =
        (0..len).map(|at| (priority[at], Reverse(way(at)), small(at))).collect();
    nodes.sort_unstable();
    nodes.into_iter().map(|(_, _, at)| at).collect()
}

/// Collects the limits of the steps.
struct Limits<'a> {
    plan: &'a ResolvedPlan,
    people: Vec<Id>,
    arrivals: Vec<u64>,
    locks: Vec<Option<Id>>,
    holders: Vec<u32>,
    lock_of: HashMap<(&'a str, bool), u32, ahash::RandomState>,
    crews: Vec<Vec<u32>>,
    crew_of: HashMap<Vec<u32>, u32, ahash::RandomState>,
    gates: Vec<Gate>,
    without_person: Vec<usize>,
}

impl<'a> Limits<'a> {
    fn new(plan: &'a ResolvedPlan, harm: &Harm) -> Self {
        let alive = || plan.people.iter().filter(|(id, _)| harm.of_place(id.as_str()).is_none());
        Self {
            plan,
            people: alive().map(|(id, _)| id.clone()).collect(),
            arrivals: alive().map(|(_, person)| person.arrives.unwrap_or_default().as_millis()).collect(),
            locks: Vec::new(),
            holders: Vec::new(),
            lock_of: HashMap::default(),
            crews: Vec::new(),
            crew_of: HashMap::default(),
            gates: Vec::new(),
            without_person: Vec::new(),
        }
    }

    fn lock(&mut self, step: &'a ResolvedStep, node: &crate::resolve::Node) -> u32 {
        let plan = self.plan;
        let groups = match node.kind {
            NodeKind::Step(at) if step.part_of.is_some() => Some(plan.groups_of(at)),
            _ => None,
        };
        let groups = groups.into_iter().flatten().filter_map(|group| plan.steps.get(group));
        let at_most = std::iter::once(step).chain(groups).find_map(ResolvedStep::at_most);
        // Items that share a lock go one by one, whatever else is said of them.
        let (name, is_lock, holders) = match (&step.common.lock, at_most) {
            (Some(lock), _) => (&**lock, true, 1),
            (None, Some((whole, most))) => (whole, false, most),
            (None, None) => return NONE,
        };
        *self.lock_of.entry((name.as_str(), is_lock)).or_insert_with(|| {
            self.locks.push(is_lock.then(|| name.clone()));
            self.holders.push(small(holders));
            small(self.locks.len() - 1)
        })
    }

    fn demand(&mut self, step: &ResolvedStep, at: usize) -> Demand {
        if step.is_group() {
            return Demand::Nothing;
        }
        match &*step.action {
            Action::Run { .. } | Action::Http { .. } => Demand::Slot,
            Action::Manual { by, .. } => match self.crew(by.as_slice(), at) {
                Some(crew) => Demand::Person(crew),
                None => Demand::Nothing,
            },
            Action::Approve(approve) => {
                let Some(crew) = self.crew(&approve.by, at) else { return Demand::Nothing };
                let of = self.crews[crew as usize].len();
                let mut people = approve.quorum.map_or(1, |quorum| quorum.get() as usize);
                if people > of {
                    self.without_person.push(at);
                }
                // Whoever is there first may be the one who must not answer.
                people += usize::from(approve.distinct_from.is_some());
                self.gates.push(Gate { crew, people: people.clamp(1, of) });
                Demand::Answers(small(self.gates.len() - 1))
            }
            Action::Wait(_) | Action::Use { .. } | Action::Plan { .. } => Demand::Nothing,
        }
    }

    /// Returns who may do something: those named, or all who have a role; anybody if nobody is named. Where the plan
    /// names no people at all, people are no limit; where all of them have fallen, the node is noted.
    fn crew(&mut self, by: &[Id], at: usize) -> Option<u32> {
        if self.plan.people.is_empty() {
            return None;
        }
        let is_one = |id: &Id| {
            let has_role =
                || self.plan.people.get(id).is_some_and(|person| person.roles.iter().any(|r| by.contains(r)));
            by.is_empty() || by.contains(id) || has_role()
        };
        let people: Vec<u32> =
            (0..).zip(&self.people).filter(|(_, id)| is_one(id)).map(|(number, _)| number).collect();
        if people.is_empty() {
            self.without_person.push(at);
            return None;
        }
        let crews = &mut self.crews;
        Some(*self.crew_of.entry(people).or_insert_with_key(|people| {
            crews.push(people.clone());
            small(crews.len() - 1)
        }))
    }
}
