//! A step that is ended before it should be done.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::{Action, Step};
use crate::value::Length;

rule!(
    TimeoutTooShort,
    "timeout-too-short",
    Deny,
    "A step is ended, or an approval expires, before it should be done by the plan's own estimate."
);

impl Rule for TimeoutTooShort {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let plan = context.plan;
        let sections = [("prepare", &plan.prepare), ("steps", &plan.steps), ("cleanup", &plan.cleanup)];
        for (section, (id, step)) in
            sections.iter().flat_map(|(name, steps)| steps.iter().map(move |s| (name, s)))
        {
            let (Some(takes), Some(limit)) = (step.common.takes, limit(step)) else { continue };
            if takes.p50 <= limit.length {
                continue;
            }
            let path = KeyPath::root().key(section).key(id.as_str());
            let at = limit.key.iter().fold(path.clone(), |path, key| path.key(key));
            let message = format!("`{id}` takes {}, and {} after {}", takes.p50, limit.what, limit.length);
            let finding = Finding::error(Self::META.name, message)
                .at(context.place(&at, Part::Value), "is over first")
                .related(context.place(&path.key("takes"), Part::Value), "how long it should take")
                .help(format!(
                    "give it more time than it usually needs, twice as much or so, or correct `takes`: as it is, {}",
                    limit.follows
                ));
            sink.add(finding, Subject::step(id.as_str()));
        }
    }
}

struct Limit {
    length: Length,
    key: &'static [&'static str],
    what: &'static str,
    follows: &'static str,
}

/// Returns what ends a step from outside.
fn limit(step: &Step) -> Option<Limit> {
    if let Action::Approve(approve) = &*step.action {
        let (what, follows) = ("its approval expires", "nobody has answered when it ends");
        return Some(Limit { length: approve.expires?, key: &["approve", "expires"], what, follows });
    }
    let (what, follows) = ("is ended", "the recovery ends there each time");
    Some(Limit { length: step.common.timeout?, key: &["timeout"], what, follows })
}
