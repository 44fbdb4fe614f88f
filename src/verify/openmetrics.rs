//! What was seen, as `OpenMetrics` text: for the textfile collector of Prometheus' node exporter, or to be scraped.

use std::fmt::Write as _;

use super::{CopySeen, Severity, Verification};
use crate::value::{Id, Moment};

/// The metrics of a copy: name, unit, help, and value; nothing where it is not known.
type Metric = (&'static str, &'static str, &'static str, fn(&CopySeen) -> Option<f64>);

const METRICS: [Metric; 7] = [
    (
        "drplan_backup_newest_point_timestamp_seconds",
        "seconds",
        "The moment whose data the newest recovery point holds.",
        |copy| copy.newest.map(seconds),
    ),
    (
        "drplan_backup_oldest_point_timestamp_seconds",
        "seconds",
        "The moment whose data the oldest recovery point holds.",
        |copy| copy.oldest.map(seconds),
    ),
    ("drplan_backup_age_limit_seconds", "seconds", "How old the newest recovery point may be.", |copy| {
        copy.limit.map(|limit| millis(limit.as_millis()))
    }),
    ("drplan_backup_points", "", "How many recovery points there are.", |copy| copy.count.map(number)),
    ("drplan_backup_size_bytes", "bytes", "How many bytes the recovery points have together.", |copy| {
        copy.bytes.map(number)
    }),
    (
        "drplan_backup_integrity_level",
        "",
        "How far the newest point was looked into: 0 listed, 1 header, 2 read, 3 digest, 4 restored.",
        |copy| copy.integrity.map(|level| f64::from(level as u8)),
    ),
    ("drplan_backup_state", "", "0 well, 1 warning, 2 unknown, 3 failure.", |copy| {
        Some(f64::from(state(copy.verdict)))
    }),
];

/// Writes the metrics.
pub fn openmetrics(verification: &Verification) -> String {
    let mut text = String::new();
    for (name, unit, help, value) in METRICS {
        head(&mut text, name, unit, help);
        for plan in &verification.plans {
            for copy in &plan.copies {
                if let Some(value) = value(copy) {
                    let place = copy.place.as_ref().map(ToString::to_string).unwrap_or_default();
                    let _ = writeln!(
                        text,
                        "{name}{{plan=\"{}\",copy=\"{}\",place=\"{}\"}} {value}",
                        escaped(plan.plan.as_str()),
                        escaped(copy.copy.as_str()),
                        escaped(&place)
                    );
                }
            }
        }
    }
    let name = "drplan_backup_problems";
    head(&mut text, name, "", "How many problems of each kind there are.");
    for plan in &verification.plans {
        for copy in &plan.copies {
            let mut kinds: Vec<(String, &str)> = copy
                .problems
                .iter()
                .filter(|problem| problem.severity > Severity::Note)
                .map(|problem| (problem.kind.word(), problem.severity.as_str()))
                .collect();
            kinds.sort();
            for group in kinds.chunk_by(|a, b| a == b) {
                let Some((kind, severity)) = group.first() else { continue };
                let _ = writeln!(
                    text,
                    "{name}{{plan=\"{}\",copy=\"{}\",kind=\"{kind}\",severity=\"{severity}\"}} {}",
                    escaped(plan.plan.as_str()),
                    escaped(copy.copy.as_str()),
                    group.len()
                );
            }
        }
    }
    let name = "drplan_job_state";
    if verification.plans.iter().any(|plan| !plan.jobs.is_empty()) {
        head(&mut text, name, "", "How the job of a backup stands: 0 well, 1 warning, 2 unknown, 3 failure.");
    }
    for plan in &verification.plans {
        for job in &plan.jobs {
            let _ = writeln!(
                text,
                "{name}{{plan=\"{}\",backup=\"{}\"}} {}",
                escaped(plan.plan.as_str()),
                escaped(job.backup.as_str()),
                state(job.verdict)
            );
        }
    }
    restores(&mut text, verification);
    let name = "drplan_verify_timestamp_seconds";
    head(&mut text, name, "seconds", "The moment to which everything was held; alert when it grows old.");
    let _ = writeln!(text, "{name} {}", seconds(verification.as_of));
    text.push_str("# EOF\n");
    text
}

/// Each step in each scenario has a value of its own: a series is one thing.
fn restores(text: &mut String, verification: &Verification) {
    let name = "drplan_restore_state";
    if verification.plans.iter().any(|plan| !plan.restores.is_empty()) {
        head(
            text,
            name,
            "",
            "Whether what a restore needs is there: 0 well, 1 warning, 2 unknown, 3 failure.",
        );
    }
    for plan in &verification.plans {
        for restore in &plan.restores {
            let scenarios = restore.scenarios.iter().map(Id::as_str);
            let scenarios: Vec<&str> =
                if restore.scenarios.is_empty() { vec![""] } else { scenarios.collect() };
            for scenario in scenarios {
                let _ = writeln!(
                    text,
                    "{name}{{plan=\"{}\",step=\"{}\",scenario=\"{}\"}} {}",
                    escaped(plan.plan.as_str()),
                    escaped(restore.step.as_str()),
                    escaped(scenario),
                    state(restore.verdict)
                );
            }
        }
    }
}

const fn state(verdict: Option<Severity>) -> u8 {
    match verdict {
        None | Some(Severity::Note) => 0,
        Some(Severity::Warning) => 1,
        Some(Severity::Unknown) => 2,
        Some(Severity::Failure) => 3,
    }
}

fn head(text: &mut String, name: &str, unit: &str, help: &str) {
    let _ = writeln!(text, "# TYPE {name} gauge");
    if !unit.is_empty() {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
    let _ = writeln!(text, "# HELP {name} {help}");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[expect(clippy::cast_precision_loss, reason = "2^53 bytes are more than any backup has")]
const fn number(count: u64) -> f64 {
    count as f64
}

fn millis(millis: u64) -> f64 {
    number(millis) / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a moment has less than 2^53 milliseconds")]
fn seconds(moment: Moment) -> f64 {
    (moment.as_unix_millis() as f64) / 1000.0
}
