//! Targets against what was reached, as a small table for the terminal.

use super::{Compared, Reached, Report, headline};
use crate::event::Mode;
use crate::value::plain;

/// Returns the headline and a table of the targets, aligned, each line with its break.
pub fn summary(report: &Report) -> String {
    let mut text = headline(report);
    text.push_str("\n\n");
    let mut rows: Vec<[String; 5]> = Vec::new();
    for asset in &report.assets {
        rows.push(row(asset.asset.as_str(), "recovery time", &asset.rto));
        // Where nothing is promised and nothing was measured, there is nothing to say.
        if asset.rpo.target.is_some() || asset.rpo.achieved.is_some() {
            rows.push(row("", "data lost", &asset.rpo));
        }
    }
    if rows.is_empty() {
        text.truncate(text.len() - 1);
        return text;
    }
    let reached = match report.mode {
        Mode::DryRun | Mode::DryPlan => "expected",
        Mode::Real | Mode::Drill => "reached",
    };
    let heads = ["asset", "", "target", reached, "verdict"].map(str::to_owned);
    rows.insert(0, heads);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for row in &rows {
        let mut line = String::from("  ");
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        line.push_str(&row[4]);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(asset: &str, what: &str, compared: &Compared) -> [String; 5] {
    let mut verdict = match compared.verdict {
        Reached::Missed => "MISSED".to_owned(),
        other => other.title().to_owned(),
    };
    match (&compared.why, compared.achieved) {
        (Some(why), None) => verdict.push_str(&format!(": {}", plain(why))),
        (Some(why), Some(_)) => verdict.push_str(&format!(" ({})", plain(why))),
        (None, _) => {}
    }
    if let Some(assumed) = compared.assumed {
        verdict.push_str(&format!(" ({assumed} of it assumed: to detect and decide)"));
    }
    let target = compared.target.map_or_else(|| "-".to_owned(), |target| target.to_string());
    let reached = compared.reached().unwrap_or_else(|| "-".to_owned());
    [asset.to_owned(), what.to_owned(), target, reached, verdict]
}
