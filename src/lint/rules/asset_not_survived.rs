//! An asset of whose data a scenario leaves nothing.

use crate::analysis::{Survival, remedy};
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::value::Id;

rule!(AssetNotSurvived, "asset-not-survived", Deny, "A scenario leaves no usable copy of an asset's data.");

impl Rule for AssetNotSurvived {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let Some(scenario) = routed.route.scenario.as_ref() else { return };
        for lost in routed.survival(context).into_iter().filter(|lost| lost.is_broken()) {
            sink.add(tell(context, scenario, lost), Subject::asset(&lost.asset).within(Some(scenario)));
        }
    }
}

fn tell(context: &Context<'_>, scenario: &Id, lost: &Survival) -> Finding {
    let asset = &lost.asset;
    let path = KeyPath::root().key("assets").key(asset.as_str());
    if lost.copies.is_empty() {
        let rpo = context.place(&path.key("rpo"), Part::Value);
        let message = format!("no backup holds `{asset}`, whose data is lost{}", in_scenario(Some(scenario)));
        return Finding::error(AssetNotSurvived::META.name, message)
            .at(rpo, "promised, and nothing keeps it")
            .help(format!("add a backup with `of: [{asset}]`, or say `rpo: none`"));
    }
    let count = match lost.copies.len() {
        1 => "its only copy is lost".to_owned(),
        many => format!("all {many} copies are lost"),
    };
    let message = format!("`{asset}` does not survive scenario `{scenario}`: {count}");
    let mut finding = Finding::error(AssetNotSurvived::META.name, message)
        .at(context.place(&path, Part::Key), "nothing is left of it");
    let of_scenario = KeyPath::root().key("scenarios").key(scenario.as_str());
    finding = finding.related(context.place(&of_scenario, Part::Key), "what happens");
    let mut remedies = Vec::new();
    for fate in &lost.copies {
        let (Some((backup, name)), Some(why)) = (fate.copy.as_str().split_once('.'), &fate.loss) else {
            continue;
        };
        let path = KeyPath::root().key("backups").key(backup).key("copies").key(name);
        let label = format!("{}: {}", why.kind.word(), why.why);
        finding = finding.related(context.place(&path, Part::Key), label);
        if !remedies.contains(&remedy(why.kind)) {
            remedies.push(remedy(why.kind));
        }
    }
    let otherwise =
        format!("; if the loss is accepted, say `targets: {{ {asset}: {{ rpo: none }} }}` in the scenario");
    finding.help(remedies.join(", or ") + &otherwise)
}
