//! The nodes of a route and their order.

use std::collections::HashSet;

use super::index::Index;
use super::reach::Reach;
use super::reasons::why_not;
use super::reliance::{Kind, Thing};
use super::route::{AssetState, Route};
use super::{ResolvedPlan, Section};
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
    /// The nodes that must be over before it begins, as positions, each with the reason.
    pub after: Box<[(usize, Reason)]>,
}

/// Why a node comes after another. It is put into words where somebody reads it: a large route has as many reasons as
/// it has steps, and three words for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    why: Why,
    /// The place that the other one provides, if that is what is needed of it.
    provides: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Why {
    #[default]
    Needed,
    Part,
    Stage,
    Home,
    Done,
    Restores,
    Controller,
    From,
    NeededBy(Thing),
    /// The place, by position.
    Holds(u32),
}

impl Reason {
    /// Returns it in a few words.
    pub fn words(self, plan: &ResolvedPlan) -> String {
        let why = match self.why {
            Why::Needed => "needed".to_owned(),
            Why::Part => "part".to_owned(),
            Why::Stage => "sets the stage".to_owned(),
            Why::Home => "its home".to_owned(),
            Why::Done => "done there".to_owned(),
            Why::Restores => "restores it".to_owned(),
            Why::Controller => "drplan runs from there".to_owned(),
            Why::From => "restored from there".to_owned(),
            Why::NeededBy(thing) => format!("{} needs it", thing.name(plan)),
            Why::Holds(place) => format!("{} is in it", Thing::Place(place as usize).name(plan)),
        };
        match self.provides {
            Some(place) => format!("provides {}, {why}", Thing::Place(place as usize).name(plan)),
            None => why,
        }
    }
}

impl From<Why> for Reason {
    fn from(why: Why) -> Self {
        Self { why, provides: None }
    }
}

/// Puts the chosen steps and the assets that they bring back in order.
pub(super) fn order(index: &Index<'_>, route: &Route, reach: &Reach<'_>, with_stage: bool) -> Vec<Node> {
    let plan = index.plan;
    let mut nodes: Vec<Node> = Vec::with_capacity(plan.steps.len() + plan.assets.len());
    let mut of_step = vec![None; plan.steps.len()];
    let mut of_asset = vec![None; plan.assets.len()];
    let mut staged = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let whole = index.whole(at);
        let is_taken = match step.section {
            Section::Steps => route.chosen.has(whole),
            Section::Prepare | Section::Cleanup => {
                with_stage && why_not(plan, route, step, &plan.steps[whole]).is_none()
            }
        };
        if is_taken && !is_left_out(index, route, at) {
            of_step[at] = Some(nodes.len());
            if step.section == Section::Prepare && step.part_of.is_none() {
                staged.push(nodes.len());
            }
            nodes.push(Node { id: step.id.clone(), kind: NodeKind::Step(at), after: Box::default() });
        }
    }
    for (at, id) in plan.assets.keys().enumerate() {
        let state = route.assets.at(at).map(|asset| asset.state);
        if !matches!(state, None | Some(AssetState::Untouched | AssetState::LeftOut)) {
            of_asset[at] = Some(nodes.len());
            nodes.push(Node { id: id.clone(), kind: NodeKind::Health(at), after: Box::default() });
        }
    }
    nodes.shrink_to_fit();
    let order = Order { index, reach, stage: staged, of_step, of_asset };
    let mut seen = HashSet::default();
    for (me, node) in nodes.iter_mut().enumerate() {
        node.after = order.after(me, node.kind, &mut seen);
    }
    nodes
}

/// Whether a part is left out though the whole is carried out: a step of a child plan may say when it belongs to it, and
/// an environment may leave it out.
fn is_left_out(index: &Index<'_>, route: &Route, at: usize) -> bool {
    let step = |at: usize| &index.plan.steps[at];
    let may_be_left_out = |at: &usize| step(*at).part_of.is_some();
    let mut within = std::iter::once(at).chain(index.groups(at)).filter(may_be_left_out);
    within.any(|at| why_not(index.plan, route, step(at), step(at)).is_some())
}

struct Order<'a> {
    index: &'a Index<'a>,
    reach: &'a Reach<'a>,
    /// The nodes that set the stage of a drill.
    stage: Vec<usize>,
    /// The node of each step and of each asset, by its position in the plan.
    of_step: Vec<Option<usize>>,
    of_asset: Vec<Option<usize>>,
}

/// Places, secrets and copies that were looked at on the way.
type Seen = HashSet<Thing, ahash::RandomState>;

impl Order<'_> {
    fn after(&self, me: usize, kind: NodeKind, seen: &mut Seen) -> Box<[(usize, Reason)]> {
        let mut after = Vec::new();
        let mut whole = None;
        match kind {
            NodeKind::Step(at) => {
                self.after_step(at, &mut after, seen);
                whole =
                    Some(self.index.whole(at)).filter(|whole| *whole != at).and_then(|at| self.of_step[at]);
            }
            NodeKind::Health(at) => self.after_thing(Thing::Asset(at), &mut after, seen),
        }
        // A step cannot wait for the place that it provides itself; no more can a part of a recipe wait for the
        // step that uses it.
        after.retain(|(at, why)| (*at != me && Some(*at) != whole) || *why == Reason::default());
        after.sort_by_key(|(at, _)| *at);
        after.dedup_by_key(|(at, _)| *at);
        after.into()
    }

    fn after_step(&self, at: usize, after: &mut Vec<(usize, Reason)>, seen: &mut Seen) {
        let step = &self.index.plan.steps[at];
        // Inside a recipe, a step names its neighbours without the path; and what a part is part of must be able to begin
        // as well. The stage of a drill is no part of what is relied on in a disaster: there only what is named is waited
        // for.
        let is_own = step.section == Section::Steps;
        let whole = self.index.whole(at);
        for waits in std::iter::once(at).chain(self.index.groups(at)) {
            if waits != whole || !is_own {
                self.after_needs(waits, after, 0);
            }
        }
        if is_own {
            self.after_thing(Thing::Step(whole), after, seen);
        }
        if step.is_group() {
            let parts = self.index.parts(at).filter(|part| self.index.groups(*part).next() == Some(at));
            after.extend(parts.filter_map(|part| Some((self.of_step[part]?, Why::Part.into()))));
        }
        if step.section == Section::Steps {
            after.extend(self.stage.iter().map(|node| (*node, Why::Stage.into())));
        }
    }

    /// Adds what a part names under `needs`; for what is left out, what that needs itself.
    fn after_needs(&self, at: usize, after: &mut Vec<(usize, Reason)>, depth: usize) {
        let plan = self.index.plan;
        let step = &plan.steps[at];
        for id in step.common.needs.iter().flat_map(crate::plan::Need::ids) {
            let neighbour = step.group().map(|group| group.join(id));
            let known = |id: &Id| self.index.step_ids.position(id);
            let neighbour = neighbour.as_ref().filter(|id| known(id).is_some()).unwrap_or(id);
            match (self.node(neighbour), known(neighbour)) {
                (Some(node), _) => after.push((node, Reason::default())),
                (None, Some(left_out)) if step.part_of.is_some() && depth < plan.steps.len() => {
                    self.after_needs(left_out, after, depth + 1);
                }
                _ => {}
            }
        }
    }

    /// Returns the node of a step or of an asset.
    fn node(&self, id: &crate::value::Id) -> Option<usize> {
        let step = self.index.step_ids.position(id).and_then(|at| self.of_step[at]);
        step.or_else(|| self.index.asset_ids.position(id).and_then(|at| self.of_asset[at]))
    }

    /// Adds what a step or an asset waits for; through secrets, copies and places, which are no nodes, it looks
    /// at what these rely on.
    fn after_thing(&self, thing: Thing, after: &mut Vec<(usize, Reason)>, seen: &mut Seen) {
        seen.clear();
        let mut open: Vec<(Thing, Thing, Why)> = Vec::new();
        for requirement in self.reach.requirements(thing).iter() {
            let why = why(requirement.kind);
            let serving = self.reach.serving(thing, requirement);
            open.extend(serving.iter().map(|next| (thing, *next, why)));
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
                    for requirement in requirements.iter() {
                        let why = match requirement.kind {
                            Kind::ProvidedBy => why,
                            _ => Why::NeededBy(needed),
                        };
                        let serving = self.reach.serving(needed, requirement);
                        open.extend(serving.iter().map(|next| (needed, *next, why)));
                    }
                    None
                }
            };
            let Some(node) = node else { continue };
            let provides = match (from, needed) {
                (Thing::Place(place), Thing::Step(_)) => u32::try_from(place).ok(),
                _ => None,
            };
            after.push((node, Reason { why, provides }));
        }
    }
}

const fn why(kind: Kind) -> Why {
    match kind {
        Kind::Inherited(asset, _) => Why::NeededBy(Thing::Asset(asset as usize)),
        Kind::Home(_) => Why::Home,
        Kind::On => Why::Done,
        Kind::RestoredBy => Why::Restores,
        Kind::Controller => Why::Controller,
        Kind::From => Why::From,
        Kind::Within(place, _) => Why::Holds(place),
        _ => Why::Needed,
    }
}
