//! Carries a network out on paper: what could begin begins, the first in rank first, as far as the limits let it.
//!
//! This is list scheduling (Graham, 1966), event by event: nothing that could begin is ever kept waiting while all that it
//! takes is free. It is the rule that the engine follows.

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

/// What a run on paper leaves of a node. It is one record, since a run that is repeated ten thousand times looks at all of it
/// at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// In milliseconds from the start of the recovery; before it begins, since when it could but for the limits.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) bound: Bound,
    /// Who does it.
    pub(super) done_by: u32,
    /// Who had the slot, or what its person did, before.
    pub(super) handed_by: u32,
}

impl Turn {
    const NOT_YET: Self = Self { start: 0, end: 0, bound: Bound::Nothing, done_by: NONE, handed_by: NONE };
}

/// What a run on paper leaves, and what it works with: kept from run to run, so that a run allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// By rank.
    pub(super) turns: Vec<Turn>,
    /// Who held the lock before each node.
    pub(super) locked_by: Vec<u32>,
    /// The nodes in the order in which they began.
    pub(super) sequence: Vec<u32>,
    /// For how many nodes each still waits.
    open: Vec<u32>,
    /// When the last of those that have ended did.
    last_end: u64,
    /// What tries to begin.
    ready: Queue,
    /// What waits for a slot.
    slot_waits: Queue,
    /// Who had each slot before, in the order in which they are taken: first those that nobody has had, then the one that has
    /// been free longest.
    slots: Vec<u32>,
    /// How many of those are taken.
    slots_taken: usize,
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
        let mut slots = Vec::with_capacity(network.most_slots() + len);
        slots.resize(network.most_slots(), NONE);
        Self {
            turns: vec![Turn::NOT_YET; len],
            locked_by: vec![NONE; len],
            sequence: Vec::with_capacity(len),
            open: vec![0; len],
            last_end: 0,
            ready: Queue::new(len),
            slot_waits: Queue::new(len),
            slots,
            slots_taken: 0,
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
    #[inline]
    fn next(&mut self) -> Option<u32> {
        let ready = self.ready.first();
        let waiting = if self.slots_taken < self.slots.len() { self.slot_waits.first() } else { u32::MAX };
        let first = ready.min(waiting);
        if first as usize >= self.turns.len() {
            return None;
        }
        let queue = if ready < waiting { &mut self.ready } else { &mut self.slot_waits };
        queue.remove(first);
        Some(first)
    }

    /// Takes a slot, if one is free; returns who had it last.
    #[inline]
    fn take_slot(&mut self) -> Option<u32> {
        let had = self.slots.get(self.slots_taken).copied();
        self.slots_taken += usize::from(had.is_some());
        had
    }

    /// Keeps of the last run when each node ran, what it waited for and who did it; nothing can be run with it any more.
    pub(super) fn keep_times(&mut self) {
        *self = Self { turns: std::mem::take(&mut self.turns), ..Self::default() };
    }
}

impl Network {
    /// Carries the network out on paper and returns the end of the last node, in milliseconds.
    ///
    /// `lengths` has the milliseconds of each node by rank, `arrivals` those of each person.
    pub fn run(&self, lengths: &[u64], arrivals: &[u64], scratch: &mut Scratch) -> u64 {
        scratch.open.copy_from_slice(&self.open);
        scratch.sequence.clear();
        scratch.last_end = 0;
        scratch.slots.truncate(self.most_slots());
        scratch.slots_taken = 0;
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
            self.make_ready(*rank, Bound::Nothing, 0, scratch);
        }
        let mut now = 0;
        loop {
            while let Some(rank) = scratch.next() {
                let member = &self.members[rank as usize];
                if member.needs_a_slot_alone() {
                    self.begin_in_slot(rank, now, lengths, scratch);
                } else if member.needs_nothing() {
                    self.begin(rank, now, lengths, scratch);
                } else {
                    self.try_to_begin(rank, now, lengths, scratch);
                }
            }
            let Some((time, subject)) = scratch.events.pop() else { break };
            now = time;
            self.happens(subject, now, scratch);
            // Everything that happens at one time has happened before anything begins.
            while let Some(subject) = scratch.events.pop_at(now) {
                self.happens(subject, now, scratch);
            }
        }
        scratch.last_end
    }

    /// Returns how many slots can be taken at the same time.
    fn most_slots(&self) -> usize {
        self.slots.min(self.len())
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

    #[inline]
    fn happens(&self, event: u32, now: u64, scratch: &mut Scratch) {
        let at = event as usize;
        if at < self.len() {
            return self.end(event, now, scratch);
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
    fn make_ready(&self, rank: u32, bound: Bound, now: u64, scratch: &mut Scratch) {
        let turn = &mut scratch.turns[rank as usize];
        turn.bound = bound;
        turn.start = now;
        if self.members[rank as usize].needs_a_slot_alone() {
            scratch.slot_waits.insert(rank);
        } else {
            scratch.ready.insert(rank);
        }
    }

    /// Begins a node that needs a slot and nothing else, when there is one.
    #[inline]
    fn begin_in_slot(&self, rank: u32, now: u64, lengths: &[u64], scratch: &mut Scratch) {
        let handed_by = scratch.take_slot().unwrap_or(NONE);
        let turn = &mut scratch.turns[rank as usize];
        if turn.start < now {
            turn.bound = Bound::Slot(handed_by);
        }
        turn.handed_by = handed_by;
        self.begin(rank, now, lengths, scratch);
    }

    /// Begins a node that has limits, or puts it where it waits.
    #[inline(never)]
    fn try_to_begin(&self, rank: u32, now: u64, lengths: &[u64], scratch: &mut Scratch) {
        let at = rank as usize;
        let member = &self.members[at];
        let lock = member.lock as usize;
        if scratch.held.get(lock).is_some_and(|held| *held >= self.holders[lock]) {
            scratch.turns[at].bound = Bound::Lock(NONE);
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
            Demand::Slot => match scratch.take_slot() {
                None => {
                    scratch.turns[at].bound = Bound::Slot(NONE);
                    scratch.slot_waits.insert(rank);
                    true
                }
                Some(had) => {
                    handed_by = had;
                    false
                }
            },
            Demand::Person(crew) => match self.free_person(crew, scratch) {
                None => {
                    scratch.turns[at].bound = Bound::Person(NONE);
                    scratch.crew_waits[crew as usize].insert(rank);
                    true
                }
                Some(person) => {
                    scratch.free[person as usize] = false;
                    scratch.turns[at].done_by = person;
                    handed_by = scratch.last_of_person[person as usize];
                    false
                }
            },
            Demand::Answers(gate) => {
                let (time, person) = scratch.gates[gate as usize];
                if time > now {
                    scratch.turns[at].bound = Bound::Arrival(person);
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
        scratch.turns[at].handed_by = handed_by;
        if let Some(held) = scratch.held.get_mut(lock) {
            *held += 1;
            scratch.locked_by[at] = scratch.last_in_lock[lock];
        }
        scratch.turns[at].bound = match scratch.turns[at].bound {
            Bound::Slot(_) => Bound::Slot(handed_by),
            Bound::Lock(_) => Bound::Lock(scratch.locked_by[at]),
            Bound::Person(_) if handed_by == NONE => Bound::Arrival(scratch.turns[at].done_by),
            Bound::Person(_) => Bound::Person(handed_by),
            bound => bound,
        };
        self.begin(rank, now, lengths, scratch);
    }

    /// Begins a node that has all that it needs.
    #[inline]
    fn begin(&self, rank: u32, now: u64, lengths: &[u64], scratch: &mut Scratch) {
        let at = rank as usize;
        scratch.sequence.push(rank);
        let end = scratch.events.bounded(now.saturating_add(lengths[at]));
        let turn = &mut scratch.turns[at];
        turn.start = now;
        turn.end = end;
        if end == now {
            self.end(rank, now, scratch);
        } else {
            scratch.events.insert(end, rank);
        }
    }

    fn free_person(&self, crew: u32, scratch: &Scratch) -> Option<u32> {
        self.crews[crew as usize].iter().copied().find(|person| scratch.free[*person as usize])
    }

    /// Ends a node: lets go of what waits for it, and of what it had.
    #[inline]
    fn end(&self, rank: u32, now: u64, scratch: &mut Scratch) {
        let at = rank as usize;
        scratch.last_end = now;
        for next in self.after(at) {
            let open = &mut scratch.open[*next as usize];
            *open -= 1;
            if *open == 0 {
                self.make_ready(*next, Bound::Before(rank), now, scratch);
            }
        }
        let member = &self.members[at];
        if member.needs_a_slot_alone() {
            scratch.slots.push(rank);
        } else if !member.needs_nothing() {
            self.let_go(rank, scratch);
        }
    }

    /// Gives back what a node that has limits had.
    #[inline(never)]
    fn let_go(&self, rank: u32, scratch: &mut Scratch) {
        let member = &self.members[rank as usize];
        if let Some(held) = scratch.held.get_mut(member.lock as usize) {
            *held -= 1;
            scratch.last_in_lock[member.lock as usize] = rank;
            offer(&mut scratch.lock_waits[member.lock as usize], &mut scratch.ready);
        }
        match member.demand {
            Demand::Slot => scratch.slots.push(rank),
            Demand::Person(_) => {
                let person = scratch.turns[rank as usize].done_by as usize;
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
