//! Earliest start and end of each node, the critical path, and slack.
//!
//! The critical path method (Kelley and Walker, 1959) over the route's graph: a node starts when the
//! last of what it waits for has ended; slack is by how much it may be late before the end is.

use std::collections::HashMap;

use super::estimate;
use crate::graph::{Cycle, StepGraph};
use crate::resolve::{NodeKind, ResolvedPlan, Route};
use crate::value::Length;

/// When a node runs, counted from the start of the recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Earliest start.
    pub start: Length,
    /// Earliest end.
    pub end: Length,
    /// By how much it may be late before the whole recovery is.
    pub slack: Length,
}

/// When everything runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Each node, by its position in the route.
    pub timings: Vec<Timing>,
    /// The end of the last node.
    pub total: Length,
    /// The chain of nodes that sets the total, from first to last.
    pub critical_path: Vec<usize>,
    /// The nodes for which the plan gives no estimate; they count as nothing.
    pub without_estimate: Vec<usize>,
}

/// Works out when everything runs, if whatever can run side by side does.
///
/// # Errors
///
/// The shortest way round, if there is one.
pub fn schedule(plan: &ResolvedPlan, route: &Route, graph: &StepGraph) -> Result<Schedule, Cycle> {
    let order = graph.order()?;
    let mut timings = vec![Timing::default(); graph.len()];
    let mut lengths = vec![Length::ZERO; graph.len()];
    let mut without_estimate = Vec::new();
    let mut group_starts: HashMap<&str, Length> = HashMap::new();
    for at in &order {
        let at = *at;
        let node = &route.nodes[at];
        let start = graph.after(at).into_iter().map(|before| timings[before].end).max().unwrap_or_default();
        let estimate = estimate(plan, node);
        if estimate.is_none() {
            without_estimate.push(at);
        }
        let mut length = estimate.unwrap_or_default();
        if let NodeKind::Step(step) = node.kind {
            let step = &plan.steps[step];
            if let Some(group) = &step.part_of {
                let first = group_starts.entry(group.as_str()).or_insert(start);
                *first = (*first).min(start);
            } else if step.is_group() {
                // The estimate at `use:` is for the whole recipe; its parts have used up some of it.
                let begun = group_starts.get(step.id.as_str()).copied().unwrap_or(start);
                length = length.saturating_sub(start.saturating_sub(begun));
            }
        }
        lengths[at] = length;
        timings[at] = Timing { start, end: start.saturating_add(length), slack: Length::ZERO };
    }
    let total = timings.iter().map(|timing| timing.end).max().unwrap_or_default();
    let mut latest_end = vec![total; graph.len()];
    for at in order.iter().rev().copied() {
        let latest_start = latest_end[at].saturating_sub(lengths[at]);
        timings[at].slack = latest_end[at].saturating_sub(timings[at].end);
        for before in graph.after(at) {
            latest_end[before] = latest_end[before].min(latest_start);
        }
    }
    without_estimate.sort_unstable();
    let critical_path = critical_path(graph, &timings, total);
    Ok(Schedule { timings, total, critical_path, without_estimate })
}

/// Walks back from the node that ends last, always to the one that it had to wait for.
fn critical_path(graph: &StepGraph, timings: &[Timing], total: Length) -> Vec<usize> {
    let Some(mut at) = (0..timings.len()).rev().find(|at| timings[*at].end == total) else {
        return Vec::new();
    };
    let mut path = vec![at];
    loop {
        let before = graph.after(at);
        let Some(next) = before.into_iter().find(|before| timings[*before].end == timings[at].start) else {
            break;
        };
        path.push(next);
        at = next;
    }
    path.reverse();
    path
}
