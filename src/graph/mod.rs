//! The nodes of a route as a graph: their order, their waves, and the way round if there is one.

mod cycle;
mod step_graph;

pub use cycle::Cycle;
pub use step_graph::StepGraph;
