//! Asks people, and ends the time in which they may answer.

use std::borrow::Cow;

use super::dispatcher::{Act, Dispatcher};
use super::hearing::approve_of;
use super::node::{Doing, Ticket};
use super::run::Error;
use crate::effect::{Consultation, Effects, Signer};
use crate::event::{Event, Failure};
use crate::journal::Store;
use crate::plan::{Action, OnExpiry};
use crate::value::{Id, Length, Text};

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Asks whoever may answer a step.
    pub(super) fn ask_person(&mut self, at: usize) -> Result<(), Error> {
        let Some(step) = self.step(at) else { return Ok(()) };
        let Some(env) = self.env(at)? else { return Ok(()) };
        let (text, approval) = match &*step.action {
            Action::Approve(approve) => {
                let text =
                    approve.ask.clone().unwrap_or_else(|| Text::new(format!("May {} go on?", step.title())));
                (text, true)
            }
            Action::Manual { text, .. } => (text.clone(), false),
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
        let from = self.hearing().may_answer(&step.id);
        let attempt = self.attempt(at);
        let outputs = step.common.outputs.to_vec();
        self.note(Event::AnswerAwaited { step: step.id.clone(), attempt, from, approval, text, outputs })?;
        self.consult(at);
        Ok(())
    }

    /// Puts a question to the terminal, and sets its end.
    pub(super) fn consult(&mut self, at: usize) {
        self.doing[at] = Doing::Asking;
        let hearing = self.hearing();
        let step = self.id(at);
        // Whoever sits there says who they are; that it is not one who must not answer is for nobody to presume.
        let from = hearing.named_for(step);
        let key = |person: &Id| {
            let key = hearing.key_of(person.as_str())?.ok()?;
            Some((person.clone(), Signer { key, role: hearing.role_of(Some(step), person) }))
        };
        let approval = self.step(at).and_then(approve_of).is_some();
        let consultation = Consultation {
            signers: hearing.plan.people.keys().filter_map(key).collect(),
            others: if approval { Vec::new() } else { hearing.plan.people.keys().cloned().collect() },
            matter: hearing.matter(Some(step)),
            step: step.clone(),
            attempt: self.attempt(at),
            text: self.state.steps[at].note.as_deref().unwrap_or_default().to_owned(),
            from,
            approval,
            outputs: self.state.steps[at].people().wanted.clone(),
            estimate: self.setup.course.nodes[at].estimate.unwrap_or_default(),
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

    fn expires(&self, at: usize) -> Option<Length> {
        let by_approval = self.step(at).and_then(approve_of).and_then(|approve| approve.expires);
        by_approval.or_else(|| self.step(at).and_then(|step| step.common.timeout))
    }

    /// Whether the time in which a step may be answered is over.
    pub(super) fn has_expired(&mut self, at: usize) -> bool {
        let Some(expires) = self.expires(at) else { return false };
        let now = self.effects.now();
        self.state.steps[at].begun.as_ref().is_some_and(|begun| now.since(begun) >= expires)
    }

    pub(super) fn hear_expiry(&mut self, at: usize) -> Result<(), Error> {
        if self.doing[at] != Doing::Asking {
            return Ok(());
        }
        // It may be the alarm of an attempt before, which had a time of its own.
        if !self.has_expired(at) {
            return Ok(());
        }
        self.will(Act::Withdraw(self.id(at).clone()));
        let after = self.expires(at).unwrap_or_default();
        let goes_on = self.step(at).and_then(approve_of).and_then(|approve| approve.on_expiry)
            == Some(OnExpiry::Continue);
        if goes_on {
            self.doing[at] = Doing::Nothing;
            let reason = format!("nobody answered within {after}, and the plan says to go on");
            self.unlock(at);
            return self.note(Event::StepSkipped { step: self.id(at).clone(), by: "drplan".into(), reason });
        }
        self.fail(at, Failure::Expired { after })
    }

    /// Asks what is asked already once more, of whoever may answer it now.
    pub(super) fn ask_again(&mut self, at: usize) {
        // The question may stand at the terminal still; it must not stand there twice.
        self.will(Act::Withdraw(self.id(at).clone()));
        self.consult(at);
    }

    /// Takes up a question that an earlier controller has asked, unless the answer is on record.
    pub(super) fn ask_anew(&mut self, at: usize) -> Result<(), Error> {
        if self.close_answered(at)? {
            return Ok(());
        }
        self.ask_again(at);
        Ok(())
    }
}
