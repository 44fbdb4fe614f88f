//! Holds the content of a point to the floor of its copy: fresh and intact but empty is no backup.

use std::path::Path;

use super::found::Looked;
use super::{Kind, Problem, Severity};
use crate::plan::Floor;
use crate::probe::{Facts, TableFact};
use crate::value::Size;

/// Returns what a point lacks; `earlier` is the point before.
pub(super) fn judge(
    floor: Option<&Floor>,
    looked: &Looked,
    facts: &Facts,
    earlier: Option<&Looked>,
) -> Vec<Problem> {
    let Some(floor) = floor else { return Vec::new() };
    let mut problems = Vec::new();
    let size = facts.size.or(looked.measure.bytes);
    // The size is that of what lies there; what a probe tells of the content is told as rows and files.
    let lies = looked.measure.bytes.or(facts.size);
    let files = facts.files.or(looked.measure.files);
    let rows = facts.rows.or_else(|| sum_of_rows(&facts.tables));
    if let Some(least) = floor.size {
        least_of("size", lies, least.bytes(), |bytes| Size::from_bytes(bytes).to_string(), &mut problems);
    }
    if let Some(least) = floor.rows {
        least_of("rows", rows, least, |count| format!("{count} rows"), &mut problems);
    }
    if let Some(least) = floor.files {
        least_of("files", files, least, |count| format!("{count} files"), &mut problems);
    }
    if let Some(tables) = &floor.tables {
        for (name, least) in &tables.0 {
            judge_table(name, *least, facts, &mut problems);
        }
    }
    for path in &floor.paths {
        judge_path(path, looked, facts, &mut problems);
    }
    if let (Some(drop), Some(earlier)) = (floor.drop, earlier) {
        let mut before = Facts::default();
        for (_, inspection) in &earlier.inspections {
            before.add(inspection.facts.clone());
        }
        let before_rows = before.rows.or_else(|| sum_of_rows(&before.tables));
        for (what, now, then) in [
            ("size", size, before.size.or(earlier.measure.bytes)),
            ("rows", rows, before_rows),
            ("files", files, before.files.or(earlier.measure.files)),
        ] {
            let (Some(now), Some(then)) = (now, then) else { continue };
            let least = u128::from(then) * u128::from(100 - drop.hundredths()) / 100;
            if u128::from(now) < least {
                let shown = |count: u64| {
                    if what == "size" { Size::from_bytes(count).to_string() } else { count.to_string() }
                };
                let what = format!(
                    "{what} fell from {} in {} to {}, more than the {drop} that may be",
                    shown(then),
                    earlier.name,
                    shown(now)
                );
                problems.push(Problem::new(
                    Kind::Dropped,
                    Severity::Failure,
                    what,
                    "see whether somebody has deleted so much on purpose; if not, the source or the backup has lost data",
                ));
            }
        }
    }
    problems
}

fn least_of(
    what: &str,
    found: Option<u64>,
    least: u64,
    shown: impl Fn(u64) -> String,
    problems: &mut Vec<Problem>,
) {
    match found {
        Some(found) if found >= least => {}
        Some(found) => problems.push(Problem::new(
            Kind::BelowFloor,
            Severity::Failure,
            format!("it holds {}, fewer than the {} of `floor.{what}`", shown(found), shown(least)),
            "the backup holds too little: see whether it looks at the right database, folder and account",
        )),
        None => problems.push(Problem::new(
            Kind::NotKnown,
            Severity::Unknown,
            format!("nothing tells its {what}, and `floor.{what}` wants at least {}", shown(least)),
            format!("give the copy a `verify` recipe that tells {}", what.to_uppercase()),
        )),
    }
}

/// Rows are known where they are known of every table.
fn sum_of_rows(tables: &[TableFact]) -> Option<u64> {
    if tables.is_empty() { None } else { tables.iter().map(|table| table.rows).sum() }
}

fn judge_table(name: &str, least: u64, facts: &Facts, problems: &mut Vec<Problem>) {
    if facts.tables.is_empty() && facts.rows.is_none() {
        problems.push(Problem::new(
            Kind::NotKnown,
            Severity::Unknown,
            format!("nothing tells its tables, and `floor.tables` wants `{name}`"),
            "give the copy a `verify` recipe that tells TABLE",
        ));
        return;
    }
    let is_it = |table: &&TableFact| {
        table.name == name || (!name.contains('.') && table.name.rsplit('.').next() == Some(name))
    };
    let Some(table) = facts.tables.iter().find(is_it) else {
        problems.push(Problem::new(
            Kind::BelowFloor,
            Severity::Failure,
            format!("the table {name} is not in it"),
            "see whether the backup leaves it out, or looks at another database",
        ));
        return;
    };
    match table.rows {
        _ if least == 0 => {}
        Some(rows) if rows >= least => {}
        Some(rows) => problems.push(Problem::new(
            Kind::BelowFloor,
            Severity::Failure,
            format!("the table {} has {rows} rows in it, fewer than {least}", table.name),
            "the backup holds too little: see whether it looks at the right database",
        )),
        None => problems.push(Problem::new(
            Kind::NotKnown,
            Severity::Unknown,
            format!("nothing tells how many rows {} has, and `floor.tables` wants {least}", table.name),
            "use a recipe that counts rows",
        )),
    }
}

fn judge_path(path: &str, looked: &Looked, facts: &Facts, problems: &mut Vec<Problem>) {
    let plain = |path: &str| path.trim_start_matches("./").trim_matches('/').to_owned();
    let wanted = plain(path);
    let is_in = |known: &String| {
        let known = plain(known);
        known == wanted || known.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('/'))
    };
    let is_there = if facts.paths.is_empty() {
        if looked.measure.files.is_none() {
            problems.push(Problem::new(
                Kind::NotKnown,
                Severity::Unknown,
                format!("nothing tells its paths, and `floor.paths` wants {path}"),
                "give the copy a `verify` recipe that tells PATH",
            ));
            return;
        }
        Path::new(&looked.path).join(&wanted).exists()
    } else {
        facts.paths.iter().any(is_in)
    };
    if !is_there {
        problems.push(Problem::new(
            Kind::BelowFloor,
            Severity::Failure,
            format!("{path} is not in it"),
            "see whether the backup leaves it out, or looks at another folder",
        ));
    }
}
