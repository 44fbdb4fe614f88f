//! A run as an OpenTelemetry trace: OTLP in its JSON form.
//!
//! Format: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>. Ids are hexadecimal, 64-bit
//! integers are texts, enums are numbers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::event::{Event, Failure, Misfit, Outcome, RunResult, RunState, StepState};
use crate::value::{Id, Stamp};

/// So many spans are sent in one request: what collectors take without a setting of theirs.
const BATCH: usize = 512;

/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u32 = 1;
/// `STATUS_CODE_OK`.
const OK: u32 = 1;
/// `STATUS_CODE_ERROR`.
const ERROR: u32 = 2;

/// A span that has begun and may have ended.
struct Span {
    id: String,
    parent: Option<String>,
    name: String,
    start: Stamp,
    end: Option<Stamp>,
    attributes: Vec<Value>,
    /// The status: its code, and what went wrong.
    status: Option<(u32, String)>,
}

/// The attempts of a run, as they are begun and ended.
struct Attempts<'a> {
    run: &'a str,
    open: BTreeMap<&'a Id, Span>,
    ended: Vec<Span>,
}

/// Returns the requests that tell a collector of a run: its span, one for each step, one for each attempt.
///
/// `service` and `resource` say who tells: see `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. Times are those
/// of the journal: the run's start by the calendar, and all else by the clock that nobody moves.
///
/// # Errors
///
/// When an event does not fit the ones before it, or the run does not begin with its start.
pub fn trace(
    events: &[(Stamp, Event)],
    service: &str,
    resource: &BTreeMap<String, String>,
) -> Result<Vec<Value>, Misfit> {
    let mut state = RunState::default();
    for (stamp, event) in events {
        state.apply(event, stamp)?;
    }
    let (Some(start), Some(started), Some(last)) = (&state.start, &state.started, &state.last) else {
        return Err(Misfit::Run("the run does not begin with its start"));
    };
    let run = start.run.as_str();
    let trace = id_of(&[run], 16);
    let mut spans = vec![run_span(&state, run, started, last)];
    spans.extend(step_spans(&state, run, last));
    spans.extend(attempt_spans(events, run));
    let nanos = |stamp: &Stamp| {
        let millis =
            i128::from(started.at.as_unix_millis()) + i128::from(state.between(started, stamp).as_millis());
        (millis * 1_000_000).to_string()
    };
    let shown: Vec<Value> = spans
        .into_iter()
        .map(|span| {
            let status = match &span.status {
                Some((code, message)) => json!({ "code": code, "message": message }),
                None => json!({}),
            };
            json!({
                "traceId": trace,
                "spanId": span.id,
                "parentSpanId": span.parent.unwrap_or_default(),
                "name": span.name,
                "kind": INTERNAL,
                "startTimeUnixNano": nanos(&span.start),
                "endTimeUnixNano": nanos(span.end.as_ref().unwrap_or(last)),
                "attributes": span.attributes,
                "status": status,
            })
        })
        .collect();
    let mut of_resource = vec![
        text("service.name", service),
        text("service.version", &start.drplan),
        text("host.name", &start.host),
    ];
    of_resource.extend(resource.iter().map(|(name, value)| text(name, value)));
    let request = |spans: &[Value]| {
        json!({ "resourceSpans": [ {
            "resource": { "attributes": of_resource },
            "scopeSpans": [ { "scope": { "name": "drplan", "version": start.drplan }, "spans": spans } ],
        } ] })
    };
    Ok(shown.chunks(BATCH).map(request).collect())
}

fn run_span(state: &RunState, run: &str, started: &Stamp, last: &Stamp) -> Span {
    let mut attributes = vec![text("drplan.run", run)];
    if let Some(start) = &state.start {
        attributes.push(text("drplan.plan", start.plan.as_str()));
        attributes.push(text("drplan.plan_hash", &start.plan_hash));
        attributes.push(text("drplan.mode", start.mode.title()));
        attributes.push(text("drplan.operation", &start.operation));
        attributes.extend(start.scenario.as_ref().map(|id| text("drplan.scenario", id.as_str())));
        attributes.extend(start.environment.as_ref().map(|id| text("drplan.environment", id.as_str())));
    }
    let status = state.result.map(|result| match result {
        RunResult::Done | RunResult::Possible => (OK, String::new()),
        RunResult::Failed => (ERROR, "a step failed, was skipped or was left out".to_owned()),
        RunResult::Aborted => (ERROR, "given up".to_owned()),
        RunResult::Impossible => (ERROR, "the real thing would have been impossible".to_owned()),
    });
    let name = state.start.as_ref().map_or("run", |start| start.plan.as_str()).to_owned();
    let id = id_of(&[run, "run"], 8);
    Span { id, parent: None, name, start: started.clone(), end: Some(last.clone()), attributes, status }
}

fn step_spans(state: &RunState, run: &str, last: &Stamp) -> Vec<Span> {
    let nodes = state.nodes().iter().zip(&state.steps);
    let spans = nodes.filter_map(|(node, record)| {
        // What never began has no time to show.
        let start = record.started.clone()?;
        let mut attributes = vec![
            text("drplan.step", node.id.as_str()),
            text("drplan.title", &node.title),
            text("drplan.state", record.state.title()),
        ];
        if let Some(point) = &record.point {
            attributes.push(text("drplan.copy", point.copy.as_str()));
            attributes.extend(point.time.map(|time| text("drplan.point_time", &time.to_string())));
        }
        attributes.extend(node.restores.iter().map(|asset| text("drplan.restores", asset.as_str())));
        let note = record.note.as_deref().unwrap_or_default().to_owned();
        let status = match record.state {
            StepState::Done { .. } => Some((OK, String::new())),
            StepState::Failed { .. } | StepState::Skipped | StepState::Unknown { .. } => Some((ERROR, note)),
            _ => None,
        };
        let end = record.ended.clone().unwrap_or_else(|| last.clone());
        Some(Span {
            id: step_id(run, &node.id),
            parent: Some(id_of(&[run, "run"], 8)),
            name: node.id.to_string(),
            start,
            end: Some(end),
            attributes,
            status,
        })
    });
    spans.collect()
}

fn attempt_spans(events: &[(Stamp, Event)], run: &str) -> Vec<Span> {
    let mut attempts = Attempts { run, open: BTreeMap::new(), ended: Vec::new() };
    for (stamp, event) in events {
        match event {
            Event::StepStarted { step, attempt } => attempts.begin(step, *attempt, stamp),
            Event::StepFinished { step, outcome: Outcome::Failed { failure }, .. }
            | Event::RetryPlanned { step, failure, .. } => attempts.end(step, stamp, failure_of(failure)),
            Event::StepFinished { step, .. } => attempts.end(step, stamp, (OK, String::new())),
            Event::StepSkipped { step, reason, .. } => attempts.end(step, stamp, (ERROR, reason.clone())),
            _ => {}
        }
    }
    let Attempts { open, mut ended, .. } = attempts;
    ended.extend(open.into_values());
    ended
}

impl<'a> Attempts<'a> {
    fn begin(&mut self, step: &'a Id, attempt: u32, stamp: &Stamp) {
        // What was interrupted and is repeated ended, as far as anybody knows, when it was begun again.
        self.end(step, stamp, (ERROR, "interrupted".to_owned()));
        let number = attempt.to_string();
        let span = Span {
            id: id_of(&[self.run, "attempt", step.as_str(), &number], 8),
            parent: Some(step_id(self.run, step)),
            name: format!("{step} attempt {attempt}"),
            start: stamp.clone(),
            end: None,
            attributes: vec![
                text("drplan.step", step.as_str()),
                json!({ "key": "drplan.attempt", "value": { "intValue": number } }),
            ],
            status: None,
        };
        self.open.insert(step, span);
    }

    fn end(&mut self, step: &Id, stamp: &Stamp, status: (u32, String)) {
        if let Some(span) = self.open.remove(step) {
            self.ended.push(Span { end: Some(stamp.clone()), status: Some(status), ..span });
        }
    }
}

fn failure_of(failure: &Failure) -> (u32, String) {
    (ERROR, failure.to_string())
}

fn step_id(run: &str, step: &Id) -> String {
    id_of(&[run, "step", step.as_str()], 8)
}

/// Makes an id of some bytes that is the same whenever the same run is told of.
fn id_of(words: &[&str], bytes: usize) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(bytes).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}
