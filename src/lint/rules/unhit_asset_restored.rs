//! A restore that would also put back the data of an asset that nothing has happened to.

use std::collections::HashSet;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::value::Id;

rule!(
    UnhitAssetRestored,
    "unhit-asset-restored",
    Deny,
    "A step restores an asset that a scenario does not hit, and throws away its newer data."
);

/// The assets that a backup holds.
struct BackedUp(HashSet<Id>);

impl BackedUp {
    fn of(context: &Context<'_>) -> Self {
        Self(context.resolved.backups.values().flat_map(|backup| &*backup.of).cloned().collect())
    }
}

impl Rule for UnhitAssetRestored {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let route = &routed.route;
        if route.scenario.is_none() {
            return;
        }
        for id in route.chosen.keys() {
            let Some(step) = context.plan.steps.get(id) else { continue };
            for (at, asset) in step.common.restores.iter().enumerate() {
                // What has no data of its own, such as an application, loses nothing.
                let is_held = || context.once(|| BackedUp::of(context)).0.contains(asset);
                let is_goal = route.assets.get(asset).is_none_or(|asset| asset.state.is_goal());
                if is_goal || (step.common.from.is_empty() && !is_held()) {
                    continue;
                }
                let scenario = route.scenario.as_ref();
                let message = format!(
                    "`{id}` also restores `{asset}`, which is not hit{}: its newer data would be lost",
                    in_scenario(scenario)
                );
                let path = KeyPath::root().key("steps").key(id.as_str()).key("restores").index(at);
                let mut finding = Finding::error(Self::META.name, message)
                    .at(context.place(&path, Part::Value), "would be overwritten")
                    .help(format!("give `{asset}` a step of its own"));
                if let Some(scenario) = scenario {
                    let path = KeyPath::root().key("scenarios").key(scenario.as_str());
                    finding = finding.related(context.place(&path, Part::Key), "does not hit it");
                }
                sink.add(finding, Subject::step(id.as_str()).and_asset(asset).within(scenario));
            }
        }
    }
}
