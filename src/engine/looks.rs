//! Asks probes: whether work is done, whether an asset is healthy, what an interrupted step has left.

use std::sync::Arc;

use super::dispatcher::{Act, Dispatcher};
use super::node::{Doing, Look, Purpose, Then, Ticket};
use super::run::Error;
use crate::effect::{Effects, Reply};
use crate::event::{Event, Failure, Outcome, Verdict};
use crate::journal::Store;
use crate::plan::Rerun;
use crate::probe::{Probe, RawProbe};
use crate::resolve::Section;
use crate::value::{Length, Moment, Name};

/// After so many attempts, an interrupted step is not repeated without a person, even if it may be.
const MOST_INTERRUPTED: u32 = 5;

/// No probe is asked again sooner than this.
const SHORTEST_PAUSE: Length = Length::from_millis(50);

/// The output under which the health of an asset records what its `newest` has said.
pub const NEWEST: &str = "NEWEST";

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    pub(super) fn start_health(&mut self, at: usize) -> Result<(), Error> {
        let attempt = self.attempt(at) + 1;
        self.note(Event::StepStarted { step: self.id(at).clone(), attempt })?;
        self.tell_unknown(at)?;
        self.look_at_health(at)
    }

    pub(super) fn look_at_health(&mut self, at: usize) -> Result<(), Error> {
        let probes =
            self.setup.plan.assets.get(self.id(at)).map(|asset| asset.health.clone()).unwrap_or_default();
        self.look(at, Purpose::Await, probes)
    }

    /// Begins to ask probes, one after the other.
    pub(super) fn look(&mut self, at: usize, purpose: Purpose, probes: Vec<Arc<Probe>>) -> Result<(), Error> {
        let since = self.effects.now();
        let look = Look { purpose, probes, at: 0, since, moot: false, unmet: Vec::new() };
        self.look_again(at, Box::new(look))
    }

    /// Asks the next probe of a look, or ends it.
    pub(super) fn look_again(&mut self, at: usize, look: Box<Look>) -> Result<(), Error> {
        let Some(probe) = look.probes.get(look.at).cloned() else {
            return self.end_look(at, &look);
        };
        if self.must_fetch(at) {
            self.fetch(at, Then::Look(look));
            return Ok(());
        }
        let is_early = look.purpose == Purpose::Precondition && self.asks_early(at, &probe);
        let moot = self.moot(at).filter(|_| !is_early);
        let Some(question) = self.question(at, &probe, moot)? else { return Ok(()) };
        self.doing[at] = match look.purpose {
            Purpose::Judge => Doing::Judging(look),
            Purpose::Precondition | Purpose::Verify | Purpose::Await | Purpose::Newest => {
                Doing::Looking(look)
            }
        };
        let ticket = self.ticket(Ticket::Look(at));
        self.will(Act::Ask(ticket, Box::new(question)));
        Ok(())
    }

    /// Every probe was content, or could not be known.
    fn end_look(&mut self, at: usize, look: &Look) -> Result<(), Error> {
        self.doing[at] = Doing::Nothing;
        match look.purpose {
            Purpose::Judge => self.judge_done(at),
            Purpose::Precondition => self.end_preconditions(at, &look.unmet),
            Purpose::Newest => self.finish(at, Outcome::Done),
            Purpose::Await if !look.moot && self.newest_of(at).is_some() => {
                let probes = self.newest_of(at).into_iter().map(Arc::new).collect();
                self.look(at, Purpose::Newest, probes)
            }
            Purpose::Verify | Purpose::Await => {
                let outcome =
                    if look.moot || self.moot(at).is_some() { Outcome::Assumed } else { Outcome::Done };
                self.finish(at, outcome)
            }
        }
    }

    pub(super) fn hear_look(&mut self, at: usize, reply: Reply) -> Result<(), Error> {
        let (Doing::Looking(mut look) | Doing::Judging(mut look)) = std::mem::take(&mut self.doing[at])
        else {
            return Ok(());
        };
        let why = match (reply, look.purpose) {
            (reply, Purpose::Precondition) => return self.hear_precondition(at, look, reply),
            (Reply::Yes(found), Purpose::Newest) => return self.finish_with_newest(at, &found),
            (Reply::Unknown(_), Purpose::Newest) => return self.finish(at, Outcome::Done),
            (Reply::Yes(_), _) => {
                look.at += 1;
                return self.look_again(at, look);
            }
            (Reply::Unknown(_), Purpose::Verify | Purpose::Await) => {
                look.moot = true;
                look.at += 1;
                return self.look_again(at, look);
            }
            (Reply::No(why) | Reply::Unknown(why) | Reply::Broken(why), _) => why,
        };
        let shown = look.probes.get(look.at).map(|probe| probe.shown()).unwrap_or_default();
        match look.purpose {
            // They were heard above.
            Purpose::Precondition => Ok(()),
            Purpose::Judge => self.judge_by_rerun(at, &format!("{shown}: {why}")),
            Purpose::Newest => self.fail(at, Failure::Unhealthy { why: format!("`newest`: {why}") }),
            Purpose::Verify => self.fail(at, Failure::Unverified { why: format!("{shown}: {why}") }),
            Purpose::Await => self.wait_on(at, look, format!("{shown}: {why}")),
        }
    }

    /// Returns the question for the moment of an asset's newest data, if the plan has one.
    fn newest_of(&self, at: usize) -> Option<Probe> {
        let command = self.setup.plan.assets.get(self.id(at))?.newest.clone()?;
        let raw = RawProbe { run: Some(command), ..RawProbe::default() };
        Probe::try_from(raw).ok()
    }

    /// An asset is healthy, and has said up to which moment it holds data.
    fn finish_with_newest(&mut self, at: usize, found: &str) -> Result<(), Error> {
        match found.trim().parse::<Moment>() {
            Ok(moment) => {
                let outputs = [(Name::trusted(NEWEST), moment.to_string())].into_iter().collect();
                self.finish_with(at, Outcome::Done, outputs)
            }
            Err(why) => self.fail(at, Failure::Unhealthy { why: format!("`newest`: {why}") }),
        }
    }

    /// Waits and asks again, as long as there is patience.
    fn wait_on(&mut self, at: usize, look: Box<Look>, why: String) -> Result<(), Error> {
        let step = self.step(at);
        let patience = step.and_then(|step| step.common.timeout).unwrap_or(self.setup.patience);
        let waited = self.effects.now().since(&look.since);
        let every =
            look.probes.get(look.at).map_or(Length::from_secs(1), |probe| probe.every).max(SHORTEST_PAUSE);
        if waited >= patience {
            return match step {
                None => self.fail(at, Failure::Unhealthy { why: format!("after {patience}: {why}") }),
                Some(_) => self.fail(at, Failure::TimedOut { after: patience }),
            };
        }
        // Somebody may have asked to stop while it was looked at; whoever resumes looks again.
        if self.halted.is_some() && self.section(at) != Section::Cleanup {
            self.doing[at] = Doing::Nothing;
            return Ok(());
        }
        self.mention(&Event::StillWaiting { step: self.id(at).clone(), why });
        self.doing[at] = Doing::Pausing(look);
        let ticket = self.ticket(Ticket::Alarm(at));
        // The last look is taken when the patience ends, not before.
        self.will(Act::Wake(ticket, every.min(patience.saturating_sub(waited))));
        Ok(())
    }

    /// Judges a step that had a start and has no end: by `unless`, else by `verify`, else by `rerun`.
    pub(super) fn judge(&mut self, at: usize, why: &str) -> Result<(), Error> {
        let probes = match self.step(at) {
            Some(step) => match &step.common.unless {
                Some(unless) => vec![Arc::clone(unless)],
                None => step.common.verify.to_vec(),
            },
            None => Vec::new(),
        };
        if probes.is_empty() { self.judge_by_rerun(at, why) } else { self.look(at, Purpose::Judge, probes) }
    }

    /// The probes say that an interrupted step had done its work; what it has written is read as ever.
    fn judge_done(&mut self, at: usize) -> Result<(), Error> {
        let why = "its probes say that its work is done";
        let declared = self.step(at).map(|step| step.common.outputs.as_slice()).unwrap_or_default();
        if declared.is_empty() {
            return self.pass(at, Verdict::Done, why);
        }
        let written = self.effects.outputs(self.id(at), self.attempt(at));
        match written
            .and_then(|text| super::outputs::read(&text, declared))
            .and_then(|outputs| self.without_secrets(at, outputs))
        {
            Ok(outputs) => {
                self.pass(at, Verdict::Kept, why)?;
                self.finish_with(at, Outcome::Done, outputs)
            }
            Err(missing) => self.judge_by_rerun(at, &format!("{why}, but not its outputs: {missing}")),
        }
    }

    pub(super) fn judge_by_rerun(&mut self, at: usize, why: &str) -> Result<(), Error> {
        let rerun = self.step(at).and_then(|step| step.common.rerun).unwrap_or_default();
        match rerun {
            // What ends again and again without an end that anybody saw may be what ends it.
            Rerun::Safe if self.attempt(at) >= MOST_INTERRUPTED => {
                let attempts = self.attempt(at);
                let why = format!(
                    "{why}; after {attempts} attempts a person must say whether it is repeated once more"
                );
                self.pass(at, Verdict::Ask, &why)
            }
            Rerun::Safe => {
                self.pass(at, Verdict::Again, &format!("{why}; `rerun: safe` lets it be repeated"))?;
                self.mark_ready(at);
                Ok(())
            }
            Rerun::Ask => {
                self.pass(at, Verdict::Ask, &format!("{why}; whether it may be repeated, a person must say"))
            }
            Rerun::Never => {
                self.pass(at, Verdict::Ask, &format!("{why}; `rerun: never` forbids to repeat it"))
            }
        }
    }

    pub(super) fn pass(&mut self, at: usize, verdict: Verdict, why: &str) -> Result<(), Error> {
        let attempt = self.attempt(at);
        match verdict {
            Verdict::Kept | Verdict::NeverRan => {}
            Verdict::Done | Verdict::Again | Verdict::Ask => {
                // What may have been left in the middle keeps its lock until a person has looked.
                if verdict != Verdict::Ask {
                    self.unlock(at);
                }
                // No keeper was there at its end to take secrets out, and nobody reads it any more.
                if self.step(at).is_some_and(|step| !step.common.secrets.is_empty()) {
                    self.effects.forget_outputs(self.id(at), attempt);
                }
            }
        }
        self.note(Event::StepJudged { step: self.id(at).clone(), attempt, verdict, why: why.to_owned() })
    }
}
