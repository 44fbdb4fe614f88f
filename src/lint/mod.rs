//! From a plan to findings: one file a rule, and what they share.

mod allows;
mod check;
mod context;
mod destruction;
mod edges;
mod holdings;
mod levels;
mod mend;
mod names;
mod promotion;
mod recipes;
mod references;
mod repetition;
mod rule;
mod rules;
mod shell;
mod sink;
mod sites;
#[cfg(test)]
mod tests;
mod variables;

pub use check::{Request, check, has_broken_names};
pub use context::{Context, Routed, in_scenario};
pub use levels::{Levels, UnknownRule, meta_of, unknown};
pub use mend::{Mended, mend};
pub use names::{NameKind, Names, things};
pub use references::{Reference, Wanted, references};
pub use rule::{Rule, Stage};
pub use rules::RULES;
pub use sink::{Sink, Subject};
