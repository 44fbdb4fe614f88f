//! What could begin, begins: `unless`, then the recovery point, then the work.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::dispatcher::{Act, Dispatcher, Gate};
use super::node::{Doing, Purpose, Then, Ticket};
use super::run::Error;
use crate::effect::{Effects, Env, Question, Reply, Work};
use crate::event::{Event, Failure, Mode, StepState};
use crate::journal::Store;
use crate::plan::{Action, Wait};
use crate::probe::{Command, Probe};
use crate::resolve::{ResolvedStep, Section};
use crate::value::{Id, Length};

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    pub(super) fn release(&mut self) -> Result<(), Error> {
        if self.unstaged == 0 && !self.state.undoing && self.state.staged.is_none() && self.has_stage() {
            self.note(Event::IncidentStaged)?;
        }
        let mut tried = None;
        loop {
            // Going on behind the last one tried: what has no slot or lock now has none later in this turn.
            let next = match tried {
                None => self.ready.first().copied(),
                Some(tried) => self.ready.range((Excluded(tried), Unbounded)).next().copied(),
            };
            let Some(next) = next else { return Ok(()) };
            let (_, at) = next;
            tried = Some(next);
            if self.may_begin(at) {
                self.ready.remove(&next);
                self.begin_node(at)?;
                // Beginning may have ended it at once and made an earlier one ready.
                if self.ready.range(..next).next().is_some() {
                    tried = None;
                }
            }
        }
    }

    pub(super) fn has_stage(&self) -> bool {
        self.setup.mode() == Mode::Drill
            && (0..self.doing.len()).any(|at| self.section(at) == Section::Prepare)
    }

    pub(super) fn may_begin(&self, at: usize) -> bool {
        let section = self.section(at);
        if self.state.undoing && section != Section::Cleanup {
            return self.is_undo(at) && self.halted.is_none();
        }
        if section != Section::Cleanup && (self.halted.is_some() || self.failed || self.asks) {
            return false;
        }
        let Some(step) = self.step(at) else { return true };
        if matches!(*step.action, Action::Run { .. } | Action::Http { .. })
            && !step.is_group()
            && !self.has_slot()
        {
            return false;
        }
        let has_room = |item: &ResolvedStep| {
            let Some((whole, most)) = item.at_most() else { return true };
            let items = self.items_under_way.get(whole);
            items.is_none_or(|items| items.len() < most || items.contains(&item.id))
        };
        std::iter::once(step).chain(self.groups(at)).all(has_room)
            && step.common.lock.as_deref().is_none_or(|lock| !self.held_locks.contains_key(lock))
            && self.has_hands(at)
    }

    /// Whether one more may act. Asked of all that is ready, so the short answer comes first.
    fn has_slot(&self) -> bool {
        let most = self.setup.max_parallel;
        self.acting < most && self.acting + self.about_to_act() < most
    }

    /// Counts what is looked at before it starts: it has its slot already, so that nobody overtakes it.
    fn about_to_act(&self) -> usize {
        let is_before = |ticket: &&Ticket| match ticket {
            Ticket::FirstFetch(_) | Ticket::Unless(_) | Ticket::GroupUnless(_) | Ticket::Point(_) => true,
            Ticket::Look(at) => {
                matches!(&self.doing[*at], Doing::Looking(look) if look.purpose == Purpose::Precondition)
            }
            Ticket::Fetch(_) | Ticket::Alarm(_) | Ticket::Hold | Ticket::Expiry(_) => false,
        };
        self.tickets.values().filter(is_before).count()
    }

    pub(super) fn begin_node(&mut self, at: usize) -> Result<(), Error> {
        let Some(step) = self.step(at) else {
            return self.start_health(at);
        };
        if self.must_fetch(at) {
            self.fetch(at, Then::Begin);
            return Ok(());
        }
        // What it is part of may be done already as a whole: the outermost is asked first.
        let is_closed = |group: &&ResolvedStep| {
            group.common.unless.is_some() && !matches!(self.gates.get(&group.id), Some(Gate::Open))
        };
        let group = self.groups(at).filter(is_closed).last();
        if let Some((group, unless)) = group.and_then(|group| Some((group, group.common.unless.as_deref()?)))
        {
            match self.gates.get_mut(&group.id) {
                Some(Gate::Open) => {}
                Some(Gate::Asked(waiting)) => {
                    waiting.push(at);
                    self.doing[at] = Doing::Gating;
                    return Ok(());
                }
                None => {
                    // It is asked as the whole would ask it, in its folder and with its values.
                    let whole = self.state.position(group.id.as_str()).unwrap_or(at);
                    let moot = self.moot(at);
                    let Some(question) = self.question(whole, unless, moot)? else { return Ok(()) };
                    self.gates.insert(group.id.clone(), Gate::Asked(vec![at]));
                    self.doing[at] = Doing::Gating;
                    let ticket = self.ticket(Ticket::GroupUnless(group.id.clone()));
                    self.will(Act::Ask(ticket, Box::new(question)));
                    return Ok(());
                }
            }
        }
        match step.common.unless.as_deref() {
            Some(unless) if !step.is_group() => {
                let moot = self.moot(at);
                let Some(question) = self.question(at, unless, moot)? else { return Ok(()) };
                self.doing[at] = Doing::Gating;
                let ticket = self.ticket(Ticket::Unless(at));
                self.will(Act::Ask(ticket, Box::new(question)));
                Ok(())
            }
            _ => self.choose_point(at),
        }
    }

    pub(super) fn hear_unless(&mut self, at: usize, reply: Reply) -> Result<(), Error> {
        // A person may have skipped it while it was asked.
        if self.doing[at] != Doing::Gating {
            return Ok(());
        }
        match reply {
            Reply::Yes(why) => {
                self.doing[at] = Doing::Nothing;
                self.note(Event::StepUnneeded { step: self.id(at).clone(), why })
            }
            Reply::No(_) | Reply::Unknown(_) | Reply::Broken(_) => self.choose_point(at),
        }
    }

    pub(super) fn hear_group_unless(&mut self, group: &Id, reply: &Reply) -> Result<(), Error> {
        let Some(Gate::Asked(waiting)) = self.gates.insert(group.clone(), Gate::Open) else { return Ok(()) };
        let Reply::Yes(why) = reply else {
            // A person may have skipped one of them while it was asked.
            for at in waiting {
                if self.doing[at] == Doing::Gating {
                    self.mark_ready(at);
                }
            }
            return Ok(());
        };
        for at in 0..self.doing.len() {
            let is_part = self.groups(at).any(|of| of.id == *group);
            let is_open = self.state.steps[at].state == StepState::Pending;
            if is_open && (is_part || self.id(at) == group) {
                self.ready.remove(&self.ranked(at));
                self.doing[at] = Doing::Nothing;
                self.note(Event::StepUnneeded { step: self.id(at).clone(), why: why.clone() })?;
            }
        }
        Ok(())
    }

    pub(super) fn start_step(&mut self, at: usize) -> Result<(), Error> {
        self.lock(at);
        let attempt = self.attempt(at) + 1;
        self.note(Event::StepStarted { step: self.id(at).clone(), attempt })?;
        self.carry_out(at)
    }

    /// Does what a step that has begun is there for.
    pub(super) fn carry_out(&mut self, at: usize) -> Result<(), Error> {
        self.tell_unknown(at)?;
        let Some(step) = self.step(at) else { return self.look_at_health(at) };
        if self.must_fetch(at) {
            self.fetch(at, Then::CarryOut);
            return Ok(());
        }
        let attempt = self.attempt(at);
        if step.has_items() {
            return self.look(at, Purpose::Verify, Vec::new());
        }
        match &*step.action {
            Action::Run { command, .. } => {
                let program = match command {
                    Command::Program(words) => words.clone(),
                    Command::Shell(text) => {
                        let mut program = self.values.shell(at);
                        program.push(text.to_string());
                        program
                    }
                };
                let Some(env) = self.env(at)? else { return Ok(()) };
                if self.is_abroad(at) {
                    return self.start_abroad(at, step, program, &env);
                }
                self.start_work(at, step, attempt, program, env.values);
                Ok(())
            }
            Action::Http { request, expect } => {
                let Some(env) = self.env(at)? else { return Ok(()) };
                if let Some(unknown) = env.unknown.first() {
                    // Only a dry run has unknown values; it does not send anything, so their text is of no use.
                    let mut env = env.clone();
                    env.values.insert(unknown.clone(), format!("${unknown}"));
                    self.start_work(at, step, attempt, vec![request.url.as_str().to_owned()], env.values);
                    return Ok(());
                }
                match crate::effect::request_job(&self.setup.exe, request, expect, &env) {
                    Ok((program, env)) => {
                        self.start_work(at, step, attempt, program, env);
                        Ok(())
                    }
                    Err(why) => self.fail(at, Failure::Request { why }),
                }
            }
            Action::Wait(Wait::For(length)) => {
                let begun = self.state.steps[at].begun.clone();
                let now = self.effects.now();
                let passed = begun.map_or(Length::ZERO, |begun| now.since(&begun));
                self.doing[at] = Doing::Sleeping;
                let ticket = self.ticket(Ticket::Alarm(at));
                self.will(Act::Wake(ticket, length.saturating_sub(passed)));
                Ok(())
            }
            Action::Wait(Wait::Until(probe)) => self.look(at, Purpose::Await, vec![Arc::clone(probe)]),
            Action::Manual { .. } | Action::Approve(_) => self.ask_person(at),
            // These close others; only their own `verify` is left to be seen.
            Action::Use { .. } | Action::Plan { .. } => {
                self.look(at, Purpose::Verify, step.common.verify.to_vec())
            }
        }
    }

    pub(super) fn start_work(
        &mut self,
        at: usize,
        step: &ResolvedStep,
        attempt: u32,
        program: Vec<String>,
        env: BTreeMap<String, String>,
    ) {
        self.keep_acting(at);
        let work = self.work(at, step, attempt, program, env);
        self.will(Act::Start(work));
    }

    pub(super) fn work(
        &self,
        at: usize,
        step: &ResolvedStep,
        attempt: u32,
        program: Vec<String>,
        env: BTreeMap<String, String>,
    ) -> Work {
        Work {
            step: step.id.clone(),
            attempt,
            program,
            env,
            secrets: self.secrets_of(at),
            cwd: self.setup.own_of(at).ground.folder.clone(),
            timeout: step.common.timeout,
            estimate: self.setup.course.nodes[at].estimate.unwrap_or_default(),
            outputs: step.common.outputs.iter().map(ToString::to_string).collect(),
            remote: false,
            again: false,
        }
    }

    /// Returns the environment of a node; a node whose environment cannot be made fails.
    pub(super) fn env(&mut self, at: usize) -> Result<Option<Env>, Error> {
        match self.values.of(at, &self.state, self.held.get(&at)) {
            Ok(env) => Ok(Some(env)),
            Err(error) => {
                if matches!(self.state.steps[at].state, StepState::Pending | StepState::Retrying { .. }) {
                    let attempt = self.attempt(at) + 1;
                    self.note(Event::StepStarted { step: self.id(at).clone(), attempt })?;
                }
                self.fail(at, Failure::NotStarted { why: error.to_string() })?;
                Ok(None)
            }
        }
    }

    pub(super) fn question(
        &mut self,
        at: usize,
        probe: &Probe,
        moot: Option<String>,
    ) -> Result<Option<Question>, Error> {
        let Some(mut env) = self.env(at)? else { return Ok(None) };
        if let Some(place) = &probe.on {
            env = self.values.at_place(env, place);
        }
        let shell = self.values.shell(at);
        let cwd = self.setup.own_of(at).ground.folder.clone();
        let (afar, moot) = self.where_asked(at, probe, &env, moot);
        Ok(Some(Question { probe: probe.clone(), env, cwd, shell, moot, afar }))
    }

    /// Says why nothing can be known about a node: because something before it did not really happen.
    pub(super) fn moot(&self, at: usize) -> Option<String> {
        let nodes = &self.setup.course.nodes;
        let mut seen = HashSet::new();
        let mut stack = nodes[at].after.to_vec();
        while let Some(before) = stack.pop() {
            match self.state.steps[before].state {
                // A yes and a pause change nothing that could be looked at.
                StepState::Assumed if self.changes_nothing(before) && seen.insert(before) => {
                    stack.extend(nodes[before].after.iter());
                }
                StepState::Assumed if self.changes_nothing(before) => {}
                StepState::Assumed => return Some(format!("{} has not really been done", nodes[before].id)),
                // Beyond what was found to be done already, or skipped, something may still be assumed.
                StepState::Unneeded | StepState::Skipped if seen.insert(before) => {
                    stack.extend(nodes[before].after.iter());
                }
                _ => {}
            }
        }
        None
    }

    fn changes_nothing(&self, at: usize) -> bool {
        self.step(at).is_some_and(|step| matches!(*step.action, Action::Approve(_) | Action::Wait { .. }))
    }
}
