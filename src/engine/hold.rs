//! Holds a run at its end: until somebody decides whether what was done stays, or until the plan does.

use super::dispatcher::{Act, Dispatcher};
use super::node::Ticket;
use super::run::Error;
use crate::effect::Effects;
use crate::event::{Event, Mode, StopHow};
use crate::journal::Store;
use crate::plan::AfterHold;
use crate::resolve::Section;
use crate::value::Length;

/// Whether a run is held at its end.
pub(super) enum Holding {
    /// It is not, or no longer.
    No,
    /// It waits for a decision.
    Waits,
    /// The time is over, and the plan has decided.
    Over,
}

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Holds a run whose steps are all done, if the plan says so.
    ///
    /// A drill is not held: what it has built is torn down in any case.
    pub(super) fn hold(&mut self) -> Result<Holding, Error> {
        let hold = self.setup.plan.activation.as_ref().and_then(|activation| activation.hold);
        let (Some(hold), Mode::Real) = (hold, self.setup.mode()) else { return Ok(Holding::No) };
        if self.state.committed || self.state.given_up.is_some() || !self.is_all_done() {
            return Ok(Holding::No);
        }
        if self.state.hold.is_none() {
            self.note(Event::HoldBegan { length: hold.length, undoes: hold.then == AfterHold::Undo })?;
            self.commit()?;
        }
        let left = self.held_for();
        if left > Length::ZERO {
            if !self.tickets.values().any(|ticket| *ticket == Ticket::Hold) {
                let ticket = self.ticket(Ticket::Hold);
                self.will(Act::Wake(ticket, left));
                self.commit()?;
            }
            return Ok(Holding::Waits);
        }
        let reason = format!("nobody decided within {}, and the plan says so", hold.length);
        match hold.then {
            AfterHold::Commit => self.note(Event::RunCommitted { by: None, reason, account: None })?,
            AfterHold::Undo => self.stop(StopHow::Undo, "drplan".to_owned(), reason)?,
        }
        self.commit()?;
        Ok(Holding::Over)
    }

    /// Returns how long the run is still held.
    fn held_for(&mut self) -> Length {
        let now = self.effects.now();
        self.state
            .hold
            .as_ref()
            .map_or(Length::ZERO, |hold| hold.length.saturating_sub(now.since(&hold.since)))
    }

    /// Whether nothing of the recovery is left to do, and nothing failed.
    fn is_all_done(&self) -> bool {
        let is_of_recovery = |at: &usize| self.section(*at) != Section::Cleanup;
        (0..self.doing.len()).filter(is_of_recovery).all(|at| self.state.steps[at].state.releases())
    }

    /// Says why it cannot be decided now that what was done stays; nothing if it can.
    pub(super) fn against_commit(&mut self) -> Option<&'static str> {
        if !self.state.is_held() {
            return Some("the run does not wait for this decision");
        }
        (self.held_for() == Length::ZERO).then_some("it came too late")
    }
}
