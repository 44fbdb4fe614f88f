//! Why a step is not on a route.

use std::borrow::Cow;

use super::{ResolvedPlan, ResolvedStep, Route, Section};
use crate::plan::When;
use crate::value::Id;

/// Why an alternative was passed over that comes before the one that was taken.
pub(super) const WAITS: &str = "would wait for what it brings back";

/// Why a step is not on the route that would help nobody.
pub(super) const NOBODY: &str = "nothing that runs needs it";

/// Says why a step does not belong to the plan in this scenario, environment and operation; `whole` is the step that a
/// person wrote.
pub(super) fn why_not(
    plan: &ResolvedPlan,
    route: &Route,
    step: &ResolvedStep,
    whole: &ResolvedStep,
) -> Option<Cow<'static, str>> {
    let is_omitted = |omitted: &Id| omitted.as_str() == step.written_as() || *omitted == step.id;
    if plan.omit.iter().any(is_omitted) {
        let environment = plan.environment.as_ref().map_or("this environment", Id::as_str);
        return Some(format!("left out in {environment}").into());
    }
    let When { scenario, environment, operation } = whole.common.when.as_deref()?;
    let outside = |wanted: &Option<crate::value::OneOrMany<Id>>, is: Option<&Id>| {
        wanted.as_ref().is_some_and(|wanted| !is.is_some_and(|is| wanted.contains(is)))
    };
    if outside(scenario, route.scenario.as_ref()) {
        return Some("`when` limits it to other scenarios".into());
    }
    if outside(environment, plan.environment.as_ref()) {
        return Some("`when` limits it to other environments".into());
    }
    if operation.is_some_and(|operation| operation != route.operation) {
        return Some("`when` limits it to another operation".into());
    }
    None
}

/// Says of a step that is not on the route why it is not; nothing of one that is, or that is no part of the choice.
pub(super) fn why_passed_over(plan: &ResolvedPlan, route: &Route, at: usize) -> Option<Cow<'static, str>> {
    let step = plan.steps.get(at)?;
    if step.part_of.is_some() || step.section != Section::Steps || route.chosen.has(at) {
        return None;
    }
    if let Some(why) = route.against.get(&at) {
        return Some(why.clone());
    }
    if let Some(why) = why_not(plan, route, step, step) {
        return Some(why);
    }
    let (restores, provides) = (&step.common.restores, &step.common.provides);
    let by = |asset: &Id| Some((asset.clone(), route.assets.get(asset)?.restored_by.clone()?));
    let list = |ids: &[Id]| ids.iter().map(Id::as_str).collect::<Vec<_>>().join(", ");
    Some(match restores.iter().find_map(by) {
        Some((asset, by)) => format!("{asset} is restored by {by}, which comes first").into(),
        None if !restores.is_empty() => format!("{} need not be brought back", list(restores)).into(),
        None if provides.is_empty() => NOBODY.into(),
        None => format!("{} is not needed, or there", list(provides)).into(),
    })
}
