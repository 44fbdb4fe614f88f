//! Asks people, and hears what they say: at the terminal or from elsewhere.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::dispatcher::{Act, Dispatcher};
use super::node::{Doing, Ticket};
use super::run::Error;
use crate::effect::{Consultation, Effects};
use crate::event::{Answer, Event, Failure, Outcome, StepState, StopHow};
use crate::journal::{Kind, Request, Store};
use crate::plan::{Action, Approve, OnExpiry};
use crate::resolve::ResolvedPlan;
use crate::value::{Id, Length, Text};

/// Returns the people that some ids name: themselves, or all who have the role.
pub fn people_of(plan: &ResolvedPlan, ids: &[Id]) -> Vec<Id> {
    let named = |id: &Id| {
        if plan.people.contains_key(id) {
            return vec![id.clone()];
        }
        plan.people.iter().filter(|(_, person)| person.roles.contains(id)).map(|(id, _)| id.clone()).collect()
    };
    let mut people: Vec<Id> = ids.iter().flat_map(named).collect();
    people.sort();
    people.dedup();
    people
}

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Asks whoever may answer a step.
    pub(super) fn ask_person(&mut self, at: usize) -> Result<(), Error> {
        let Some(step) = self.step(at) else { return Ok(()) };
        let Some(env) = self.env(at)? else { return Ok(()) };
        let (text, by, approval) = match &step.action {
            Action::Approve(approve) => {
                let text =
                    approve.ask.clone().unwrap_or_else(|| Text::new(format!("May {} go on?", step.title())));
                (text, approve.by.to_vec(), true)
            }
            Action::Manual { text, by } => (text.clone(), by.iter().cloned().collect(), false),
            _ => return Ok(()),
        };
        // What is not known yet is shown by its name.
        let text = text
            .fill(|name| {
                Some(
                    env.values
                        .get(name)
                        .filter(|_| !env.secret.iter().any(|secret| secret == name))
                        .map_or(Cow::Owned(format!("${name}")), |value| value.as_str().into()),
                )
            })
            .unwrap_or_default();
        // It is on record and on the screen: a value that was made of a secret must not stand in it.
        let text = self.mask_of(at).map_or(text.clone(), |mask| mask.hide(&text));
        let from = people_of(self.setup.plan, &by);
        let attempt = self.attempt(at);
        self.note(Event::AnswerAwaited {
            step: step.id.clone(),
            attempt,
            from: from.clone(),
            approval,
            text: text.clone(),
        })?;
        self.consult(at, text, from, approval);
        Ok(())
    }

    /// Puts a question to the terminal, and sets its end.
    pub(super) fn consult(&mut self, at: usize, text: String, from: Vec<Id>, approval: bool) {
        self.doing[at] = Doing::Asking;
        let estimate = self.setup.course.nodes[at].estimate.unwrap_or_default();
        let consultation = Consultation {
            step: self.id(at).clone(),
            attempt: self.attempt(at),
            text,
            from,
            approval,
            estimate,
        };
        self.will(Act::Consult(consultation));
        if let Some(expires) = self.expires(at) {
            let now = self.effects.now();
            let begun = self.state.steps[at].begun.clone();
            let waited = begun.map_or(Length::ZERO, |begun| now.since(&begun));
            let ticket = self.ticket(Ticket::Expiry(at));
            self.will(Act::Wake(ticket, expires.saturating_sub(waited)));
        }
    }

    fn approve_of(&self, at: usize) -> Option<&Approve> {
        match &self.step(at)?.action {
            Action::Approve(approve) => Some(approve),
            _ => None,
        }
    }

    fn expires(&self, at: usize) -> Option<Length> {
        let by_approval = self.approve_of(at).and_then(|approve| approve.expires);
        by_approval.or_else(|| self.step(at).and_then(|step| step.common.timeout))
    }

    /// Whether the time in which a step may be answered is over.
    fn has_expired(&mut self, at: usize) -> bool {
        let Some(expires) = self.expires(at) else { return false };
        let now = self.effects.now();
        self.state.steps[at].begun.as_ref().is_some_and(|begun| now.since(begun) >= expires)
    }

    pub(super) fn hear_expiry(&mut self, at: usize) -> Result<(), Error> {
        if self.doing[at] != Doing::Asking {
            return Ok(());
        }
        self.will(Act::Withdraw(self.id(at).clone()));
        let after = self.expires(at).unwrap_or_default();
        let goes_on = self.approve_of(at).and_then(|approve| approve.on_expiry) == Some(OnExpiry::Continue);
        if goes_on {
            self.doing[at] = Doing::Nothing;
            let reason = format!("nobody answered within {after}, and the plan says to go on");
            self.unlock(at);
            return self.note(Event::StepSkipped { step: self.id(at).clone(), by: "drplan".into(), reason });
        }
        self.fail(at, Failure::Expired { after })
    }

    /// Says why a person may not answer a step; nothing if they may.
    fn against_answer(&self, at: usize, by: &str) -> Option<String> {
        let allowed = match &self.step(at)?.action {
            Action::Approve(approve) => approve.by.to_vec(),
            Action::Manual { by, .. } => by.iter().cloned().collect(),
            _ => return Some("it waits for nobody".to_owned()),
        };
        let people = people_of(self.setup.plan, &allowed);
        if !allowed.is_empty() && !people.iter().any(|person| person.as_str() == by) {
            let people: Vec<&str> = people.iter().map(Id::as_str).collect();
            return Some(format!("{by} may not answer it; these may: {}", people.join(", ")));
        }
        let distinct = self.approve_of(at)?.distinct_from.as_ref()?;
        let is_other = if distinct.as_str() == "starter" {
            self.setup.start.by == by
        } else {
            self.state.step(distinct.as_str()).is_some_and(|record| {
                record.answered_by.as_deref() == Some(by) || record.agreed.iter().any(|agreed| agreed == by)
            })
        };
        is_other.then(|| format!("it must be another person than {distinct} ({by})"))
    }

    pub(super) fn hear_answer(
        &mut self,
        step: &Id,
        by: String,
        answer: Answer,
        note: Option<String>,
    ) -> Result<(), Error> {
        let Some(at) = self.state.position(step.as_str()) else { return Ok(()) };
        let against = if self.doing[at] == Doing::Asking {
            self.against_answer(at, &by)
        } else {
            Some("it does not wait for an answer".to_owned())
        };
        if against.is_none() && self.has_expired(at) {
            self.note(Event::AnswerRejected { step: step.clone(), by, why: "it came too late".to_owned() })?;
            return self.hear_expiry(at);
        }
        if let Some(why) = against {
            self.note(Event::AnswerRejected { step: step.clone(), by, why })?;
            if self.doing[at] == Doing::Asking {
                self.ask_again(at);
            }
            return Ok(());
        }
        self.note(Event::Answered { step: step.clone(), by: by.clone(), verified: false, answer, note })?;
        if answer == Answer::No {
            self.will(Act::Withdraw(step.clone()));
            return self.fail(at, Failure::Refused { by });
        }
        let quorum =
            self.approve_of(at).and_then(|approve| approve.quorum).map_or(1, std::num::NonZeroU32::get);
        let given = self.state.steps[at].agreed.iter().collect::<BTreeSet<_>>().len();
        if given >= quorum as usize {
            self.will(Act::Withdraw(step.clone()));
            return self.finish(at, Outcome::Done);
        }
        self.ask_again(at);
        Ok(())
    }

    fn ask_again(&mut self, at: usize) {
        // The question may stand at the terminal still; it must not stand there twice.
        self.will(Act::Withdraw(self.id(at).clone()));
        let text = self.state.steps[at].note.clone().unwrap_or_default();
        let allowed = match self.step(at).map(|step| &step.action) {
            Some(Action::Approve(approve)) => approve.by.to_vec(),
            Some(Action::Manual { by, .. }) => by.iter().cloned().collect(),
            _ => Vec::new(),
        };
        let from = people_of(self.setup.plan, &allowed);
        let approval = self.approve_of(at).is_some();
        self.consult(at, text, from, approval);
    }

    /// Takes up a question that an earlier controller has asked.
    pub(super) fn ask_anew(&mut self, at: usize) {
        self.ask_again(at);
    }

    /// Hears a request from another terminal.
    pub(super) fn hear_request(&mut self, request: Request) -> Result<(), Error> {
        let Request { kind, step, reason, by, .. } = request;
        let Some(step) = step else {
            return match kind {
                Kind::Abort => self.stop(StopHow::Abort, by, reason.unwrap_or_default()),
                _ => Ok(()),
            };
        };
        let Some(at) = self.state.position(step.as_str()) else { return Ok(()) };
        let reason_given = reason.clone().unwrap_or_default();
        match (kind, &self.state.steps[at].state) {
            (Kind::Abort, _) => Ok(()),
            (Kind::Approve, _) => self.hear_answer(&step, by, Answer::Yes, reason),
            (Kind::Refuse, _) => self.hear_answer(&step, by, Answer::No, reason),
            (
                Kind::Skip,
                StepState::Failed { .. }
                | StepState::Unknown { .. }
                | StepState::Awaiting { .. }
                | StepState::Pending,
            ) => {
                if self.doing[at] == Doing::Asking {
                    self.will(Act::Withdraw(step.clone()));
                }
                self.unready(at);
                self.unlock(at);
                self.note(Event::StepSkipped { step, by, reason: reason_given })?;
                self.forget_failures();
                Ok(())
            }
            (Kind::Retry, StepState::Failed { .. } | StepState::Unknown { .. }) => {
                self.note(Event::StepRetried { step, by, reason: reason_given })?;
                self.forget_failures();
                self.mark_ready(at);
                Ok(())
            }
            (Kind::Skip | Kind::Retry, state) => {
                let why = format!("a step that is {} cannot be skipped or tried again", state.title());
                self.note(Event::AnswerRejected { step, by, why })
            }
        }
    }
}
