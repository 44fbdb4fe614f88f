//! What must hold before a step may begin: asked before each attempt, and answered on record.

use super::dispatcher::Dispatcher;
use super::node::{Look, Purpose};
use super::run::Error;
use crate::effect::{Effects, Reply};
use crate::event::{Check, Event, Failure, Found, Mode};
use crate::journal::Store;
use crate::probe::Probe;
use crate::value::Id;

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Starts a step whose preconditions hold; they are asked first if it has any.
    pub(super) fn start_if_met(&mut self, at: usize) -> Result<(), Error> {
        let probes = self.step(at).map(|step| step.common.preconditions.to_vec()).unwrap_or_default();
        if probes.is_empty() { self.start_step(at) } else { self.look(at, Purpose::Precondition, probes) }
    }

    /// Whether a precondition is asked although something before its step would have to be done first: in a look at a whole recovery
    /// what holds already is worth knowing. A host that is not built cannot be asked.
    pub(super) fn asks_early(&self, at: usize, probe: &Probe) -> bool {
        let place = probe.on.as_ref().or(self.setup.course.nodes[at].place.as_ref());
        self.effects.goes_on() && place.is_none_or(|place| self.provider_of(place).is_none())
    }

    /// Takes an answer; all of them are asked, so that everything that is missing is known at once.
    pub(super) fn hear_precondition(
        &mut self,
        at: usize,
        mut look: Box<Look>,
        reply: Reply,
    ) -> Result<(), Error> {
        let probe = look.probes.get(look.at);
        let named = probe.map(|probe| probe.named()).unwrap_or_default();
        let early = self.moot(at).filter(|_| probe.is_some_and(|probe| self.asks_early(at, probe)));
        let (found, note) = match (reply, early) {
            (Reply::Yes(note), _) => (Found::Met, note),
            // What does not hold yet may hold once that is done.
            (Reply::No(note) | Reply::Broken(note), Some(why)) => {
                (Found::Unknown, format!("{note}, as it is now; {why}"))
            }
            // Where nothing really happens nobody can know all; where it does, not to know is not enough.
            (Reply::Unknown(note), _) if matches!(self.setup.mode(), Mode::DryRun | Mode::DryPlan) => {
                (Found::Unknown, note)
            }
            (Reply::Broken(note), _) if self.effects.goes_on() => (Found::Broken, note),
            (Reply::No(note) | Reply::Unknown(note) | Reply::Broken(note), _) => (Found::Unmet, note),
        };
        if found == Found::Unmet {
            look.unmet.push(format!("{named}: {note}"));
        }
        let step = self.step(at).map_or_else(|| self.id(at).clone(), |step| Id::trusted(step.written_as()));
        self.note(Event::Checked(Check { what: named, steps: vec![step], found, note }))?;
        look.at += 1;
        self.look_again(at, look)
    }

    /// All preconditions were asked.
    pub(super) fn end_preconditions(&mut self, at: usize, unmet: &[String]) -> Result<(), Error> {
        if !unmet.is_empty() && !self.effects.goes_on() {
            let attempt = self.attempt(at) + 1;
            self.note(Event::StepStarted { step: self.id(at).clone(), attempt })?;
            let why = format!("not met: {}", unmet.join("; "));
            return self.fail(at, Failure::NotStarted { why });
        }
        // While they were asked the run may have been stopped, or another may have taken the lock.
        if self.may_begin(at) {
            return self.start_step(at);
        }
        self.mark_ready(at);
        Ok(())
    }
}
