//! The events of a run as they happen: lines for people, JSON lines for machines.
//!
//! Listeners only tell. Whoever closes the other end of the pipe stops the telling, never the run.

mod json;
mod line;
mod phrase;

pub use json::{JsonLines, LineOut, schema};
pub use line::{Lines, Look};
