//! A scenario that was never drilled, or not for longer than the policy allows.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::value::{Id, Length, Moment};

rule!(
    DrillOverdue,
    "drill-overdue",
    Warn,
    "The last good drill of a scenario is longer ago than the policy allows, or there was none."
);

impl Rule for DrillOverdue {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let (Some(policy), Some(as_of)) = (&context.plan.policy.drills, context.as_of) else { return };
        // A drill of this very day is not in the future.
        let Ok(end_of_day) = format!("{as_of}T23:59:59Z").parse::<Moment>() else { return };
        let every = policy.every;
        let demand = || context.place(&KeyPath::root().key("policy").key("drills").key("every"), Part::Value);
        let mut scenarios: Vec<Option<&Id>> = context.plan.scenarios.keys().map(Some).collect();
        if scenarios.is_empty() {
            scenarios.push(None);
        }
        let plan = &context.plan.plan;
        for scenario in scenarios {
            let what = scenario.map_or_else(|| format!("`{plan}`"), |scenario| format!("`{scenario}`"));
            let last = context.history.last_good_drill(plan, scenario);
            let message = match last {
                None => {
                    format!("no good drill of {what} is on record, and the policy demands one every {every}")
                }
                Some(drill) => {
                    let age = end_of_day.since(drill.on).unwrap_or_default();
                    if age <= every {
                        continue;
                    }
                    let days = Length::from_millis(age.as_millis() - age.as_millis() % 86_400_000);
                    let on = drill.on.to_string();
                    let on = on.get(..10).unwrap_or(&on);
                    format!(
                        "the last good drill of {what} was on {on} ({}), {days} before {as_of}, and the policy demands one \
                         every {every}",
                        drill.id
                    )
                }
            };
            let path = match scenario {
                Some(scenario) => KeyPath::root().key("scenarios").key(scenario.as_str()),
                None => KeyPath::root().key("plan"),
            };
            let flag = scenario.map(|scenario| format!(" --scenario {scenario}")).unwrap_or_default();
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&path, Part::Key), "must be drilled")
                .help(format!(
                    "carry it out with `drplan execute PLAN{flag} --drill`, and commit what `drplan report latest --format \
                     record` prints as a file under evidence/"
                ));
            sink.add(finding.related(demand(), "the policy demands it"), Subject::default().within(scenario));
        }
    }
}
