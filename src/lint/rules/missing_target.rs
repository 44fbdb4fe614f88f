//! An asset that a scenario hits and for which nothing is promised.

use std::collections::HashSet;

use crate::analysis::{rpo, rto};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject};
use crate::plan::{Asset, Objective, Plan, Targets};
use crate::resolve::AssetState;
use crate::value::Id;

rule!(
    MissingTarget,
    "missing-target",
    Warn,
    "A scenario hits an asset for which no recovery time or no recovery point is promised."
);

/// What the plan promises anywhere. One without any target is a sketch; in one with some, a gap is an oversight.
struct Promised {
    any_time: bool,
    any_data: bool,
    backed_up: HashSet<Id>,
}

impl Promised {
    fn of(plan: &Plan) -> Self {
        let anything = |of: fn(&Asset) -> Option<Objective>,
                        in_scenario: fn(&Targets) -> Option<Objective>| {
            let own = plan.assets.values().map(|asset| of(asset));
            let targets = plan.scenarios.values().flat_map(|scenario| scenario.targets.values());
            own.chain(targets.map(in_scenario)).flatten().any(|objective| objective != Objective::None)
        };
        Self {
            any_time: anything(|asset| asset.rto, |target| target.rto),
            any_data: anything(|asset| asset.rpo, |target| target.rpo),
            backed_up: plan.backups.values().flat_map(|backup| &*backup.of).cloned().collect(),
        }
    }
}

impl Rule for MissingTarget {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let plan = context.plan;
        let promised = context.once(|| Promised::of(plan));
        let Promised { any_time, any_data, backed_up } = &*promised;
        if !any_time && !any_data {
            return;
        }
        let Some(id) = &routed.route.scenario else { return };
        let scenario = plan.scenarios.get(id);
        for (asset, on_route) in &routed.route.assets {
            if matches!(on_route.state, AssetState::Untouched | AssetState::LeftOut) {
                continue;
            }
            let Some((asset, _)) = plan.assets.get_key_value(asset) else { continue };
            let promises_time = !any_time || rto(context.resolved, scenario, asset).is_some();
            // What holds no data loses none; where its data is not set back, there is nothing to promise.
            let promises_data = !any_data
                || rpo(context.resolved, scenario, asset).is_some()
                || !backed_up.contains(asset)
                || !on_route.state.is_goal();
            for (key, what, has) in
                [("rto", "recovery time", promises_time), ("rpo", "recovery point", promises_data)]
            {
                if has {
                    continue;
                }
                let message = format!("`{asset}` has no {what} objective, and a scenario hits it");
                let finding = Finding::warning(Self::META.name, message)
                    .at(context.place_of_asset(asset), format!("has no `{key}`"))
                    .related(context.place_of_scenario(id), on_route.why.clone())
                    .help(format!(
                        "add `{key}`, such as `{key}: 4h`; `{key}: none` says that nothing is promised"
                    ));
                sink.add(finding, Subject::asset(asset).within(Some(id)));
            }
        }
    }
}
