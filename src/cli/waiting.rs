//! What `drplan status` tells of a step that waits for a person: for whom, and who has said what.

use std::path::Path;

use super::frozen::Frozen;
use crate::engine::Hearing;
use crate::event::{Answer, Event, Proof, RunState, StepState};
use crate::journal::Record;
use crate::plan::Action;
use crate::value::{Id, plain};

/// Returns lines about the steps that wait: each with the step that it is about.
pub(super) fn waiting(run_dir: &Path, state: &RunState, records: &[Record]) -> Vec<(Id, String)> {
    // Whoever only looks is not kept from it by a run whose plan cannot be read.
    let (Some(start), Ok((mut frozen, _))) = (state.start.as_deref(), Frozen::read(run_dir)) else {
        return Vec::new();
    };
    frozen.add_undos(state);
    let hearing = Hearing { plan: &frozen.plan, start, state };
    let mut lines = Vec::new();
    for (node, record) in state.nodes().iter().zip(&state.steps) {
        let StepState::Awaiting { .. } = record.state else { continue };
        let people: Vec<Id> = hearing.may_answer(&node.id);
        let people: Vec<&str> = people
            .iter()
            .map(Id::as_str)
            .filter(|id| !record.people().agreed.iter().any(|agreed| agreed == id))
            .collect();
        let whom = if people.is_empty() { "anybody".to_owned() } else { people.join(" or ") };
        let mut line = format!("waits for {whom}");
        if let Some(Action::Approve(approve)) = frozen.plan.step(node.id.as_str()).map(|step| &*step.action) {
            if let Some(quorum) = approve.quorum.filter(|quorum| quorum.get() > 1) {
                line.push_str(&format!("; {} of {quorum} have agreed", record.people().agreed.len()));
            }
            if let (Some(expires), Some(begun)) = (approve.expires, &record.begun) {
                line.push_str(&format!("; until {}", begun.at.plus(expires).for_people()));
            }
        }
        lines.push((node.id.clone(), line));
        let said = records.iter().filter(|record| record.event.subject() == Some(&node.id)).filter_map(said);
        lines.extend(said.map(|line| (node.id.clone(), line)));
    }
    lines
}

fn said(record: &Record) -> Option<String> {
    let at = record.stamp.at.for_people();
    let proven = |proof: &Option<Box<Proof>>| if proof.is_some() { "signed" } else { "unverified" };
    match &record.event {
        Event::Answered { by, answer, proof, .. } => {
            let answer = if *answer == Answer::Yes { "yes" } else { "no" };
            Some(format!("{at}: {} said {answer} ({})", plain(by), proven(proof)))
        }
        Event::HandedOver { by, to, note, proof, .. } => {
            let note = note.as_ref().map(|note| format!(": {}", plain(note))).unwrap_or_default();
            Some(format!("{at}: {} handed it over to {to} ({}){note}", plain(by), proven(proof)))
        }
        Event::AnswerRejected { by, why, .. } => {
            Some(format!("{at}: what {} said does not count: {}", plain(by), plain(why)))
        }
        _ => None,
    }
}
