//! A place that is needed, is not there, and that nothing provides.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject, in_scenario};

rule!(
    MissingPlace,
    "missing-place",
    Deny,
    "A step needs a place that is not there and that nothing provides."
);

impl Rule for MissingPlace {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for routed in context.routes() {
            let scenario = routed.route.scenario.as_ref();
            for (place, step, why) in &routed.route.missing {
                let message = format!(
                    "`{step}` needs `{place}`, which {why}{}, and no step provides it",
                    in_scenario(scenario)
                );
                let declared = KeyPath::root().key("places").key(place.as_str());
                let mut finding = Finding::error(Self::META.name, message)
                    .at(context.place(&context.mention(step.as_str(), place), Part::Value), "relies on it")
                    .related(context.place(&declared, Part::Key), "the place");
                if let Some(scenario) = scenario {
                    let path = KeyPath::root().key("scenarios").key(scenario.as_str());
                    finding = finding.related(context.place(&path, Part::Key), "takes it away");
                }
                let finding =
                    finding.help(format!("add a step with `provides: [{place}]`, or do without it"));
                sink.add(
                    finding,
                    Subject { step: Some(step.clone()), ..Subject::place(place) }.within(scenario),
                );
            }
        }
    }
}
