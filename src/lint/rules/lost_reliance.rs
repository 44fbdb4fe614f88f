//! Something that a step relies on, that is not there, and that nothing brings back.

use crate::document::{KeyPath, Part, Segment};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::resolve::End;
use crate::value::Id;

rule!(
    LostReliance,
    "lost-reliance",
    Deny,
    "A step relies on something that is not there and that nothing brings back."
);

impl Rule for LostReliance {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let scenario = routed.route.scenario.as_ref();
        for stuck in &routed.route.stuck {
            let (End::Gone(what, why), Some(first)) = (&stuck.end, stuck.links.first()) else { continue };
            let message =
                format!("`{}`{} relies on `{what}`, which {why}", first.from, in_scenario(scenario));
            let mut finding = Finding::error(Self::META.name, message)
                .at(context.place(&first.path, Part::Value), first.says.clone());
            for link in stuck.links.iter().skip(1) {
                finding = finding.related(context.place(&link.path, Part::Value), link.says.clone());
            }
            if let Some(scenario) = scenario {
                let path = KeyPath::root().key("scenarios").key(scenario.as_str());
                finding = finding.related(context.place(&path, Part::Key), "takes it away");
            }
            let is_controller =
                matches!(first.path.segments().last(), Some(Segment::Key(key)) if &**key == "controller");
            let help = if is_controller {
                "say `controller: true` of a second host that the scenario does not take, and where drplan and the \
                 plans are as well"
                    .to_owned()
            } else if context.resolved.places.contains_key(what.as_str()) {
                format!(
                    "add a step with `provides: [{what}]`, give an alternative with `any`, or do without it"
                )
            } else {
                "give an alternative with `any`, or do without it".to_owned()
            };
            let what = Id::trusted(what);
            let about = Subject { step: Some(Id::trusted(&first.from)), ..Subject::place(&what) };
            sink.add(finding.help(help), about.within(scenario));
        }
    }
}
