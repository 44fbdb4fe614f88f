//! A task for people of whom a scenario leaves none, or too few.

use std::collections::HashSet;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::holdings::listed;
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::plan::Action;
use crate::resolve::{NodeKind, ResolvedPlan, ResolvedStep};
use crate::value::Id;

rule!(
    RoleUnfilled,
    "role-unfilled",
    Deny,
    "In a scenario, nobody is left who may do what the plan asks for."
);

/// What is asked of people.
struct Task<'a> {
    /// The step that asks it; nothing if the plan itself is to be invoked.
    step: Option<&'a ResolvedStep>,
    by: &'a [Id],
    /// How many must act.
    quorum: usize,
    /// Somebody who must be another person.
    other: Option<&'a Id>,
}

impl Task<'_> {
    /// Returns what is to be done: "approve `go-live`".
    fn what(&self) -> String {
        match self.step {
            None => "invoke the plan".to_owned(),
            Some(step) if is_approval(step) => format!("approve `{}`", step.id),
            Some(step) => format!("carry out `{}`", step.id),
        }
    }

    /// Returns where it is written who is to act.
    fn path(&self) -> KeyPath {
        match self.step {
            None => KeyPath::root().key("activation").key("by"),
            Some(step) if is_approval(step) => step.key_path().key("approve").key("by"),
            Some(step) => step.key_path().key("by"),
        }
    }

    fn about(&self) -> Subject {
        self.step.map(|step| Subject::step(step.written_as())).unwrap_or_default()
    }
}

fn is_approval(step: &ResolvedStep) -> bool {
    matches!(*step.action, Action::Approve(_))
}

impl Rule for RoleUnfilled {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        // Where nobody is named, a role is a word for whoever is there.
        if context.plan.people.is_empty() {
            return;
        }
        // Thousands of steps ask the same of the same people.
        let mut filled = HashSet::<_, ahash::RandomState>::default();
        for task in tasks(context, routed) {
            let asked = (task.by, task.quorum, task.other);
            if filled.contains(&asked) {
                continue;
            }
            match judge(context, routed, &task) {
                Some(finding) => sink.add(finding, task.about().within(routed.route.scenario.as_ref())),
                None => _ = filled.insert(asked),
            }
        }
    }
}

fn tasks<'a>(context: &Context<'a>, routed: &Routed) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    let activation = context.resolved.activation.as_ref();
    if let Some(by) = activation.and_then(|activation| activation.by.as_ref()) {
        tasks.push(Task { step: None, by: std::slice::from_ref(by), quorum: 1, other: None });
    }
    let steps = routed.route.nodes.iter().filter_map(|node| match node.kind {
        NodeKind::Step(at) => context.resolved.steps.get(at),
        NodeKind::Health(_) => None,
    });
    tasks.extend(steps.filter_map(task_of));
    tasks
}

fn task_of(step: &ResolvedStep) -> Option<Task<'_>> {
    match &*step.action {
        Action::Manual { by: Some(by), .. } => {
            Some(Task { step: Some(step), by: std::slice::from_ref(by), quorum: 1, other: None })
        }
        Action::Approve(approve) => Some(Task {
            step: Some(step),
            by: &approve.by,
            quorum: approve.quorum.map_or(1, |quorum| usize::try_from(quorum.get()).unwrap_or(usize::MAX)),
            other: approve.distinct_from.as_ref(),
        }),
        Action::Manual { by: None, .. }
        | Action::Run { .. }
        | Action::Wait(_)
        | Action::Http { .. }
        | Action::Use { .. }
        | Action::Plan { .. } => None,
    }
}

fn judge(context: &Context<'_>, routed: &Routed, task: &Task<'_>) -> Option<Finding> {
    let harm = &routed.route.harm;
    let scenario = || in_scenario(routed.route.scenario.as_ref());
    let lives = |id: &&Id| harm.of_place(id.as_str()).is_none();
    let Task { quorum, .. } = task;
    let what = || task.what();
    let may = named(context.resolved, task.by);
    let left: Vec<&Id> = may.iter().copied().filter(lives).collect();
    let begin = |message: String| {
        Finding::error(RoleUnfilled::META.name, message)
            .at(context.place(&task.path(), Part::Value), "who is to act")
    };
    let roles = || listed(task.by);
    if may.len() < *quorum {
        let message =
            format!("{quorum} people must {}, and the plan names {}: {}", what(), may.len(), listed(&may));
        return Some(
            begin(message).help(format!("let more people have the role {}, or lower `quorum`", roles())),
        );
    }
    if left.len() < *quorum {
        let message = match (left.len(), *quorum) {
            (0, _) => format!("nobody is left to {}{}", what(), scenario()),
            (some, _) => {
                format!("{quorum} people must {}, and only {some} of them are left{}", what(), scenario())
            }
        };
        let help = format!(
            "give the role {} to somebody who is not lost as well, or name another one under `by`",
            roles()
        );
        let mut finding = begin(message).help(help);
        for id in may.into_iter().filter(|id| !lives(id)) {
            let Some(fall) = harm.of_place(id.as_str()) else { continue };
            let place = context.place(&KeyPath::root().key("people").key(id.as_str()), Part::Key);
            finding = finding.related(place, fall.why());
        }
        return Some(finding);
    }
    let other = task.other?;
    let (others, who) = if other.as_str() == "starter" {
        (context.resolved.people.keys().filter(lives).collect::<Vec<_>>(), "begins the run".to_owned())
    } else {
        (doers(context.resolved, other).into_iter().filter(lives).collect(), format!("does `{other}`"))
    };
    let leaves_enough = |first: &&Id| left.iter().filter(|second| *second != first).count() >= *quorum;
    if others.is_empty() || others.iter().any(|first: &&Id| leaves_enough(first)) {
        return None;
    }
    let message = format!(
        "whoever {who} may not {}, and nobody else is left{}: there is only {}",
        what(),
        scenario(),
        listed(&left)
    );
    Some(
        begin(message).help(format!("give the role {} to one more person, who is not lost as well", roles())),
    )
}

/// Returns who carries out a step, or parts of it, if people do.
fn doers<'a>(plan: &'a ResolvedPlan, step: &Id) -> Vec<&'a Id> {
    let Some(whole) = plan.step(step.as_str()) else { return Vec::new() };
    let parts = plan.steps.iter().filter(|part| whole.is_group() && part.id.is_of(step.as_str()));
    let mut doers: Vec<&Id> = parts
        .chain([whole])
        .flat_map(|step| match &*step.action {
            Action::Manual { by: Some(by), .. } => named(plan, std::slice::from_ref(by)),
            Action::Approve(approve) => named(plan, &approve.by),
            _ => Vec::new(),
        })
        .collect();
    doers.sort_unstable();
    doers.dedup();
    doers
}

/// Returns the people that some ids name: themselves, or all who have the role.
fn named<'a>(plan: &'a ResolvedPlan, ids: &[Id]) -> Vec<&'a Id> {
    let is_meant = |(id, person): &(&Id, &crate::plan::Person)| {
        ids.contains(id) || ids.iter().any(|role| person.roles.contains(role))
    };
    plan.people.iter().filter(is_meant).map(|(id, _)| id).collect()
}
