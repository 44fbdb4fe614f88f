//! What a rule is.

use super::{Context, Routed, Sink, Taken};
use crate::finding::RuleMeta;

/// Something that is looked for in every plan.
pub trait Rule: Sync {
    /// Returns what is known of the rule without running it.
    fn meta(&self) -> RuleMeta;

    /// Looks at a plan under one environment, or under none.
    fn check(&self, _context: &Context<'_>, _sink: &mut Sink) {}

    /// Looks at one route of it: how what one scenario hits comes back.
    ///
    /// Routes are looked at on several cores, each for itself, and none is kept. A rule of the stage [`Stage::Names`] sees
    /// none.
    fn check_route(&self, _context: &Context<'_>, _routed: &Routed, _sink: &mut Sink) {}

    /// Looks back, once every route has been looked at.
    fn conclude(&self, _context: &Context<'_>, _taken: &Taken, _sink: &mut Sink) {}

    /// When it runs.
    fn stage(&self) -> Stage {
        Stage::Deep
    }

    /// Whether it has found something only if it finds it under every environment.
    fn is_universal(&self) -> bool {
        false
    }
}

/// When a rule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// First; it relies on nothing but the shape.
    Names,
    /// Afterwards, if the names are sound; else one slip of the pen would be told in ten ways.
    Deep,
}

/// Declares a rule: its type, name, level, and one line that says what it finds.
///
/// Its page in the book is found by its name; without a page it does not compile.
macro_rules! rule {
    ($type:ident, $name:literal, $level:ident, $summary:literal) => {
        #[doc = $summary]
        #[derive(Debug)]
        pub(in $crate::lint) struct $type;

        impl $type {
            const META: $crate::finding::RuleMeta = $crate::finding::RuleMeta {
                name: $name,
                summary: $summary,
                page: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/rules/", $name, ".md")),
                level: $crate::finding::Level::$level,
                since: "0.1.0",
            };
        }
    };
}
pub(in crate::lint) use rule;
