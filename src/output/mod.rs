//! Findings to text: for people and for machines.

mod about;
mod checked;
mod excerpt;
mod fingerprint;
mod github;
mod home;
mod human;
mod json;
mod junit;
mod region;
mod sarif;
mod style;
mod summary;
#[cfg(test)]
mod tests;
mod told;
mod visible;

use std::io::{self, Write};

use crate::document::Sources;

pub use about::About;
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
    /// For code scanning and editors: SARIF 2.1.0
    Sarif,
    /// For GitHub Actions: annotations beside the lines
    Github,
    /// For GitLab, Jenkins and others: a JUnit report
    Junit,
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
    about: &About<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Human => {
            human::write(checked, sources, &about.style, out)?;
            about.summary.map_or(Ok(()), |standings| summary::write(standings, &about.style, out))
        }
        Format::Json => json::write(checked, sources, about, out),
        Format::Sarif => sarif::write(checked, sources, about, out),
        Format::Github => github::write(checked, sources, about, out),
        Format::Junit => junit::write(checked, sources, about, out),
    }
}
