//! A comment or an exception that names a rule that nobody knows.

use crate::finding::RuleMeta;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Stage};

rule!(UnknownRule, "unknown-rule", Deny, "A comment or an exception names a rule that nobody knows.");

/// What is known of the rule.
pub(in crate::lint) const META: RuleMeta = UnknownRule::META;

impl Rule for UnknownRule {
    fn meta(&self) -> RuleMeta {
        META
    }

    fn stage(&self) -> Stage {
        Stage::Names
    }

    /// Finds nothing by itself: who applies comments and exceptions knows which of them name no rule.
    fn check(&self, _: &Context<'_>, _: &mut Sink) {}
}
