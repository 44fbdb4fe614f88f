//! Expands probe recipes: `use` under `health`, `verify`, `unless` and `wait` gets what the recipe really asks.

use std::sync::Arc;

use super::inputs::{Inputs, Spot, of_recipe, unknown_recipe};
use super::{Recipes, ResolvedStep};
use crate::document::{Document, KeyPath, Part};
use crate::finding::Finding;
use crate::plan::{Action, Plan, Wait};
use crate::probe::{Asked, Probe, ProbeKind};

/// Gives every probe of an asset or a copy that uses a recipe what the recipe asks; what cannot be expanded is told.
pub(super) fn expand_probes(document: &Document, recipes: &Recipes, plan: &mut Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    let root = Spot::new(document, KeyPath::root());
    for (id, asset) in plan.assets.iter_mut() {
        // What asks no recipe stays shared with the plan.
        if asset.health.iter().any(|probe| asks_recipe(probe)) {
            let spot = root.key("assets").key(id.as_str()).key("health");
            all(&mut Arc::make_mut(asset).health, &spot, recipes, &mut findings);
        }
    }
    for (id, backup) in plan.backups.iter_mut() {
        let mut probes = backup.copies.values().flat_map(|copy| &copy.verify);
        if !probes.any(|probe| asks_recipe(probe)) {
            continue;
        }
        let copies = root.key("backups").key(id.as_str()).key("copies");
        for (copy, body) in Arc::make_mut(backup).copies.iter_mut() {
            all(&mut body.verify, &copies.key(copy.as_str()).key("verify"), recipes, &mut findings);
        }
    }
    findings
}

/// Gives every probe of a step that uses a recipe what the recipe asks.
///
/// The first so many of its `verify` are those of the recipe that it uses itself: of these a person sees the place
/// where the recipe is used.
pub(super) fn expand_probes_of(
    step: &mut ResolvedStep,
    spot: &Spot<'_>,
    of_recipe: usize,
    recipes: &Recipes,
    findings: &mut Vec<Finding>,
) {
    // What asks no recipe stays shared with the plan.
    let mut asked = step.common.verify.iter().chain(&step.common.preconditions).chain(&step.common.unless);
    if asked.any(|probe| asks_recipe(probe)) {
        let common = Arc::make_mut(&mut step.common);
        for (at, probe) in common.verify.iter_mut().enumerate() {
            match at.checked_sub(of_recipe) {
                Some(own) => expand_shared(probe, &spot.key("verify").index(own), recipes, findings),
                None => expand_shared(probe, spot, recipes, findings),
            }
        }
        all(&mut common.preconditions, &spot.key("preconditions"), recipes, findings);
        if let Some(probe) = &mut common.unless {
            expand_shared(probe, &spot.key("unless"), recipes, findings);
        }
    }
    if matches!(&*step.action, Action::Wait(Wait::Until(probe)) if asks_recipe(probe))
        && let Action::Wait(Wait::Until(probe)) = Arc::make_mut(&mut step.action)
    {
        expand_shared(probe, &spot.key("wait"), recipes, findings);
    }
}

const fn asks_recipe(probe: &Probe) -> bool {
    matches!(probe.kind, ProbeKind::Use(..))
}

fn expand_shared(probe: &mut Arc<Probe>, spot: &Spot<'_>, recipes: &Recipes, findings: &mut Vec<Finding>) {
    if asks_recipe(probe) {
        expand(Arc::make_mut(probe), spot, recipes, findings);
    }
}

fn all(probes: &mut [Arc<Probe>], spot: &Spot<'_>, recipes: &Recipes, findings: &mut Vec<Finding>) {
    for (at, probe) in probes.iter_mut().enumerate() {
        expand_shared(probe, &spot.index(at), recipes, findings);
    }
}

fn expand(probe: &mut Probe, spot: &Spot<'_>, recipes: &Recipes, findings: &mut Vec<Finding>) {
    let ProbeKind::Use(name, with) = &probe.kind else { return };
    let Some((_, recipe)) = recipes.get(name.as_str()) else {
        findings.push(unknown_recipe(spot, name, recipes));
        return;
    };
    let refuse = |message: String, label: &str, help: &str| {
        spot.key("use").error("recipe-misuse", message, Part::Value, label).help(help)
    };
    let Some(inner) = &recipe.probe else {
        let message = format!("`{name}` has steps, and is no probe");
        let help = "use it in a step, or name a recipe that has a `probe` (`drplan recipes`)";
        findings.push(refuse(message, "used as a probe", help));
        return;
    };
    if let ProbeKind::Use(other, _) = &inner.kind {
        let message = format!("`{name}` asks another recipe, `{other}`");
        findings.push(refuse(
            message,
            "used here",
            "a probe recipe asks with `run`, `http`, `tcp` or `file`",
        ));
        return;
    }
    let inputs = of_recipe(spot, recipe, with, &Inputs::new(), findings);
    probe.asked = Some(Box::new(Asked {
        probe: inner.clone(),
        inputs,
        tools: recipe.tools.clone(),
        of: recipe.of,
        cpu_bound: recipe.cpu_bound,
        confine: recipe.confine.unwrap_or(true),
    }));
}
