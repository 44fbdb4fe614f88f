//! Whether what a journal says that people have said holds. Its chain shows that no record was changed in it; it could have been
//! written anew as a whole, but what somebody has signed could not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::frozen::Frozen;
use crate::approval::{Decision, Key, Statement};
use crate::event::{Answer, Event, Outcome, Proof, RunStarted};
use crate::plan::Action;
use crate::resolve::ResolvedPlan;
use crate::value::Id;

/// Holds what people have said, record by record, to what they have signed, and to what the plan demands of them.
pub(super) struct Testimony {
    /// The plan as it was frozen; nothing if that is lost, since a report is made of the journal alone.
    plan: Option<ResolvedPlan>,
    /// How many must say yes to each step that asks.
    needed: BTreeMap<Id, usize>,
    start: Option<Arc<RunStarted>>,
    /// Who has said yes to what is asked.
    agreed: BTreeMap<Id, BTreeSet<String>>,
}

impl Testimony {
    /// Begins with what a run was frozen into.
    pub(super) fn new(frozen: Option<Frozen>) -> Self {
        let plan = frozen.map(|frozen| frozen.plan);
        let steps = plan.iter().flat_map(|plan| &plan.steps).filter(|step| !step.is_group());
        let needed = steps.filter_map(|step| match &*step.action {
            Action::Approve(approve) => {
                Some((step.id.clone(), approve.quorum.map_or(1, |quorum| quorum.get() as usize)))
            }
            Action::Manual { .. } => Some((step.id.clone(), 1)),
            _ => None,
        });
        Self { needed: needed.collect(), plan, start: None, agreed: BTreeMap::new() }
    }

    /// Hears the next event.
    ///
    /// # Errors
    ///
    /// When it cannot have happened as it stands there; in words.
    pub(super) fn hear(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::RunStarted(start) => {
                self.start = Some(Arc::clone(start));
                self.prove(&start.by, None, start.proof.as_deref(), |said| said.decision == Decision::Start)
            }
            Event::AnswerAwaited { step, .. } => {
                self.agreed.remove(step);
                Ok(())
            }
            Event::Answered { step, by, answer, note, proof, .. } => {
                if *answer == Answer::Yes {
                    self.agreed.entry(step.clone()).or_default().insert(by.clone());
                }
                self.demand_proof(by, proof.as_deref())?;
                let fits = |said: &Statement| {
                    let answers: &[Decision] = match answer {
                        Answer::Yes => &[Decision::Approve, Decision::Done],
                        Answer::No => &[Decision::Refuse, Decision::Failed],
                    };
                    answers.contains(&said.decision) && said.note == *note
                };
                self.prove(by, Some(step), proof.as_deref(), fits)
            }
            Event::HandedOver { step, by, to, note, proof, .. } => {
                self.demand_proof(by, proof.as_deref())?;
                let fits = |said: &Statement| {
                    said.decision == Decision::HandOver && said.to.as_ref() == Some(to) && said.note == *note
                };
                self.prove(by, Some(step), proof.as_deref(), fits)
            }
            Event::StepFinished { step, outcome: Outcome::Done, .. } => self.count(step),
            _ => Ok(()),
        }
    }

    /// A step that asks people is done when enough of them have said so.
    fn count(&self, step: &Id) -> Result<(), String> {
        let Some(needed) = self.needed.get(step) else { return Ok(()) };
        let said = self.agreed.get(step).map_or(0, BTreeSet::len);
        if said < *needed {
            return Err(format!("`{step}` is done, and {said} of {needed} who must say so have said it"));
        }
        Ok(())
    }

    /// Whoever has a key in the plan has signed.
    fn demand_proof(&self, by: &str, proof: Option<&Proof>) -> Result<(), String> {
        if proof.is_none() && self.key_of(by).is_some() {
            return Err(format!("{by} has not signed it, and the plan has a key of {by}"));
        }
        Ok(())
    }

    fn key_of(&self, person: &str) -> Option<&str> {
        self.plan.as_ref()?.people.get(person)?.key.as_deref()
    }

    fn prove(
        &self,
        by: &str,
        step: Option<&Id>,
        proof: Option<&Proof>,
        fits: impl FnOnce(&Statement) -> bool,
    ) -> Result<(), String> {
        let (Some(proof), Some(start)) = (proof, &self.start) else { return Ok(()) };
        let against = |why: String| format!("what {by} is said to have signed does not hold: {why}");
        let key = match self.key_of(by) {
            Some(text) => Key::parse(text).map_err(|error| against(error.to_string()))?,
            None => Key::that_signed(&proof.signature).map_err(against)?,
        };
        if key.fingerprint() != proof.key {
            return Err(against(format!("the key is {}, and not {}", key.fingerprint(), proof.key)));
        }
        key.verify(&proof.statement, &proof.signature).map_err(against)?;
        let said = Statement::parse(&proof.statement).map_err(against)?;
        let matter = &said.matter;
        let is_of_run =
            (&matter.run, &matter.plan, &matter.plan_hash) == (&start.run, &start.plan, &start.plan_hash);
        if !is_of_run || matter.step.as_ref() != step || said.person.as_str() != by || !fits(&said) {
            return Err(against("it says something else".to_owned()));
        }
        Ok(())
    }
}
