//! The person of a soak: answers, looks what really happened where nobody can know, and decides.

use std::fs;

use super::account::{Fault, Finding};
use super::course::HOSTS;
use super::run::{End, Run};
use crate::hosts::holders_of;
use crate::stage::{Ran, try_until};

/// How often a person has a step tried again that fails before it begins.
const MOST_RETRIES: usize = 3;

impl Run<'_> {
    /// Answers, and decides what nobody else can; returns how much.
    pub(super) fn decide(&mut self) -> usize {
        let (questions, asked) = self.open();
        let count = questions.len() + asked.len();
        for step in questions {
            let who = if step == "go" { "ana" } else { "ivan" };
            let run = self.id();
            self.person(&["approve", &run, &step, "--as", who]);
        }
        for step in asked {
            self.account.unknowable += 1;
            self.look_and_decide(&step);
        }
        count
    }

    pub(super) fn person(&mut self, args: &[&str]) {
        let ran = self.net.start(&self.stage, args).ends();
        self.tell(&format!("{}: exit {} {}", args.join(" "), ran.code, ran.err.trim()));
    }

    /// Returns what waits for an answer, and what nobody knows.
    fn open(&self) -> (Vec<String>, Vec<String>) {
        let (mut questions, mut asked): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for event in self.stage.journal() {
            let Some(step) = event["step"].as_str() else { continue };
            let is = |kind: &str| event["type"] == kind;
            if is("answer_awaited") || is("answered") || is("step_finished") || is("step_skipped") {
                questions.retain(|id| id != step);
            }
            if is("step_judged") || is("step_retried") || is("step_skipped") || is("step_finished") {
                asked.retain(|id| id != step);
            }
            if is("answer_awaited") {
                questions.push(step.to_owned());
            }
            if is("step_judged") && event["verdict"] == "ask" {
                asked.push(step.to_owned());
            }
        }
        (questions, asked)
    }

    /// Looks what really happened, once nothing of it happens any more, and decides as a person would.
    fn look_and_decide(&mut self, step: &str) {
        let here = format!("DRPLAN_OUTPUT={}/steps/{step}/", self.stage.run_dir().display());
        let there = HOSTS.map(|host| format!("DRPLAN_OUTPUT={}", self.state_of(host).display()));
        let is_still = try_until(|| {
            let is_held = HOSTS.iter().any(|host| !holders_of(&self.state_of(host)).is_empty());
            let is_at_work =
                is_held || processes_with(&here) || there.iter().any(|there| processes_with(there));
            (!is_at_work).then_some(())
        });
        if is_still.is_none() {
            self.find(Fault::Silent, format!("what is left of {step} never ends"));
        }
        let repeatable = self.course.work_of(step).is_some_and(|work| work.repeatable);
        let retries = self.retries.entry(step.to_owned()).or_default();
        *retries += 1;
        let may_be_tried = *retries <= MOST_RETRIES && (repeatable || !self.ledgers().has_begun(step));
        let (verb, run) = (if may_be_tried { "retry" } else { "skip" }, self.id());
        self.person(&[verb, &run, step, "--reason", "looked into the ledger"]);
    }

    /// Goes on where steps failed because the disk was full; returns whether it does.
    pub(super) fn goes_on_after_failure(&mut self) -> bool {
        let events = self.stage.journal();
        if events.last().is_none_or(|event| event["result"] != "failed") {
            return false;
        }
        let mut failed: Vec<&str> = Vec::new();
        for event in &events {
            let Some(step) = event["step"].as_str() else { continue };
            let is = |kind: &str| event["type"] == kind;
            if is("step_finished") || is("step_skipped") || is("step_retried") {
                failed.retain(|id| *id != step);
            }
            if is("step_finished") && event["outcome"]["result"] == "failed" {
                failed.push(step);
                if !self.disk_was_full {
                    let what = format!("{step}: {}", event["outcome"]["failure"]);
                    self.account.findings.push(Finding::new(Fault::Failed, what));
                }
            }
        }
        for step in &failed {
            self.look_and_decide(step);
        }
        !failed.is_empty()
    }

    /// Leaves it to wait; a finding if it does not say for what.
    pub(super) fn says_what_it_waits_for(&mut self, ran: &Ran) -> bool {
        let (questions, asked) = self.open();
        if ran.code != 4 || questions.is_empty() && asked.is_empty() {
            return false;
        }
        let run = self.id();
        let status = self.net.start(&self.stage, &["status", &run]).ends();
        for step in questions.iter().chain(&asked) {
            if !status.out.contains(step.as_str()) {
                self.find(Fault::Silent, format!("status does not tell of {step}: {}", status.out));
            }
        }
        self.account.end = End::Waits;
        true
    }
}

/// Whether a process has these words in its environment.
fn processes_with(words: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|one| one.starts_with(words.as_bytes()))
    })
}
