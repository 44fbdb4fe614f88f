//! When data was spoiled: who says so, or who will.

use crate::error::Error;
use crate::event::{HARMED_AT, HarmedAt, Mode};
use crate::resolve::{Course, CourseKind, CourseNode, ResolvedPlan, ResolvedStep, Route, Section, copy_of};
use crate::value::{Id, Moment};

/// What was said of it when the run was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// When data was spoiled.
    pub(super) harmed_at: Option<Moment>,
    /// The moment before which points are wanted.
    pub(super) before: Option<Moment>,
    /// Whether it is a drill.
    pub(super) drill: bool,
}

/// Says when data was spoiled and whose. The newest points hold what was spoiled: nothing is restored before that is known,
/// from the command line or by a step whose output is `HARMED_AT`.
///
/// In a drill the stage does the harm; without a stage, and in a dry run, it is taken to have been done `found_after` ago.
pub(super) fn harmed_at(
    plan: &ResolvedPlan,
    route: &Route,
    course: &Course,
    told: Told,
    mode: Mode,
    asked: Moment,
) -> Result<Option<HarmedAt>, Error> {
    let scenario = route.scenario.as_ref().and_then(|id| Some((id, plan.scenarios.get(id)?)));
    let spoils =
        |asset: &Id| scenario.is_some_and(|(_, of)| !of.compromise.is_empty() || of.damage.contains(asset));
    let goals = route.assets.iter().filter(|(id, asset)| asset.state.is_goal() && spoils(id));
    let assets: Vec<Id> = goals.map(|(id, _)| id.clone()).collect();
    let Some((id, scenario)) = scenario.filter(|_| !assets.is_empty()) else {
        return match told.harmed_at {
            None => Ok(None),
            Some(_) => {
                let error = Error::unable("`--harmed-at` is given, and the scenario spoils no data");
                Err(error.hint("`--before TIME` restores older points all the same"))
            }
        };
    };
    let stages = told.drill && plan.section(Section::Prepare).next().is_some();
    let found_after = scenario.found_after.unwrap_or_default();
    let (at, assumed) = match (told.harmed_at, mode) {
        (Some(at), _) => (Some(at), false),
        (None, _) if told.before.is_some() => return Ok(None),
        (None, Mode::Real) => match untold(plan, course, &assets) {
            None => (None, false),
            Some(untold) => return Err(nobody_knows(plan, id, &assets, untold)),
        },
        (None, Mode::Drill) if stages => (None, true),
        (None, _) => (Some(asked.minus(found_after)), true),
    };
    Ok(Some(HarmedAt { at, assumed, assets }))
}

/// Returns a node that restores spoiled data and does not wait for a step that says when the harm began.
fn untold<'c>(plan: &ResolvedPlan, course: &'c Course, assets: &[Id]) -> Option<&'c Id> {
    let tells = |at: usize| match course.nodes[at].kind {
        CourseKind::Step(step) => tells_harm(&plan.steps[step]),
        CourseKind::Health => false,
    };
    let is_spoiled = |copy: &Id| {
        let of = copy_of(plan, copy.as_str()).map(|(_, backup, _, _)| &backup.of);
        of.is_some_and(|of| of.iter().any(|asset| assets.contains(asset)))
    };
    let is_told = |at: usize| {
        let (mut seen, mut open) = (vec![false; course.nodes.len()], course.nodes[at].after.to_vec());
        while let Some(before) = open.pop() {
            if tells(before) {
                return true;
            }
            if !std::mem::replace(&mut seen[before], true) {
                open.extend(course.nodes[before].after.iter());
            }
        }
        false
    };
    let restores = |node: &CourseNode| node.copy.as_ref().is_some_and(is_spoiled);
    let nodes = course.nodes.iter().enumerate();
    let untold = nodes.filter(|(at, node)| restores(node) && !is_told(*at)).map(|(_, node)| &node.id);
    // A step rather than a part of its recipe: that is where the plan says what it needs.
    untold.min_by_key(|id| id.as_str().matches('/').count())
}

fn tells_harm(step: &ResolvedStep) -> bool {
    step.common.outputs.iter().any(|name| name.as_str() == HARMED_AT)
}

fn nobody_knows(plan: &ResolvedPlan, scenario: &Id, assets: &[Id], untold: &Id) -> Error {
    let list = assets.iter().map(Id::as_str).collect::<Vec<_>>().join(", ");
    let error = Error::unable(format!(
        "`{scenario}` spoils data ({list}): the newest recovery points may hold what was spoiled"
    ));
    let told = plan.steps.iter().find(|step| tells_harm(step));
    let told = told.map(|step| format!("; or let `{untold}` need `{}`, which finds it out", step.id));
    error.hint(format!(
        "say when the harm began with `--harmed-at TIME`, or `--before TIME` for points that you trust{}",
        told.unwrap_or_default()
    ))
}
