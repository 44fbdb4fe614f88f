//! A simulation as text.

use super::{Simulation, Spread};
use crate::value::{Length, plain};

/// The smallest length that is shown in whole minutes.
const LONG: u64 = 600_000;

/// Rounds a time that chance has given, so that it does not look more exact than it is: to minutes from ten minutes on,
/// to seconds from ten seconds on.
pub(super) fn shown(length: Length) -> String {
    let unit = match length.as_millis() {
        LONG.. => 60_000,
        10_000.. => 1_000,
        _ => 1,
    };
    let millis = length.as_millis().saturating_add(unit / 2);
    Length::from_millis(millis - millis % unit).to_string()
}

/// Returns a share for people: never "100%" for what has failed once, nor "0%" for what has happened once.
pub(super) fn percent(share: f64) -> String {
    match share {
        share if share <= 0.0 => "0%".to_owned(),
        share if share >= 1.0 => "100%".to_owned(),
        share => format!("{:.1}%", (share * 100.0).clamp(0.1, 99.9)),
    }
}

fn or_never(length: Option<Length>) -> String {
    length.map_or("never".to_owned(), shown)
}

impl Simulation {
    /// Returns the simulation as text, in ASCII but for what the plan says.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", line(&self.title));
        text += &match (&self.scenario, &self.scenario_title) {
            (Some(id), Some(title)) => format!("Scenario {id}: {}\n", line(title)),
            _ => "No scenario: everything comes back.\n".to_owned(),
        };
        if let Some(environment) = &self.environment {
            text += &format!("Environment {environment}\n");
        }
        text += "\nHow long from the incident until it is healthy\n";
        text += &table(&self.times());
        if self.unrecovered > 0.0 {
            text += &format!("\nIn {} of the runs not everything came back:\n", percent(self.unrecovered));
            for failure in &self.failures {
                text += &format!("  {} failed for good in {}\n", failure.step, percent(failure.share));
            }
        }
        if let Some(worst) = self.worst().filter(|_| !self.improvements.is_empty()) {
            let target = worst.rto.map(|rto| format!(" (RTO {rto})")).unwrap_or_default();
            text += &format!("\nWhat {}{target} gains if it takes half as long\n", worst.asset);
            text += &table(&self.gains());
        }
        text + &self.basis()
    }

    fn times(&self) -> Vec<Vec<String>> {
        let head = ["", "expected", "p50", "p95", "p99", "RTO", "met"].map(str::to_owned).to_vec();
        let row = |name: String, spread: &Spread, rto: Option<Length>, met: Option<f64>| {
            vec![
                name,
                spread.expected.to_string(),
                or_never(spread.p50),
                or_never(spread.p95),
                or_never(spread.p99),
                rto.map_or("-".to_owned(), |rto| rto.to_string()),
                met.map_or("-".to_owned(), percent),
            ]
        };
        let assets =
            self.assets.iter().map(|asset| row(asset.asset.to_string(), &asset.spread, asset.rto, asset.met));
        let whole = row("everything".to_owned(), &self.whole, None, None);
        std::iter::once(head).chain(assets).chain([whole]).collect()
    }

    fn gains(&self) -> Vec<Vec<String>> {
        let head = ["", "p95 falls by", "met rises by", "critical in", "its spread rests on"];
        // Beside a long time, parts of a second are nothing but noise.
        let is_long =
            self.worst().and_then(|asset| asset.spread.p95).is_some_and(|p95| p95.as_millis() >= LONG);
        let gained = |gain: Length| match gain.as_millis() {
            0..1_000 if is_long => "-".to_owned(),
            _ => shown(gain),
        };
        let rows = self.improvements.iter().map(|step| {
            let points = |rise: f64| format!("{:.1} points", rise * 100.0 + 0.0);
            vec![
                step.what.clone(),
                step.p95_falls_by.map_or("-".to_owned(), gained),
                step.met_rises_by.map_or("-".to_owned(), points),
                percent(step.critical),
                step.rests_on.clone(),
            ]
        });
        std::iter::once(head.map(str::to_owned).to_vec()).chain(rows).collect()
    }

    /// Says what was assumed.
    fn basis(&self) -> String {
        let failures = if self.failure_rate > 0.0 {
            format!("{} of the attempts of commands and requests fail", percent(self.failure_rate))
        } else {
            "no attempt fails by itself (`--failure-rate`)".to_owned()
        };
        format!(
            "\n{} runs with seed {}, at most {} commands at a time. Times are lognormal; where neither three drills nor a p95\n\
             of the plan say how they scatter, the 95th percentile is taken to be {} times the median (`--spread`).\n\
             As to failures, {failures}.\n",
            self.runs, self.seed, self.max_parallel, self.spread,
        )
    }
}

/// Returns a text of the plan on one line, without anything that could steer a terminal.
pub(super) fn line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lays rows out in columns: the first and the last to the left, the others to the right.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let is_left = |column: usize| column == 0 || (column == 4 && columns == 5);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if is_left(column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("   ");
        text += &format!("  {}\n", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_not_shown_more_exactly_than_it_is() {
        let texts: Vec<String> =
            [3_912, 12_499, 599_499, 600_000, 5_371_234].map(|ms| shown(Length::from_millis(ms))).to_vec();
        assert_eq!(texts, ["3s912ms", "12s", "9m59s", "10m", "1h30m"]);
        let shares = [0.0, 0.000_02, 0.5, 0.999_99, 1.0].map(percent);
        assert_eq!(shares, ["0%", "0.1%", "50.0%", "99.9%", "100%"]);
    }
}
