//! The nodes of a route as a graph: their order, their waves, the way round if there is one, and drawings.

mod cycle;
mod mermaid;
mod outline;
mod step_graph;
mod tree;
mod words;

pub use cycle::Cycle;
pub use mermaid::mermaid;
pub use outline::{Item, NodeTime, Outline};
pub use step_graph::StepGraph;
pub use tree::{Clock, Pen, Target, tree};
pub use words::{asset_title, is_stranded, item_title, one_line, state_word};
