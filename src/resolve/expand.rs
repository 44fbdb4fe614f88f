//! Expands a plan, and puts it together with what it imports.

use std::collections::BTreeMap;

use super::expansion::{Expansion, File, place_vars};
use super::merge;
use super::probes::expand_probes;
use super::resolved::FORMAT;
use super::{Imports, Owner, Recipes, ResolvedPlan, Section};
use crate::document::Document;
use crate::finding::Finding;
use crate::plan::{PlaceOverlay, Plan};
use crate::value::Id;

/// Expands a plan over which its environment has been laid, and puts it together with what it imports.
///
/// What cannot be expanded is told as a finding and stands in the result as it was written.
pub fn resolve(
    document: &Document,
    mut plan: Plan,
    recipes: &Recipes,
    imports: &Imports,
    environment: Option<&Id>,
) -> (ResolvedPlan, Vec<Finding>) {
    let sections = [
        (Section::Prepare, std::mem::take(&mut plan.prepare)),
        (Section::Steps, std::mem::take(&mut plan.steps)),
        (Section::Cleanup, std::mem::take(&mut plan.cleanup)),
    ];
    let mut findings = expand_probes(document, recipes, &mut plan);
    let new = |name: &str| imports.canonical(Owner::Whole, name);
    let new: Option<&dyn Fn(&str) -> String> = if imports.is_empty() { None } else { Some(&new) };
    let places = place_vars(&plan, imports);
    let file = File { document, plan: &plan, recipes, owner: Owner::Whole, new };
    let mut expansion = Expansion::new(imports, environment, &places);
    for (section, steps) in sections {
        expansion.section(&file, section, steps);
    }
    let Expansion { mut steps, omit, findings: found, .. } = expansion;
    steps.shrink_to_fit();
    findings.extend(found);
    let mut laid = laid_over(&plan, environment);
    if let Some(new) = new {
        merge::rename(&mut plan, new);
        laid.in_whole(new);
    }
    laid.omit.extend(omit);
    let mut resolved = ResolvedPlan {
        format: FORMAT,
        title: plan.title.unwrap_or_else(|| plan.plan.to_string()),
        plan: plan.plan,
        description: plan.description,
        owner: plan.owner,
        activation: plan.activation,
        environment: environment.cloned(),
        people: plan.people,
        vars: plan.vars,
        secrets: plan.secrets,
        places: plan.places,
        mapped: laid.mapped,
        replaced: laid.replaced,
        reads: laid.reads,
        omit: laid.omit,
        assets: plan.assets,
        backups: plan.backups,
        consistent: plan.consistent,
        policy: plan.policy,
        scenarios: plan.scenarios,
        steps,
        notify: plan.notify,
        imports: plan.imports,
        shell: plan.shell,
        pass_env: plan.pass_env,
        imported: BTreeMap::new(),
    };
    findings.extend(merge::add(&mut resolved, imports, &places));
    (resolved, findings)
}

/// What an environment does to a plan besides changing it.
#[derive(Default)]
pub(super) struct LaidOver {
    /// Places for which another stands in.
    pub(super) mapped: BTreeMap<Id, Id>,
    /// Places and secrets that it makes its own.
    pub(super) replaced: Vec<String>,
    /// What a drill may use as it is.
    pub(super) reads: Vec<Id>,
    /// Steps that it leaves out.
    pub(super) omit: Vec<Id>,
}

impl LaidOver {
    /// Gives everything the name that it has in the whole.
    pub(super) fn in_whole(&mut self, new: &dyn Fn(&str) -> String) {
        let renamed = |id: &Id| Id::trusted(new(id.as_str()));
        self.mapped = self.mapped.iter().map(|(place, other)| (renamed(place), renamed(other))).collect();
        self.replaced.iter_mut().for_each(|name| *name = new(name));
        self.reads.iter_mut().chain(&mut self.omit).for_each(|id| *id = renamed(id));
    }
}

/// Returns what the environment of this name does to a plan besides changing it; nothing if it has none.
pub(super) fn laid_over(plan: &Plan, environment: Option<&Id>) -> LaidOver {
    let Some(chosen) = environment.and_then(|id| plan.environments.get(id)) else {
        return LaidOver::default();
    };
    let mapped = |(id, place): (&Id, &PlaceOverlay)| match place {
        PlaceOverlay::Mapped(other) => Some((id.clone(), other.clone())),
        PlaceOverlay::Changed(_) => None,
    };
    let places = chosen.places.keys().map(ToString::to_string);
    LaidOver {
        mapped: chosen.places.iter().filter_map(mapped).collect(),
        replaced: places.chain(chosen.secrets.keys().map(ToString::to_string)).collect(),
        reads: chosen.reads.clone(),
        omit: chosen.omit.clone(),
    }
}
