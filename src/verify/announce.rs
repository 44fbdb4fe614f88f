//! Tells whom the plan's `notify` names of backups that fail, and of their recovery.

use std::collections::BTreeMap;

use serde_json::json;

use super::ask::shell;
use super::{Ground, Known, PlanSeen, Severity};
use crate::effect::{Message, deliver_all};
use crate::event::Delivery;
use crate::notice;
use crate::plan::Occasion;
use crate::resolve::ResolvedPlan;
use crate::value::{Id, Length, Moment};

/// How many problems stand in the text of a message; the rest is counted.
const IN_WORDS: usize = 3;

/// Who tells, and from when on something is worth telling.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// The environment that lies over the plan.
    pub environment: Option<&'a str>,
    /// The machine that looked.
    pub host: &'a str,
    /// From which severity on a backup fails.
    pub from: Severity,
    /// Whether all that the plan has was looked at: else nobody can say that all is well.
    pub is_whole: bool,
    /// Whether it was asked as well what restores need.
    pub with_restores: bool,
    /// How long to wait for messages to arrive.
    pub within: Length,
}

/// Tells of what was seen of the backups of one plan, and says what became of each message.
///
/// `known` is what an earlier look has seen: without one nothing has recovered.
pub async fn announce(
    plan: &ResolvedPlan,
    ground: &Ground,
    seen: &PlanSeen,
    known: &Known,
    at: Moment,
    audience: Audience<'_>,
) -> Vec<Delivery> {
    // What was not asked this time has not recovered.
    let before = known.plan(&seen.plan, seen.environment.as_ref()).map(|before| {
        let mut before = before.clone();
        before.restores.retain(|_| audience.with_restores);
        before
    });
    let fails = |seen: &PlanSeen| seen.worst().is_some_and(|worst| worst >= audience.from);
    let (occasion, text) = if fails(seen) {
        (Occasion::BackupFailed, format!("BACKUPS FAIL: {}", in_words(seen, audience.from)))
    } else if audience.is_whole && before.as_ref().is_some_and(fails) {
        (Occasion::BackupRecovered, "all backups are well again".to_owned())
    } else {
        return Vec::new();
    };
    let environment = audience.environment.map(|id| format!(" ({id})")).unwrap_or_default();
    let text = format!("{}{environment}: {text}", seen.title);
    let problems: Vec<_> = seen
        .problems()
        .filter(|(_, problem)| problem.severity >= audience.from)
        .map(|(about, problem)| json!({ "about": about, "problem": problem }))
        .collect();
    let fields = json!({
        "plan": seen.plan,
        "title": seen.title,
        "environment": audience.environment,
        "problems": problems,
        "host": audience.host,
    });
    let messages =
        plan.notify.iter().enumerate().filter(|(_, notification)| notification.on.contains(&occasion));
    let messages = messages.map(|(number, notification)| {
        let message = Message {
            of: occasion.as_str().to_owned(),
            step: None,
            at,
            body: notice::body(notification, occasion, at, &text, fields.clone()),
            env: environment_of(plan, ground, audience, occasion, at, &text),
        };
        (notice::channel(number, notification, shell(plan), &ground.folder), message)
    });
    deliver_all(messages.collect(), audience.within).await
}

fn in_words(seen: &PlanSeen, from: Severity) -> String {
    let bad: Vec<(&Id, &str)> = seen
        .problems()
        .filter(|(_, problem)| problem.severity >= from)
        .map(|(about, problem)| (about, problem.what.as_str()))
        .collect();
    let mut words: Vec<String> =
        bad.iter().take(IN_WORDS).map(|(about, what)| format!("{about}: {what}")).collect();
    if let Some(more) = bad.len().checked_sub(IN_WORDS).filter(|more| *more > 0) {
        words.push(format!("{more} more"));
    }
    format!("{}. See: drplan verify {}", words.join("; "), seen.file)
}

fn environment_of(
    plan: &ResolvedPlan,
    ground: &Ground,
    audience: Audience<'_>,
    occasion: Occasion,
    at: Moment,
    text: &str,
) -> BTreeMap<String, String> {
    let mut env = ground.inherited.clone();
    env.extend(plan.vars.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let own = [
        ("DRPLAN_EVENT", Some(occasion.as_str().to_owned())),
        ("DRPLAN_AT", Some(at.to_string())),
        ("DRPLAN_PLAN", Some(plan.plan.to_string())),
        ("DRPLAN_ENVIRONMENT", audience.environment.map(str::to_owned)),
        ("DRPLAN_TEXT", Some(text.to_owned())),
    ];
    env.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    env
}
