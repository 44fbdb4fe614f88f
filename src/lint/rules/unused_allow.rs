//! A comment or an exception that allows what nothing finds.

use crate::finding::RuleMeta;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink};

rule!(
    UnusedAllow,
    "unused-allow",
    Warn,
    "A comment, or an exception of the policy, allows what no rule finds."
);

/// What is known of the rule.
pub(in crate::lint) const META: RuleMeta = UnusedAllow::META;

impl Rule for UnusedAllow {
    fn meta(&self) -> RuleMeta {
        META
    }

    /// Finds nothing by itself: who applies them knows which of them were of use.
    fn check(&self, _: &Context<'_>, _: &mut Sink) {}
}
