//! Points that are deleted before the policy allows it.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::value::Length;

rule!(
    Retention,
    "retention",
    Deny,
    "No copy of an asset keeps its points for as long as the policy demands."
);

impl Rule for Retention {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let Some(wanted) = context.plan.policy.retention else { return };
        for holding in context.holdings() {
            let reach =
                |held: &crate::lint::holdings::Held<'_>| held.copy.keep.reaches_back().unwrap_or_default();
            let longest = holding.sure().map(reach).max().unwrap_or_default();
            if longest >= wanted {
                continue;
            }
            let asset = holding.asset;
            let message = match longest {
                Length::ZERO => format!(
                    "no point of `{asset}` is kept for any known time, and the policy demands {wanted}"
                ),
                longest => format!(
                    "points of `{asset}` are kept for {longest} at most, and the policy demands {wanted}"
                ),
            };
            let mut finding = Finding::error(Self::META.name, message)
                .at(context.place_of_asset(asset), "is not kept for long enough")
                .help(format!(
                    "let one copy keep for {wanted}, as a length or by generations such as \
                     `keep: {{ daily: 30, monthly: 12, yearly: 1 }}`"
                ));
            for held in &holding.copies {
                let why = match (held.is_sure(), held.copy.keep.reaches_back()) {
                    (false, _) => "is optional: nobody can rely on it".to_owned(),
                    (true, Some(Length::ZERO)) => "holds only the newest state".to_owned(),
                    (true, Some(reach)) => format!("reaches back {reach}"),
                    (true, None) => "keeps a number of points, whatever their age".to_owned(),
                };
                finding = finding.related(context.place(&held.key_path().key("keep"), Part::Value), why);
            }
            let demand = context.place(&KeyPath::root().key("policy").key("retention"), Part::Value);
            sink.add(finding.related(demand, "the policy demands it"), Subject::asset(asset));
        }
    }
}
