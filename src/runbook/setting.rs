//! Where something is done by hand, and the variables that it must find there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Fence;
use super::compose::Material;
use super::shell::{expanded, export, login};
use crate::graph::Outline;
use crate::plan::{Action, Wait};
use crate::resolve::{NodeKind, ResolvedStep, Route, copy_of};
use crate::value::{Id, Name, Text};

/// Everything that the writing of steps looks at.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub material: &'a Material<'a>,
    pub route: &'a Route,
    pub outline: &'a Outline,
}

impl<'a> Setting<'a> {
    /// Returns how a place is logged in to; nothing for what is acted on from the controller.
    pub(super) fn login(&self, place: Option<&Id>) -> Option<String> {
        self.material.plan.places.get(place?)?.ssh.as_ref().map(login)
    }

    /// Returns the number of a step or asset.
    pub(super) fn number(&self, id: &str) -> Option<usize> {
        let at = |item: &crate::graph::Item| self.route.nodes[item.node].id.as_str() == id;
        self.outline.items.iter().position(at).map(|at| at + 1)
    }

    /// Returns the step of an item; nothing for an asset.
    pub(super) fn step(&self, item: usize) -> Option<&'a ResolvedStep> {
        self.step_of(self.outline.items[item].node)
    }

    /// Returns the step of a node; nothing for an asset.
    pub(super) fn step_of(&self, node: usize) -> Option<&'a ResolvedStep> {
        match self.route.nodes[node].kind {
            NodeKind::Step(step) => Some(&self.material.plan.steps[step]),
            NodeKind::Health(_) => None,
        }
    }

    /// Returns the outputs that reach an item, each with the number of the step that gives it; those of a part of a step only
    /// where the item's texts name them.
    pub(super) fn outputs_before(&self, item: usize, texts: &str) -> Vec<(&'a Name, usize)> {
        let mut seen = BTreeSet::new();
        let mut queue: Vec<usize> = self.outline.items[item].after.iter().map(|(at, _)| *at).collect();
        while let Some(at) = queue.pop() {
            if seen.insert(at) {
                queue.extend(self.outline.items[at].after.iter().map(|(at, _)| *at));
            }
        }
        let mut outputs: Vec<(&Name, usize)> = Vec::new();
        for at in seen {
            let of_step = self.step(at).into_iter().flat_map(|step| &step.common.outputs);
            let parts = self.outline.items[at].parts.iter().filter_map(|part| self.step_of(*part));
            let of_parts = parts.flat_map(|part| &part.common.outputs);
            let named = of_parts
                .filter(|name| texts.contains(&format!("${name}")) || texts.contains(&format!("${{{name}")));
            for name in of_step.chain(named) {
                if !outputs.iter().any(|(known, _)| *known == name) {
                    outputs.push((name, at + 1));
                }
            }
        }
        outputs
    }

    /// Returns the variables that have the plan's value at every step: no place and no step sets them to anything else.
    pub(super) fn common(&self) -> Vec<(String, String)> {
        let plan = self.material.plan;
        let mut others: BTreeSet<&str> = BTreeSet::new();
        // A place may say the same once more.
        let differs = |(name, value): &(&Name, &_)| plan.vars.get(*name) != Some(*value);
        let places = self.places_of_work();
        let used = plan.places.iter().filter(|(id, _)| places.contains(id));
        let of_places = used.flat_map(|(_, place)| place.vars.iter()).filter(differs);
        others.extend(of_places.map(|(name, _)| name.in_commands()));
        others.extend(plan.secrets.keys().map(Name::in_commands));
        for step in &plan.steps {
            others.extend(step.common.env.keys().chain(step.inputs.keys()).map(Name::in_commands));
            others.extend(step.common.outputs.iter().map(Name::in_commands));
        }
        let mut common = self.variables(None, None);
        common.retain(|(name, _)| !others.contains(name.as_str()));
        common
    }

    /// Returns the places whose variables are set somewhere in this runbook.
    fn places_of_work(&self) -> BTreeSet<&'a Id> {
        let plan = self.material.plan;
        let mut places: BTreeSet<&Id> = BTreeSet::new();
        let mut take = |id: &Id| places.extend(plan.places.get_key_value(id).map(|(id, _)| id));
        for node in self.outline.items.iter().flat_map(|item| item.parts.iter().chain([&item.node])) {
            let probes: Vec<&crate::probe::Probe> = match self.route.nodes[*node].kind {
                NodeKind::Step(at) => {
                    let step = &plan.steps[at];
                    self.route.place_of(plan, step).iter().for_each(&mut take);
                    let copy =
                        self.route.chosen.get(step.written_as()).and_then(|choice| choice.copy.as_ref());
                    let copy = copy.and_then(|choice| copy_of(plan, choice.copy.as_str()));
                    copy.and_then(|(_, _, _, copy)| copy.in_.as_ref()).into_iter().for_each(&mut take);
                    let waited_for = match &*step.action {
                        Action::Wait(Wait::Until(probe)) => Some(probe),
                        _ => None,
                    };
                    let common = &step.common;
                    let asked = common.preconditions.iter().chain(&common.verify);
                    asked.chain(&common.unless).chain(waited_for).map(Arc::as_ref).collect()
                }
                NodeKind::Health(_) => {
                    let id = &self.route.nodes[*node].id;
                    self.route
                        .assets
                        .get(id)
                        .and_then(|asset| asset.home.as_ref())
                        .into_iter()
                        .for_each(&mut take);
                    plan.assets
                        .get(id)
                        .map(|asset| asset.health.iter().map(Arc::as_ref).collect())
                        .unwrap_or_default()
                }
            };
            probes.iter().filter_map(|probe| probe.on.as_ref()).for_each(&mut take);
        }
        places
    }

    /// Writes the variables of the plan, of the place where the copy lies that is restored from, and of the place where that is done.
    pub(super) fn variables(&self, source: Option<&Id>, place: Option<&Id>) -> Vec<(String, String)> {
        let plan = self.material.plan;
        let places = [source, place].into_iter().flatten().filter_map(|place| plan.places.get(place));
        let mut variables: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: &str| {
            variables.retain(|(known, _)| known != name);
            variables.push((name.to_owned(), value.to_owned()));
        };
        for (name, value) in plan.vars.iter().chain(places.flat_map(|place| place.vars.iter())) {
            set(name.as_str(), value.as_str());
        }
        set("DRPLAN_RUN", "by-hand");
        if let Some(scenario) = &self.route.scenario {
            set("DRPLAN_SCENARIO", scenario.as_str());
        }
        if let Some(place) = place {
            set("DRPLAN_HOME", place.as_str());
        }
        variables
    }
}

/// The lines that a person pastes before a step. It knows what earlier steps have set, so that nothing lingers.
#[derive(Debug)]
pub(super) struct Lines {
    common: BTreeSet<String>,
    lingering: BTreeSet<String>,
}

/// What is set before a step.
pub(super) struct Assignments {
    /// Everything.
    pub all: Option<Fence>,
    /// What was not set when the bash was started.
    pub own: Option<Fence>,
}

impl Lines {
    /// Begins where these are set already.
    pub(super) fn after(common: &[(String, String)]) -> Self {
        let common = common.iter().map(|(name, _)| name.clone()).collect();
        Self { common, lingering: BTreeSet::new() }
    }

    /// Writes the lines: what may linger is taken away, then everything is set.
    pub(super) fn write(
        &mut self,
        variables: &[(String, String)],
        (blanks, keeps_blanks): (&[String], bool),
        outputs: &[(&Name, usize)],
        inputs: impl Iterator<Item = (String, Text)>,
        is_remote: bool,
    ) -> Assignments {
        let is_common = |(name, _): &&(String, String)| self.common.contains(name);
        let (common, own): (Vec<_>, Vec<_>) = variables.iter().partition(is_common);
        let exports = |of: Vec<&(String, String)>| -> Vec<String> {
            of.into_iter().map(|(name, value)| export(name, value)).collect()
        };
        let (common, mut lines) = (exports(common), exports(own));
        let mut names: BTreeSet<String> = variables.iter().map(|(name, _)| name.clone()).collect();
        for name in blanks {
            // In quotes, for a path or key may have blanks in it.
            lines.push(if is_remote && keeps_blanks {
                format!("export {name}=\"${{{name}:-________}}\"")
            } else {
                format!("export {name}='________'")
            });
            names.insert(name.clone());
        }
        for (name, number) in outputs {
            lines.push(if is_remote {
                // Filled in once, it stays for the next step in the same shell.
                format!("export {name}=\"${{{name}:-________}}\"")
            } else {
                format!("export {name}=\"${{{name}:?is not set; step {number} prints it}}\"")
            });
        }
        for (name, value) in inputs {
            lines.push(format!("export {name}={}", expanded(&value)));
            names.insert(name);
        }
        let stale: Vec<&str> =
            self.lingering.iter().filter(|name| !names.contains(*name)).map(String::as_str).collect();
        if !stale.is_empty() && !is_remote {
            lines.insert(0, format!("unset -v {}", stale.join(" ")));
        }
        if !is_remote {
            self.lingering = names;
        }
        let fence = |lines: &[String]| (!lines.is_empty()).then(|| Fence::bash(lines.join("\n")));
        Assignments { all: fence(&[common, lines.clone()].concat()), own: fence(&lines) }
    }
}
