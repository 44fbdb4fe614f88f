//! What is wrong in a plan, and where.

mod builder;
mod fix;
mod rule_meta;
mod severity;

pub use builder::{Finding, FindingBuilder, Label};
pub use fix::{Edit, Fix, apply};
pub use rule_meta::RuleMeta;
pub use severity::{Level, Severity};
