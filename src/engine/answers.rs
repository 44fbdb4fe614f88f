//! Hears what people say: at the terminal, and by requests from elsewhere.

use super::dispatcher::{Act, Dispatcher};
use super::hearing::{Hearing, Said, approve_of};
use super::node::Doing;
use super::outputs::ahead;
use super::run::Error;
use crate::approval::Decision;
use crate::effect::Effects;
use crate::event::{Answer, Event, Failure, Outcome, Proof, StepState, StopHow};
use crate::journal::{Found, Kind, Request, Store};
use crate::plan::Action;
use crate::value::Id;

/// What a request led to, beyond what other events say.
#[derive(Debug, Default)]
struct Heard {
    useless: Option<String>,
    proof: Option<Proof>,
}

impl Heard {
    fn useless(why: impl Into<String>) -> Self {
        Self { useless: Some(why.into()), proof: None }
    }
}

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    pub(super) fn hearing(&self) -> Hearing<'_> {
        Hearing { plan: self.setup.plan, start: &self.setup.start, state: &self.state }
    }

    /// Hears a file of the inbox: what it leads to is recorded before it is put away.
    pub(super) fn hear_request(&mut self, found: Found) -> Result<(), Error> {
        // A controller may have died after it had recorded it and before it could put it away.
        if !self.state.heard.contains(&found.sha256) {
            let Heard { useless, proof } = match &found.request {
                Ok(request) => self.hear_asked(request.clone())?,
                Err(why) => Heard::useless(format!("it is not a request: {why}")),
            };
            let (file, sha256) = (found.file.clone(), found.sha256.clone());
            let proof = proof.map(Box::new);
            // The last of its records: where a crash tears them apart it is heard again, not lost.
            self.note(Event::RequestHeard { file, sha256, useless, proof })?;
        }
        self.will(Act::PutAway(Box::new(found)));
        Ok(())
    }

    fn hear_asked(&mut self, request: Request) -> Result<Heard, Error> {
        let at = request.step.as_ref().and_then(|step| self.state.position(step.as_str()));
        if at.is_none()
            && let Some(step) = &request.step
        {
            return Ok(Heard::useless(format!("the run has no step {step}")));
        }
        if at.is_none() && !matches!(request.kind, Kind::Abort | Kind::Undo | Kind::Commit) {
            return Ok(Heard::useless("it does not say which step"));
        }
        // Whoever asked was told so: it must not count after all.
        if let Some(why) = request.refused {
            let Some(step) = request.step else { return Ok(Heard::useless(why)) };
            self.note(Event::AnswerRejected { step, by: request.by, why })?;
            return Ok(Heard::default());
        }
        let said = self.said(at, request);
        match (at, said.decision) {
            (Some(at), Decision::Skip | Decision::Retry) => self.hear_decision(at, &said),
            (Some(_), _) => self.hear_said(said, false).map(|()| Heard::default()),
            (None, Decision::Commit) => self.hear_commit(said),
            (None, _) => match self.hearing().judge(&said) {
                Ok(_) if said.decision == Decision::Undo && self.setup.mode().is_dry() => {
                    Ok(Heard::useless("a dry run has carried nothing out"))
                }
                Ok(proof) => {
                    let how = if said.decision == Decision::Undo { StopHow::Undo } else { StopHow::Abort };
                    self.stop(how, said.by, said.note.unwrap_or_default())?;
                    Ok(Heard { useless: None, proof })
                }
                Err(why) => Ok(Heard::useless(why)),
            },
        }
    }

    /// Hears that what was done stays.
    fn hear_commit(&mut self, said: Said) -> Result<Heard, Error> {
        if let Some(why) = self.against_commit() {
            return Ok(Heard::useless(why));
        }
        let proof = match self.hearing().judge(&said) {
            Ok(proof) => proof,
            Err(why) => return Ok(Heard::useless(why)),
        };
        let account = said.account.filter(|account| proof.is_none() && *account != said.by);
        let reason = said.note.unwrap_or_default();
        self.note(Event::RunCommitted { by: Some(said.by), reason, account })?;
        Ok(Heard { useless: None, proof })
    }

    fn said(&self, at: Option<usize>, request: Request) -> Said {
        let is_manual =
            at.and_then(|at| self.step(at)).is_some_and(|step| matches!(*step.action, Action::Manual { .. }));
        let decision = match request.kind {
            Kind::Approve if is_manual => Decision::Done,
            Kind::Refuse if is_manual => Decision::Failed,
            Kind::Approve => Decision::Approve,
            Kind::Refuse => Decision::Refuse,
            Kind::HandOver => Decision::HandOver,
            Kind::Skip => Decision::Skip,
            Kind::Retry => Decision::Retry,
            Kind::Abort => Decision::Abort,
            Kind::Undo => Decision::Undo,
            Kind::Commit => Decision::Commit,
        };
        Said {
            // An abort is of the whole run, whatever step it names.
            step: request
                .step
                .filter(|_| !matches!(decision, Decision::Abort | Decision::Undo | Decision::Commit)),
            by: request.by,
            decision,
            to: request.to,
            note: request.reason,
            account: request.account,
            signed: request.statement.zip(request.signature),
        }
    }

    /// Hears what somebody says about a step that should wait for it.
    ///
    /// What is said elsewhere leaves the question at the terminal as it stands there.
    pub(super) fn hear_said(&mut self, said: Said, at_terminal: bool) -> Result<(), Error> {
        let Some(step) = said.step.clone() else { return Ok(()) };
        let Some(at) = self.state.position(step.as_str()) else { return Ok(()) };
        let proof = match self.hearing().judge(&said) {
            Ok(proof) => proof.map(Box::new),
            Err(why) => {
                self.note(Event::AnswerRejected { step, by: said.by, why })?;
                if at_terminal && self.doing[at] == Doing::Asking {
                    self.ask_again(at);
                }
                return Ok(());
            }
        };
        let outputs = self.hearing().given(&said).unwrap_or_default();
        let secret = self.without_secrets(at, outputs.clone()).err();
        if let Some(why) = secret.or_else(|| ahead(&outputs, self.effects.now().at)) {
            self.note(Event::AnswerRejected { step, by: said.by, why })?;
            if at_terminal && self.doing[at] == Doing::Asking {
                self.ask_again(at);
            }
            return Ok(());
        }
        let Said { by, decision, to, note, account, .. } = said;
        if self.has_expired(at) {
            self.note(Event::AnswerRejected { step, by, why: "it came too late".to_owned() })?;
            return self.hear_expiry(at);
        }
        // Where something proves who it was, the account says nothing more.
        let account = account.filter(|account| proof.is_none() && *account != by);
        if let (Decision::HandOver, Some(to)) = (decision, to) {
            self.note(Event::HandedOver { step, by, to, note, account, proof })?;
            self.ask_again(at);
            return Ok(());
        }
        let answer =
            if matches!(decision, Decision::Approve | Decision::Done) { Answer::Yes } else { Answer::No };
        let verified = proof.is_some();
        self.note(Event::Answered { step, by, verified, answer, note, outputs, account, proof })?;
        if !self.close_answered(at)? && at_terminal {
            self.ask_again(at);
        }
        Ok(())
    }

    /// Ends a step that has the answers that it needs; whether it had.
    pub(super) fn close_answered(&mut self, at: usize) -> Result<bool, Error> {
        let record = &self.state.steps[at];
        let people = record.people();
        let Some(by) = people.answered_by.clone() else { return Ok(false) };
        if people.denied {
            self.will(Act::Withdraw(self.id(at).clone()));
            self.fail(at, Failure::Refused { by })?;
            return Ok(true);
        }
        let mut agreed: Vec<&String> = people.agreed.iter().collect();
        agreed.sort();
        agreed.dedup();
        let quorum = self.step(at).and_then(approve_of).and_then(|approve| approve.quorum);
        if agreed.is_empty() || agreed.len() < quorum.map_or(1, |quorum| quorum.get() as usize) {
            return Ok(false);
        }
        let given = people.given.clone();
        self.will(Act::Withdraw(self.id(at).clone()));
        self.finish_with(at, Outcome::Done, given)?;
        Ok(true)
    }

    /// Hears that a step is to be skipped or tried again.
    fn hear_decision(&mut self, at: usize, said: &Said) -> Result<Heard, Error> {
        let step: Id = self.id(at).clone();
        let by = said.by.clone();
        let proof = match self.hearing().judge(said) {
            Ok(proof) => proof,
            Err(why) => {
                self.note(Event::AnswerRejected { step, by, why })?;
                return Ok(Heard::default());
            }
        };
        if self.state.undoing && !self.is_undo(at) {
            let why = "the run was given up, and what it has carried out is taken back".to_owned();
            self.note(Event::AnswerRejected { step, by, why })?;
            return Ok(Heard::default());
        }
        let reason = said.note.clone().unwrap_or_default();
        match (said.decision, &self.state.steps[at].state) {
            (
                Decision::Skip,
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
                self.note(Event::StepSkipped { step, by, reason })?;
                self.forget_failures();
            }
            (Decision::Retry, StepState::Failed { .. } | StepState::Unknown { .. }) => {
                self.unlock(at);
                self.note(Event::StepRetried { step, by, reason })?;
                self.forget_failures();
                self.mark_ready(at);
            }
            (_, state) => {
                let why = format!("a step that is {} cannot be skipped or tried again", state.title());
                self.note(Event::AnswerRejected { step, by, why })?;
                return Ok(Heard::default());
            }
        }
        Ok(Heard { useless: None, proof })
    }
}
