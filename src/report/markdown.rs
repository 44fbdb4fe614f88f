//! The report for people: Markdown for the incident's channel.

use std::io::{self, Write};
use std::iter::{once, once_with};

use super::looked::{looked_at, told, unknown};
use super::{Compared, Reached, Report, Standing, StepAccount, Undone, headline};
use crate::event::{Mode, OutlineKind, Point, Prediction, RunResult};
use crate::value::{Id, Length, Moment, plain};

/// Returns the report as Markdown.
pub fn markdown(report: &Report) -> String {
    parts(report).collect()
}

/// Writes what [`markdown`] returns, without ever holding all of it: that of ten thousand steps has a megabyte and a half.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_markdown(report: &Report, mut to: impl Write) -> io::Result<()> {
    parts(report).try_for_each(|part| to.write_all(part.as_bytes()))
}

/// Returns the report in parts; what happened at each step is one.
fn parts(report: &Report) -> impl Iterator<Item = String> {
    let mut head = format!("# {}\n\n{}\n\n", cell(&headline(report)), about(report));
    targets(report, &mut head);
    once(head).chain(timeline(report)).chain(once_with(|| after_the_steps(report)))
}

fn after_the_steps(report: &Report) -> String {
    let mut text = "\n".to_owned();
    points(report, &mut text);
    looked_at(report, &mut text);
    unknown(report, &mut text);
    left_out(report, &mut text);
    people(report, &mut text);
    rejected(report, &mut text);
    told(report, &mut text);
    taking_back(report, &mut text);
    if !report.notes.is_empty() {
        text.push_str("## Notes\n\n");
        for note in &report.notes {
            text.push_str(&format!("- {}\n", cell(note)));
        }
        text.push('\n');
    }
    text.push_str(&format!(
        "---\n\nRun `{}` of plan `{}`, SHA-256 of the plan as it was run: `{}`. drplan {}.\n",
        report.run,
        report.plan,
        report.plan_hash.replace('`', ""),
        cell(&report.drplan)
    ));
    text
}

/// Returns a text as it may stand in a cell of a table or in a line of Markdown.
///
/// Line breaks become spaces: a cell has only one line. All that Markdown or HTML could take for
/// its own is escaped.
pub(super) fn cell(text: &str) -> String {
    let one_line: Vec<&str> =
        text.split(['\n', '\r', '\t']).map(str::trim).filter(|p| !p.is_empty()).collect();
    let mut safe = String::with_capacity(text.len());
    for letter in plain(&one_line.join(" ")).chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' => safe.extend(['\\', letter]),
            other => safe.push(other),
        }
    }
    safe
}

fn about(report: &Report) -> String {
    let place = report.environment.as_ref().map(|id| format!(" in `{id}`")).unwrap_or_default();
    let incident = match report.incident {
        Some(at) => format!("Incident: {}. ", at.for_people()),
        None => "Incident: the stage is not set. ".to_owned(),
    };
    let key = report.key.as_ref().map(|key| key.replace('`', ""));
    let signed = key.map(|key| format!(" (signed, `{key}`)")).unwrap_or_default();
    let declared = report.declared.map(|at| format!("Declared: {}. ", at.for_people())).unwrap_or_default();
    let ended = report.ended.map_or_else(|| "not over".to_owned(), Moment::for_people);
    format!(
        "**{}**: {}{place}, operation {}, by {}{signed} on {}.\n{incident}{declared}Started: {}. Ended: {ended}. Took: {}.",
        cell(&report.title),
        report.mode.title(),
        cell(&report.operation),
        cell(&report.by),
        cell(&report.host),
        report.started.for_people(),
        report.duration.for_people()
    )
}

/// What was taken back, and what is left to be.
fn taken_back(undone: &Undone, text: &mut String) {
    if !undone.steps.is_empty() {
        text.push_str("## Taken back\n\nIn this order:\n\n");
        for step in &undone.steps {
            text.push_str(&format!("- `{step}`\n"));
        }
        text.push('\n');
    }
    if !undone.left.is_empty() {
        text.push_str("## Left to do by hand\n\nThis was carried out and was not taken back:\n\n");
        for left in &undone.left {
            let undo =
                left.undo.as_ref().map(|undo| format!(". Its undo: {}", cell(undo))).unwrap_or_default();
            text.push_str(&format!("- `{}`: {}{undo}\n", left.step, cell(&left.why)));
        }
        text.push('\n');
    }
}

/// How to go back from a run that did not end well: what was done, the last first.
fn taking_back(report: &Report, text: &mut String) {
    if let Some(undone) = &report.undone {
        return taken_back(undone, text);
    }
    if !matches!(report.result, Some(RunResult::Failed | RunResult::Aborted)) || report.mode != Mode::Real {
        return;
    }
    let mut done: Vec<(&StepAccount, &str)> = report
        .steps
        .iter()
        .filter(|step| step.ended.is_some() && step.state == Standing::Done)
        .filter_map(|step| Some((step, step.undo.as_deref()?)))
        .collect();
    if done.is_empty() {
        return;
    }
    done.sort_by_key(|(step, _)| std::cmp::Reverse(step.ended));
    let by_drplan = if report.result == Some(RunResult::Failed) {
        format!("`drplan abort {} --undo --reason \"WHY\"` takes back", report.run)
    } else {
        "Nothing was taken back of".to_owned()
    };
    text.push_str(&format!("## To go back\n\n{by_drplan} what was done, the last first:\n\n"));
    for (step, undo) in done {
        text.push_str(&format!("- `{}`: {}\n", step.id, cell(undo)));
    }
    text.push('\n');
}

fn length(length: Option<Length>) -> String {
    length.map_or_else(|| "–".to_owned(), Length::for_people)
}

fn verdict(compared: &Compared) -> String {
    let sign = match compared.verdict {
        Reached::Met => "✅ met",
        Reached::Missed => "❌ missed",
        Reached::Unknown => "❔ unknown",
        Reached::NoTarget => "no target",
    };
    let mut text = sign.to_owned();
    if let Some(why) = &compared.why {
        text.push_str(&format!(": {}", cell(why)));
    }
    if let Some(assumed) = compared.assumed {
        text.push_str(&format!(" ({assumed} of it assumed: to detect and decide)"));
    }
    text
}

/// What was predicted, with its spread and on what it rests.
fn prediction(predicted: &Prediction) -> String {
    let rests_on = match predicted.drills {
        0 => "by the plan's estimates".to_owned(),
        1 => "from 1 drill".to_owned(),
        drills => format!("from {drills} drills"),
    };
    let most = predicted.p95.map_or_else(|| "never".to_owned(), Length::for_people);
    format!("{}, 95 of 100 within {most}, {rests_on}", length(predicted.p50))
}

fn targets(report: &Report, text: &mut String) {
    text.push_str("## Targets\n\n");
    if report.assets.is_empty() {
        text.push_str("The plan promises nothing for this scenario.\n\n");
        return;
    }
    text.push_str("| Asset | What | Target | Predicted | Reached | Verdict |\n|--|--|--|--|--|--|\n");
    for asset in &report.assets {
        let predicted = asset.predicted.as_ref().map(prediction);
        for (what, predicted, compared) in
            [("recovery time", predicted, &asset.rto), ("data lost", None, &asset.rpo)]
        {
            text.push_str(&format!(
                "| `{}` | {what} | {} | {} | {} | {} |\n",
                asset.asset,
                compared.target.map_or_else(|| "–".to_owned(), |target| target.to_string()),
                predicted.as_deref().unwrap_or("–"),
                compared.reached().unwrap_or_else(|| "–".to_owned()),
                verdict(compared)
            ));
        }
    }
    text.push('\n');
}

fn timeline(report: &Report) -> impl Iterator<Item = String> {
    const HEAD: &str =
        "## Timeline (UTC)\n\n| Step | Began | Ended | Took | Estimate | State |\n|--|--|--|--|--|--|\n";
    let mut steps: Vec<&StepAccount> = report.steps.iter().collect();
    // In the order of what happened; what never began stands last, in the order of the plan.
    steps.sort_by_key(|step| (step.after.is_none(), step.after));
    let moment = |at: Option<Moment>| {
        at.map_or_else(|| "–".to_owned(), |at| at.for_people().trim_end_matches(" UTC").to_owned())
    };
    let row = move |step: &StepAccount| {
        let mut state = step.state.title().to_owned();
        if step.attempts > 1 {
            state.push_str(&format!(", {} attempts", step.attempts));
        }
        if report.is_undone(&step.id) {
            state.push_str(", UNDONE");
        }
        if let Some(note) = &step.note {
            state.push_str(&format!(": {}", cell(note)));
        }
        let title = if step.kind == OutlineKind::Health {
            format!("{} is healthy", cell(&step.title))
        } else if step.undoes.is_some() {
            format!("take back: {}", cell(&step.title))
        } else {
            cell(&step.title)
        };
        // What has parts began with the first of them.
        let began = step.ended.zip(step.whole).map(|(ended, whole)| ended.minus(whole)).or(step.started);
        format!(
            "| `{}` {title} | {} | {} | {} | {} | {state} |\n",
            step.id,
            moment(began),
            moment(step.ended),
            length(step.whole.or(step.duration)),
            length(step.estimate)
        )
    };
    once(HEAD.to_owned()).chain(steps.into_iter().map(row))
}

/// The points that were restored from, each with the steps that got it: what is restored from a copy gets one.
fn points(report: &Report, text: &mut String) {
    let mut points: Vec<(&Point, Vec<&Id>)> = Vec::new();
    for step in &report.steps {
        let Some(point) = &step.point else { continue };
        // The parts of a step are told with it.
        let whole = |other: &&StepAccount| {
            let part = step.id.as_str().strip_prefix(other.id.as_str());
            part.is_some_and(|part| part.starts_with('/')) && other.point.as_ref() == Some(point)
        };
        if report.steps.iter().any(|other| whole(&other)) {
            continue;
        }
        match points.iter_mut().find(|(known, _)| *known == &**point) {
            Some((_, steps)) => steps.push(&step.id),
            None => points.push((point, vec![&step.id])),
        }
    }
    if points.is_empty() {
        return;
    }
    text.push_str("## Recovery points\n\n");
    for (point, steps) in points {
        let steps: Vec<String> = steps.into_iter().map(|step| format!("`{step}`")).collect();
        let path = point.path.as_ref().map(|path| format!(" ({})", cell(path))).unwrap_or_default();
        let time =
            point.time.map_or_else(|| "of unknown time".to_owned(), |at| format!("of {}", at.for_people()));
        let (steps, why) = (steps.join(", "), cell(&point.why));
        text.push_str(&format!("- {steps}: `{}`{path}, {time}: {why}\n", point.copy));
    }
    text.push('\n');
}

fn left_out(report: &Report, text: &mut String) {
    if report.omitted.is_empty() {
        return;
    }
    text.push_str("## Not exercised\n\n");
    for left in &report.omitted {
        text.push_str(&format!("- `{}`: {}\n", left.step, cell(&left.why)));
    }
    text.push('\n');
}

fn people(report: &Report, text: &mut String) {
    if report.decisions.is_empty() {
        return;
    }
    text.push_str("## Who decided\n\n");
    for decision in &report.decisions {
        let step = decision.step.as_ref().map(|id| format!(" `{id}`")).unwrap_or_default();
        let proof = match (&decision.key, &decision.account) {
            (Some(key), _) => format!("signed, `{}`", key.replace('`', "")),
            (None, Some(account)) => format!("unverified, account {}", cell(account)),
            (None, None) => "unverified".to_owned(),
        };
        let note = decision.note.as_ref().map(|note| format!(": {}", cell(note))).unwrap_or_default();
        text.push_str(&format!(
            "- {}: {} ({proof}) {}{step}{note}\n",
            decision.at.for_people(),
            cell(&decision.by),
            cell(&decision.what)
        ));
    }
    text.push('\n');
}

fn rejected(report: &Report, text: &mut String) {
    if report.rejected.is_empty() {
        return;
    }
    text.push_str("## What did not count\n\n");
    for rejected in &report.rejected {
        let step = rejected.step.as_ref().map(|id| format!(" on `{id}`")).unwrap_or_default();
        text.push_str(&format!(
            "- {}: {}{step}: {}\n",
            rejected.at.for_people(),
            cell(&rejected.by),
            cell(&rejected.why)
        ));
    }
    text.push('\n');
}
