//! A cron expression or time zone that is none.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Stage, Subject};
use crate::plan::Points;
use crate::resolve::longest_gap;

rule!(BadSchedule, "bad-schedule", Deny, "A schedule cannot be read, or never comes round.");

impl Rule for BadSchedule {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn stage(&self) -> Stage {
        Stage::Names
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for (id, backup) in &context.plan.backups {
            let path = KeyPath::root().key("backups").key(id.as_str());
            look(context, &path, &backup.points, sink);
            for (id, copy) in &backup.copies {
                if let Some(points) = &copy.points {
                    look(context, &path.key("copies").key(id.as_str()), points, sink);
                }
            }
        }
    }
}

fn look(context: &Context<'_>, path: &KeyPath, points: &Points, sink: &mut Sink) {
    let Err(why) = longest_gap(points) else { return };
    let path = path.key("points");
    // The zone is at fault if the expression is good without it.
    let zone_is_bad = match points {
        Points::Cron { expression, timezone: Some(_) } => {
            longest_gap(&Points::Cron { expression: expression.clone(), timezone: None }).is_ok()
        }
        _ => false,
    };
    let (path, help) = if zone_is_bad {
        (path.key("timezone"), "time zones have names such as `Europe/Zagreb`, `America/New_York` or `UTC`")
    } else {
        (
            path.key("cron"),
            "five fields: minute, hour, day of the month, month, day of the week, as in `30 3 * * *`",
        )
    };
    let place = context.place(&path, Part::Value);
    let finding = Finding::error(BadSchedule::META.name, why).at(place, "here").help(help);
    sink.add(finding, Subject::default());
}
