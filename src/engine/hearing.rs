//! Whether what a person says to a run counts: who may, and what proves that it is them.
//!
//! The engine and `drplan approve` ask the same questions here, so that a person hears at once what
//! the run would answer; what decides is the run.

use std::collections::BTreeMap;

use super::outputs;
use crate::approval::{Decision, Key, Matter, Statement};
use crate::effect::Spoken;
use crate::event::{Proof, RunStarted, RunState, StepRecord, StepState};
use crate::plan::{Action, Approve};
use crate::resolve::{ResolvedPlan, ResolvedStep};
use crate::value::{Id, Name};

/// What somebody says to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// About which step; none for the whole run.
    pub step: Option<Id>,
    /// Who: a person of the plan, or the account's name.
    pub by: String,
    /// What.
    pub decision: Decision,
    /// To whom the step is handed over.
    pub to: Option<Id>,
    /// In their own words.
    pub note: Option<String>,
    /// The account that it came from.
    pub account: Option<String>,
    /// The text that was signed, and the armored signature.
    pub signed: Option<(String, String)>,
}

impl From<Spoken> for Said {
    fn from(spoken: Spoken) -> Self {
        let Spoken { step, by, decision, to, note, account, signed } = spoken;
        Self { step: Some(step), by, decision, to, note, account: Some(account), signed }
    }
}

/// A run that hears what is said to it.
#[derive(Clone, Copy, Debug)]
pub struct Hearing<'a> {
    /// The frozen plan.
    pub plan: &'a ResolvedPlan,
    /// How the run began.
    pub start: &'a RunStarted,
    /// Where it stands.
    pub state: &'a RunState,
}

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

/// Returns the people and roles that a step names.
pub(super) fn named_by(step: &ResolvedStep) -> &[Id] {
    match &*step.action {
        Action::Approve(approve) => &approve.by,
        Action::Manual { by, .. } => by.as_slice(),
        _ => &[],
    }
}

pub(super) fn approve_of(step: &ResolvedStep) -> Option<&Approve> {
    match &*step.action {
        Action::Approve(approve) => Some(approve),
        _ => None,
    }
}

fn listed(people: &[Id]) -> String {
    people.iter().map(Id::as_str).collect::<Vec<_>>().join(", ")
}

impl<'a> Hearing<'a> {
    fn step(&self, id: &Id) -> Option<&'a ResolvedStep> {
        self.plan.step(id.as_str())
    }

    /// Returns the people who may answer a step now; nobody if anybody may.
    pub fn may_answer(&self, step: &Id) -> Vec<Id> {
        let named = self.named_for(step);
        let Some(distinct) =
            self.step(step).and_then(approve_of).and_then(|approve| approve.distinct_from.as_ref())
        else {
            return named;
        };
        let (out, may): (Vec<Id>, Vec<Id>) =
            named.into_iter().partition(|person| self.is_of(distinct, person.as_str()));
        // Nobody would read as anybody: those whom the plan names are told that it must be another.
        if may.is_empty() { out } else { may }
    }

    /// Returns whom the plan, or a hand-over, names for a step; nobody if anybody may answer.
    pub(super) fn named_for(&self, step: &Id) -> Vec<Id> {
        let held_by = self.state.step(step.as_str()).and_then(|record| record.people().held_by.clone());
        match (held_by, self.step(step)) {
            (Some(held_by), _) => vec![held_by],
            (None, Some(step)) => people_of(self.plan, named_by(step)),
            (None, None) => Vec::new(),
        }
    }

    /// Returns what an answer about a step, or about the whole run, is about.
    pub fn matter(&self, step: Option<&Id>) -> Matter {
        let record = step.and_then(|step| self.state.step(step.as_str()));
        let asked = record.filter(|record| matches!(record.state, StepState::Awaiting { .. }));
        Matter {
            run: self.start.run.clone(),
            plan: self.start.plan.clone(),
            plan_hash: self.start.plan_hash.clone(),
            step: step.cloned(),
            attempt: record.map_or(0, |record| record.state.attempt()),
            question: asked.and_then(|record| record.note.as_deref()).unwrap_or_default().to_owned(),
        }
    }

    /// Returns as what a person answers a step: the role that the step names, or the person's own id.
    pub fn role_of(&self, step: Option<&Id>, person: &Id) -> Id {
        let named = step.and_then(|step| self.step(step)).map_or(&[][..], named_by);
        let roles = self.plan.people.get(person).map_or(&[][..], |person| &person.roles);
        named.iter().find(|id| roles.contains(id)).unwrap_or(person).clone()
    }

    /// Returns the key that the plan gives for somebody, if it is one.
    pub fn key_of(&self, person: &str) -> Option<Result<Key, String>> {
        let text = self.plan.people.get(person)?.key.as_deref()?;
        let key = Key::parse(text)
            .map_err(|error| format!("the key of {person} in the plan is of no use: {error}"));
        Some(key.and_then(|key| match self.shares(person, &key) {
            Some(other) => {
                Err(format!("{person} and {other} have the same key in the plan: it proves nothing"))
            }
            None => Ok(key),
        }))
    }

    fn shares(&self, person: &str, key: &Key) -> Option<&'a Id> {
        let others = self.plan.people.iter().filter(|(id, _)| id.as_str() != person);
        let keyed = others.filter_map(|(id, other)| Some((id, Key::parse(other.key.as_deref()?).ok()?)));
        keyed.into_iter().find(|(_, other)| other == key).map(|(id, _)| id)
    }

    /// Says why the step does not wait for what is said; nothing if it does.
    pub fn against_asking(&self, said: &Said) -> Option<String> {
        let step = said.step.as_ref().filter(|_| said.decision.is_answer())?;
        let waits = matches!(
            self.state.step(step.as_str()).map(|record| &record.state),
            Some(StepState::Awaiting { .. })
        );
        (!waits).then(|| format!("`{step}` does not wait for an answer"))
    }

    /// Says why somebody may not say this; nothing if they may, or if the step is not theirs to answer.
    pub fn against_person(&self, said: &Said) -> Option<String> {
        let step = self.step(said.step.as_ref()?)?;
        let approve = approve_of(step);
        match said.decision {
            Decision::Approve | Decision::Refuse | Decision::Done | Decision::Failed => {}
            Decision::HandOver if approve.is_some() => {
                return Some("an approval is given or refused; it is not handed over".to_owned());
            }
            Decision::HandOver => return self.against_hand_over(said, step),
            // Going on without leave is for those who may give it.
            Decision::Skip if approve.is_some() && self.is_keyed(step) => {}
            Decision::Skip
            | Decision::Retry
            | Decision::Abort
            | Decision::Undo
            | Decision::Commit
            | Decision::Start => return None,
        }
        let by = said.by.as_str();
        let people = self.named_for(&step.id);
        if !self.is_for_anybody(step) && !people.iter().any(|id| id.as_str() == by) {
            return Some(format!(
                "{by} may not answer it; these may: {}",
                listed(&self.may_answer(&step.id))
            ));
        }
        let approve = approve?;
        if let Some(distinct) = &approve.distinct_from
            && self.is_of(distinct, by)
        {
            return Some(format!("it must be another person than {distinct} ({by})"));
        }
        let agreed = self
            .state
            .step(step.id.as_str())
            .is_some_and(|record| record.people().agreed.iter().any(|a| a == by));
        let again = agreed && said.decision == Decision::Approve;
        again.then(|| format!("{by} has agreed already; it takes another person"))
    }

    /// Whether somebody is one of those from whom an approval must be distinct: who began the run, or who did a step, or any
    /// part of it, or had a hand in it.
    fn is_of(&self, distinct: &Id, by: &str) -> bool {
        if distinct.as_str() == "starter" {
            return self.start.by == by;
        }
        self.state.whole(distinct.as_str()).map(StepRecord::people).any(|people| {
            people.answered_by.as_deref() == Some(by)
                || people.agreed.iter().chain(&people.handed_by).any(|person| person == by)
        })
    }

    /// Returns the outputs of a step that a person's words give; nothing where the step has none, or where it is not said that
    /// its work is done.
    ///
    /// # Errors
    ///
    /// When the step has outputs and the words do not give each of them, or not what another person has given.
    pub fn given(&self, said: &Said) -> Result<BTreeMap<Name, String>, String> {
        let step = said.step.as_ref().filter(|_| matches!(said.decision, Decision::Approve | Decision::Done));
        let Some(step) = step.and_then(|step| self.step(step)) else { return Ok(BTreeMap::new()) };
        let given = outputs::find(said.note.as_deref().unwrap_or_default(), &step.common.outputs)?;
        let record = self.state.step(step.id.as_str()).filter(|record| !record.people().agreed.is_empty());
        let differs = |record: &StepRecord| {
            let other = record.people().given.iter().find(|(name, value)| given.get(*name) != Some(*value));
            other.map(|(name, value)| {
                format!("{} has said that {name} is {value}", record.people().agreed.join(", "))
            })
        };
        record.and_then(differs).map_or(Ok(given), Err)
    }

    fn against_hand_over(&self, said: &Said, step: &ResolvedStep) -> Option<String> {
        let Some(to) = &said.to else { return Some("it does not say to whom".to_owned()) };
        let held_by = self.state.step(step.id.as_str()).and_then(|record| record.people().held_by.as_ref());
        let people = people_of(self.plan, named_by(step));
        // Whoever has it may pass it on; whom the plan names may take it back.
        let may = self.is_for_anybody(step) || people.iter().chain(held_by).any(|id| id.as_str() == said.by);
        if !may {
            let mut people = people;
            people.extend(held_by.cloned());
            return Some(format!("{} may not hand it over; these may: {}", said.by, listed(&people)));
        }
        if !self.plan.people.contains_key(to) {
            let people: Vec<Id> = self.plan.people.keys().cloned().collect();
            return Some(format!("{to} is not a person of the plan; there are: {}", listed(&people)));
        }
        let has_it = held_by.map_or(people.as_slice() == [to.clone()], |held_by| held_by == to);
        has_it.then(|| format!("{to} has it already"))
    }

    /// Whether whoever is there may answer a step: where nobody is named, a role is a word for them.
    fn is_for_anybody(&self, step: &ResolvedStep) -> bool {
        let held_by = self.state.step(step.id.as_str()).and_then(|record| record.people().held_by.as_ref());
        held_by.is_none() && (named_by(step).is_empty() || self.plan.people.is_empty())
    }

    /// Whether somebody who may answer a step must sign.
    fn is_keyed(&self, step: &ResolvedStep) -> bool {
        let keys = people_of(self.plan, named_by(step));
        keys.iter().any(|id| self.plan.people.get(id).is_some_and(|person| person.key.is_some()))
    }

    /// Checks what is to prove who says something; nothing where the plan has no key for them.
    ///
    /// # Errors
    ///
    /// When the plan has a key and nothing proves it, or when what should prove it was made for
    /// something else; in words.
    pub fn prove(&self, said: &Said) -> Result<Option<Proof>, String> {
        let by = said.by.as_str();
        let Some(key) = self.key_of(by) else {
            return match said.signed {
                Some(_) => Err(format!("it is signed, and the plan has no key of {by} to check that with")),
                None => Ok(None),
            };
        };
        let key = key?;
        let Some((text, signature)) = &said.signed else {
            return Err(format!("it is not signed, and the plan has a key of {by}"));
        };
        if let Err(why) = key.verify(text, signature) {
            let others = self.plan.people.keys().filter(|id| id.as_str() != by);
            let signer = others.into_iter().find(|id| {
                matches!(self.key_of(id.as_str()), Some(Ok(other)) if other.verify(text, signature).is_ok())
            });
            return Err(match signer {
                Some(other) => format!("it is signed with the key of {other}, not of {by}"),
                None => why,
            });
        }
        let signed =
            Statement::parse(text).map_err(|why| format!("what was signed is no answer to a run: {why}"))?;
        self.compare(said, &signed)?;
        Ok(Some(Proof { statement: text.clone(), signature: signature.clone(), key: key.fingerprint() }))
    }

    /// Holds what was signed to what is said, and to this run.
    fn compare(&self, said: &Said, signed: &Statement) -> Result<(), String> {
        let here = self.matter(said.step.as_ref());
        let there = &signed.matter;
        if there.run != here.run {
            return Err(format!("it was signed for the run {}; this is {}", there.run, here.run));
        }
        if (&there.plan, &there.plan_hash) != (&here.plan, &here.plan_hash) {
            return Err(
                "it was signed for another plan, or for the plan as it was before a change".to_owned()
            );
        }
        if there.step != here.step {
            let step = there.step.as_ref().map_or("the whole run".to_owned(), |step| format!("`{step}`"));
            return Err(format!("it was signed for {step}"));
        }
        if self.state.nonces.contains(&signed.nonce) {
            return Err("this signature was used already; each counts once".to_owned());
        }
        if there.attempt != here.attempt {
            return Err(format!(
                "it was signed for attempt {} of the step; this is {}",
                there.attempt, here.attempt
            ));
        }
        if there.question != here.question {
            return Err("it was signed as the answer to another question".to_owned());
        }
        if signed.person.as_str() != said.by {
            return Err(format!("it was signed as the word of {}, not of {}", signed.person, said.by));
        }
        if signed.role != self.role_of(said.step.as_ref(), &signed.person) {
            return Err(format!("{} does not answer it as {}", said.by, signed.role));
        }
        if (signed.decision, &signed.to, &signed.note) != (said.decision, &said.to, &said.note) {
            return Err(format!(
                "what was signed says `{}`, or says it in other words",
                signed.decision.word()
            ));
        }
        Ok(())
    }

    /// Says why something does not count; else what proves it, if the plan asks for a proof.
    ///
    /// # Errors
    ///
    /// When it does not count; in words.
    pub fn judge(&self, said: &Said) -> Result<Option<Proof>, String> {
        if let Some(why) = self.against_asking(said) {
            return Err(why);
        }
        let proof = self.prove(said)?;
        match self.against_person(said) {
            Some(why) => Err(why),
            None => self.given(said).map(|_| proof),
        }
    }
}
