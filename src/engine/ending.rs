//! How steps end: done, failed, tried again.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::dispatcher::{Act, Dispatcher};
use super::node::{Doing, Purpose, Ticket};
use super::run::Error;
use crate::effect::{Effects, Ending};
use crate::event::{Event, Failure, Outcome, StepState, StopHow};
use crate::journal::Store;
use crate::keeper::{self, Cause, Exit};
use crate::plan::{Action, OnFailure};
use crate::resolve::{ResolvedStep, Section};
use crate::value::{Id, Length, Name};

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    pub(super) fn hear_end(&mut self, step: &Id, attempt: u32, ending: Ending) -> Result<(), Error> {
        let Some(at) = self.state.position(step.as_str()) else { return Ok(()) };
        let is_open = matches!(
            self.state.steps[at].state,
            StepState::Running { attempt: open } | StepState::Awaiting { attempt: open } if open == attempt
        );
        if !is_open {
            // It was in the journal already; the keeper was only not told so.
            self.will(Act::Acknowledge(step.clone(), attempt));
            return Ok(());
        }
        match ending {
            Ending::Assumed => self.finish(at, Outcome::Assumed),
            Ending::Refused(why) => {
                self.stop_acting(at);
                self.fail(at, Failure::NotStarted { why })
            }
            Ending::Interrupted(why) => {
                self.stop_acting(at);
                self.judge(at, &why)
            }
            Ending::Kept(outcome) => self.hear_kept(at, &outcome),
            Ending::Underway(outcome) => self.hear_underway(at, &outcome),
        }
    }

    /// Hears that a courier is over, and has not heard itself how the step ended on its host.
    fn hear_underway(&mut self, at: usize, outcome: &keeper::Outcome) -> Result<(), Error> {
        let why = match outcome.cause {
            Cause::Stopped if self.halted != Some(StopHow::Abort) => return self.hear_kept(at, outcome),
            Cause::Stopped => "it was to be stopped".to_owned(),
            Cause::TimedOut => {
                let after = self.step(at).and_then(|step| step.common.timeout).unwrap_or_default();
                format!("it ran longer than its limit of {after}")
            }
            Cause::Ended => {
                self.stop_acting(at);
                return self.follow_abroad(at, &outcome.exit);
            }
        };
        self.stop_acting(at);
        self.fail(at, Failure::OutOfReach { why })
    }

    pub(super) fn hear_kept(&mut self, at: usize, outcome: &keeper::Outcome) -> Result<(), Error> {
        self.stop_acting(at);
        let failure = match (&outcome.cause, &outcome.exit) {
            (Cause::Stopped, _) if self.halted != Some(StopHow::Abort) => {
                // Ended by a second Ctrl-C: the journal keeps it open, and resume judges it.
                self.doing[at] = Doing::Nothing;
                return Ok(());
            }
            (Cause::Stopped, _) => Failure::Stopped,
            (Cause::TimedOut, _) => {
                let after = self.step(at).and_then(|step| step.common.timeout).unwrap_or_default();
                Failure::TimedOut { after }
            }
            (Cause::Ended, Exit::Code(0)) if outcome.told_secret => Failure::BadOutput {
                why: "a secret was written to $DRPLAN_OUTPUT, and outputs are on record".to_owned(),
            },
            (Cause::Ended, Exit::Code(0)) => {
                return match self.step(at).map(|step| step.common.verify.clone()) {
                    Some(probes) => self.look(at, Purpose::Verify, probes.into()),
                    None => self.finish(at, Outcome::Done),
                };
            }
            // Its courier has ended it, because the run was given up while nobody held it.
            (Cause::Ended, Exit::Code(_)) if self.halted == Some(StopHow::Abort) && self.is_abroad(at) => {
                Failure::Stopped
            }
            // A step on a host ends with an exit code always: the signal was for its courier, before that set out.
            (Cause::Ended, Exit::Signal(_)) if self.is_abroad(at) => {
                return self.follow_abroad(at, &outcome.exit);
            }
            (Cause::Ended, Exit::Code(code)) => Failure::Exit { code: *code },
            (Cause::Ended, Exit::Signal(signal)) => Failure::Signal { signal: *signal },
            (Cause::Ended, Exit::NotStarted(why)) => Failure::NotStarted { why: why.clone() },
        };
        self.fail(at, failure)
    }

    pub(super) fn stop_acting(&mut self, at: usize) {
        if self.doing[at] == Doing::Acting {
            self.acting = self.acting.saturating_sub(1);
            self.doing[at] = Doing::Nothing;
        }
    }

    /// Counts a node whose work an earlier controller has started.
    pub(super) fn keep_acting(&mut self, at: usize) {
        self.doing[at] = Doing::Acting;
        self.acting += 1;
    }

    pub(super) fn lock(&mut self, at: usize) {
        if let Some(lock) = self.step(at).and_then(|step| step.common.lock.clone()) {
            self.held_locks.entry(*lock).or_insert(at);
        }
        for (whole, item) in self.items_of(at) {
            self.items_under_way.entry(whole.clone()).or_default().insert(item.clone());
        }
    }

    pub(super) fn fail(&mut self, at: usize, failure: Failure) -> Result<(), Error> {
        self.stop_acting(at);
        let attempt = self.attempt(at);
        let step = self.step(at);
        if let Some((path, why)) = self.bad_point(at, &failure) {
            return self.refuse_point(at, path, why);
        }
        // What may still run is not begun once more beside itself.
        let may_retry = !matches!(
            failure,
            Failure::Stopped | Failure::Refused { .. } | Failure::Expired { .. } | Failure::OutOfReach { .. }
        );
        // An attempt that was interrupted, or that a person asked for, takes none of these away.
        let retries = self.state.steps[at].retries;
        let retry = step
            .and_then(|step| step.common.retry.as_deref())
            .filter(|retry| may_retry && retries < retry.times);
        if let Some(retry) = retry
            && matches!(self.state.steps[at].state, StepState::Running { .. })
            && (self.halted != Some(StopHow::Abort) || self.section(at) == Section::Cleanup)
        {
            let delay = retry.jittered_after(retries + 1, self.chance(at, attempt));
            self.unlock(at);
            self.note(Event::RetryPlanned { step: self.id(at).clone(), attempt, failure, delay })?;
            self.will(Act::Acknowledge(self.id(at).clone(), attempt));
            // Who stops a run does not take away its next attempt: that is for whoever resumes it.
            if self.halted.is_none() {
                self.delay(at, delay);
            }
            return Ok(());
        }
        let on_failure = step.and_then(|step| step.common.on_failure).unwrap_or_default();
        // Nothing of the recovery depends on how the tidying up went, and an asset holds up only what needs it.
        if self.section(at) != Section::Cleanup && step.is_some() && failure != Failure::Stopped {
            match on_failure {
                OnFailure::Stop => self.failed = true,
                OnFailure::Ask => self.asks = true,
                OnFailure::Continue => {}
            }
        }
        self.finish(at, Outcome::Failed { failure })
    }

    /// Returns a number that another run, step or attempt will hardly have, and this one always has.
    fn chance(&self, at: usize, attempt: u32) -> u16 {
        let of = format!("{} {} {attempt}", self.setup.start.run, self.id(at));
        let hash = Sha256::digest(of.as_bytes());
        hash.iter().take(2).fold(0, |chance, byte| chance << 8 | u16::from(*byte))
    }

    pub(super) fn delay(&mut self, at: usize, delay: Length) {
        self.doing[at] = Doing::Delaying;
        let ticket = self.ticket(Ticket::Alarm(at));
        self.will(Act::Wake(ticket, delay));
    }

    pub(super) fn unlock(&mut self, at: usize) {
        // Only who holds it can give it back: a step may end before it ever took its lock.
        let lock = self.step(at).and_then(|step| step.common.lock.as_deref());
        if let Some(lock) = lock.filter(|lock| self.held_locks.get(*lock) == Some(&at)) {
            self.held_locks.remove(lock);
        }
        // An item with parts is under way until it is over itself.
        let id = self.id(at);
        self.items_of(at).filter(|(_, item)| *item == id).for_each(|item| self.item_over(item));
    }

    /// Takes an item of an `each` out of those that are under way.
    fn item_over(&mut self, (whole, item): (&Id, &Id)) {
        if let Some(items) = self.items_under_way.get_mut(whole) {
            items.remove(item);
        }
    }

    /// Ends a node; what its work has written is read and held to what the step declares.
    pub(super) fn finish(&mut self, at: usize, outcome: Outcome) -> Result<(), Error> {
        let declared = self.step(at).filter(|step| matches!(*step.action, Action::Run { .. }));
        if let (Outcome::Failed { failure }, Some(step)) = (&outcome, declared)
            && step.common.undo.is_some()
            && !matches!(failure, Failure::NotStarted { .. } | Failure::BadOutput { .. })
        {
            let outputs = self.outputs_of_failed(at, &step.common.outputs);
            return self.finish_with(at, outcome, outputs);
        }
        let Some(step) = declared.filter(|_| outcome == Outcome::Done) else {
            return self.finish_with(at, outcome, BTreeMap::new());
        };
        let written = self.effects.outputs(self.id(at), self.attempt(at));
        match written
            .and_then(|text| super::outputs::read(&text, &step.common.outputs))
            .and_then(|outputs| self.without_secrets(at, outputs))
            .and_then(|outputs| {
                super::outputs::ahead(&outputs, self.effects.now().at).map_or(Ok(outputs), Err)
            }) {
            Ok(outputs) => self.finish_with(at, outcome, outputs),
            Err(why) => self.fail(at, Failure::BadOutput { why }),
        }
    }

    /// Returns what a failed attempt has put out before it failed: what takes it back may need to know.
    fn outputs_of_failed(&mut self, at: usize, declared: &[Name]) -> BTreeMap<Name, String> {
        if declared.is_empty() {
            return BTreeMap::new();
        }
        let written = self.effects.outputs(self.id(at), self.attempt(at)).unwrap_or_default();
        let outputs = super::outputs::read_what_is_there(&written, declared);
        self.without_secrets(at, outputs).unwrap_or_default()
    }

    /// Ends a node.
    pub(super) fn finish_with(
        &mut self,
        at: usize,
        outcome: Outcome,
        outputs: BTreeMap<Name, String>,
    ) -> Result<(), Error> {
        let attempt = self.attempt(at);
        self.stop_acting(at);
        self.doing[at] = Doing::Nothing;
        self.held.remove(&at);
        self.unlock(at);
        if outcome != Outcome::Done {
            // What it is part of will not be over; the other items do not wait for that.
            self.items_of(at).for_each(|item| self.item_over(item));
        }
        self.note(Event::StepFinished { step: self.id(at).clone(), attempt, outcome, outputs })?;
        let is_work = |step: &ResolvedStep| matches!(*step.action, Action::Run { .. } | Action::Http { .. });
        if self.step(at).is_some_and(is_work) {
            self.will(Act::Acknowledge(self.id(at).clone(), attempt));
        }
        Ok(())
    }

    pub(super) fn hear_alarm(&mut self, at: usize) -> Result<(), Error> {
        match std::mem::take(&mut self.doing[at]) {
            Doing::Sleeping => self.finish(at, self.as_real_as_before(at)),
            Doing::Pausing(look) => self.look_again(at, look),
            Doing::Delaying => {
                if self.halted.is_none() || self.section(at) == Section::Cleanup {
                    self.mark_ready(at);
                }
                Ok(())
            }
            other => {
                self.doing[at] = other;
                Ok(())
            }
        }
    }

    /// A wait after something that did not really happen did not really happen either.
    pub(super) fn as_real_as_before(&self, at: usize) -> Outcome {
        if self.moot(at).is_some() { Outcome::Assumed } else { Outcome::Done }
    }

    pub(super) fn hear_vanished(&mut self, step: &Id, attempt: u32, why: &str) -> Result<(), Error> {
        let Some(at) = self.state.position(step.as_str()) else { return Ok(()) };
        if self.state.steps[at].state == (StepState::Running { attempt }) {
            self.stop_acting(at);
            if self.is_abroad(at) {
                return self.take_up_abroad(at, why);
            }
            self.judge(at, why)?;
        }
        Ok(())
    }
}
