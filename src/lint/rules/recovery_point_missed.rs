//! More data can be lost than is promised.

use crate::analysis::{Data, Promise, Verdict};
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::plan::Objective;
use crate::resolve::PointLoss;
use crate::value::{Id, Length};

rule!(
    RecoveryPointMissed,
    "recovery-point-missed",
    Deny,
    "More of an asset's data can be lost than its RPO allows."
);

impl Rule for RecoveryPointMissed {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let Some(promises) = routed.promises(context) else { return };
        let scenario = routed.route.scenario.as_ref();
        for promise in promises.assets.iter().filter(|promise| promise.point_verdict() == Verdict::Missed) {
            let (Some(Objective::Within(rpo)), Some(Ok(loss)), Data::Restored(copy)) =
                (promise.rpo, &promise.point, &promise.data)
            else {
                continue;
            };
            let finding = tell(context, scenario, promise, rpo, loss, copy);
            sink.add(finding, Subject::asset(&promise.asset).within(scenario));
        }
    }
}

fn tell(
    context: &Context<'_>,
    scenario: Option<&Id>,
    promise: &Promise,
    rpo: Length,
    loss: &PointLoss,
    copy: &Id,
) -> Finding {
    let asset = &promise.asset;
    let sum: Vec<String> = loss.terms.iter().map(|term| term.length.to_string()).collect();
    let sum = if sum.len() > 1 { format!(" ({})", sum.join(" + ")) } else { String::new() };
    let message = format!(
        "`{asset}` may lose {}{sum} of its data{}, and promises to lose at most {rpo}",
        loss.total(),
        in_scenario(scenario)
    );
    let mut finding = Finding::error(RecoveryPointMissed::META.name, message)
        .at(context.target_place(scenario, asset, "rpo"), "promised");
    for term in &loss.terms {
        finding = finding
            .related(context.place(&term.path, Part::Value), format!("{}: {}", term.says, term.length));
    }
    if let Some(scenario) = scenario {
        let path = KeyPath::root().key("scenarios").key(scenario.as_str());
        finding = finding.related(context.place(&path, Part::Key), "what happens");
    }
    let rarely = loss.without_clock_change().is_some_and(|usual| usual <= rpo);
    let help = if rarely {
        format!(
            "only the night on which the clock is put back is too long: promise {} or more, or give the schedule in UTC",
            loss.total()
        )
    } else {
        format!(
            "restored from `{copy}`: back up more often, carry the points away sooner, or promise {} or more",
            loss.total()
        )
    };
    finding.help(help)
}
