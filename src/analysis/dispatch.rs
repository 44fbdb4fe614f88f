//! Carries a network out on paper: what could begin begins, the first in rank first, as far as the limits let it.
//!
//! This is list scheduling (Graham, 1966), event by event: nothing that could begin is ever kept waiting while all that it
//! takes is free. It is the rule that the engine follows.

use std::collections::VecDeque;

use super::agenda::Agenda;
use super::network::{Demand, NONE, Network, small};
use super::queue::Queue;

/// What a node waited for last before it began. Nodes are ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// For nothing: it begins with the recovery.
    Nothing,
    /// For the end of a node that it needs.
    Before(u32),
    /// For the slot that a node had.
    Slot(u32),
    /// For the lock that a node held.
    Lock(u32),
    /// For a person who did a node.
    Person(u32),
    /// For a person who was not there yet.
    Arrival(u32),
}

/// What a run on paper leaves, and what it works with: kept from run to run, so that a run allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// By rank, in milliseconds from the start of the recovery.
    pub(super) starts: Vec<u64>,
    pub(super) ends: Vec<u64>,
    pub(super) bounds: Vec<Bound>,
    /// Who had the slot, or what its person did, before each node.
    pub(super) handed_by: Vec<u32>,
    /// Who held the lock before each node.
    pub(super) locked_by: Vec<u32>,
    /// Who does each node.
    pub(super) done_by: Vec<u32>,
    /// The nodes in the order in which they began.
    pub(super) sequence: Vec<u32>,
    open: Vec<u32>,
    ready: Queue,
    free_slots: usize,
    /// Who had the free slots last, the one that has been free longest first.
    last_in_slot: VecDeque<u32>,
    slot_waits: Queue,
    /// How many hold each lock.
    held: Vec<u32>,
    last_in_lock: Vec<u32>,
    lock_waits: Vec<Queue>,
    free: Vec<bool>,
    last_of_person: Vec<u32>,
    crew_waits: Vec<Queue>,
    /// For each gate, when enough people are there, and who is the last of them.
    gates: Vec<(u64, u32)>,
    sorted: Vec<(u64, u32)>,
    /// What happens when: below the number of nodes the end of one, then the arrivals of people, then open gates.
    events: Agenda,
}

impl Scratch {
    /// Makes room for the runs of a network.
    pub fn new(network: &Network) -> Self {
        let len = network.len();
        Self {
            starts: vec![0; len],
            ends: vec![0; len],
            bounds: vec![Bound::Nothing; len],
            handed_by: vec![NONE; len],
            locked_by: vec![NONE; len],
            done_by: vec![NONE; len],
            sequence: Vec::with_capacity(len),
            open: vec![0; len],
            ready: Queue::new(len),
            free_slots: 0,
            last_in_slot: VecDeque::with_capacity(network.slots.min(len) + 1),
            slot_waits: Queue::new(len),
            held: vec![0; network.locks.len()],
            last_in_lock: vec![NONE; network.locks.len()],
            lock_waits: vec![Queue::new(len); network.locks.len()],
            free: vec![false; network.people.len()],
            last_of_person: vec![NONE; network.people.len()],
            crew_waits: vec![Queue::new(len); network.crews.len()],
            gates: vec![(0, NONE); network.gates.len()],
            sorted: Vec::with_capacity(network.people.len()),
            events: Agenda::new(2 * len + network.people.len()),
        }
    }

    /// Takes out what tries to begin next: the first in rank, of what waits for a slot only while there is one.
    fn next(&mut self) -> Option<u32> {
        let waiting = if self.free_slots > 0 { self.slot_waits.first() } else { None };
        match (self.ready.first(), waiting) {
            (Some(ready), waiting) if waiting.is_none_or(|waiting| ready < waiting) => {
                self.ready.remove(ready);
                Some(ready)
            }
            (_, Some(waiting)) => {
                self.slot_waits.remove(waiting);
                Some(waiting)
            }
            (_, None) => None,
        }
    }

    /// Takes a slot that is free; returns who had it last.
    fn take_slot(&mut self) -> u32 {
        self.free_slots -= 1;
        // A slot that nobody has had yet goes first: only used ones are in the list.
        if self.free_slots < self.last_in_slot.len() {
            return self.last_in_slot.pop_front().unwrap_or(NONE);
        }
        NONE
    }

    /// Keeps of the last run when each node ran, what it waited for and who did it; nothing can be run with it any more.
    pub(super) fn keep_times(&mut self) {
        let Self { starts, ends, bounds, done_by, .. } = std::mem::take(self);
        *self = Self { starts, ends, bounds, done_by, ..Self::default() };
    }
}

impl Network {
    /// Carries the network out on paper and returns the end of the last node, in milliseconds.
    ///
    /// `lengths` has the milliseconds of each node by rank, `arrivals` those of each person.
    pub fn run(&self, lengths: &[u64], arrivals: &[u64], scratch: &mut Scratch) -> u64 {
        scratch.open.copy_from_slice(&self.open);
        scratch.sequence.clear();
        scratch.free_slots = self.slots;
        scratch.last_in_slot.clear();
        scratch.last_in_lock.fill(NONE);
        scratch.last_of_person.fill(NONE);
        let people = small(self.len());
        for (at, arrival) in arrivals.iter().enumerate() {
            scratch.free[at] = *arrival == 0;
            if *arrival > 0 {
                let arrival = scratch.events.bounded(*arrival);
                scratch.events.insert(arrival, people + small(at));
            }
        }
        self.time_gates(arrivals, scratch);
        for rank in &self.roots {
            scratch.bounds[*rank as usize] = Bound::Nothing;
            self.make_ready(*rank, scratch);
        }
        let mut now = 0;
        loop {
            while let Some(rank) = scratch.next() {
                if self.members[rank as usize].needs_a_slot_alone() {
                    self.begin_in_slot(rank, now, lengths, scratch);
                } else {
                    self.try_to_begin(rank, now, lengths, scratch);
                }
            }
            let Some((time, subject)) = scratch.events.pop() else { break };
            now = time;
            self.happens(subject, scratch);
            // Everything that happens at one time has happened before anything begins.
            while let Some(subject) = scratch.events.pop_at(now) {
                self.happens(subject, scratch);
            }
        }
        scratch.ends.iter().copied().max().unwrap_or(0)
    }

    /// Works out when enough people are there for each gate.
    fn time_gates(&self, arrivals: &[u64], scratch: &mut Scratch) {
        let longest = scratch.events.bounded(u64::MAX);
        for (gate, time) in self.gates.iter().zip(&mut scratch.gates) {
            scratch.sorted.clear();
            let crew = self.crews[gate.crew as usize].iter();
            scratch.sorted.extend(crew.map(|person| (arrivals[*person as usize], *person)));
            scratch.sorted.sort_unstable();
            let (arrival, person) = scratch.sorted.get(gate.people - 1).copied().unwrap_or((0, NONE));
            *time = (arrival.min(longest), person);
        }
    }

    fn happens(&self, event: u32, scratch: &mut Scratch) {
        let at = event as usize;
        if at < self.len() {
            return self.end(event, scratch);
        }
        match self.crews_of.get(at - self.len()) {
            Some(crews) => {
                scratch.free[at - self.len()] = true;
                for crew in crews {
                    offer(&mut scratch.crew_waits[*crew as usize], &mut scratch.ready);
                }
            }
            None => scratch.ready.insert(event - small(self.len() + self.people.len())),
        }
    }

    /// Puts a node where what could begin waits for its turn: what needs a slot and nothing else, until there is one.
    #[inline]
    fn make_ready(&self, rank: u32, scratch: &mut Scratch) {
        if self.members[rank as usize].needs_a_slot_alone() {
            scratch.slot_waits.insert(rank);
        } else {
            scratch.ready.insert(rank);
        }
    }

    /// Begins a node that needs a slot and nothing else, when there is one.
    fn begin_in_slot(&self, rank: u32, now: u64, lengths: &[u64], scratch: &mut Scratch) {
        let handed_by = scratch.take_slot();
        let at = rank as usize;
        let ready_since = match scratch.bounds[at] {
            Bound::Before(before) => scratch.ends[before as usize],
            _ => 0,
        };
        if ready_since < now {
            scratch.bounds[at] = Bound::Slot(handed_by);
        }
        scratch.handed_by[at] = handed_by;
        scratch.locked_by[at] = NONE;
        self.begin(rank, now, lengths, scratch);
    }

    /// Begins a node that has limits, or puts it where it waits.
    fn try_to_begin(&self, rank: u32, now: u64, lengths: &[u64], scratch: &mut Scratch) {
        let at = rank as usize;
        let member = &self.members[at];
        let lock = member.lock as usize;
        if scratch.held.get(lock).is_some_and(|held| *held >= self.holders[lock]) {
            scratch.bounds[at] = Bound::Lock(NONE);
            scratch.lock_waits[lock].insert(rank);
            // What it was offered is there for another.
            match member.demand {
                Demand::Person(crew) if self.free_person(crew, scratch).is_some() => {
                    offer(&mut scratch.crew_waits[crew as usize], &mut scratch.ready);
                }
                _ => {}
            }
            return;
        }
        let mut handed_by = NONE;
        let waits = match member.demand {
            Demand::Nothing => false,
            Demand::Slot if scratch.free_slots == 0 => {
                scratch.bounds[at] = Bound::Slot(NONE);
                scratch.slot_waits.insert(rank);
                true
            }
            Demand::Slot => {
                handed_by = scratch.take_slot();
                false
            }
            Demand::Person(crew) => match self.free_person(crew, scratch) {
                None => {
                    scratch.bounds[at] = Bound::Person(NONE);
                    scratch.crew_waits[crew as usize].insert(rank);
                    true
                }
                Some(person) => {
                    scratch.free[person as usize] = false;
                    scratch.done_by[at] = person;
                    handed_by = scratch.last_of_person[person as usize];
                    false
                }
            },
            Demand::Answers(gate) => {
                let (time, person) = scratch.gates[gate as usize];
                if time > now {
                    scratch.bounds[at] = Bound::Arrival(person);
                    let gates = small(self.len() + self.people.len());
                    scratch.events.insert(time, gates + rank);
                }
                time > now
            }
        };
        if waits {
            if let Some(waiting) = scratch.lock_waits.get_mut(lock) {
                offer(waiting, &mut scratch.ready);
            }
            return;
        }
        scratch.handed_by[at] = handed_by;
        scratch.locked_by[at] = NONE;
        if let Some(held) = scratch.held.get_mut(lock) {
            *held += 1;
            scratch.locked_by[at] = scratch.last_in_lock[lock];
        }
        scratch.bounds[at] = match scratch.bounds[at] {
            Bound::Slot(_) => Bound::Slot(handed_by),
            Bound::Lock(_) => Bound::Lock(scratch.locked_by[at]),
            Bound::Person(_) if handed_by == NONE => Bound::Arrival(scratch.done_by[at]),
            Bound::Person(_) => Bound::Person(handed_by),
            bound => bound,
        };
        self.begin(rank, now, lengths, scratch);
    }

    /// Begins a node that has all that it needs.
    fn begin(&self, rank: u32, now: u64, lengths: &[u64], scratch: &mut Scratch) {
        let at = rank as usize;
        scratch.sequence.push(rank);
        scratch.starts[at] = now;
        let end = scratch.events.bounded(now.saturating_add(lengths[at]));
        scratch.ends[at] = end;
        if end == now {
            self.end(rank, scratch);
        } else {
            scratch.events.insert(end, rank);
        }
    }

    fn free_person(&self, crew: u32, scratch: &Scratch) -> Option<u32> {
        self.crews[crew as usize].iter().copied().find(|person| scratch.free[*person as usize])
    }

    /// Ends a node: lets go of what waits for it, and of what it had.
    fn end(&self, rank: u32, scratch: &mut Scratch) {
        let at = rank as usize;
        for next in self.after(at) {
            let open = &mut scratch.open[*next as usize];
            *open -= 1;
            if *open == 0 {
                scratch.bounds[*next as usize] = Bound::Before(rank);
                self.make_ready(*next, scratch);
            }
        }
        let member = &self.members[at];
        if let Some(held) = scratch.held.get_mut(member.lock as usize) {
            *held -= 1;
            scratch.last_in_lock[member.lock as usize] = rank;
            offer(&mut scratch.lock_waits[member.lock as usize], &mut scratch.ready);
        }
        match member.demand {
            Demand::Slot => {
                scratch.free_slots += 1;
                scratch.last_in_slot.push_back(rank);
            }
            Demand::Person(_) => {
                let person = scratch.done_by[at] as usize;
                scratch.free[person] = true;
                scratch.last_of_person[person] = rank;
                for crew in &self.crews_of[person] {
                    offer(&mut scratch.crew_waits[*crew as usize], &mut scratch.ready);
                }
            }
            Demand::Nothing | Demand::Answers(_) => {}
        }
    }
}

/// Lets the first of those who wait for something try again.
fn offer(waiting: &mut Queue, ready: &mut Queue) {
    if let Some(rank) = waiting.pop() {
        ready.insert(rank);
    }
}
