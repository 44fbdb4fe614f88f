//! The events of a run as they happen: a live view or lines for people, JSON lines for machines.
//!
//! Listeners only tell. Whoever closes the other end of the pipe stops the telling, never the run.

mod json;
mod line;
mod live;
mod phrase;
mod recap;
mod tail;

pub use json::{JsonLines, LineOut, schema};
pub use line::{Lines, Look};
pub use live::{Handle, LiveView, Role, Scene};
pub use recap::Recap;
pub use tail::last_words;
