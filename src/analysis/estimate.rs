//! How long the nodes of a route should take, and on what that rests.

use std::collections::HashMap;

use super::Measured;
use crate::plan::{Action, Wait};
use crate::resolve::{Node, NodeKind, ResolvedPlan, ResolvedStep, Route, Section, copy_of};
use crate::value::Length;

/// Returns how long a node should take by the plan; nothing if the plan does not say.
///
/// A health check takes no time of its own. What sets or clears the stage of a drill is not part of
/// the recovery and counts nothing. A part of a recipe counts only what its recipe says: what is
/// missing to the estimate at `use:` is counted by `Groups`. So it is with a child plan that has an estimate as a whole;
/// without one, it takes as long as its steps.
pub fn estimate(plan: &ResolvedPlan, node: &Node) -> Option<Length> {
    let NodeKind::Step(at) = node.kind else { return Some(Length::ZERO) };
    let step = &plan.steps[at];
    if step.section != Section::Steps {
        return Some(Length::ZERO);
    }
    // The time is that of its items.
    if step.has_items() {
        return Some(Length::ZERO);
    }
    match (&*step.action, step.takes()) {
        (_, Some(takes)) => Some(takes),
        (Action::Wait(Wait::For(length)), None) => Some(*length),
        (Action::Plan { .. }, None) => Some(Length::ZERO),
        (_, None) => {
            let counts_for_all =
                |group: &ResolvedStep| group.is_recipe() || !group.has_items() && group.takes().is_some();
            groups(plan, at).any(counts_for_all).then_some(Length::ZERO)
        }
    }
}

fn groups(plan: &ResolvedPlan, at: usize) -> impl Iterator<Item = &ResolvedStep> {
    plan.groups_of(at).filter_map(|group| plan.steps.get(group))
}

/// Returns the step that is measured as one thing with all that is part of it: the outermost that uses a recipe.
pub(super) fn measured_with(plan: &ResolvedPlan, at: usize) -> Option<&ResolvedStep> {
    groups(plan, at).filter(|group| group.is_recipe()).last()
}

/// What is known of how long a node takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// What the plan says; nothing if it does not say.
    pub planned: Option<Length>,
    /// The median of what drills have measured. It counts before what the plan says.
    pub measured: Option<Length>,
    /// The time to get the chosen copy back, which comes on top.
    pub fetch: Length,
}

impl Estimate {
    /// Returns what counts: what was measured, else what is planned, else nothing; without `fetch`.
    pub fn work(&self) -> Length {
        self.measured.or(self.planned).unwrap_or_default()
    }

    /// Whether neither the plan nor a drill says how long it takes.
    pub const fn is_unknown(&self) -> bool {
        self.planned.is_none() && self.measured.is_none()
    }
}

/// Returns what is known of each node of a route.
pub fn estimates(plan: &ResolvedPlan, route: &Route, measured: &Measured) -> Vec<Estimate> {
    let of = |node: &Node| {
        let planned = estimate(plan, node);
        let Some(step) = recovering(plan, node) else { return Estimate { planned, ..Estimate::default() } };
        if step.has_items() {
            return Estimate { planned, fetch: fetch(plan, route, node), ..Estimate::default() };
        }
        let whole = match node.kind {
            NodeKind::Step(at) => measured_with(plan, at),
            NodeKind::Health(_) => None,
        };
        if let Some(whole) = whole {
            // Where the whole was measured, what the recipe says of its parts is of no interest.
            let of_whole = measured.median(whole.id.as_str()).map(|_| Length::ZERO);
            return Estimate { planned: of_whole.or(planned), ..Estimate::default() };
        }
        Estimate { planned, measured: measured.median(step.id.as_str()), fetch: fetch(plan, route, node) }
    };
    route.nodes.iter().map(of).collect()
}

/// Returns the step of a node, if it is one that recovers.
pub(super) fn recovering<'a>(plan: &'a ResolvedPlan, node: &Node) -> Option<&'a ResolvedStep> {
    match node.kind {
        NodeKind::Step(at) => Some(&plan.steps[at]).filter(|step| step.section == Section::Steps),
        NodeKind::Health(_) => None,
    }
}

/// Returns the time to get back the copy that a step restores from; of the copies that were not chosen, nothing.
fn fetch(plan: &ResolvedPlan, route: &Route, node: &Node) -> Length {
    let NodeKind::Step(at) = node.kind else { return Length::ZERO };
    let choice = route.chosen.at(at).and_then(|choice| choice.copy.as_ref());
    let copy = choice.and_then(|choice| copy_of(plan, choice.copy.as_str()));
    copy.and_then(|(_, _, _, copy)| copy.fetch).unwrap_or_default()
}

/// Steps that use a recipe or carry out a plan, and where the time that they are given for is really spent.
///
/// The estimate at `use:` or `plan:` is for the whole. What its parts do not say themselves is spent in the first
/// of them that does work and says nothing, so that it takes a slot as it will when the plan is carried out.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    whole: usize,
    /// The parts that have no parts themselves, each after those that it waits for, with the positions in this list of those.
    parts: Vec<(usize, Vec<usize>)>,
    /// The node that takes the rest of the time.
    carrier: usize,
}

impl Groups {
    /// Finds the groups; `order` has each node after all that it waits for.
    pub(super) fn new(plan: &ResolvedPlan, route: &Route, order: &[usize], estimates: &[Estimate]) -> Self {
        let mut leaves: HashMap<&str, Vec<usize>, ahash::RandomState> = HashMap::default();
        for at in order {
            let NodeKind::Step(position) = route.nodes[*at].kind else { continue };
            let Some(step) = recovering(plan, &route.nodes[*at]) else { continue };
            if step.part_of.is_none() || step.is_group() {
                continue;
            }
            for group in self::groups(plan, position) {
                leaves.entry(group.id.as_str()).or_default().push(*at);
            }
        }
        let mut groups = Vec::new();
        for (whole, node) in route.nodes.iter().enumerate() {
            let Some(members) = leaves.get(node.id.as_str()) else { continue };
            if recovering(plan, node).is_none_or(ResolvedStep::has_items) {
                continue;
            }
            let position: HashMap<usize, usize, ahash::RandomState> =
                members.iter().enumerate().map(|(position, at)| (*at, position)).collect();
            let before = |at: &usize| {
                // What waits for the end of a group waits for all that is part of it.
                let inner = |before: usize| leaves.get(route.nodes[before].id.as_str());
                let after = route.nodes[*at].after.iter().map(|(before, _)| *before);
                let after = after.flat_map(|before| inner(before).cloned().unwrap_or_else(|| vec![before]));
                after.filter_map(|before| position.get(&before).copied()).collect()
            };
            let parts: Vec<(usize, Vec<usize>)> = members.iter().map(|at| (*at, before(at))).collect();
            let carrier = carrier(plan, route, &parts, estimates).unwrap_or(whole);
            groups.push(Group { whole, parts, carrier });
        }
        // What is inside of another one is spread first. Its path is longer.
        groups.sort_by_key(|group| std::cmp::Reverse(route.nodes[group.whole].id.as_str().len()));
        Self { groups }
    }

    /// Returns the node that takes what is left of a node's time: itself, if it uses no recipe.
    pub(super) fn carrier(&self, at: usize) -> usize {
        self.groups.iter().find(|group| group.whole == at).map_or(at, |group| group.carrier)
    }

    /// Renames the nodes.
    pub(super) fn renamed(mut self, name: &[u32]) -> Self {
        for group in &mut self.groups {
            group.whole = name[group.whole] as usize;
            group.carrier = name[group.carrier] as usize;
            for (part, _) in &mut group.parts {
                *part = name[*part] as usize;
            }
        }
        self
    }

    /// Spreads the time of each whole over its parts. `scratch` is any list; it is kept by the caller, so that nothing
    /// is allocated here.
    pub(super) fn spread(&self, lengths: &mut [u64], scratch: &mut Vec<u64>) {
        for group in &self.groups {
            scratch.clear();
            let mut longest = 0;
            for (part, before) in &group.parts {
                let start = before.iter().map(|at| scratch[*at]).max().unwrap_or(0);
                let end = start.saturating_add(lengths[*part]);
                longest = longest.max(end);
                scratch.push(end);
            }
            let rest = lengths[group.whole].saturating_sub(longest);
            lengths[group.whole] = 0;
            lengths[group.carrier] = lengths[group.carrier].saturating_add(rest);
        }
    }
}

/// Returns the part that takes the rest of the time: on the longest chain of parts, the first that does work and does
/// not say how long it takes.
fn carrier(
    plan: &ResolvedPlan,
    route: &Route,
    parts: &[(usize, Vec<usize>)],
    estimates: &[Estimate],
) -> Option<usize> {
    // By time, then by the number of parts: without any estimate, the chain with the most parts.
    let mut ends: Vec<(u64, usize)> = Vec::with_capacity(parts.len());
    for (part, before) in parts {
        let (time, count) = before.iter().map(|at| ends[*at]).max().unwrap_or_default();
        ends.push((time.saturating_add(estimates[*part].work().as_millis()), count + 1));
    }
    let mut at = (0..parts.len()).max_by_key(|at| (ends[*at], std::cmp::Reverse(*at)))?;
    let mut found = None;
    loop {
        let (part, before) = &parts[at];
        let step = recovering(plan, &route.nodes[*part]);
        let works = step.is_some_and(|step| matches!(*step.action, Action::Run { .. } | Action::Http { .. }));
        if works && estimates[*part].work() == Length::ZERO {
            found = Some(*part);
        }
        let Some(next) = before.iter().copied().max_by_key(|at| (ends[*at], std::cmp::Reverse(*at))) else {
            return found;
        };
        at = next;
    }
}
