//! A step for a person who is not named, or who is not told what to do.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::{Action, Step};

rule!(
    ManualStepIncomplete,
    "manual-step-incomplete",
    Warn,
    "A manual step does not say who does it, or what."
);

/// An instruction shorter than this tells a stranger nothing.
const SHORTEST: usize = 12;

impl Rule for ManualStepIncomplete {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let plan = context.plan;
        for (section, steps) in
            [("prepare", &plan.prepare), ("steps", &plan.steps), ("cleanup", &plan.cleanup)]
        {
            for (id, step) in steps {
                let path = KeyPath::root().key(section).key(id.as_str());
                for (path, part, message, help) in faults(&path, id.as_str(), step) {
                    let place = context.place(&path, part);
                    let finding =
                        Finding::warning(Self::META.name, message).at(place, "incomplete").help(help);
                    sink.add(finding, Subject::step(id.as_str()));
                }
            }
        }
    }
}

fn faults(path: &KeyPath, id: &str, step: &Step) -> Vec<(KeyPath, Part, String, &'static str)> {
    let is_short = |text: &str| text.trim().chars().count() < SHORTEST;
    let mut faults = Vec::new();
    match &*step.action {
        Action::Manual { text, by } => {
            if by.is_none() {
                let message = format!("nobody is named to carry out `{id}`");
                faults.push((path.clone(), Part::Key, message, "add `by`: a person or a role"));
            }
            if is_short(text.as_str()) {
                let message = format!("`{id}` does not tell a stranger what to do");
                let help = "write what to do so that somebody who has never done it can";
                faults.push((path.key("manual"), Part::Value, message, help));
            }
        }
        Action::Approve(approve) => {
            if approve.ask.as_ref().is_some_and(|ask| is_short(ask.as_str())) {
                let message = format!("`{id}` does not say what is approved");
                let help = "ask a question that can be answered without knowing the plan";
                faults.push((path.key("approve").key("ask"), Part::Value, message, help));
            }
        }
        Action::Run { .. }
        | Action::Wait(_)
        | Action::Http { .. }
        | Action::Use { .. }
        | Action::Plan { .. } => {}
    }
    faults
}
