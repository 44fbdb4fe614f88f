//! Owns the state of a run: decides, records, acts, and tells.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::environment::Values;
use super::node::{Doing, Ticket};
use super::remote::Abroad;
use super::run::Error;
use super::secrets::Held;
use super::{Halt, Setup};
use crate::effect::{Afar, Consultation, Effects, Errand, Happening, Question, Search, Work};
use crate::event::{Event, Listener, Point, RunState, StepState, StopHow};
use crate::journal::{Found, Store, Writer};
use crate::resolve::{CourseKind, Lists, ResolvedStep, Section, small};
use crate::value::{Id, Length, Stamp};

/// Something to do once the record of it is on disk.
pub(super) enum Act {
    Start(Work),
    Ask(u64, Box<Question>),
    Fetch(u64, Errand),
    FindPoint(u64, Box<Search>),
    Sweep(Afar),
    Consult(Consultation),
    Withdraw(Id),
    PutAway(Box<Found>),
    Wake(u64, Length),
    Stop(Id, u32),
    Acknowledge(Id, u32),
}

/// What is known of `unless` of a step that uses a recipe.
pub(super) enum Gate {
    /// It is being asked; these parts wait for the answer.
    Asked(Vec<usize>),
    /// The parts are needed.
    Open,
}

/// Owns the state of a run.
pub(super) struct Dispatcher<'a, E, S: Store> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) effects: E,
    pub(super) state: RunState,
    pub(super) values: Values<'a>,
    pub(super) doing: Vec<Doing>,
    pub(super) tickets: HashMap<u64, Ticket>,
    pub(super) gates: HashMap<Id, Gate>,
    /// Recovery points by copy: all that is restored from a copy is restored from one point.
    pub(super) points: HashMap<Id, Option<Point>>,
    pub(super) halted: Option<StopHow>,
    /// Whether a step failed for which nothing more is to be started.
    pub(super) failed: bool,
    /// Whether a step failed for which a person is to be asked.
    pub(super) asks: bool,
    pub(super) cleaning: bool,
    pub(super) batch: Vec<Event>,
    pub(super) acts: Vec<Act>,
    pub(super) writer: Writer<S>,
    pub(super) listener: &'a mut dyn Listener,
    /// Nodes that wait for a node, and how many nodes a node still waits for.
    pub(super) dependants: Lists,
    /// Which nodes have let go of what waits for them.
    pub(super) over: Vec<bool>,
    pub(super) waits_for: Vec<usize>,
    /// What could begin: rank and node, so that the first in rank comes first.
    pub(super) ready: BTreeSet<(u32, usize)>,
    pub(super) held_locks: HashMap<Id, usize>,
    /// Of each copy, the points that this run has found bad: where they lie, and why.
    pub(super) refused_points: HashMap<Id, Vec<(String, String)>>,
    /// Copies that hold nothing good, each with the one that is taken instead, and why.
    pub(super) instead: HashMap<Id, (Id, String)>,
    /// Of each `each` with `at_most`, the items that are under way.
    pub(super) items_under_way: HashMap<Id, BTreeSet<Id>>,
    /// The secrets of the nodes that are under way.
    pub(super) held: HashMap<usize, Held>,
    pub(super) acting: usize,
    pub(super) unstaged: usize,
    pub(super) last: Option<Stamp>,
    pub(super) next_ticket: u64,
    /// Work on other hosts that is taken up again.
    pub(super) abroad: Abroad,
}

/// The calendar may be this far off the boot clock before it is told of as a jump, in milliseconds.
const JUMP_MS: i64 = 2_000;

/// Returns the nodes that a node really waits for.
///
/// What tidies up waits for nothing of the recovery: it is carried out whatever became of that.
fn waited_for<'s>(setup: &'s Setup<'_>, at: usize) -> impl Iterator<Item = usize> + 's {
    let tidies = |at: usize| setup.course.section(setup.plan, at) == Section::Cleanup;
    let node = &setup.course.nodes[at];
    // What takes back waits for nothing: it is begun when its turn comes.
    let after = node.after.iter().copied().filter(|_| node.undoes.is_none());
    after.filter(move |before| !tidies(at) || tidies(*before))
}

impl<'a, E: Effects, S: Store> Dispatcher<'a, E, S> {
    pub(super) fn new(
        setup: &'a Setup<'a>,
        effects: E,
        writer: Writer<S>,
        listener: &'a mut dyn Listener,
    ) -> Self {
        let nodes = setup.course.nodes.len();
        let pairs = |at| waited_for(setup, at).map(move |before| (small(before), small(at)));
        let dependants = Lists::new(nodes, &(0..nodes).flat_map(pairs).collect::<Vec<_>>());
        Self {
            setup,
            effects,
            state: RunState::default(),
            values: Values::new(setup),
            doing: vec![Doing::Nothing; nodes],
            tickets: HashMap::new(),
            gates: HashMap::new(),
            points: HashMap::new(),
            halted: None,
            failed: false,
            asks: false,
            cleaning: false,
            batch: Vec::new(),
            acts: Vec::new(),
            writer,
            listener,
            dependants,
            over: vec![false; nodes],
            waits_for: vec![0; nodes],
            ready: BTreeSet::new(),
            held_locks: HashMap::new(),
            refused_points: HashMap::new(),
            instead: HashMap::new(),
            items_under_way: HashMap::new(),
            held: HashMap::new(),
            acting: 0,
            unstaged: 0,
            last: None,
            next_ticket: 0,
            abroad: Abroad::default(),
        }
    }

    pub(super) fn into_state(self) -> RunState {
        self.state
    }

    /// Begins a new run.
    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        self.note(Event::RunStarted(Arc::clone(&self.setup.start)))?;
        self.look_ahead().await?;
        self.count();
        self.release()?;
        self.commit()
    }

    /// Works out what waits for what, and what could begin.
    pub(super) fn count(&mut self) {
        for at in 0..self.setup.course.nodes.len() {
            let before = waited_for(self.setup, at);
            let open = before.filter(|before| !self.state.steps[*before].state.releases()).count();
            self.waits_for[at] = open;
            if open == 0 && self.state.steps[at].state == StepState::Pending {
                self.offer(at);
            }
            if self.section(at) == Section::Prepare && !self.state.steps[at].state.releases() {
                self.unstaged += 1;
            }
        }
    }

    pub(super) fn section(&self, at: usize) -> Section {
        self.setup.course.section(self.setup.plan, at)
    }

    pub(super) fn step(&self, at: usize) -> Option<&'a ResolvedStep> {
        match self.setup.course.nodes[at].kind {
            CourseKind::Step(step) => Some(&self.setup.plan.steps[step]),
            CourseKind::Health => None,
        }
    }

    /// Returns the steps that a node is part of, the nearest first.
    pub(super) fn groups(&self, at: usize) -> impl Iterator<Item = &'a ResolvedStep> + use<'a, E, S> {
        let plan = self.setup.plan;
        let step = match self.setup.course.nodes[at].kind {
            CourseKind::Step(step) => Some(step),
            CourseKind::Health => None,
        };
        step.into_iter().flat_map(|step| plan.groups_of(step)).filter_map(|group| plan.steps.get(group))
    }

    /// Returns the items of an `each` to which a node belongs and of which only some may be under way, each with its whole.
    pub(super) fn items_of(&self, at: usize) -> impl Iterator<Item = (&'a Id, &'a Id)> + use<'a, E, S> {
        let steps = self.step(at).into_iter().chain(self.groups(at));
        steps.filter_map(|item| Some((item.at_most()?.0, &item.id)))
    }

    pub(super) fn id(&self, at: usize) -> &'a Id {
        &self.setup.course.nodes[at].id
    }

    pub(super) fn attempt(&self, at: usize) -> u32 {
        self.state.steps[at].state.attempt()
    }

    pub(super) fn offer(&mut self, at: usize) {
        let is_tidying = self.section(at) == Section::Cleanup && !self.is_undo(at);
        // What tidies up waits until everything else is over, and what takes back for its turn.
        if !self.state.undoing && !is_tidying || is_tidying && self.cleaning {
            self.doing[at] = Doing::Ready;
            self.ready.insert(self.ranked(at));
        }
    }

    /// Returns a node with its rank before it.
    pub(super) fn ranked(&self, at: usize) -> (u32, usize) {
        (self.setup.course.nodes[at].rank, at)
    }

    pub(super) fn ticket(&mut self, ticket: Ticket) -> u64 {
        self.next_ticket += 1;
        self.tickets.insert(self.next_ticket, ticket);
        self.next_ticket
    }

    pub(super) fn will(&mut self, act: Act) {
        self.acts.push(act);
    }

    // The loop: hear, decide, record, act.

    pub(super) async fn dispatch(&mut self) -> Result<Halt, Error> {
        loop {
            if let Some(halt) = self.settle()? {
                return Ok(halt);
            }
            let mut happening = Some(self.effects.next().await);
            // What has come in the meantime shares the sync.
            while let Some(now) = happening {
                self.hear(now)?;
                happening = self.effects.next_now();
            }
            self.release()?;
            self.commit()?;
        }
    }

    pub(super) async fn leave(&mut self, halt: &Result<Halt, Error>) {
        self.effects.leave(matches!(halt, Ok(Halt::Over))).await;
    }

    /// Takes an event into the state and into the batch that is recorded next.
    pub(super) fn note(&mut self, event: Event) -> Result<(), Error> {
        // Events that are recorded together happened at one time.
        if let (Some(stamp), false) = (self.last.clone(), self.batch.is_empty()) {
            return self.take_in(event, &stamp);
        }
        let stamp = self.effects.now();
        self.watch_the_clock(&stamp)?;
        self.take_in(event, &stamp)
    }

    pub(super) fn take_in(&mut self, event: Event, stamp: &Stamp) -> Result<(), Error> {
        let was = event.subject().and_then(|step| self.state.position(step.as_str()));
        let released = was.is_some_and(|at| self.state.steps[at].state.releases());
        self.state.apply(&event, stamp)?;
        if let Some(at) = was.filter(|at| !released && self.state.steps[*at].state.releases()) {
            self.after(at);
        }
        self.batch.push(event);
        Ok(())
    }

    /// A calendar that does not go with the boot clock was moved by somebody.
    pub(super) fn watch_the_clock(&mut self, stamp: &Stamp) -> Result<(), Error> {
        let before = self.last.replace(stamp.clone());
        let Some(before) = before else { return Ok(()) };
        let by_calendar = stamp.at.as_unix_millis() - before.at.as_unix_millis();
        if before.boot_id != stamp.boot_id {
            // How long a machine was down only the calendar knows; that it was not less than nothing is certain.
            if by_calendar < -JUMP_MS && self.state.start.is_some() {
                self.take_in(Event::ClockJumped { by_ms: by_calendar }, stamp)?;
            }
            return Ok(());
        }
        let by_boot = i64::try_from(stamp.boot_ms.saturating_sub(before.boot_ms)).unwrap_or(i64::MAX);
        let by_ms = by_calendar - by_boot;
        if by_ms.abs() > JUMP_MS && self.state.start.is_some() {
            self.take_in(Event::ClockJumped { by_ms }, stamp)?;
        }
        Ok(())
    }

    /// A node lets go of what waits for it.
    pub(super) fn after(&mut self, at: usize) {
        self.held.remove(&at);
        if self.is_abroad(at) {
            self.abroad.done.push(at);
        }
        if self.section(at) == Section::Prepare && self.unstaged > 0 {
            self.unstaged -= 1;
        }
        if std::mem::replace(&mut self.over[at], true) {
            return;
        }
        for dependant in self.dependants.of(at).collect::<Vec<_>>() {
            self.waits_for[dependant] = self.waits_for[dependant].saturating_sub(1);
            if self.waits_for[dependant] == 0 && self.state.steps[dependant].state == StepState::Pending {
                self.offer(dependant);
            }
        }
    }

    /// Writes the batch to disk in one go, then tells the listener, then acts.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        let batch = std::mem::take(&mut self.batch);
        let acts = std::mem::take(&mut self.acts);
        if !batch.is_empty() {
            let stamp = self.last.clone().unwrap_or_else(|| self.effects.now());
            self.writer.append(&batch, &stamp)?;
            for event in &batch {
                self.listener.hear(&stamp, event, &self.state);
            }
            for event in &batch {
                self.announce(&stamp, event);
            }
        }
        for act in acts {
            match act {
                Act::Start(work) => self.effects.act(work),
                Act::Ask(ticket, question) => self.effects.ask(ticket, *question),
                Act::Fetch(ticket, errand) => self.effects.fetch(ticket, errand),
                Act::FindPoint(ticket, search) => self.effects.find_point(ticket, *search),
                Act::Sweep(afar) => self.effects.sweep(afar),
                Act::Consult(consultation) => self.effects.consult(consultation),
                Act::Withdraw(step) => self.effects.withdraw(&step),
                Act::PutAway(found) => self.effects.put_away(&found),
                Act::Wake(ticket, delay) => self.effects.wake_after(ticket, delay),
                Act::Stop(step, attempt) => self.effects.stop(&step, attempt),
                Act::Acknowledge(step, attempt) => self.effects.acknowledge(&step, attempt),
            }
        }
        Ok(())
    }

    // What happens.

    pub(super) fn hear(&mut self, happening: Happening) -> Result<(), Error> {
        match happening {
            Happening::Ended { step, attempt, ending } => self.hear_end(&step, attempt, ending),
            Happening::Vanished { step, attempt, why } => self.hear_vanished(&step, attempt, &why),
            Happening::Replied { ticket, reply } => match self.tickets.remove(&ticket) {
                Some(Ticket::Unless(at)) => self.hear_unless(at, reply),
                Some(Ticket::GroupUnless(group)) => self.hear_group_unless(&group, &reply),
                Some(Ticket::Look(at)) => self.hear_look(at, reply),
                _ => Ok(()),
            },
            Happening::PointFound { ticket, found } => match self.tickets.remove(&ticket) {
                Some(Ticket::Point(copy)) => self.hear_point(copy, found),
                _ => Ok(()),
            },
            Happening::Fetched { ticket, fetched } => match self.tickets.remove(&ticket) {
                Some(Ticket::FirstFetch(at) | Ticket::Fetch(at)) => self.hear_fetched(at, fetched),
                _ => Ok(()),
            },
            Happening::Woke { ticket } => match self.tickets.remove(&ticket) {
                Some(Ticket::Alarm(at)) => self.hear_alarm(at),
                Some(Ticket::Expiry(at)) => self.hear_expiry(at),
                _ => Ok(()),
            },
            Happening::Said(spoken) => self.hear_said((*spoken).into(), true),
            Happening::Requested(found) => self.hear_request(*found),
            // Whether anybody is left to wait for is asked next.
            Happening::PersonLeft => Ok(()),
            Happening::Told(delivery) => self.note(Event::Told(delivery)),
            Happening::Checked(check) => self.note(Event::Checked(check)),
            Happening::Interrupted(count) => self.hear_interrupt(count),
        }
    }
}
