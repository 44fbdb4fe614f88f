//! Stops: nothing more is started, what runs is ended as well, or the run is given up.

use super::dispatcher::{Act, Dispatcher};
use super::node::Doing;
use super::run::Error;
use crate::effect::Effects;
use crate::event::{Event, Failure, Outcome, StepState, StopHow};
use crate::journal::Store;
use crate::resolve::Section;

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    pub(super) fn hear_interrupt(&mut self, count: u32) -> Result<(), Error> {
        let how = if count <= 1 { StopHow::Drain } else { StopHow::Kill };
        self.stop(how, self.setup.account.clone(), String::new())
    }

    /// Starts nothing more; unless it only drains, ends what runs as well.
    pub(super) fn stop(&mut self, how: StopHow, by: String, reason: String) -> Result<(), Error> {
        let is_asked = how == StopHow::Undo && self.state.given_up == Some(StopHow::Undo);
        let is_stopping = self.halted == Some(how) || self.halted == Some(StopHow::Abort);
        if is_asked || is_stopping && how != StopHow::Undo {
            return Ok(());
        }
        self.note(Event::StopAsked { by, how, reason })?;
        // To take back what was carried out, a run is first given up.
        let how = if how == StopHow::Undo { StopHow::Abort } else { how };
        self.halted = Some(how);
        if how == StopHow::Drain {
            // A wait or a delay may be long, nothing of the world runs in it, and it is taken up again.
            for at in 0..self.doing.len() {
                if matches!(self.doing[at], Doing::Sleeping | Doing::Pausing(_) | Doing::Delaying) {
                    self.let_go(at)?;
                }
            }
        } else {
            for at in 0..self.doing.len() {
                // What tidies up is carried out whatever happens.
                if self.doing[at] == Doing::Acting && self.section(at) != Section::Cleanup {
                    self.will(Act::Stop(self.id(at).clone(), self.attempt(at)));
                } else if !matches!(self.doing[at], Doing::Ready | Doing::Nothing | Doing::Acting) {
                    self.let_go(at)?;
                }
            }
        }
        Ok(())
    }

    /// Leaves a node that nothing of the world depends on; an abort closes what it has begun.
    pub(super) fn let_go(&mut self, at: usize) -> Result<(), Error> {
        if self.section(at) == Section::Cleanup {
            return Ok(());
        }
        let was = std::mem::take(&mut self.doing[at]);
        if was == Doing::Asking {
            self.will(Act::Withdraw(self.id(at).clone()));
        }
        let state = &self.state.steps[at].state;
        if self.halted == Some(StopHow::Abort)
            && matches!(state, StepState::Running { .. } | StepState::Awaiting { .. })
        {
            let outcome = Outcome::Failed { failure: Failure::Stopped };
            return self.finish(at, outcome);
        }
        Ok(())
    }
}
