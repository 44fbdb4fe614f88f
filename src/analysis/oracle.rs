//! Laws of schedules over thousands of small random networks, each held against something slower and simpler.

use proptest::collection::vec;
use proptest::prelude::*;

use super::dispatch::{Bound, Scratch};
use super::estimate::{Estimate, Groups};
use super::network::{Demand, Gate, Member, NONE, Network, small};
use super::schedule::slack;
use crate::value::Id;

/// A network with what is easier to ask than its numbers.
#[derive(Clone, Debug)]
struct Case {
    network: Network,
    before: Vec<Vec<usize>>,
}

/// A node: what it demands as three dice, its lock, its length in minutes, and which of the earlier it waits for.
type Dice = (u8, u8, u8, u8, u64, u32);

fn case(dice: &[Dice], order: &[usize], slots: usize, arrivals: &[u64]) -> Case {
    let len = dice.len();
    let people = arrivals.len();
    // By a random order, ranks and what waits for what have nothing to do with each other.
    let mut order: Vec<usize> = order.iter().copied().filter(|at| *at < len).collect();
    order.dedup();
    let rank = |at: usize| order.iter().position(|other| *other == at).unwrap();
    let (mut before, mut after) = (vec![Vec::new(); len], vec![Vec::new(); len]);
    let (mut crews, mut gates): (Vec<Vec<u32>>, Vec<Gate>) = (Vec::new(), Vec::new());
    let mut nodes = vec![(Demand::Nothing, NONE, 0); len];
    for (at, (kind, who, quorum, lock, length, waits)) in dice.iter().enumerate() {
        for earlier in (0..at).filter(|earlier| (waits & waits >> 8) >> earlier & 1 == 1) {
            before[rank(at)].push(rank(earlier));
            after[rank(earlier)].push(small(rank(at)));
        }
        let crew: Vec<u32> = (0..small(people)).filter(|person| who >> person & 1 == 1).collect();
        let demand = match kind % 4 {
            0 => Demand::Nothing,
            2 | 3 if !crew.is_empty() => {
                crews.push(crew.clone());
                let crew_at = small(crews.len() - 1);
                if kind % 4 == 2 {
                    Demand::Person(crew_at)
                } else {
                    gates.push(Gate { crew: crew_at, people: usize::from(*quorum) % crew.len() + 1 });
                    Demand::Answers(small(gates.len() - 1))
                }
            }
            _ => Demand::Slot,
        };
        nodes[rank(at)] = (demand, if *lock < 2 { u32::from(*lock) } else { NONE }, *length);
    }
    let mut members = Vec::new();
    let mut flat = Vec::new();
    for (at, (demand, lock, _)) in nodes.iter().enumerate() {
        let start = small(flat.len());
        flat.extend(&after[at]);
        members.push(Member { demand: *demand, lock: *lock, after: (start, small(flat.len())) });
    }
    let crews_of = (0..small(people)).map(|person| {
        let of = (0..).zip(&crews).filter(|(_, crew)| crew.contains(&person));
        of.map(|(crew, _)| crew).collect()
    });
    let network = Network {
        open: before.iter().map(|before| small(before.len())).collect(),
        roots: (0..).zip(&before).filter(|(_, before)| before.is_empty()).map(|(rank, _)| rank).collect(),
        members,
        after: flat,
        node_of: (0..small(len)).collect(),
        rank_of: (0..small(len)).collect(),
        slots,
        locks: vec![Some(Id::trusted("a")), Some(Id::trusted("b"))],
        holders: vec![1, 1],
        crews_of: crews_of.collect(),
        crews,
        gates,
        people: (0..people).map(|at| Id::trusted(format!("p{at}"))).collect(),
        arrivals: arrivals.to_vec(),
        without_person: Vec::new(),
        estimates: vec![Estimate::default(); len],
        groups: Groups::default(),
        lengths: nodes.iter().map(|(_, _, length)| *length).collect(),
        fetches: vec![0; len],
    };
    Case { network, before }
}

fn cases(most: usize, with_limits: bool) -> impl Strategy<Value = Case> {
    let kinds = if with_limits { 0..4u8 } else { 0..1u8 };
    let locks = if with_limits { 0..6u8 } else { 2..3u8 };
    let dice = vec((kinds, 0..8u8, 0..3u8, locks, 0..5u64, any::<u32>()), 1..=most);
    let order = Just((0..most).collect::<Vec<usize>>()).prop_shuffle();
    (dice, order, 1..4usize, vec(0..7u64, 3))
        .prop_map(|(dice, order, slots, arrivals)| case(&dice, &order, slots, &arrivals))
}

fn run(case: &Case) -> (u64, Scratch) {
    let mut scratch = Scratch::new(&case.network);
    let total = case.network.run(&case.network.lengths, &case.network.arrivals, &mut scratch);
    (total, scratch)
}

/// What is taken at a time by some nodes, each with the person who does it.
struct Taken<'a> {
    case: &'a Case,
    nodes: Vec<(usize, u32)>,
}

impl Taken<'_> {
    fn person_is_taken(&self, person: u32) -> bool {
        self.nodes.iter().any(|(_, by)| *by == person)
    }

    fn lock_is_taken(&self, lock: u32) -> bool {
        lock != NONE && self.nodes.iter().any(|(at, _)| self.case.network.members[*at].lock == lock)
    }

    fn slots(&self) -> usize {
        let members = &self.case.network.members;
        self.nodes.iter().filter(|(at, _)| members[*at].demand == Demand::Slot).count()
    }

    /// Whether a node could begin beside them at a time.
    fn leave_room_for(&self, at: usize, time: u64) -> bool {
        let network = &self.case.network;
        let member = network.members[at];
        let is_there = |person: &u32| network.arrivals[*person as usize] <= time;
        let has_room = match member.demand {
            Demand::Nothing => true,
            Demand::Slot => self.slots() < network.slots,
            Demand::Person(crew) => {
                let crew = &network.crews[crew as usize];
                crew.iter().any(|person| is_there(person) && !self.person_is_taken(*person))
            }
            Demand::Answers(gate) => {
                let gate = &network.gates[gate as usize];
                let there = network.crews[gate.crew as usize].iter().filter(|person| is_there(person));
                there.count() >= gate.people
            }
        };
        has_room && !self.lock_is_taken(member.lock)
    }
}

/// Returns the shortest time in which everything can be done, by trying every order and every choice of people.
fn optimum(case: &Case) -> u64 {
    fn go(case: &Case, done: &mut Vec<(usize, u64, u32)>, best: &mut u64) {
        let network = &case.network;
        let length = |at: usize| network.lengths[at];
        let end = done.iter().map(|(at, start, _)| start + length(*at)).max().unwrap_or(0);
        if end >= *best && !done.is_empty() {
            return;
        }
        if done.len() == network.len() {
            *best = end;
            return;
        }
        let is_done = |done: &[(usize, u64, u32)], at: usize| done.iter().any(|(other, _, _)| *other == at);
        for at in 0..network.len() {
            if is_done(done, at) || !case.before[at].iter().all(|before| is_done(done, *before)) {
                continue;
            }
            let people = match network.members[at].demand {
                Demand::Person(crew) => network.crews[crew as usize].clone(),
                _ => vec![NONE],
            };
            for person in people {
                let ready = done.iter().filter(|(other, _, _)| case.before[at].contains(other));
                let ready = ready.map(|(other, start, _)| start + length(*other)).max().unwrap_or(0);
                let fits = |start: &u64| {
                    let times = *start..(start + length(at)).max(start + 1);
                    times.into_iter().all(|time| {
                        let running = done.iter().filter(|(o, s, _)| *s <= time && time < s + length(*o));
                        let taken = Taken { case, nodes: running.map(|(o, _, by)| (*o, *by)).collect() };
                        let is_there = person == NONE || network.arrivals[person as usize] <= time;
                        is_there
                            && (person == NONE || !taken.person_is_taken(person))
                            && taken.leave_room_for(at, time)
                    })
                };
                let start = (ready..1000).find(fits).unwrap();
                done.push((at, start, person));
                go(case, done, best);
                done.pop();
            }
        }
    }
    let mut best = u64::MAX;
    go(case, &mut Vec::new(), &mut best);
    best
}

/// Returns the longest way that ends with a node and the longest that begins with it, each over every way.
fn longest(case: &Case, at: usize) -> (u64, u64) {
    let own = case.network.lengths[at];
    let to = case.before[at].iter().map(|before| longest_to(case, *before)).max().unwrap_or(0);
    (to + own, longest_from(case, at))
}

fn longest_to(case: &Case, at: usize) -> u64 {
    let before = case.before[at].iter().map(|before| longest_to(case, *before)).max().unwrap_or(0);
    before + case.network.lengths[at]
}

fn longest_from(case: &Case, at: usize) -> u64 {
    let after = (0..case.network.len()).filter(|next| case.before[*next].contains(&at));
    after.map(|next| longest_from(case, next)).max().unwrap_or(0) + case.network.lengths[at]
}

/// Carries the same order out with other lengths, and returns the end.
fn same_order(case: &Case, scratch: &Scratch, lengths: &[u64]) -> u64 {
    let network = &case.network;
    let mut ends = vec![0; network.len()];
    for at in scratch.sequence.iter().map(|at| *at as usize) {
        let handed =
            [scratch.turns[at].handed_by, scratch.locked_by[at]].into_iter().filter(|by| *by != NONE);
        let before = handed.map(|by| by as usize).chain(case.before[at].iter().copied());
        let ready = before.map(|before| ends[before]).max().unwrap_or(0);
        let arrives = match network.members[at].demand {
            Demand::Person(_) => network.arrivals[scratch.turns[at].done_by as usize],
            Demand::Answers(gate) => {
                let gate = &network.gates[gate as usize];
                let crew = network.crews[gate.crew as usize].iter();
                let mut times: Vec<u64> = crew.map(|person| network.arrivals[*person as usize]).collect();
                times.sort_unstable();
                times[gate.people - 1]
            }
            _ => 0,
        };
        ends[at] = ready.max(arrives) + lengths[at];
    }
    ends.into_iter().max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn without_limits_it_is_the_longest_way(case in cases(7, false)) {
        let (total, scratch) = run(&case);
        let slack = slack(&case.network, &scratch, total);
        let ways: Vec<(u64, u64)> = (0..case.network.len()).map(|at| longest(&case, at)).collect();
        let whole = ways.iter().map(|(to, _)| *to).max().unwrap();
        prop_assert_eq!(total, whole);
        for (at, (to, from)) in ways.iter().enumerate() {
            prop_assert_eq!(scratch.turns[at].end, *to, "the end of {}", at);
            let through = to + from - case.network.lengths[at];
            prop_assert_eq!(slack[at], whole - through, "the slack of {}", at);
        }
    }

    #[test]
    fn every_limit_is_kept_and_nobody_waits_in_vain(case in cases(7, true)) {
        let (total, scratch) = run(&case);
        let network = &case.network;
        let running = |time: u64| {
            let runs = |at: &usize| scratch.turns[*at].start <= time && time < scratch.turns[*at].end;
            let by = |at: usize| match network.members[at].demand {
                Demand::Person(_) => (at, scratch.turns[at].done_by),
                _ => (at, NONE),
            };
            (0..network.len()).filter(runs).map(by).collect::<Vec<(usize, u32)>>()
        };
        for at in 0..network.len() {
            prop_assert_eq!(scratch.turns[at].end - scratch.turns[at].start, network.lengths[at]);
            let ready = case.before[at].iter().map(|before| scratch.turns[*before].end).max().unwrap_or(0);
            prop_assert!(scratch.turns[at].start >= ready, "{} does not wait for what it needs", at);
            if let Demand::Person(crew) = network.members[at].demand {
                let by = scratch.turns[at].done_by;
                prop_assert!(network.crews[crew as usize].contains(&by));
                prop_assert!(network.arrivals[by as usize] <= scratch.turns[at].start);
            }
            for time in ready..scratch.turns[at].start {
                let taken = Taken { case: &case, nodes: running(time) };
                prop_assert!(!taken.leave_room_for(at, time), "{} waits at {} in vain", at, time);
            }
            // What goes first in rank goes first: only what began before, or goes first, may stand in its way.
            if ready < scratch.turns[at].start {
                for time in ready + 1..scratch.turns[at].start {
                    let mut nodes = running(time);
                    nodes.retain(|(other, _)| scratch.turns[*other].start < time || *other < at);
                    let taken = Taken { case: &case, nodes };
                    prop_assert!(!taken.leave_room_for(at, time), "{} is overtaken at {}", at, time);
                }
            }
        }
        for time in 0..total {
            let nodes = running(time);
            for (index, (at, by)) in nodes.iter().enumerate() {
                let others = nodes.iter().enumerate().filter(|(other, _)| *other != index);
                let taken = Taken { case: &case, nodes: others.map(|(_, node)| *node).collect() };
                prop_assert!(taken.leave_room_for(*at, time), "{} has no room at {}", at, time);
                prop_assert!(*by == NONE || !taken.person_is_taken(*by), "{} is in two places", by);
            }
        }
    }

    #[test]
    fn slack_is_what_may_be_lost_and_no_more(case in cases(7, true)) {
        let (total, scratch) = run(&case);
        let slack = slack(&case.network, &scratch, total);
        for at in 0..case.network.len() {
            let mut lengths = case.network.lengths.clone();
            lengths[at] += slack[at];
            prop_assert_eq!(same_order(&case, &scratch, &lengths), total);
            lengths[at] += 1;
            prop_assert_eq!(same_order(&case, &scratch, &lengths), total + 1);
        }
    }

    #[test]
    fn the_chain_of_waits_has_no_gaps(case in cases(7, true)) {
        let (total, scratch) = run(&case);
        let slack = slack(&case.network, &scratch, total);
        let mut at = (0..case.network.len()).max_by_key(|at| scratch.turns[*at].end).unwrap();
        loop {
            prop_assert_eq!(slack[at], 0);
            match scratch.turns[at].bound {
                Bound::Nothing => {
                    prop_assert_eq!(scratch.turns[at].start, 0);
                    break;
                }
                Bound::Arrival(person) => {
                    prop_assert_eq!(scratch.turns[at].start, case.network.arrivals[person as usize]);
                    break;
                }
                Bound::Before(before) | Bound::Slot(before) | Bound::Lock(before) | Bound::Person(before) => {
                    prop_assert_eq!(scratch.turns[at].start, scratch.turns[before as usize].end);
                    at = before as usize;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn it_is_never_better_than_the_best(case in cases(5, true)) {
        let (total, _) = run(&case);
        let best = optimum(&case);
        prop_assert!(total >= best, "{} is better than the best, {}", total, best);
        // Graham's bound holds for slots alone: one lock, or one person, in the wrong place costs more.
        let has_slots_alone = case.network.members.iter().all(|member| {
            member.lock == NONE && matches!(member.demand, Demand::Nothing | Demand::Slot)
        });
        prop_assert!(!has_slots_alone || total <= 2 * best, "{} is worse than twice {}", total, best);
    }
}
