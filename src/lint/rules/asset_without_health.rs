//! An asset of which nobody can say whether it is well.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};

rule!(AssetWithoutHealth, "asset-without-health", Warn, "Nothing shows whether an asset is well again.");

impl Rule for AssetWithoutHealth {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for (id, asset) in &context.plan.assets {
            if asset.health.is_empty() {
                let path = KeyPath::root().key("assets").key(id.as_str());
                let message = format!("nothing shows whether `{id}` is well");
                let finding = Finding::warning(Self::META.name, message)
                    .at(context.place(&path, Part::Key), "has no `health`")
                    .help("add `health`: a list of probes, such as `- run: redis-cli ping`");
                sink.add(finding, Subject::asset(id));
            }
        }
    }
}
