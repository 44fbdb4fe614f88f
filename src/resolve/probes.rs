//! Expands probe recipes: `use` under `health`, `verify`, `unless` and `wait` gets what the recipe really asks.

use super::expand::Expansion;
use super::{Recipes, ResolvedStep};
use crate::document::{Document, KeyPath, Part};
use crate::finding::Finding;
use crate::plan::{Action, Plan, Wait};
use crate::probe::{Asked, Probe, ProbeKind};

/// Gives every probe that uses a recipe what the recipe asks; what cannot be expanded is told.
pub(super) fn expand_probes(
    document: &Document,
    recipes: &Recipes,
    plan: &mut Plan,
    steps: &mut [ResolvedStep],
) -> Vec<Finding> {
    let Plan { assets, backups, places, .. } = plan;
    let mut expansion = Expansion::for_probes(document, places, recipes);
    let root = KeyPath::root();
    for (id, asset) in assets.iter_mut() {
        expansion.probes(&root.key("assets").key(id.as_str()).key("health"), &mut asset.health);
    }
    for (id, backup) in backups.iter_mut() {
        let copies = root.key("backups").key(id.as_str()).key("copies");
        for (copy, body) in backup.copies.iter_mut() {
            expansion.probes(&copies.key(copy.as_str()).key("verify"), &mut body.verify);
        }
    }
    for step in steps {
        let place = step.key_path();
        // Of a recipe's own probes a person sees the place where the recipe is used.
        let of_recipe = match &step.action {
            Action::Use { recipe, .. } => {
                recipes.get(recipe.as_str()).map_or(0, |(_, recipe)| recipe.verify.len())
            }
            _ if step.recipe_place.is_some() => usize::MAX,
            _ => 0,
        };
        for (at, probe) in step.common.verify.iter_mut().enumerate() {
            match at.checked_sub(of_recipe) {
                Some(own) => expansion.probe(&place.key("verify").index(own), probe),
                None => expansion.probe(&place, probe),
            }
        }
        let inner = step.recipe_place.is_some() && !matches!(step.action, Action::Use { .. });
        if let Some(probe) = &mut step.common.unless {
            expansion.probe(&if inner { place.clone() } else { place.key("unless") }, probe);
        }
        if let Action::Wait(Wait::Until(probe)) = &mut step.action {
            expansion.probe(&if inner { place.clone() } else { place.key("wait") }, probe);
        }
    }
    expansion.findings
}

impl Expansion<'_> {
    fn probes(&mut self, place: &KeyPath, probes: &mut [Probe]) {
        for (at, probe) in probes.iter_mut().enumerate() {
            self.probe(&place.index(at), probe);
        }
    }

    fn probe(&mut self, place: &KeyPath, probe: &mut Probe) {
        let ProbeKind::Use(name, with) = &probe.kind else { return };
        let Some((_, recipe)) = self.recipes.get(name.as_str()) else {
            return self.report_unknown(place, name);
        };
        let Some(inner) = &recipe.probe else {
            let finding = Finding::error("recipe-misuse", format!("`{name}` has steps, and is no probe"))
                .at(self.document.place(&place.key("use"), Part::Value), "used as a probe")
                .help("use it in a step, or name a recipe that has a `probe` (`drplan recipes`)");
            self.findings.push(finding);
            return;
        };
        if let ProbeKind::Use(other, _) = &inner.kind {
            let finding = Finding::error("recipe-misuse", format!("`{name}` asks another recipe, `{other}`"))
                .at(self.document.place(&place.key("use"), Part::Value), "used here")
                .help("a probe recipe asks with `run`, `http`, `tcp` or `file`");
            self.findings.push(finding);
            return;
        }
        let inputs = self.inputs(place, recipe, with);
        probe.asked = Some(Box::new(Asked {
            probe: inner.clone(),
            inputs,
            tools: recipe.tools.clone(),
            of: recipe.of,
            cpu_bound: recipe.cpu_bound,
            confine: recipe.confine.unwrap_or(true),
        }));
    }
}
