//! When everything runs under the real limits, the critical path, slack, and who waits for what.

use std::collections::HashMap;

use super::dispatch::{Bound, Scratch};
use super::network::{NONE, Network};
use super::{Basis, Estimate, Recovery, recoveries};
use crate::resolve::{ResolvedPlan, Route};
use crate::value::{Id, Length};

/// When a node runs, counted from the start of the recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Start.
    pub start: Length,
    /// End.
    pub end: Length,
    /// By how much it may be late before the whole recovery is, if everything else keeps its order.
    pub slack: Length,
    /// What it waited for last before it began.
    pub waited_for: WaitedFor,
    /// What is known of how long it takes.
    pub estimate: Estimate,
    /// The part of its time in which the chosen copy is got back. In a recipe it lies in one of the parts.
    pub fetch: Length,
    /// Who does it, if it takes a person.
    pub done_by: Option<Id>,
}

/// What a node waits for last before it begins. Nodes are positions in the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitedFor {
    /// Nothing: it begins with the recovery.
    Nothing,
    /// The end of a node that it needs.
    Node(usize),
    /// One of the slots for what runs at the same time: the one that this node had.
    Slot(usize),
    /// A lock that this node held.
    Lock(Id, usize),
    /// A person who did this node.
    Person(Id, usize),
    /// A person who was not there yet.
    Arrival(Id),
}

impl WaitedFor {
    /// Returns the node whose end was waited for.
    pub const fn node(&self) -> Option<usize> {
        match self {
            Self::Node(at) | Self::Slot(at) | Self::Lock(_, at) | Self::Person(_, at) => Some(*at),
            Self::Nothing | Self::Arrival(_) => None,
        }
    }
}

/// When everything runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Each node, by its position in the route.
    pub timings: Vec<Timing>,
    /// The end of the last node.
    pub total: Length,
    /// The chain of waits that sets the total, from first to last: each node begins when the one before it has ended.
    pub critical_path: Vec<usize>,
    /// The nodes for which neither the plan nor a drill gives an estimate; they count as nothing.
    pub without_estimate: Vec<usize>,
    /// The nodes for which too few people are left in the scenario; they count as if somebody were there.
    pub without_person: Vec<usize>,
    /// For each asset that is hit and comes back, when, and what that is made of.
    pub recoveries: HashMap<Id, Recovery, ahash::RandomState>,
    /// For each node, its place in the order in which what could begin begins.
    pub ranks: Vec<u32>,
}

/// Works out when everything runs under the real limits: how many commands at the same time, locks, people. `order` has each
/// node after all that it waits for.
pub fn schedule(plan: &ResolvedPlan, route: &Route, order: &[usize], basis: &Basis) -> Schedule {
    let mut network = Network::new(plan, route, order, basis);
    let mut scratch = Scratch::new(&network);
    let total = network.run(&network.lengths, &network.arrivals, &mut scratch);
    let slack = slack(&network, &scratch, total);
    // On a large route what the run has worked with takes as much room as what comes of it.
    scratch.keep_times();
    network.keep_names();
    let timings = (0..route.nodes.len()).map(|at| {
        let rank = network.rank_of[at] as usize;
        let person = network.people.get(scratch.turns[rank].done_by as usize);
        Timing {
            start: Length::from_millis(scratch.turns[rank].start),
            end: Length::from_millis(scratch.turns[rank].end),
            slack: Length::from_millis(slack[rank]),
            waited_for: waited_for(route, &network, &scratch, rank),
            estimate: network.estimates[at],
            fetch: Length::from_millis(network.fetches[rank]),
            done_by: person.cloned(),
        }
    });
    let timings: Vec<Timing> = timings.collect();
    drop((scratch, slack));
    let last = (0..timings.len()).max_by_key(|at| timings[*at].end);
    let without_estimate = (0..timings.len()).filter(|at| timings[*at].estimate.is_unknown()).collect();
    let recoveries = recoveries(plan, route, &timings);
    Schedule {
        total: Length::from_millis(total),
        critical_path: last.map(|last| chain(&timings, last)).unwrap_or_default(),
        without_estimate,
        without_person: network.without_person,
        recoveries,
        ranks: network.rank_of,
        timings,
    }
}

/// Returns the chain of waits that ends with a node, from first to last.
pub(super) fn chain(timings: &[Timing], last: usize) -> Vec<usize> {
    let mut path = vec![last];
    let mut at = last;
    while let Some(before) = timings[at].waited_for.node() {
        path.push(before);
        at = before;
    }
    path.reverse();
    path
}

fn waited_for(route: &Route, network: &Network, scratch: &Scratch, rank: usize) -> WaitedFor {
    let node_at = |rank: usize| network.node_of[rank] as usize;
    let node = |rank: u32| node_at(rank as usize);
    let person = |number: u32| network.people[number as usize].clone();
    match scratch.turns[rank].bound {
        Bound::Nothing => WaitedFor::Nothing,
        Bound::Before(before) => {
            // Of several that end at the same time, the first in the plan is as good as any, and easier to follow.
            let last =
                |at: &usize| scratch.turns[network.rank_of[*at] as usize].end == scratch.turns[rank].start;
            let after = route.nodes[node_at(rank)].after.iter().map(|(at, _)| *at);
            WaitedFor::Node(after.filter(last).min().unwrap_or(node(before)))
        }
        Bound::Slot(before) => WaitedFor::Slot(node(before)),
        Bound::Lock(before) => match &network.locks[network.members[rank].lock as usize] {
            Some(lock) => WaitedFor::Lock(lock.clone(), node(before)),
            None => WaitedFor::Slot(node(before)),
        },
        Bound::Person(before) => WaitedFor::Person(person(scratch.turns[rank].done_by), node(before)),
        Bound::Arrival(number) => WaitedFor::Arrival(person(number)),
    }
}

/// Works out by how much each node may be late: the critical path method (Kelley and Walker, 1959) over what waits for what
/// and over who has a slot, a lock or a person after whom. By rank, in milliseconds.
pub(super) fn slack(network: &Network, scratch: &Scratch, total: u64) -> Vec<u64> {
    let mut latest = vec![total; network.len()];
    let latest_start =
        |latest: &[u64], rank: usize| latest[rank] - (scratch.turns[rank].end - scratch.turns[rank].start);
    // Whatever is waited for begins before the one that waits.
    for rank in scratch.sequence.iter().rev().map(|rank| *rank as usize) {
        for next in network.after(rank) {
            latest[rank] = latest[rank].min(latest_start(&latest, *next as usize));
        }
        let start = latest_start(&latest, rank);
        for by in
            [scratch.turns[rank].handed_by, scratch.locked_by[rank]].into_iter().filter(|by| *by != NONE)
        {
            let by = &mut latest[by as usize];
            *by = (*by).min(start);
        }
    }
    latest.iter().zip(&scratch.turns).map(|(latest, turn)| latest - turn.end).collect()
}
