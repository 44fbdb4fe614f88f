//! A route as a person reads it: the parts of a recipe folded into the step that uses it, in waves.

use super::{Cycle, StepGraph};
use crate::resolve::{Node, NodeKind, ResolvedPlan, Route};
use crate::value::{Id, Length};

/// When a node runs, counted from the start of the recovery. Plain data, so that this room need not know who worked it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeTime {
    /// Start.
    pub start: Length,
    /// End.
    pub end: Length,
    /// By how much it may be late before the whole recovery is.
    pub slack: Length,
    /// What the plan says it takes; nothing if it does not say.
    pub estimate: Option<Length>,
    /// What drills have measured, which counts before that; nothing if none has.
    pub measured: Option<Length>,
    /// Whether it is on the critical path.
    pub critical: bool,
}

/// A step with the parts of its recipe, or an asset that must become healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The step or asset, as a position in the route.
    pub node: usize,
    /// The parts of its recipe, in order, as positions in the route.
    pub parts: Vec<usize>,
    /// The items that must be over before it begins, as positions in the outline, each with the reason.
    pub after: Vec<(usize, String)>,
    /// Its wave, from 0: it waits only for the waves before it.
    pub wave: usize,
    /// When it runs, its parts included.
    pub time: NodeTime,
}

/// The items of a route in an order in which one person can do them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The items; each comes after all that it waits for.
    pub items: Vec<Item>,
}

impl Outline {
    /// Folds a route; `times` has one for each node.
    ///
    /// # Errors
    ///
    /// The shortest way round, if there is one.
    pub fn new(
        plan: &ResolvedPlan,
        route: &Route,
        graph: &StepGraph,
        times: &[NodeTime],
    ) -> Result<Self, Cycle> {
        let waves = graph.waves()?;
        let order: Vec<usize> = waves.into_iter().flatten().collect();
        let whole = wholes(plan, &route.nodes);
        let mut parts: Vec<Vec<usize>> = vec![Vec::new(); route.nodes.len()];
        for at in order.iter().copied().filter(|at| whole[*at] != *at) {
            parts[whole[at]].push(at);
        }
        let mut wave_of = vec![0; route.nodes.len()];
        let mut items = Vec::new();
        // What closes a recipe comes after its parts, so wholes in this order come after what they wait for.
        for at in order.into_iter().filter(|at| whole[*at] == *at) {
            let members = || parts[at].iter().copied().chain([at]);
            let mut after: Vec<(usize, String)> = members()
                .flat_map(|member| route.nodes[member].after.iter())
                .map(|(before, why)| (whole[*before], why.words(plan)))
                .filter(|(before, _)| *before != at)
                .collect();
            after.sort_by_key(|(before, _)| *before);
            after.dedup_by_key(|(before, _)| *before);
            wave_of[at] = after.iter().map(|(before, _)| wave_of[*before] + 1).max().unwrap_or(0);
            let time = over(members().map(|member| times[member]), times[at]);
            items.push(Item { node: at, parts: parts[at].clone(), after, wave: wave_of[at], time });
        }
        let priority = |item: &Item| priority(plan, &route.nodes[item.node]);
        items.sort_by_key(|item| (item.wave, item.time.start, priority(item), item.node));
        let mut place_of = vec![0; route.nodes.len()];
        for (place, item) in items.iter().enumerate() {
            place_of[item.node] = place;
        }
        for item in &mut items {
            for (before, _) in &mut item.after {
                *before = place_of[*before];
            }
            item.after.sort_by_key(|(before, _)| *before);
        }
        Ok(Self { items })
    }

    /// Returns, for each item, the items that it waits for and that nothing else it waits for waits for already.
    ///
    /// Above so many items that this would take long, everything that it waits for.
    pub fn nearest(&self) -> Vec<Vec<usize>> {
        const MOST: usize = 1000;
        let all = |item: &Item| item.after.iter().map(|(before, _)| *before).collect::<Vec<_>>();
        if self.items.len() > MOST {
            return self.items.iter().map(all).collect();
        }
        let mut above: Vec<Vec<bool>> = Vec::with_capacity(self.items.len());
        let mut nearest = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let before = all(item);
            let mut mine = vec![false; self.items.len()];
            for at in &before {
                for (mine, theirs) in mine.iter_mut().zip(&above[*at]) {
                    *mine |= *theirs;
                }
            }
            nearest.push(before.iter().copied().filter(|at| !mine[*at]).collect());
            for at in before {
                mine[at] = true;
            }
            above.push(mine);
        }
        nearest
    }
}

/// Returns, for each node, the node that closes the recipe it is part of; itself if it is part of none.
fn wholes(plan: &ResolvedPlan, nodes: &[Node]) -> Vec<usize> {
    let at_of: std::collections::HashMap<&Id, usize> =
        nodes.iter().enumerate().map(|(at, node)| (&node.id, at)).collect();
    let whole = |(at, node): (usize, &Node)| match node.kind {
        NodeKind::Step(step) => {
            plan.steps[step].part_of.as_ref().and_then(|group| at_of.get(group)).copied().unwrap_or(at)
        }
        NodeKind::Health(_) => at,
    };
    nodes.iter().enumerate().map(whole).collect()
}

fn over(members: impl Iterator<Item = NodeTime>, whole: NodeTime) -> NodeTime {
    members.fold(whole, |all, one| NodeTime {
        start: all.start.min(one.start),
        end: all.end.max(one.end),
        slack: all.slack.min(one.slack),
        critical: all.critical || one.critical,
        estimate: all.estimate,
        measured: all.measured,
    })
}

/// Among things that can be done at the same time, the asset with the highest priority comes first.
fn priority(plan: &ResolvedPlan, node: &Node) -> u32 {
    let of = |id: &Id| plan.assets.get(id).and_then(|asset| asset.priority).map(std::num::NonZeroU32::get);
    let priority = match node.kind {
        NodeKind::Step(step) => plan.steps[step].common.restores.iter().filter_map(of).min(),
        NodeKind::Health(_) => of(&node.id),
    };
    priority.unwrap_or(u32::MAX)
}
