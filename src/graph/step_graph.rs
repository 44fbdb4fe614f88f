//! A route's nodes over petgraph.

use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Cycle;
use crate::resolve::Node;

/// The nodes of a route, by their positions in [`Route::nodes`](crate::resolve::Route), and what waits for what.
#[derive(Clone, Debug)]
pub struct StepGraph {
    graph: DiGraph<(), (), u32>,
}

impl StepGraph {
    /// Makes the graph; an edge leads from what comes first to what waits for it.
    pub fn new(nodes: &[Node]) -> Self {
        let edges = nodes.iter().map(|node| node.after.len()).sum();
        let mut graph = DiGraph::with_capacity(nodes.len(), edges);
        let indices: Vec<NodeIndex> = nodes.iter().map(|_| graph.add_node(())).collect();
        for (at, node) in nodes.iter().enumerate() {
            for (before, _) in &node.after {
                graph.add_edge(indices[*before], indices[at], ());
            }
        }
        Self { graph }
    }

    /// Returns how many nodes there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the nodes that a node waits for, in the order of the plan.
    pub fn after(&self, at: usize) -> Vec<usize> {
        self.neighbours(at, Direction::Incoming)
    }

    /// Returns the nodes that wait for a node, in the order of the plan.
    pub fn before(&self, at: usize) -> Vec<usize> {
        self.neighbours(at, Direction::Outgoing)
    }

    fn neighbours(&self, at: usize, direction: Direction) -> Vec<usize> {
        let mut neighbours: Vec<usize> =
            self.graph.neighbors_directed(NodeIndex::new(at), direction).map(NodeIndex::index).collect();
        neighbours.sort_unstable();
        neighbours
    }

    /// Returns the nodes so that each comes after all that it waits for.
    ///
    /// # Errors
    ///
    /// The shortest way round, if there is one.
    pub fn order(&self) -> Result<Vec<usize>, Cycle> {
        match toposort(&self.graph, None) {
            Ok(order) => Ok(order.into_iter().map(NodeIndex::index).collect()),
            Err(_) => Err(self.cycles().into_iter().next().unwrap_or(Cycle { nodes: Vec::new() })),
        }
    }

    /// Returns the shortest way round through the first node of each set of nodes that all wait for each other.
    pub fn cycles(&self) -> Vec<Cycle> {
        Cycle::all(&self.graph)
    }

    /// Returns the nodes in waves: each wave waits only for the waves before it.
    ///
    /// # Errors
    ///
    /// The shortest way round, if there is one.
    pub fn waves(&self) -> Result<Vec<Vec<usize>>, Cycle> {
        let mut wave_of = vec![0; self.len()];
        let mut waves: Vec<Vec<usize>> = Vec::new();
        for at in self.order()? {
            let wave = self.after(at).into_iter().map(|before| wave_of[before] + 1).max().unwrap_or(0);
            wave_of[at] = wave;
            if waves.len() <= wave {
                waves.resize(wave + 1, Vec::new());
            }
            waves[wave].push(at);
        }
        for wave in &mut waves {
            wave.sort_unstable();
        }
        Ok(waves)
    }
}
