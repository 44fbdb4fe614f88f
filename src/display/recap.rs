//! What stays on the normal screen after a live view: how the run ended, and what went wrong on the way.

use std::path::Path;

use super::line::{Liner, Look};
use crate::event::{Event, Listener, Outcome, RunState, Verdict};
use crate::value::Stamp;

/// Keeps the lines that must not go away with the live view.
#[derive(Clone, Debug)]
pub struct Recap {
    liner: Liner,
    text: String,
}

impl Recap {
    /// Makes one that has heard nothing of the run in a folder.
    pub fn new(look: Look, run_dir: &Path) -> Self {
        Self { liner: Liner::new(look, run_dir), text: String::new() }
    }

    /// Returns the lines, each with its break.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Listener for Recap {
    fn hear(&mut self, stamp: &Stamp, event: &Event, state: &RunState) {
        if stays(event) {
            self.text.push_str(&self.liner.line(stamp, event, state));
        }
    }
}

const fn stays(event: &Event) -> bool {
    matches!(
        event,
        Event::RunStarted(_)
            | Event::StepSkipped { .. }
            | Event::StepRetried { .. }
            | Event::StepFinished { outcome: Outcome::Failed { .. }, .. }
            | Event::StepJudged { verdict: Verdict::Ask, .. }
            | Event::AnswerRejected { .. }
            | Event::ClockJumped { .. }
            | Event::JournalMended { .. }
            | Event::RunResumed { .. }
            | Event::StopAsked { .. }
            | Event::HoldBegan { .. }
            | Event::RunCommitted { .. }
            | Event::UndoBegan { .. }
            | Event::RunSuspended { .. }
            | Event::RunFinished { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample::{Sample, start};
    use crate::event::{Failure, RunResult};

    #[test]
    fn the_end_and_what_went_wrong_stay() {
        let mut sample = Sample::begin(start());
        sample.until_restore().fails(12, "restore-db", Failure::Exit { code: 3 }).over(RunResult::Failed);
        let mut recap = Recap::new(Look::default(), Path::new("no-such-run"));
        for ((stamp, event), state) in sample.events.iter().zip(sample.states()) {
            recap.hear(stamp, event, &state);
        }
        let text = recap.text();
        assert!(text.starts_with("14:00:00  > Web shop: drill of host-loss"), "{text}");
        assert!(text.contains("FAILED after 12s: exit code 3"), "{text}");
        assert!(text.ends_with("1 failed, 1 not begun.\n"), "{text}");
        assert!(!text.contains("break-it"), "{text}");
    }
}
