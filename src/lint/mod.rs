//! From a plan to findings: one file a rule, and what they share.

mod allows;
mod check;
mod context;
mod cores;
mod destruction;
mod edges;
mod holdings;
mod levels;
mod memo;
mod mend;
mod names;
mod portfolio;
mod promotion;
mod recipes;
mod references;
mod repetition;
mod routed;
mod rule;
mod rules;
mod shell;
mod sink;
mod sites;
#[cfg(test)]
mod tests;
mod variables;

pub use check::{Request, check, has_broken_names};
pub use context::{Context, in_scenario};
pub use cores::on_all_cores;
pub use levels::{Levels, UnknownRule, is_of_names, meta_of, unknown};
pub use mend::{Mended, mend};
pub use names::{NameKind, Names, things};
pub use portfolio::{as_its_own, duplicate_plans, plan_id};
pub use references::{Reference, Wanted, references};
pub use routed::{Routed, Taken};
pub use rule::{Rule, Stage};
pub use rules::RULES;
pub use sink::{Sink, Subject};
