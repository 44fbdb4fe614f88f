//! What was seen, for people: a line a copy, and what is wrong beneath.

use anstyle::{AnsiColor, Style};

use super::{CopySeen, PlanSeen, Problem, Severity, Verification};
use crate::value::{Id, Length, Size, plain};

/// What the reader's terminal can show.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// Whether it shows colours.
    pub color: bool,
    /// Whether it shows characters beyond ASCII.
    pub unicode: bool,
}

/// Writes what was seen; with `only_problems` nothing of what is well.
pub fn human(verification: &Verification, only_problems: bool, pen: Pen) -> String {
    let mut text = String::new();
    for plan in &verification.plans {
        let shown: Vec<&CopySeen> =
            plan.copies.iter().filter(|copy| !only_problems || copy.verdict.is_some()).collect();
        let assets = plan.assets.iter().any(|asset| has_worse_than_note(&asset.problems));
        let jobs = plan.jobs.iter().any(|job| job.verdict.is_some());
        let restores = plan.restores.iter().any(|restore| restore.verdict.is_some());
        if only_problems && shown.is_empty() && !assets && !jobs && !restores {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{} ({})\n", plain(&plan.title), plan.plan));
        if plan.copies.is_empty() {
            text.push_str("  no backups\n");
        }
        plan_lines(plan, &shown, only_problems, pen, &mut text);
    }
    text
}

fn has_worse_than_note(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity > Severity::Note)
}

fn plan_lines(plan: &PlanSeen, shown: &[&CopySeen], only_problems: bool, pen: Pen, text: &mut String) {
    let rows: Vec<[String; 6]> = shown.iter().map(|copy| row(copy)).collect();
    let widths = rows.iter().fold([0; 6], |mut widths: [usize; 6], row| {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
        widths
    });
    for (copy, row) in shown.iter().zip(rows) {
        let (mark, style) = mark(copy.verdict, pen);
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(&format!("  {style}{mark}{style:#} {}\n", cells.join("  ").trim_end()));
        problems(&copy.problems, only_problems, pen, text);
    }
    for job in plan.jobs.iter().filter(|job| !only_problems || job.verdict.is_some()) {
        let (mark, style) = mark_of_seen(job.verdict, &job.good, pen);
        let is_well = job.verdict.is_none() && !job.good.is_empty();
        let said = if is_well { job.good.join("; ") } else { job.job.clone() };
        text.push_str(&format!("  {style}{mark}{style:#} {}  job: {}\n", job.backup, plain(&said)));
        problems(&job.problems, only_problems, pen, text);
    }
    for restore in plan.restores.iter().filter(|restore| !only_problems || restore.verdict.is_some()) {
        let (mark, style) = mark_of_seen(restore.verdict, &restore.good, pen);
        let scenarios = restore.scenarios.iter().map(Id::as_str).collect::<Vec<_>>().join(", ");
        let scenarios = if scenarios.is_empty() { scenarios } else { format!(" ({scenarios})") };
        let met = match restore.good.len() {
            0 => "nothing is known to be there".to_owned(),
            1 => "1 thing is there".to_owned(),
            count => format!("{count} things are there"),
        };
        text.push_str(&format!("  {style}{mark}{style:#} {}{scenarios}  needs: {met}\n", restore.step));
        problems(&restore.problems, only_problems, pen, text);
    }
    for asset in plan.assets.iter().filter(|asset| has_worse_than_note(&asset.problems)) {
        let worst = asset.problems.iter().map(|problem| problem.severity).max();
        let (mark, style) = self::mark(worst, pen);
        text.push_str(&format!("  {style}{mark}{style:#} {}\n", asset.asset));
        problems(&asset.problems, only_problems, pen, text);
    }
}

fn row(copy: &CopySeen) -> [String; 6] {
    let none = || "-".to_owned();
    let age = match (copy.age, copy.limit) {
        (Some(age), Some(limit)) => {
            format!("{} old, may be {}", age.for_people_against(limit), limit.for_people())
        }
        (Some(age), None) => format!("{} old", age.for_people()),
        (None, _) => "age unknown".to_owned(),
    };
    let reach = match copy.oldest.zip(copy.newest).and_then(|(oldest, newest)| newest.since(oldest)) {
        Some(reach) if reach > Length::ZERO => format!("back {}", reach.for_people()),
        _ => none(),
    };
    [
        copy.copy.to_string(),
        copy.count.map_or_else(none, |count| {
            if count == 1 { "1 point".to_owned() } else { format!("{count} points") }
        }),
        age,
        copy.bytes.map_or_else(none, |bytes| Size::from_bytes(bytes).to_string()),
        reach,
        copy.integrity.filter(|_| copy.count != Some(0)).map_or_else(none, |level| level.to_string()),
    ]
}

fn problems(problems: &[Problem], only_problems: bool, pen: Pen, text: &mut String) {
    let cyan = if pen.color { AnsiColor::Cyan.on_default() } else { Style::new() };
    for problem in problems {
        let is_note = problem.severity == Severity::Note;
        if is_note && only_problems {
            continue;
        }
        let (_, style) = mark(Some(problem.severity), pen);
        let style = if is_note { cyan } else { style };
        let point = problem.point.as_ref().map(|point| format!("{}: ", plain(point))).unwrap_or_default();
        let what = plain(&problem.what);
        text.push_str(&format!("      {style}{}{style:#}: {point}{what}\n", problem.severity.as_str()));
        if !problem.help.is_empty() {
            text.push_str(&format!("        {cyan}help{cyan:#}: {}\n", plain(&problem.help)));
        }
    }
}

/// As [`mark`], where nothing may have been looked at: silence is no success.
const fn mark_of_seen(verdict: Option<Severity>, good: &[String], pen: Pen) -> (&'static str, Style) {
    if verdict.is_none() && good.is_empty() { ("-", Style::new()) } else { mark(verdict, pen) }
}

const fn mark(verdict: Option<Severity>, pen: Pen) -> (&'static str, Style) {
    let (unicode, ascii, color) = match verdict {
        None | Some(Severity::Note) => ("✓", "ok", AnsiColor::Green),
        Some(Severity::Warning) => ("!", "!!", AnsiColor::Yellow),
        Some(Severity::Unknown) => ("?", "??", AnsiColor::Magenta),
        Some(Severity::Failure) => ("✗", "XX", AnsiColor::Red),
    };
    let style = if pen.color { color.on_default() } else { Style::new() };
    (if pen.unicode { unicode } else { ascii }, style)
}
