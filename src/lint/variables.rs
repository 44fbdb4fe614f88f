//! Texts that ask for values by `$NAME`.

use std::sync::Arc;

use crate::document::{KeyPath, Trail};
use crate::plan::{Action, Common, Plan, Step, Undo, Wait};
use crate::probe::{HttpRequest, Probe, ProbeKind};
use crate::value::{Field, OneOrMany, Scalar, Table, Text};

/// A name that a text asks for, and where the text stands.
pub(super) struct Asked {
    pub(super) path: KeyPath,
    pub(super) name: String,
}

/// Returns the names that the texts of a step ask for.
pub(super) fn of_step(path: &Trail<'_>, step: &Step) -> Vec<Asked> {
    let mut asked = Vec::new();
    match &*step.action {
        Action::Manual { text, .. } => of_text(&path.key("manual"), text, &mut asked),
        Action::Approve(approve) => {
            if let Some(ask) = &approve.ask {
                of_text(&path.key("approve").key("ask"), ask, &mut asked);
            }
        }
        Action::Http { request, .. } => of_request(&path.key("http"), request, &mut asked),
        Action::Use { with, .. } | Action::Plan { with, .. } => {
            of_inputs(&path.key("with"), with, &mut asked);
        }
        Action::Wait(Wait::Until(probe)) => of_probe(&path.key("wait"), probe, &mut asked),
        Action::Wait(Wait::For(_)) | Action::Run { .. } => {}
    }
    of_common(path, &step.common, &mut asked);
    asked
}

fn of_common(path: &Trail<'_>, common: &Common, asked: &mut Vec<Asked>) {
    of_list(&path.key("preconditions"), &common.preconditions, asked);
    of_list(&path.key("verify"), &common.verify, asked);
    if let Some(unless) = &common.unless {
        of_probe(&path.key("unless"), unless, asked);
    }
    if let Some(undo) = &common.undo {
        of_undo(&path.key("undo"), undo, asked);
    }
}

/// Adds the names that a way back asks for.
pub(super) fn of_undo(path: &Trail<'_>, undo: &Undo, asked: &mut Vec<Asked>) {
    if let Undo::Manual(text) = undo {
        of_text(&path.key("manual"), text, asked);
    }
}

/// Returns the names that the health of the assets and the verification of copies ask for.
pub(super) fn of_probes(plan: &Plan) -> Vec<Asked> {
    let mut asked = Vec::new();
    let root = Trail::root();
    let assets = root.key("assets");
    for (id, asset) in &plan.assets {
        let path = assets.key(id.as_str());
        of_list(&path.key("health"), &asset.health, &mut asked);
    }
    let backups = root.key("backups");
    for (id, backup) in &plan.backups {
        let path = backups.key(id.as_str());
        for (copy, body) in &backup.copies {
            of_list(&path.key("copies").key(copy.as_str()).key("verify"), &body.verify, &mut asked);
        }
    }
    asked
}

fn of_list(path: &Trail<'_>, probes: &[Arc<Probe>], asked: &mut Vec<Asked>) {
    for (at, probe) in probes.iter().enumerate() {
        of_probe(&path.index(at), probe, asked);
    }
}

fn of_text(path: &Trail<'_>, text: &Text, asked: &mut Vec<Asked>) {
    let before = asked.len();
    asked.extend(text.names().map(|name| Asked { path: path.to_path(), name: name.to_owned() }));
    // A name that one text asks for twice is one fault.
    let mut at = before;
    while at < asked.len() {
        if asked[before..at].iter().any(|other| other.name == asked[at].name) {
            asked.remove(at);
        } else {
            at += 1;
        }
    }
}

fn of_request(path: &Trail<'_>, request: &HttpRequest, asked: &mut Vec<Asked>) {
    of_text(&path.key("url"), &request.url, asked);
    for (name, text) in &request.headers {
        of_text(&path.key("headers").key(name), text, asked);
    }
    if let Some(body) = &request.body {
        of_text(&path.key("body"), body, asked);
    }
}

fn of_inputs(path: &Trail<'_>, with: &Table<Field, OneOrMany<Scalar>>, asked: &mut Vec<Asked>) {
    for (field, values) in with {
        for value in values.iter() {
            of_text(&path.key(field.as_str()), &Text::new(value.as_str()), asked);
        }
    }
}

/// Adds the names that a probe asks for.
pub(super) fn of_probe(path: &Trail<'_>, probe: &Probe, asked: &mut Vec<Asked>) {
    match &probe.kind {
        ProbeKind::Run(_) => {}
        ProbeKind::Http(request) => of_request(&path.key("http"), request, asked),
        ProbeKind::Tcp(text) => of_text(&path.key("tcp"), text, asked),
        ProbeKind::File(text) => {
            of_text(&path.key("file"), text, asked);
            let database = probe.expect.pg_dump.as_ref().and_then(|archive| archive.database.as_ref());
            if let Some(database) = database {
                of_text(&path.key("expect").key("pg_dump"), database, asked);
            }
        }
        ProbeKind::Use(_, with) => of_inputs(&path.key("with"), with, asked),
    }
}
