//! Each event as a line of JSON.

use std::io::Write;

use schemars::JsonSchema;
use serde::Serialize;

use crate::event::{Event, Listener, RunState};
use crate::value::{Moment, Stamp, schema_of};

/// A line of `--format json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LineOut<'a> {
    /// When it happened, by the calendar in UTC.
    pub at: Moment,
    /// What happened.
    pub event: &'a Event,
}

/// Makes the JSON Schema of a line (draft 2020-12).
pub fn schema() -> serde_json::Value {
    schema_of::<LineOut<'static>>("event", "An event of a run")
}

/// Writes a line of JSON for each event.
pub struct JsonLines {
    out: Box<dyn Write>,
    gone: bool,
}

impl JsonLines {
    /// Makes a listener that writes to `out`.
    pub fn new(out: Box<dyn Write>) -> Self {
        Self { out, gone: false }
    }

    /// Whether nobody reads any more: a write failed, and nothing was written since.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }
}

impl Listener for JsonLines {
    fn hear(&mut self, stamp: &Stamp, event: &Event, _: &RunState) {
        if self.gone {
            return;
        }
        // One write for the whole line, so that a reader never sees half of one from a live run.
        let Ok(mut line) = serde_json::to_string(&LineOut { at: stamp.at, event }) else { return };
        line.push('\n');
        self.gone = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush()).is_err();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::display::line::tests::Shared;
    use crate::event::sample::{Sample, id, start};

    #[test]
    fn each_line_fits_its_schema() {
        let mut sample = Sample::begin(start());
        sample.until_restore().then(1, Event::StillWaiting { step: id("shop"), why: "a\nb".into() });
        let out = Shared::default();
        let mut lines = JsonLines::new(Box::new(out.clone()));
        for ((stamp, event), state) in sample.events.iter().zip(sample.states()) {
            lines.hear(stamp, event, &state);
        }
        let schema = schemars::schema_for!(LineOut).to_value();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let text = out.text();
        assert_eq!(text.lines().count(), sample.events.len());
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(validator.is_valid(&value), "{line}");
        }
        let last =
            r#"{"at":"2026-11-22T14:00:37Z","event":{"type":"still_waiting","step":"shop","why":"a\nb"}}"#;
        assert_eq!(text.lines().last(), Some(last));
    }
}
