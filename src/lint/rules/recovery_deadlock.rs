//! A recovery that needs what it recovers.

use super::dependency_cycle::Circles;
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::resolve::End;
use crate::value::Id;

rule!(
    RecoveryDeadlock,
    "recovery-deadlock",
    Deny,
    "In a scenario the recovery needs what it is to bring back, so that it can never begin."
);

/// A longer way round is told by its first labels; the message has all of it.
const MOST_LABELS: usize = 12;

impl Rule for RecoveryDeadlock {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let scenario = routed.route.scenario.as_ref();
        for stuck in &routed.route.stuck {
            let End::Loop(begin) = stuck.end else { continue };
            let around = stuck.links.get(begin..).unwrap_or_default();
            // What is written as a circle of `needs` is wrong without any disaster: `dependency-cycle` tells it.
            let Some(first) = around.first().filter(|_| around.iter().any(|link| !link.is_plain)) else {
                continue;
            };
            // The way round in a scenario may lead over more steps than the one that is written.
            let circles = context.once(|| Circles::of(context));
            if around.iter().any(|link| circles.lead_over(&link.path)) {
                continue;
            }
            let names: Vec<&str> =
                around.iter().map(|link| link.from.as_str()).chain([first.from.as_str()]).collect();
            let message =
                format!("recovery needs what it recovers{}: {}", in_scenario(scenario), names.join(" → "));
            let mut finding = Finding::error(Self::META.name, message)
                .at(context.place(&first.path, Part::Value), first.says.clone());
            for link in around.iter().skip(1).take(MOST_LABELS) {
                finding = finding.related(context.place(&link.path, Part::Value), link.says.clone());
            }
            if let Some(scenario) = scenario {
                let path = KeyPath::root().key("scenarios").key(scenario.as_str());
                finding = finding.related(context.place(&path, Part::Key), "closes the circle");
            }
            let more = match stuck.count {
                0 | 1 => String::new(),
                count => format!("; {count} steps and assets wait for it"),
            };
            let help = format!(
                "break one of these links: keep a second way that this scenario does not take, and name both with \
                 `{{ any: [one, other] }}`{more}"
            );
            let about = Subject::step(stuck.first.as_str()).and_asset(&Id::trusted(&first.from));
            sink.add(finding.help(help), about.within(scenario));
        }
    }
}
