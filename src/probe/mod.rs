//! Probes: the one form of question, wherever one is asked (`health`, `verify`, `unless`, `wait`).
//!
//! This room holds what a probe *is*; the room `effect` asks it.

mod command;
mod expect;
mod facts;
mod http;
mod kind;
mod pg_dump;

pub use command::Command;
pub use expect::{Expect, Pattern};
pub use facts::{Fact, Facts, Integrity, JsonPath, TableFact};
pub use http::{HttpRequest, Method};
pub use kind::{Asked, Probe, ProbeKind, RawProbe, Scope};
pub use pg_dump::PgDump;
