//! A restore that would also put back the data of an asset that nothing has happened to.

use std::collections::HashSet;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject, in_scenario};
use crate::value::Id;

rule!(
    UnhitAssetRestored,
    "unhit-asset-restored",
    Deny,
    "A step restores an asset that a scenario does not hit, and throws away its newer data."
);

impl Rule for UnhitAssetRestored {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let backed_up: HashSet<&Id> =
            context.resolved.backups.values().flat_map(|backup| &*backup.of).collect();
        for routed in context.routes().iter().filter(|routed| routed.route.scenario.is_some()) {
            let route = &routed.route;
            for id in route.chosen.keys() {
                let Some(step) = context.plan.steps.get(id) else { continue };
                for (at, asset) in step.common.restores.iter().enumerate() {
                    // What has no data of its own, such as an application, loses nothing.
                    let has_data = !step.common.from.is_empty() || backed_up.contains(asset);
                    let is_goal = route.assets.get(asset).is_none_or(|asset| asset.state.is_goal());
                    if is_goal || !has_data {
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
}
