//! An asset for which nobody answers.

use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::Policy;

rule!(
    MissingOwner,
    "missing-owner",
    Warn,
    "Nobody answers for an asset: neither it nor the plan has an owner."
);

impl Rule for MissingOwner {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let plan = context.plan;
        // A sketch has no owners yet; where somebody makes demands, somebody answers.
        let has_owners = plan.assets.values().any(|asset| asset.owner.is_some());
        if plan.owner.is_some() || !(has_owners || plan.policy != Policy::default()) {
            return;
        }
        for (id, _) in plan.assets.iter().filter(|(_, asset)| asset.owner.is_none()) {
            let finding = Finding::warning(Self::META.name, format!("nobody answers for `{id}`"))
                .at(context.place_of_asset(id), "has no owner")
                .help("add `owner` to the asset, or to the plan for all its assets: a team or a person");
            sink.add(finding, Subject::asset(id));
        }
    }
}
