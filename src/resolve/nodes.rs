//! The nodes of a route and their order.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::reach::Reach;
use super::reliance::{Kind, Reliance, Thing};
use super::route::{AssetState, Route};
use super::{ResolvedPlan, ResolvedStep, Section};
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
pub(super) fn order(
    plan: &ResolvedPlan,
    route: &Route,
    reliance: &Reliance<'_>,
    reach: &Reach,
    with_stage: bool,
) -> Vec<Node> {
    let taken = |step: &ResolvedStep| match step.section {
        Section::Steps => route.chosen.contains_key(step.written_as()),
        Section::Prepare | Section::Cleanup => with_stage && super::finder::applies(plan, route, step),
    };
    let steps = plan.steps.iter().enumerate().filter(|(_, step)| taken(step));
    let steps = steps.map(|(at, step)| (&step.id, NodeKind::Step(at)));
    let is_hit = |id: &Id| {
        let state = route.assets.get(id).map(|asset| asset.state);
        !matches!(state, None | Some(AssetState::Untouched | AssetState::LeftOut))
    };
    let assets = plan.assets.keys().enumerate().filter(|(_, id)| is_hit(id));
    let assets = assets.map(|(at, id)| (id, NodeKind::Health(at)));
    let mut nodes: Vec<Node> =
        steps.chain(assets).map(|(id, kind)| Node { id: id.clone(), kind, after: Vec::new() }).collect();
    let order = Order::new(plan, reliance, reach, &nodes);
    let after: Vec<Vec<(usize, String)>> = nodes.iter().map(|node| order.after(node)).collect();
    for (node, after) in nodes.iter_mut().zip(after) {
        node.after = after;
    }
    nodes
}

struct Order<'a> {
    plan: &'a ResolvedPlan,
    reliance: &'a Reliance<'a>,
    reach: &'a Reach,
    nodes: HashMap<&'a str, usize>,
    groups: HashMap<&'a str, &'a ResolvedStep>,
    parts: HashMap<&'a str, Vec<usize>>,
    stage: Vec<usize>,
    /// The node of each step and of each asset, by its position in the plan.
    of_step: Vec<Option<usize>>,
    of_asset: Vec<Option<usize>>,
}

impl<'a> Order<'a> {
    fn new(plan: &'a ResolvedPlan, reliance: &'a Reliance<'a>, reach: &'a Reach, nodes: &'a [Node]) -> Self {
        let mut order = Self {
            plan,
            reliance,
            reach,
            nodes: nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect(),
            groups: HashMap::new(),
            parts: HashMap::new(),
            stage: Vec::new(),
            of_step: vec![None; plan.steps.len()],
            of_asset: vec![None; plan.assets.len()],
        };
        for (at, node) in nodes.iter().enumerate() {
            let step = match node.kind {
                NodeKind::Step(step) => step,
                NodeKind::Health(asset) => {
                    order.of_asset[asset] = Some(at);
                    continue;
                }
            };
            order.of_step[step] = Some(at);
            let step = &plan.steps[step];
            if step.is_group() {
                order.groups.insert(step.id.as_str(), step);
            }
            match (&step.part_of, step.section) {
                (Some(group), _) => order.parts.entry(group.as_str()).or_default().push(at),
                (None, Section::Prepare) => order.stage.push(at),
                (None, Section::Steps | Section::Cleanup) => {}
            }
        }
        order
    }

    fn after(&self, node: &Node) -> Vec<(usize, String)> {
        let mut after = Vec::new();
        match node.kind {
            NodeKind::Step(at) => self.after_step(at, &mut after),
            NodeKind::Health(at) => self.after_thing(Thing::Asset(at), &mut after),
        }
        // A step cannot wait for the place that it provides itself; no more can a part of a recipe wait for the
        // step that uses it.
        let me = self.nodes.get(node.id.as_str()).copied();
        let whole = match node.kind {
            NodeKind::Step(at) => self.plan.steps[at].part_of.as_ref(),
            NodeKind::Health(_) => None,
        };
        let whole = whole.and_then(|whole| self.nodes.get(whole.as_str()).copied());
        after.retain(|(at, why)| (Some(*at) != me && Some(*at) != whole) || why == NEEDS);
        after.sort_by_key(|(at, _)| *at);
        after.dedup_by_key(|(at, _)| *at);
        after
    }

    fn after_step(&self, at: usize, after: &mut Vec<(usize, String)>) {
        let step = &self.plan.steps[at];
        let group = step.part_of.as_ref().and_then(|group| self.groups.get(group.as_str()).copied());
        let whole = group.unwrap_or(step);
        // Inside a recipe, a step names its neighbours without the path. The stage of a drill is no part of what is
        // relied on in a disaster: there only what is named is waited for.
        if group.is_some() || step.section != Section::Steps {
            for id in step.common.needs.iter().flat_map(crate::plan::Need::ids) {
                let neighbour = step.part_of.as_ref().map(|group| group.join(id));
                let node = neighbour.as_ref().and_then(|id| self.nodes.get(id.as_str()));
                if let Some(node) = node.or_else(|| self.nodes.get(id.as_str())) {
                    after.push((*node, NEEDS.to_owned()));
                }
            }
        }
        // A part begins when the step that uses its recipe could begin.
        if let (Section::Steps, Some(thing)) = (step.section, self.reliance.thing(whole.id.as_str())) {
            self.after_thing(thing, after);
        }
        if step.is_group() {
            let parts = self.parts.get(step.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            after.extend(parts.iter().map(|at| (*at, "part".to_owned())));
        }
        if step.section == Section::Steps {
            after.extend(self.stage.iter().map(|at| (*at, "sets the stage".to_owned())));
        }
    }

    /// Adds what a step or an asset waits for; through secrets, copies and places, which are no nodes, it looks
    /// at what these rely on.
    fn after_thing(&self, thing: Thing, after: &mut Vec<(usize, String)>) {
        let mut seen: HashSet<Thing> = HashSet::new();
        let mut open: Vec<(Thing, Thing, Cow<'static, str>)> = Vec::new();
        for requirement in self.reach.requirements(thing) {
            let why = self.reason(requirement.kind);
            let serving = self.reach.serving(thing, requirement);
            open.extend(serving.iter().map(|next| (thing, *next, why.clone())));
        }
        open.reverse();
        while let Some((from, needed, why)) = open.pop() {
            let node = match needed {
                Thing::Step(at) => self.of_step.get(at).copied().flatten(),
                Thing::Asset(at) => self.of_asset.get(at).copied().flatten(),
                Thing::Person(_) => None,
                Thing::Place(_) | Thing::Secret(_) | Thing::Copy(..) => {
                    let requirements = self.reach.requirements(needed);
                    if requirements.is_empty() || !seen.insert(needed) {
                        continue;
                    }
                    for requirement in requirements {
                        let why = match requirement.kind {
                            Kind::ProvidedBy => why.clone(),
                            _ => Cow::Owned(format!("{} needs it", self.reliance.name(needed))),
                        };
                        let serving = self.reach.serving(needed, requirement);
                        open.extend(serving.iter().map(|next| (needed, *next, why.clone())));
                    }
                    None
                }
            };
            let Some(node) = node else { continue };
            let why = match from {
                Thing::Place(_) if matches!(needed, Thing::Step(_)) => {
                    format!("provides {}, {why}", self.reliance.name(from))
                }
                _ => why.into_owned(),
            };
            after.push((node, why));
        }
    }

    fn reason(&self, kind: Kind) -> Cow<'static, str> {
        match kind {
            Kind::Inherited(asset, _) => {
                format!("{} needs it", self.reliance.name(Thing::Asset(asset))).into()
            }
            Kind::Home(_) => "its home".into(),
            Kind::On => "done there".into(),
            Kind::RestoredBy => "restores it".into(),
            Kind::Controller => "drplan runs from there".into(),
            Kind::From => "restored from there".into(),
            Kind::Within(place, _) => format!("{} is in it", self.reliance.name(Thing::Place(place))).into(),
            _ => NEEDS.into(),
        }
    }
}

const NEEDS: &str = "needed";
