//! The report for machines.

use std::io::{self, Write};

use super::{Record, Report};

/// Returns a report as JSON, laid out for people as well, with a line break at its end.
///
/// # Errors
///
/// None that a report can meet; the type is that of the JSON library.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

/// Writes what [`json`] returns, without ever holding all of it: that of ten thousand steps has four megabytes.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_json(report: &Report, mut to: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut to, report)?;
    to.write_all(b"\n")
}

/// Returns a drill record as JSON, laid out for people as well, with a line break at its end.
///
/// # Errors
///
/// None that a record can meet; the type is that of the JSON library.
pub fn record_json(record: &Record) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(record).map(|text| text + "\n")
}
