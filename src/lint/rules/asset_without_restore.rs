//! An asset that a scenario takes away and that nothing brings back.

use std::collections::HashSet;

use crate::analysis::rto;
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::plan::{Objective, Targets};
use crate::resolve::Section;
use crate::value::Id;

rule!(
    AssetWithoutRestore,
    "asset-without-restore",
    Deny,
    "Nothing brings an asset back that a scenario takes away."
);

/// The assets that a step restores.
struct WithSteps(HashSet<Id>);

impl WithSteps {
    fn of(context: &Context<'_>) -> Self {
        let steps = context.resolved.section(Section::Steps);
        Self(steps.flat_map(|step| &step.common.restores).cloned().collect())
    }
}

impl Rule for AssetWithoutRestore {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let scenario = routed.route.scenario.as_ref();
        // Where nothing is left to restore from, that is the fault, and `asset-not-survived` tells it.
        let is_told =
            |id: &Id| routed.survival(context).iter().any(|lost| lost.asset == *id && lost.is_broken());
        for (id, asset) in &routed.route.assets {
            let Some(why) = &asset.stranded else { continue };
            if !context.once(|| WithSteps::of(context)).0.contains(id) {
                without_step(context, id, scenario, sink);
            } else if !is_told(id) && !may_be_given_up(context, routed, id) {
                stranded(context, id, scenario, &asset.why, why, sink);
            }
        }
    }
}

/// The same in every scenario, so the message does not name it and is told once.
fn without_step(context: &Context<'_>, id: &Id, scenario: Option<&Id>, sink: &mut Sink) {
    let path = KeyPath::root().key("assets").key(id.as_str());
    let mut finding = Finding::error(AssetWithoutRestore::META.name, format!("no step restores `{id}`"))
        .at(context.place(&path, Part::Key), "must come back")
        .help(format!("add a step with `restores: [{id}]`"));
    if let Some(scenario) = scenario {
        let place = context.place(&KeyPath::root().key("scenarios").key(scenario.as_str()), Part::Key);
        finding = finding.related(place, "is hit here, for one");
    }
    sink.add(finding, Subject::asset(id));
}

fn stranded(context: &Context<'_>, id: &Id, scenario: Option<&Id>, hit: &str, why: &str, sink: &mut Sink) {
    let path = KeyPath::root().key("assets").key(id.as_str());
    let message = format!("nothing brings `{id}` back{}: {why}", in_scenario(scenario));
    let mut finding = Finding::error(AssetWithoutRestore::META.name, message)
        .at(context.place(&path, Part::Key), "is stranded")
        .help(format!(
            "see to it that what stands in the way is there: a home of `{id}` that is left or that a step `provides`, a copy \
             that can be used, and a step with `restores: [{id}]` for it"
        ));
    if let Some(scenario) = scenario {
        let place = context.place(&KeyPath::root().key("scenarios").key(scenario.as_str()), Part::Key);
        finding = finding.related(place, hit.to_owned());
    }
    sink.add(finding, Subject::asset(id).within(scenario));
}

/// Where nothing is promised for the data, a step that finds no copy is no surprise.
fn may_be_given_up(context: &Context<'_>, routed: &Routed, id: &Id) -> bool {
    let scenario = routed.route.scenario.as_ref().and_then(|id| context.plan.scenarios.get(id));
    let targets = scenario.map(|scenario| &scenario.targets);
    let target =
        |key: &str| targets.and_then(|targets| targets.get(key)).and_then(|Targets { rpo, .. }| *rpo);
    let own = context.resolved.assets.get(id).and_then(|asset| asset.rpo);
    // Data that is given up is one thing, an asset that never comes back another.
    let is_awaited = matches!(rto(context.resolved, scenario, id), Some(Objective::Within(_)));
    let has_home = routed.route.assets.get(id).is_some_and(|asset| asset.home.is_some());
    !is_awaited && has_home && target(id.as_str()).or_else(|| target("all")).or(own) == Some(Objective::None)
}
