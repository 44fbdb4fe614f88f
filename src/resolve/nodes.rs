//! The nodes of a route and their order.

use std::collections::HashMap;

use super::route::{AssetState, Route};
use super::{ResolvedPlan, ResolvedStep, Section};
use crate::plan::Need;
use crate::value::Id;

/// What a node of a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A step, by its position in the resolved plan.
    Step(usize),
    /// An asset that must become healthy, by its position in the plan's assets.
    Health(usize),
}

/// A node of a route: a step, or an asset that must become healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The step's path, or the asset's id; the two never clash, since ids are unique over the plan.
    pub id: Id,
    /// What it is.
    pub kind: NodeKind,
    /// The nodes that must be over before it begins, as positions, each with the reason in a few words.
    pub after: Vec<(usize, String)>,
}

/// Puts the chosen steps and the assets that they bring back in order.
pub(super) fn order(plan: &ResolvedPlan, route: &Route, with_stage: bool) -> Vec<Node> {
    let chosen: Vec<usize> = plan
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| match step.section {
            Section::Steps => route.chosen.contains_key(step.written_as()),
            Section::Prepare | Section::Cleanup => with_stage && super::route::applies(plan, route, step),
        })
        .map(|(at, _)| at)
        .collect();
    let mut nodes: Vec<Node> = chosen
        .iter()
        .map(|at| Node { id: plan.steps[*at].id.clone(), kind: NodeKind::Step(*at), after: Vec::new() })
        .collect();
    for (at, (id, _)) in plan.assets.iter().enumerate() {
        if route
            .assets
            .get(id)
            .is_some_and(|asset| !matches!(asset.state, AssetState::Untouched | AssetState::LeftOut))
        {
            nodes.push(Node { id: id.clone(), kind: NodeKind::Health(at), after: Vec::new() });
        }
    }
    let order = Order::new(plan, route, &nodes);
    let after: Vec<Vec<(usize, String)>> = nodes.iter().map(|node| order.after(node)).collect();
    for (node, after) in nodes.iter_mut().zip(after) {
        node.after = after;
    }
    nodes
}

struct Order<'a> {
    plan: &'a ResolvedPlan,
    route: &'a Route,
    nodes: HashMap<&'a str, usize>,
    groups: HashMap<&'a str, &'a ResolvedStep>,
    parts: HashMap<&'a str, Vec<usize>>,
    providers: HashMap<&'a str, usize>,
    restorers: HashMap<&'a str, Vec<usize>>,
    stage: Vec<usize>,
}

impl<'a> Order<'a> {
    fn new(plan: &'a ResolvedPlan, route: &'a Route, nodes: &'a [Node]) -> Self {
        let mut order = Self {
            plan,
            route,
            nodes: nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect(),
            groups: HashMap::new(),
            parts: HashMap::new(),
            providers: HashMap::new(),
            restorers: HashMap::new(),
            stage: Vec::new(),
        };
        for (at, node) in nodes.iter().enumerate() {
            let NodeKind::Step(step) = node.kind else { continue };
            let step = &plan.steps[step];
            if step.is_group() {
                order.groups.insert(step.id.as_str(), step);
            }
            match (&step.part_of, step.section) {
                (Some(group), _) => order.parts.entry(group.as_str()).or_default().push(at),
                (None, Section::Prepare) => order.stage.push(at),
                (None, Section::Steps) => {
                    for place in &step.common.provides {
                        order.providers.entry(place.as_str()).or_insert(at);
                    }
                    for asset in &step.common.restores {
                        order.restorers.entry(asset.as_str()).or_default().push(at);
                    }
                }
                (None, Section::Cleanup) => {}
            }
        }
        order
    }

    fn after(&self, node: &Node) -> Vec<(usize, String)> {
        let mut after = match node.kind {
            NodeKind::Step(at) => self.after_step(&self.plan.steps[at]),
            NodeKind::Health(_) => self.after_health(&node.id),
        };
        let me = self.nodes[node.id.as_str()];
        after.sort_by_key(|(at, _)| *at);
        after.dedup_by_key(|(at, _)| *at);
        // A step cannot wait for the place that it provides itself, nor for the asset that it restores itself;
        // no more can a part of a recipe wait for the step that uses it.
        let whole = match node.kind {
            NodeKind::Step(at) => self.plan.steps[at].part_of.as_ref(),
            NodeKind::Health(_) => None,
        };
        let whole = whole.and_then(|whole| self.nodes.get(whole.as_str()).copied());
        after.retain(|(at, why)| (*at != me && Some(*at) != whole) || why == NEEDS);
        after
    }

    fn after_step(&self, step: &ResolvedStep) -> Vec<(usize, String)> {
        let mut after = Vec::new();
        let group = step.part_of.as_ref().and_then(|group| self.groups.get(group.as_str()).copied());
        for need in &step.common.needs {
            self.add_need(need, step, &mut after);
        }
        // A part begins when the step that uses its recipe could begin.
        for need in group.map(|group| group.common.needs.as_slice()).unwrap_or_default() {
            self.add_need(need, step, &mut after);
        }
        let whole = group.unwrap_or(step);
        for asset in &whole.common.restores {
            for need in self.plan.assets.get(asset).map(|asset| asset.needs.as_slice()).unwrap_or_default() {
                self.add_need_for(need, step, &format!("{asset} needs it"), &mut after);
            }
            if whole.common.on.as_ref().is_some_and(|on| on.as_str() == "home") {
                let home = self.route.assets.get(asset).and_then(|asset| asset.home.as_ref());
                if let Some(home) = home {
                    self.add_place(home, "its home", &mut after);
                }
            }
        }
        if let Some(on) = whole.common.on.as_ref().filter(|on| on.as_str() != "home") {
            self.add_place(on, "done there", &mut after);
        }
        if step.is_group() {
            let parts = self.parts.get(step.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            after.extend(parts.iter().map(|at| (*at, "part".to_owned())));
        }
        if step.section == Section::Steps {
            after.extend(self.stage.iter().map(|at| (*at, "sets the stage".to_owned())));
        }
        after
    }

    fn after_health(&self, asset: &Id) -> Vec<(usize, String)> {
        let restorers = self.restorers.get(asset.as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut after: Vec<(usize, String)> =
            restorers.iter().map(|at| (*at, "restores it".to_owned())).collect();
        let needs = self.plan.assets.get(asset).map(|asset| asset.needs.as_slice()).unwrap_or_default();
        for id in needs.iter().flat_map(|need| self.route.relied_on(self.plan, need)) {
            if let Some(at) = self.nodes.get(id.as_str()) {
                after.push((*at, NEEDS.to_owned()));
            }
        }
        after
    }

    fn add_need(&self, need: &Need, step: &ResolvedStep, after: &mut Vec<(usize, String)>) {
        self.add_need_for(need, step, NEEDS, after);
    }

    fn add_need_for(&self, need: &Need, step: &ResolvedStep, why: &str, after: &mut Vec<(usize, String)>) {
        for id in self.route.relied_on(self.plan, need) {
            // Inside a recipe, a step names its neighbours without the path.
            let neighbour = step.part_of.as_ref().map(|group| group.join(id));
            let node = neighbour
                .as_ref()
                .and_then(|id| self.nodes.get(id.as_str()))
                .or_else(|| self.nodes.get(id.as_str()));
            match node {
                Some(at) => after.push((*at, why.to_owned())),
                None => self.add_place(id, why, after),
            }
        }
    }

    fn add_place(&self, place: &Id, why: &str, after: &mut Vec<(usize, String)>) {
        if let Some(at) = self.providers.get(place.as_str()) {
            after.push((*at, format!("provides {place}, {why}")));
        }
    }
}

const NEEDS: &str = "needed";
