//! A step that cannot simply be repeated, and that does not say what is to be done when it is interrupted.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::repetition::unrepeatable;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::Action;
use crate::probe::Method;

rule!(
    UnrepeatableStep,
    "unrepeatable-step",
    Warn,
    "A step cannot simply be repeated, and does not say what is to be done when it is interrupted."
);

impl Rule for UnrepeatableStep {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for (id, step) in &context.plan.steps {
            let common = &step.common;
            if common.rerun.is_some() || common.unless.is_some() || !common.verify.is_empty() {
                continue;
            }
            let Some(what) = once(&step.action) else { continue };
            let path = KeyPath::root().key("steps").key(id.as_str()).key(step.action.key());
            let message = format!(
                "`{id}` cannot simply be repeated ({what}), and does not say what is to be done when it is interrupted"
            );
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&path, Part::Value), "does it again, or fails")
                .help(
                    "add `unless` or `verify`: a probe that sees whether its work is done; or make it repeatable and say \
                     `rerun: safe`; or say `rerun: ask` or `rerun: never`",
                );
            sink.add(finding, Subject::step(id.as_str()));
        }
    }
}

/// Says what of an action cannot simply be repeated.
fn once(action: &Action) -> Option<String> {
    match action {
        Action::Run { command, .. } => unrepeatable(command).map(|words| format!("`{words}`")),
        Action::Http { request, .. } => {
            // RFC 9110, 9.2.2: all other methods mean the same twice as once.
            matches!(request.method, Method::Post | Method::Patch)
                .then(|| format!("a {} request", request.method.as_str()))
        }
        Action::Manual { .. }
        | Action::Approve(_)
        | Action::Wait(_)
        | Action::Use { .. }
        | Action::Plan { .. } => None,
    }
}
