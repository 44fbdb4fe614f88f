//! Who is told of what happens: from the plan's `notify` to messages.

use serde_json::{Value, json};

use super::dispatcher::Dispatcher;
use super::run::Error;
use crate::effect::{Effects, Message};
use crate::event::{Event, Mode, Outcome, RunResult, RunStarted, Verdict, how_to_answer};
use crate::journal::Store;
use crate::notice;
use crate::plan::{Notification, Occasion};
use crate::value::{Id, Stamp};

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Sends on their way all messages about an event that is on disk.
    pub(super) fn announce(&mut self, stamp: &Stamp, event: &Event) {
        if self.setup.plan.notify.is_empty() {
            return;
        }
        let Some((occasion, text)) = self.worth_telling(event) else { return };
        for (number, notification) in self.setup.plan.notify.iter().enumerate() {
            if notification.on.contains(&occasion) {
                let shell = self.setup.own("").shell();
                let channel = notice::channel(number, notification, shell, &self.setup.ground.folder);
                let message = self.message(stamp, event, occasion, &text, notification);
                self.effects.tell(&channel, message);
            }
        }
    }

    /// Waits, but not for long, for messages that are still on their way, and records what became of them.
    pub(super) async fn see_off(&mut self) -> Result<(), Error> {
        for delivery in self.effects.last_deliveries(self.setup.last_words).await {
            self.note(Event::Told(delivery))?;
        }
        self.commit()
    }

    fn message(
        &self,
        stamp: &Stamp,
        event: &Event,
        occasion: Occasion,
        text: &str,
        notification: &Notification,
    ) -> Message {
        let start = &self.setup.start;
        let of = occasion.as_str();
        let step = event.subject().cloned();
        let text = format!("{}: {text}", heading(start));
        let fields = json!({
            "run": start.run,
            "plan": start.plan,
            "title": start.title,
            "mode": start.mode,
            "scenario": start.scenario,
            "environment": start.environment,
            "step": step,
            "result": self.state.result,
            "host": start.host,
        });
        let body = notice::body(notification, occasion, stamp.at, &text, fields);
        let mut env = self.setup.ground.inherited.clone();
        env.extend(self.setup.plan.vars.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let own = [
            ("DRPLAN_EVENT", Some(of.to_owned())),
            ("DRPLAN_AT", Some(stamp.at.to_string())),
            ("DRPLAN_RUN", Some(start.run.to_string())),
            ("DRPLAN_PLAN", Some(start.plan.to_string())),
            ("DRPLAN_SCENARIO", start.scenario.as_ref().map(Id::to_string)),
            ("DRPLAN_ENVIRONMENT", start.environment.as_ref().map(Id::to_string)),
            ("DRPLAN_STEP", step.as_ref().map(Id::to_string)),
            ("DRPLAN_RESULT", self.state.result.and_then(|result| word_of(&json!(result)))),
            ("DRPLAN_TEXT", Some(text)),
        ];
        env.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Message { of: of.to_owned(), step, at: stamp.at, body, env }
    }

    /// Returns what an event is to whoever is told of it, in words; nothing if nobody is.
    fn worth_telling(&self, event: &Event) -> Option<(Occasion, String)> {
        let run = &self.setup.start.run;
        let told = match event {
            Event::RunStarted(start) => {
                (Occasion::RunStarted, format!("begun by {} on {}", start.by, start.host))
            }
            Event::RunResumed { by, host, taken_over, .. } => {
                let over = taken_over.as_ref().map(|over| format!(", taken over from {}", over.from));
                let over = over.unwrap_or_default();
                (Occasion::RunResumed, format!("taken up again by {by} on {host}{over}"))
            }
            Event::RunSuspended { waits_for } => {
                let waits = waits_for.join("; ");
                (
                    Occasion::RunSuspended,
                    format!("stopped, it waits for: {waits}. To go on: drplan resume {run}"),
                )
            }
            Event::RunFinished { result } => (Occasion::RunFinished, end_of(*result).to_owned()),
            Event::StepStarted { step, attempt: 1 } => (Occasion::StepStarted, format!("{step} begins")),
            Event::StepStarted { step, attempt } => {
                (Occasion::StepStarted, format!("{step} begins again, attempt {attempt}"))
            }
            Event::StepFinished { step, outcome: Outcome::Done, .. } => {
                (Occasion::StepFinished, format!("{step} is done"))
            }
            Event::StepFinished { step, outcome: Outcome::Failed { failure }, .. } => {
                (Occasion::StepFailed, format!("{step} FAILED: {failure}. See: drplan status {run}"))
            }
            Event::AnswerAwaited { step, from, approval, text, outputs, .. } => {
                let from: Vec<&str> = from.iter().map(Id::as_str).collect();
                let who = if from.is_empty() { "anybody".to_owned() } else { from.join(" or ") };
                let what = if *approval { "the approval of" } else { "work by" };
                let how = how_to_answer(run.as_str(), step, outputs);
                (
                    Occasion::ApprovalWaiting,
                    format!("{step} waits for {what} {who}: \"{text}\" Answer: {how}"),
                )
            }
            Event::HoldBegan { .. } => {
                let choice =
                    self.state.hold.as_ref().map(|hold| hold.choice(run.as_str())).unwrap_or_default();
                (Occasion::ApprovalWaiting, format!("all is done, and held. {choice}"))
            }
            Event::StepJudged { step, verdict: Verdict::Ask, why, .. } => {
                let text = format!("{step} was interrupted, and a person must say how to go on: {why}");
                (Occasion::ApprovalWaiting, text)
            }
            _ => return None,
        };
        Some(told)
    }
}

const fn end_of(result: RunResult) -> &'static str {
    match result {
        RunResult::Done => "done",
        RunResult::Failed => "over, and NOT CLEAN",
        RunResult::Aborted => "given up",
        RunResult::Possible => "would have been possible",
        RunResult::Impossible => "would have been impossible",
    }
}

/// Nobody may take a drill for the disaster.
fn heading(start: &RunStarted) -> String {
    let mode = match start.mode {
        Mode::Real => "REAL",
        Mode::Drill => "Drill",
        Mode::DryRun | Mode::DryPlan => "Dry run",
    };
    let scenario = start.scenario.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    format!("{mode}: {}{scenario}", start.title)
}

fn word_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
