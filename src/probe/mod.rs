//! Probes: the one form of question, wherever one is asked (`health`, `verify`, `unless`, `wait`).
//!
//! This room holds what a probe *is*; the room `effect` asks it.

mod command;
mod expect;
mod http;
mod kind;

pub use command::Command;
pub use expect::{Expect, Pattern};
pub use http::{HttpRequest, Method};
pub use kind::{Probe, ProbeKind, RawProbe};
