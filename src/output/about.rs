//! What is known beside the findings.

use std::path::Path;

use super::Style;
use crate::analysis::Standing;
use crate::finding::RuleMeta;
use crate::value::Date;

/// What is known beside the findings; the caller knows it, this room does not ask the world.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The day on which exceptions had to hold still.
    pub as_of: &'a Date,
    /// The folder under version control, absolute; programs elsewhere want paths from there.
    pub repository: &'a Path,
    /// The folder that the names of files are relative to, absolute.
    pub here: &'a Path,
    /// Every rule, and every other code that a finding may have.
    pub rules: &'a [RuleMeta],
    /// What could not be read, a message each; such a check is not whole.
    pub unread: &'a [String],
    /// Where the promises of the plans stand, if that is asked for; plans with errors have none.
    pub summary: Option<&'a [Standing]>,
    /// How text for people looks.
    pub style: Style,
}
