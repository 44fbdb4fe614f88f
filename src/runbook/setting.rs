//! Where something is done by hand, and the variables that it must find there.

use std::collections::BTreeSet;

use super::Fence;
use super::compose::Material;
use super::shell::{expanded, export, login};
use crate::graph::Outline;
use crate::resolve::{NodeKind, ResolvedStep, Route};
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
        match self.route.nodes[self.outline.items[item].node].kind {
            NodeKind::Step(step) => Some(&self.material.plan.steps[step]),
            NodeKind::Health(_) => None,
        }
    }

    /// Returns the outputs that reach an item, each with the number of the step that gives it.
    pub(super) fn outputs_before(&self, item: usize) -> Vec<(&'a Name, usize)> {
        let mut seen = BTreeSet::new();
        let mut queue: Vec<usize> = self.outline.items[item].after.iter().map(|(at, _)| *at).collect();
        while let Some(at) = queue.pop() {
            if seen.insert(at) {
                queue.extend(self.outline.items[at].after.iter().map(|(at, _)| *at));
            }
        }
        seen.into_iter()
            .filter_map(|at| Some((at, self.step(at)?)))
            .flat_map(|(at, step)| step.common.outputs.iter().map(move |name| (name, at + 1)))
            .collect()
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
#[derive(Debug, Default)]
pub(super) struct Lines {
    lingering: BTreeSet<String>,
}

impl Lines {
    /// Writes the lines: what may linger is taken away, then everything is set.
    pub(super) fn write(
        &mut self,
        variables: &[(String, String)],
        blanks: &[String],
        outputs: &[(&Name, usize)],
        inputs: impl Iterator<Item = (String, Text)>,
        is_remote: bool,
    ) -> Option<Fence> {
        let mut lines: Vec<String> = variables.iter().map(|(name, value)| export(name, value)).collect();
        let mut names: BTreeSet<String> = variables.iter().map(|(name, _)| name.clone()).collect();
        for name in blanks {
            // In quotes, for a path or key may have blanks in it.
            lines.push(format!("export {name}='________'"));
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
        (!lines.is_empty()).then(|| Fence::bash(lines.join("\n")))
    }
}
