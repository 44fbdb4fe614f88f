//! An asset comes back later than promised.

use crate::analysis::{Cause, Line, Passing, cause, cause_words, lines, sum_words};
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::value::Id;

rule!(RecoveryTimeMissed, "recovery-time-missed", Deny, "An asset comes back later than its RTO allows.");

/// A longer sum is told by its longest lines; the message has all of it.
const MOST_LABELS: usize = 8;

impl Rule for RecoveryTimeMissed {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let Some(promises) = routed.promises(context) else { return };
        let route = &routed.route;
        let scenario = route.scenario.as_ref();
        for promise in &promises.assets {
            let Some(recovery) = promise.recovery.as_ref().filter(|recovery| recovery.is_late()) else {
                continue;
            };
            let Some(rto) = recovery.rto else { continue };
            let asset = &promise.asset;
            let lines = lines(context.resolved, route, &promises.schedule, recovery);
            let message = format!(
                "`{asset}` is back {} after the incident{}, and promises {rto}: {}",
                recovery.healthy,
                in_scenario(scenario),
                sum_words(&lines)
            );
            let mut finding = Finding::error(Self::META.name, message)
                .at(context.target_place(scenario, asset, "rto"), "promised");
            let cause = cause(context.resolved, route, &promises.schedule, recovery);
            finding = match &cause {
                Some(cause) => with_cause(context, scenario, finding, cause),
                None => with_lines(context, scenario, finding, &lines),
            };
            sink.add(finding, Subject::asset(asset).within(scenario));
        }
    }
}

/// A dependency that is back too late is the cause, however fast the asset itself is.
fn with_cause(context: &Context<'_>, scenario: Option<&Id>, mut finding: Finding, cause: &Cause) -> Finding {
    for link in cause.chain.iter().skip(1) {
        let says = match link.rto {
            Some(rto) => format!("`{}` is back after {}, and promises {rto}", link.asset, link.healthy),
            None => format!("`{}` is back after {}, and promises nothing", link.asset, link.healthy),
        };
        let place = match link.rto {
            Some(_) => context.target_place(scenario, &link.asset, "rto"),
            None => context.place(&KeyPath::root().key("assets").key(link.asset.as_str()), Part::Key),
        };
        finding = finding.related(place, says);
    }
    finding.help(format!("the cause is what it needs: {}", cause_words(cause)))
}

fn with_lines(context: &Context<'_>, scenario: Option<&Id>, mut finding: Finding, lines: &[Line]) -> Finding {
    let mut longest: Vec<&Line> = lines.iter().collect();
    longest.sort_by_key(|line| std::cmp::Reverse(line.length));
    let steps = KeyPath::root().key("steps");
    let first = longest.first().map(|line| sum_words(std::slice::from_ref(line)));
    for Line { what, length, .. } in longest.into_iter().take(MOST_LABELS) {
        let of_scenario = |key: &str| {
            scenario.map(|id| KeyPath::root().key("scenarios").key(id.as_str()).key(key)).unwrap_or_default()
        };
        let path = match what {
            Passing::Detect => of_scenario("detect"),
            Passing::Decide => of_scenario("decide"),
            Passing::Arrival(person) => KeyPath::root().key("people").key(person.as_str()).key("arrives"),
            Passing::Fetch(_, copy) => {
                let (backup, name) = copy.as_str().split_once('.').unwrap_or_default();
                KeyPath::root().key("backups").key(backup).key("copies").key(name).key("fetch")
            }
            Passing::Step(step) => steps.key(step.as_str()).key("takes"),
        };
        finding = finding.related(context.place(&path, Part::Value), format!("{length} of it"));
    }
    finding.maybe_help(first.map(|first| {
        format!("the longest part is {first}: shorten what stands in the sum, let more of it run side by side, or promise more time")
    }))
}
