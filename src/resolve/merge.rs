//! Puts imported plans and the plan that imports them together, under names of which each stands for one thing.

use std::sync::Arc;

use super::expand::laid_over;
use super::expansion::{Expansion, File, PlaceVars};
use super::imports::{Imports, Owner};
use super::probes::expand_probes;
use super::{Imported, ResolvedPlan, Section};
use crate::finding::Finding;
use crate::plan::{Plan, Renaming};
use crate::value::Id;

/// Gives what a plan names of its imports the names that these things have in the whole; its steps have them already.
pub(super) fn rename(plan: &mut Plan, new: &dyn Fn(&str) -> String) {
    let renaming = Renaming::new(new);
    renaming.things(plan);
    renaming.claims(plan);
}

/// Adds the places, assets, people, secrets, backups and steps of the imported plans; of those that are only carried out
/// as child plans the places, people and secrets.
///
/// Their scenarios, policies, notifications, `prepare`, `cleanup` and `activation` are theirs alone.
pub(super) fn add(resolved: &mut ResolvedPlan, imports: &Imports, places: &PlaceVars) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, import) in imports.plans.iter().enumerate() {
        let mut plan = (*import.plan).clone();
        let own_steps = std::mem::take(&mut plan.steps);
        let new = |name: &str| imports.canonical(Owner::Plan(at), name);
        let mut laid = laid_over(&plan, resolved.environment.as_ref());
        if import.only_carried_out {
            plan.assets.clear();
            plan.backups.clear();
            plan.consistent.clear();
            // What they leave out was told of each place where they are carried out.
            laid.omit.clear();
        } else {
            findings.extend(expand_probes(&import.document, &import.recipes, &mut plan));
            let file = File {
                document: &import.document,
                plan: &plan,
                recipes: &import.recipes,
                owner: Owner::Plan(at),
                new: Some(&new),
            };
            let mut expansion = Expansion::new(imports, resolved.environment.as_ref(), places);
            expansion.section(&file, Section::Steps, own_steps);
            let Expansion { steps, omit, findings: found, .. } = expansion;
            resolved.steps.extend(steps);
            resolved.omit.extend(omit);
            findings.extend(found);
        }
        laid.in_whole(&new);
        Renaming::new(&new).things(&mut plan);
        resolved.people.extend(plan.people);
        resolved.secrets.extend(plan.secrets);
        resolved.places.extend(plan.places);
        resolved.assets.extend(plan.assets);
        resolved.backups.extend(plan.backups);
        resolved.consistent.extend(plan.consistent);
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
        if let Some(place) = resolved.places.get_mut(&place).map(Arc::make_mut) {
            (place.ssh, place.vars) = (ssh, vars);
        }
    }
}
