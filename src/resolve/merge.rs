//! Puts imported plans and the plan that imports them together, under names of which each stands for one thing.

use super::expand::{expand, laid_over};
use super::imports::{Imports, Owner};
use super::probes::expand_probes;
use super::{Imported, ResolvedPlan, ResolvedStep, Section};
use crate::finding::Finding;
use crate::plan::{Action, Plan, Renaming};
use crate::value::{Id, Name, Scalar, Table};

/// Gives what a plan names of its imports the names that these things have in the whole.
pub(super) fn rename(plan: &mut Plan, steps: &mut [ResolvedStep], imports: &Imports) {
    let new = |name: &str| imports.canonical(Owner::Whole, name);
    let renaming = Renaming::new(&new);
    renaming.things(plan);
    renaming.claims(plan);
    rename_steps(steps, &renaming);
}

fn rename_steps(steps: &mut [ResolvedStep], renaming: &Renaming<'_>) {
    let parts: std::collections::HashSet<Id> =
        steps.iter().filter(|step| step.part_of.is_some()).map(|step| step.id.clone()).collect();
    for step in steps {
        let group = step.part_of.clone();
        let is_neighbour = |name: &str| {
            group.as_ref().is_some_and(|group| parts.contains(format!("{group}/{name}").as_str()))
        };
        renaming.step(&mut step.common, &mut step.action, &is_neighbour);
        match &mut step.part_of {
            // The path inside of the recipe is no name of another plan.
            Some(group) => {
                let part = step.id.as_str().strip_prefix(group.as_str()).unwrap_or_default().to_owned();
                renaming.id(group);
                step.id = Id::trusted(format!("{group}{part}"));
            }
            None => renaming.id(&mut step.id),
        }
    }
}

/// Adds the places, assets, people, secrets, backups and steps of the imported plans.
///
/// Their scenarios, policies, notifications, `prepare`, `cleanup` and `activation` are theirs alone.
pub(super) fn add(resolved: &mut ResolvedPlan, imports: &Imports) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, import) in imports.plans.iter().enumerate() {
        let mut plan = (*import.plan).clone();
        let own_steps = std::mem::take(&mut plan.steps);
        let (mut steps, found) =
            expand(&import.document, &plan.places, [(Section::Steps, own_steps)], &import.recipes);
        findings.extend(found);
        findings.extend(expand_probes(&import.document, &import.recipes, &mut plan, &mut steps));
        for step in &mut steps {
            give_vars(step, &plan);
        }
        let new = |name: &str| imports.canonical(Owner::Plan(at), name);
        let renaming = Renaming::new(&new);
        let mut laid = laid_over(&plan, resolved.environment.as_ref());
        laid.in_whole(&new);
        renaming.things(&mut plan);
        rename_steps(&mut steps, &renaming);
        resolved.people.extend(plan.people);
        resolved.secrets.extend(plan.secrets);
        resolved.places.extend(plan.places);
        resolved.assets.extend(plan.assets);
        resolved.backups.extend(plan.backups);
        resolved.consistent.extend(plan.consistent);
        resolved.steps.extend(steps);
        resolved.mapped.extend(laid.mapped);
        resolved.replaced.extend(laid.replaced);
        resolved.reads.extend(laid.reads);
        resolved.omit.extend(laid.omit);
        let imported =
            Imported { plan: plan.plan, vars: plan.vars, shell: plan.shell, pass_env: plan.pass_env };
        resolved.imported.insert(import.prefix.clone(), imported);
    }
    stand_in(resolved);
    findings
}

/// The variables of a plan reach its own steps alone; those of the place and of the step go before them.
fn give_vars(step: &mut ResolvedStep, plan: &Plan) {
    if let (Action::Run { shell, .. }, Some(own)) = (&mut step.action, &plan.shell)
        && shell.is_none()
    {
        *shell = Some(own.clone());
    }
    let place = step.common.on.as_ref().and_then(|on| plan.places.get(on));
    let of_place: Table<Name, Scalar> = place.map(|place| place.vars.clone()).unwrap_or_default();
    let own = std::mem::take(&mut step.common.env);
    step.common.env = plan.vars.clone().into_iter().chain(of_place).chain(own).collect();
}

/// A place of another plan may stand in for one of the plan; the tree of the plan does not know how it is reached.
fn stand_in(resolved: &mut ResolvedPlan) {
    let foreign = resolved.mapped.iter().filter(|(_, other)| other.as_str().contains('/'));
    let foreign: Vec<(Id, Id)> = foreign.map(|(place, other)| (place.clone(), other.clone())).collect();
    for (place, other) in foreign {
        let Some((ssh, vars)) =
            resolved.places.get(&other).map(|other| (other.ssh.clone(), other.vars.clone()))
        else {
            continue;
        };
        if let Some(place) = resolved.places.get_mut(&place) {
            (place.ssh, place.vars) = (ssh, vars);
        }
    }
}
