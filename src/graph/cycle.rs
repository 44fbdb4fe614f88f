//! The way round, for a message.

use std::collections::{HashSet, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// Nodes that wait for each other: each waits for the next, and the last for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Positions of the nodes.
    pub nodes: Vec<usize>,
}

impl Cycle {
    /// Finds one cycle for each knot of nodes that all wait for each other: the shortest through its first node.
    pub(super) fn all(graph: &DiGraph<(), (), u32>) -> Vec<Self> {
        let in_a_cycle = |component: &Vec<NodeIndex>| match component.as_slice() {
            [only] => graph.contains_edge(*only, *only),
            _ => true,
        };
        // Not Tarjan's: petgraph's is recursive, and a cycle can be long.
        let mut knots: Vec<Vec<NodeIndex>> = kosaraju_scc(graph).into_iter().filter(in_a_cycle).collect();
        for knot in &mut knots {
            knot.sort_unstable();
        }
        knots.sort_unstable();
        knots.iter().map(|knot| Self { nodes: shortest_within(graph, knot) }).collect()
    }
}

/// Finds the shortest way from the first node of a knot back to itself, going from each node to what it waits for.
fn shortest_within(graph: &DiGraph<(), (), u32>, knot: &[NodeIndex]) -> Vec<usize> {
    let Some(start) = knot.first().copied() else { return Vec::new() };
    let members: HashSet<NodeIndex> = knot.iter().copied().collect();
    let mut came_from: Vec<Option<NodeIndex>> = vec![None; graph.node_count()];
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        let mut next: Vec<NodeIndex> = graph
            .neighbors_directed(at, petgraph::Direction::Incoming)
            .filter(|next| members.contains(next))
            .collect();
        next.sort_unstable();
        for next in next {
            if next == start {
                let mut way = vec![at.index()];
                let mut back = at;
                while let Some(before) = came_from[back.index()].filter(|_| back != start) {
                    way.push(before.index());
                    back = before;
                }
                way.reverse();
                return way;
            }
            if came_from[next.index()].is_none() {
                came_from[next.index()] = Some(at);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use crate::graph::StepGraph;
    use crate::resolve::{Node, NodeKind, Reason};
    use crate::value::Id;

    fn graph(after: &[&[usize]]) -> StepGraph {
        let nodes: Vec<Node> = after
            .iter()
            .enumerate()
            .map(|(at, after)| Node {
                id: Id::trusted(format!("s{at}")),
                kind: NodeKind::Step(at),
                after: after.iter().map(|before| (*before, Reason::default())).collect(),
            })
            .collect();
        StepGraph::new(&nodes)
    }

    #[test]
    fn waves_never_break_a_need() {
        let graph = graph(&[&[], &[0], &[0], &[1, 2], &[]]);
        assert_eq!(graph.waves().unwrap(), vec![vec![0, 4], vec![1, 2], vec![3]]);
    }

    #[test]
    fn the_shortest_way_round_is_found() {
        assert_eq!(graph(&[&[0]]).order().unwrap_err().nodes, vec![0]);
        assert_eq!(graph(&[&[], &[2, 3], &[4], &[1], &[1]]).order().unwrap_err().nodes, vec![1, 3]);
    }

    #[test]
    fn every_knot_is_told_by_one_way_round() {
        let ways = |after: &[&[usize]]| -> Vec<Vec<usize>> {
            graph(after).cycles().into_iter().map(|cycle| cycle.nodes).collect()
        };
        assert_eq!(ways(&[&[1], &[0], &[0], &[3], &[5], &[4, 2]]), [vec![0, 1], vec![3], vec![4, 5]]);
        assert_eq!(ways(&[&[], &[0]]), Vec::<Vec<usize>>::new());
    }
}
