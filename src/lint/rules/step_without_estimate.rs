//! A step of which nobody knows how long it takes.

use crate::document::Part;
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::{Action, Wait};
use crate::resolve::Section;

rule!(StepWithoutEstimate, "step-without-estimate", Warn, "A step does not say how long it takes.");

impl Rule for StepWithoutEstimate {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for step in context.resolved.section(Section::Steps) {
            // What its steps do not say is told of these.
            let says = matches!(*step.action, Action::Wait(Wait::For(_)) | Action::Plan { .. });
            if step.takes().is_some() || step.part_of.is_some() || says {
                continue;
            }
            let help = match *step.action {
                Action::Approve(_) => {
                    "add `takes`: how long until somebody has answered, such as `takes: 10m`"
                }
                _ => "add `takes`, such as `takes: 15m`; a drill tells how long it really is",
            };
            let message = format!("nobody knows how long `{}` takes; it counts as nothing", step.id);
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&step.key_path(), Part::Key), "has no `takes`")
                .help(help);
            sink.add(finding, Subject::step(step.id.as_str()));
        }
    }
}
