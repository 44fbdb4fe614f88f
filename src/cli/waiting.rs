//! What `drplan status` tells of people: whom a step waits for, who has said what, and what nobody has heard yet.

use std::path::Path;

use super::frozen::Frozen;
use crate::engine::Hearing;
use crate::event::{Answer, Event, Proof, RunResult, RunState, StepState, how_to_answer};
use crate::journal::{Kind, Record, Request, look};
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
        let how = how_to_answer(start.run.as_str(), &node.id, &record.people().wanted);
        lines.push((node.id.clone(), format!("answer with: {how}")));
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

/// Returns lines about what was asked of a run that nobody has heard yet: each with the step that it is about, if any.
pub(super) fn unheard(run_dir: &Path, state: &RunState) -> Vec<(Option<Id>, String)> {
    // After a failed step a run goes on once more.
    if !matches!(state.result, None | Some(RunResult::Failed)) {
        return Vec::new();
    }
    // Whoever only looks is not kept from it by an inbox that cannot be read.
    let found = look(run_dir).unwrap_or_default();
    let new = found.into_iter().filter(|found| !state.heard.contains(&found.sha256));
    let requests = new.filter_map(|found| found.request.ok().filter(|request| request.refused.is_none()));
    requests.map(|request| (request.step.clone(), asked(&request))).collect()
}

fn asked(request: &Request) -> String {
    let what = match request.kind {
        Kind::Approve => "has said yes".to_owned(),
        Kind::Refuse => "has said no".to_owned(),
        Kind::Skip => "has asked to go on without it".to_owned(),
        Kind::Retry => "has asked to try it again".to_owned(),
        Kind::HandOver => {
            format!("has handed it over to {}", request.to.as_ref().map_or("nobody", Id::as_str))
        }
        Kind::Abort => "has asked to give the run up".to_owned(),
        Kind::Undo => "has asked to take back what was done".to_owned(),
        Kind::Commit => "has said that what was done stays".to_owned(),
    };
    let why = request.reason.as_ref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    let (at, by) = (request.at.for_people(), plain(&request.by));
    format!("{at}: {by} {what}{why} (it is heard when the run goes on)")
}
