//! Findings to text: for people and for machines.

mod checked;
mod excerpt;
mod human;
mod json;
mod style;
#[cfg(test)]
mod tests;
mod visible;

use std::io::{self, Write};

use crate::document::Sources;

pub use checked::{Checked, Counts, sort};
pub use json::schema;
pub use style::Style;

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: each finding with the lines it is about
    #[default]
    Human,
    /// For programs: JSON with a version and a schema
    Json,
}

/// Writes what was found; the findings stand in the order in which they are given.
///
/// # Errors
///
/// What `out` says.
pub fn write(
    format: Format,
    checked: &Checked,
    sources: &Sources,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Human => human::write(checked, sources, style, out),
        Format::Json => json::write(checked, sources, out),
    }
}
