//! What is known of a rule without running it.

use super::Level;

/// What is known of a rule without running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleMeta {
    /// Its name: the fault in kebab-case; reads well after "allow".
    pub name: &'static str,
    /// One line: what it finds.
    pub summary: &'static str,
    /// Its page in the book: what, why, how to mend, and examples that the tests run.
    pub page: &'static str,
    /// The level that it has unless somebody says otherwise.
    pub level: Level,
    /// The version that brought it.
    pub since: &'static str,
}
