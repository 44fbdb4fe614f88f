//! When nothing is under way any more: tidy up, finish, or leave.

use super::Halt;
use super::dispatcher::Dispatcher;
use super::hold::Holding;
use super::node::Doing;
use super::run::Error;
use crate::effect::Effects;
use crate::event::{Event, Found, Mode, RunResult, StepState, StopHow};
use crate::journal::Store;
use crate::plan::OnFailure;
use crate::resolve::Section;
use crate::value::Stamp;

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Says how to halt, when nothing is under way any more.
    pub(super) fn settle(&mut self) -> Result<Option<Halt>, Error> {
        loop {
            // Asked after each step, so the short answer comes first.
            if self.acting > 0 || self.doing.iter().any(Doing::is_under_way) || self.could_begin() {
                return Ok(None);
            }
            let unanswered: Vec<usize> =
                (0..self.doing.len()).filter(|at| self.doing[*at] == Doing::Asking).collect();
            let waits = !unanswered.is_empty() && self.halted.is_none();
            if waits && (self.setup.stays || self.effects.has_person()) {
                return Ok(None);
            }
            // The run goes on with the undos as nodes of its own.
            if self.must_begin_undo() {
                return Ok(Some(Halt::Suspended));
            }
            if self.state.undoing && self.halted.is_none() && self.begin_next_undo()? {
                continue;
            }
            let unknown = (0..self.doing.len()).any(|at| self.is_open_question(at));
            let is_stopped = matches!(self.halted, Some(StopHow::Drain | StopHow::Kill));
            // Nobody needs to decide how a run goes on that is given up.
            let is_undecided = (unknown || self.asks) && self.halted != Some(StopHow::Abort);
            // While nobody controlled the run, the time for an answer went on.
            let expired =
                unanswered.iter().copied().find(|at| self.halted.is_none() && self.has_expired(*at));
            if let Some(at) = expired {
                self.hear_expiry(at)?;
                continue;
            }
            if waits || is_undecided || is_stopped {
                let waits_for = self.what_it_waits_for(&unanswered);
                self.note(Event::RunSuspended { waits_for })?;
                self.commit()?;
                return Ok(Some(Halt::Suspended));
            }
            match self.hold()? {
                Holding::No => {}
                Holding::Over => continue,
                Holding::Waits if self.setup.stays || self.effects.has_person() => return Ok(None),
                Holding::Waits => {
                    let waits_for = self.what_it_waits_for(&[]);
                    self.note(Event::RunSuspended { waits_for })?;
                    self.commit()?;
                    return Ok(Some(Halt::Suspended));
                }
            }
            if !self.cleaning && self.begin_cleaning()? {
                continue;
            }
            let result = self.result();
            self.listener.before_end(&self.state);
            self.note(Event::RunFinished { result })?;
            self.sweep_abroad();
            self.commit()?;
            return Ok(Some(Halt::Over));
        }
    }

    /// Whether nobody knows what a step has done, and a person must say. Once it is taken back what was carried out, only
    /// the undos count.
    pub(super) fn is_open_question(&self, at: usize) -> bool {
        let counts = !self.state.undoing || self.is_undo(at);
        counts && matches!(self.state.steps[at].state, StepState::Unknown { .. })
    }

    pub(super) fn could_begin(&self) -> bool {
        self.ready.iter().any(|(_, at)| self.may_begin(*at))
    }

    /// Offers the steps that tidy up; whether there are any.
    pub(super) fn begin_cleaning(&mut self) -> Result<bool, Error> {
        self.cleaning = true;
        self.ready.clear();
        for at in 0..self.doing.len() {
            // The run is given up: what nobody knows of must not keep what tidies up from its lock.
            if matches!(self.state.steps[at].state, StepState::Unknown { .. }) {
                self.unlock(at);
            }
        }
        for at in 0..self.doing.len() {
            if self.section(at) == Section::Cleanup
                && self.waits_for[at] == 0
                && self.state.steps[at].state == StepState::Pending
            {
                self.offer(at);
            }
        }
        let some = !self.ready.is_empty();
        self.release()?;
        self.commit()?;
        Ok(some)
    }

    pub(super) fn what_it_waits_for(&self, unanswered: &[usize]) -> Vec<String> {
        let mut waits_for: Vec<String> =
            unanswered.iter().map(|at| format!("{}: an answer", self.id(*at))).collect();
        for (at, record) in self.state.steps.iter().enumerate() {
            match &record.state {
                StepState::Unknown { .. } if self.is_open_question(at) => {
                    waits_for.push(format!(
                        "{}: a person must say whether it is skipped or tried again",
                        self.id(at)
                    ));
                }
                StepState::Failed { .. } if self.asks => {
                    waits_for.push(format!(
                        "{} failed: a person must say whether it is skipped or tried again",
                        self.id(at)
                    ));
                }
                _ => {}
            }
        }
        if let (Some(hold), true) = (&self.state.hold, self.state.is_held()) {
            waits_for.push(format!("a decision: {}", hold.choice(self.setup.start.run.as_str())));
        }
        if waits_for.is_empty() {
            waits_for.push("somebody to resume it".to_owned());
        }
        waits_for
    }

    pub(super) fn result(&self) -> RunResult {
        if self.halted == Some(StopHow::Abort) || self.state.undoing {
            return RunResult::Aborted;
        }
        let is_clean = |state: &StepState| matches!(state, StepState::Done { .. } | StepState::Unneeded);
        let is_possible = |state: &StepState| is_clean(state) || *state == StepState::Assumed;
        let all =
            |holds: &dyn Fn(&StepState) -> bool| self.state.steps.iter().all(|record| holds(&record.state));
        let lacks = self.state.checks.iter().any(|check| check.found == Found::Unmet);
        match self.setup.mode() {
            Mode::DryRun | Mode::DryPlan if all(&is_possible) && !lacks => RunResult::Possible,
            Mode::DryRun | Mode::DryPlan => RunResult::Impossible,
            Mode::Real | Mode::Drill if all(&is_clean) => RunResult::Done,
            Mode::Real | Mode::Drill => RunResult::Failed,
        }
    }

    /// Tells the listener of something that is not worth a record.
    pub(super) fn mention(&mut self, event: &Event) {
        let stamp = self.effects.now();
        self.listener.hear(&stamp, event, &self.state);
    }

    pub(super) fn replay(&mut self, event: &Event, stamp: &Stamp) -> Result<(), Error> {
        self.state.apply(event, stamp)?;
        self.last = Some(stamp.clone());
        Ok(())
    }

    pub(super) fn mark_ready(&mut self, at: usize) {
        self.doing[at] = Doing::Ready;
        self.ready.insert(self.ranked(at));
    }

    pub(super) fn unready(&mut self, at: usize) {
        self.doing[at] = Doing::Nothing;
        self.ready.remove(&self.ranked(at));
    }

    /// Puts a run that has failed steps back to where it was.
    pub(super) fn remember_failures(&mut self) {
        // What takes back goes on whatever failed.
        if self.state.undoing {
            return;
        }
        for at in 0..self.doing.len() {
            let failed = matches!(self.state.steps[at].state, StepState::Failed { .. });
            // How the tidying up went decides nothing.
            if failed && self.section(at) != Section::Cleanup {
                match self.step(at).map(|step| step.common.on_failure.unwrap_or_default()) {
                    Some(OnFailure::Ask) => self.asks = true,
                    Some(OnFailure::Stop) => self.failed = true,
                    Some(OnFailure::Continue) | None => {}
                }
            }
        }
    }

    /// Forgets failures that a person has decided about.
    pub(super) fn forget_failures(&mut self) {
        self.failed = false;
        self.asks = false;
        self.remember_failures();
    }
}
