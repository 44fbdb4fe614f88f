//! The list of steps: what needs a look stands above.

use ratatui::text::Line;

use super::model::Model;
use super::outlook::Outlook;
use super::paint::{Paint, Tone, secs};
use crate::display::phrase::Mark;
use crate::event::{OutlineKind, StepState};
use crate::value::{Id, Length, Stamp};

/// Longest id that gets a column of its own width.
const WIDEST: usize = 28;

/// Returns the nodes as they are listed: what went wrong, who is waited for, what runs, what comes, what was.
pub(super) fn listed(model: &Model) -> Vec<usize> {
    let group = |at: &usize| match &model.state.steps[*at].state {
        StepState::Unknown { .. } => 0,
        StepState::Failed { .. } => 1,
        StepState::Awaiting { .. } => 2,
        StepState::Running { .. } | StepState::Retrying { .. } => 3,
        StepState::Pending if model.state.nodes()[*at].kind == OutlineKind::Cleanup => 5,
        StepState::Pending => 4,
        _ => 6,
    };
    let mut rows: Vec<usize> = model.order.clone();
    rows.sort_by_key(group);
    let past = rows.partition_point(|at| group(at) < 6);
    // What ended last is the news.
    let ended = |at: &usize| model.state.steps[*at].ended.as_ref().map(|stamp| stamp.at);
    rows[past..].sort_by_key(|at| std::cmp::Reverse(ended(at)));
    rows
}

/// Returns the node that is looked at where nobody has chosen one.
pub(super) fn natural(model: &Model, outlook: &Outlook) -> Option<usize> {
    let is_work = |at: &usize| {
        let runs = matches!(model.state.steps[*at].state, StepState::Running { .. });
        let is_step = !matches!(model.state.nodes()[*at].kind, OutlineKind::Group | OutlineKind::Health);
        runs && is_step
    };
    let failed =
        model.order.iter().find(|at| matches!(model.state.steps[**at].state, StepState::Failed { .. }));
    let running = outlook.critical.iter().chain(&model.order).find(|at| is_work(at));
    running.or(failed).copied().or_else(|| listed(model).first().copied())
}

/// How wide the column of ids is.
pub(super) fn names_width(model: &Model, width: usize) -> usize {
    let widest = model.state.nodes().iter().map(|node| node.id.as_str().len()).max().unwrap_or(0);
    widest.min(WIDEST).min((width / 3).max(8))
}

/// Draws a node as a line.
pub(super) fn row(
    model: &Model,
    outlook: &Outlook,
    at: usize,
    now: &Stamp,
    paint: Paint,
    (is_chosen, width): (bool, usize),
) -> Line<'static> {
    let node = &model.state.nodes()[at];
    let record = &model.state.steps[at];
    let (mark, tone) = mark_of(&record.state);
    let mark = if paint.0.unicode { mark.letter() } else { mark.ascii() };
    let names = names_width(model, width);
    let chosen = if is_chosen { paint.chosen() } else { " " };
    let critical = if outlook.critical.contains(&at) { paint.critical() } else { " " };
    let id_tone = if is_chosen { Tone::Strong } else { Tone::Plain };
    let mut room = width.saturating_sub(names + 7);
    let mut spans = vec![
        paint.span(chosen, Tone::Strong),
        paint.span(format!("{mark} "), tone),
        paint.span(critical, Tone::Ask),
        paint.span(format!(" {}  ", paint.cell(node.id.as_str(), names)), id_tone),
    ];
    let takes = node.takes;
    if let (StepState::Running { .. }, Some(takes), Some(spent)) =
        (&record.state, takes, model.spent(at, now))
        && spent <= takes
        && room >= 44
    {
        let bar = 10 + (width.saturating_sub(80) / 4).min(20);
        spans.push(paint.span(format!("{} ", paint.bar(spent, takes, bar)), Tone::Good));
        room = room.saturating_sub(bar + 1);
    }
    let (words, tone) = words(model, at, now);
    spans.push(paint.span(paint.fit(&words, room), tone));
    Line::from(spans)
}

const fn mark_of(state: &StepState) -> (Mark, Tone) {
    match state {
        StepState::Pending => (Mark::Notes, Tone::Quiet),
        StepState::Running { .. } => (Mark::Begins, Tone::Good),
        StepState::Awaiting { .. } => (Mark::Asks, Tone::Ask),
        StepState::Retrying { .. } => (Mark::Again, Tone::Warn),
        StepState::Unknown { .. } => (Mark::Asks, Tone::Bad),
        StepState::Done { .. } | StepState::Unneeded | StepState::Assumed => (Mark::Done, Tone::Good),
        StepState::Skipped => (Mark::Skipped, Tone::Warn),
        StepState::Failed { .. } => (Mark::Failed, Tone::Bad),
    }
}

/// Says where a node stands.
fn words(model: &Model, at: usize, now: &Stamp) -> (String, Tone) {
    let node = &model.state.nodes()[at];
    let record = &model.state.steps[at];
    let spent = secs(model.spent(at, now).unwrap_or(Length::ZERO));
    let reason = || record.note.as_deref().unwrap_or("nobody knows why");
    match &record.state {
        StepState::Pending => (pending(model, at), Tone::Quiet),
        StepState::Running { attempt } => {
            let (mut words, tone) = running(node.takes, spent, node.kind);
            if *attempt > 1 {
                words.push_str(&format!(", attempt {attempt}"));
            }
            if let Some(found) = model.look(at) {
                words.push_str(&format!(", not yet: {found}"));
            }
            (words, tone)
        }
        StepState::Awaiting { .. } => (awaiting(model, at, now, spent), Tone::Ask),
        StepState::Retrying { attempt } => {
            let until = secs(model.until_retry(at, now).unwrap_or(Length::ZERO));
            (format!("again in {until}; attempt {attempt} failed: {}", reason()), Tone::Warn)
        }
        StepState::Unknown { .. } => (format!("INTERRUPTED, a person must decide: {}", reason()), Tone::Bad),
        StepState::Failed { .. } => (format!("FAILED after {spent}: {}", reason()), Tone::Bad),
        StepState::Done { .. } => {
            let what = match node.kind {
                OutlineKind::Health => "healthy after",
                OutlineKind::Undo => "taken back in",
                _ => "done in",
            };
            let tries = if record.state.attempt() > 1 {
                format!(", attempt {}", record.state.attempt())
            } else {
                String::new()
            };
            let estimate = match node.takes {
                Some(takes) if spent > takes => {
                    format!(", {} over its estimate", secs(spent.saturating_sub(takes)))
                }
                Some(takes) => format!(" of {}", takes.for_people()),
                None => String::new(),
            };
            let undone = if model.state.is_undone(node.id.as_str()) { "UNDONE; " } else { "" };
            (format!("{undone}{what} {spent}{estimate}{tries}"), Tone::Quiet)
        }
        StepState::Unneeded => (format!("not needed: {}", reason()), Tone::Quiet),
        StepState::Skipped => (format!("SKIPPED: {}", reason()), Tone::Warn),
        StepState::Assumed => ("would run".to_owned(), Tone::Quiet),
    }
}

fn running(takes: Option<Length>, spent: Length, kind: OutlineKind) -> (String, Tone) {
    match takes {
        _ if kind == OutlineKind::Group => (format!("{spent}, its steps run"), Tone::Plain),
        Some(takes) if spent > takes => {
            let over = secs(spent.saturating_sub(takes));
            (format!("{spent}, OVER by {over} (estimate {})", takes.for_people()), Tone::Warn)
        }
        Some(takes) => {
            let percent = spent.as_millis() * 100 / takes.as_millis().max(1);
            (format!("{spent} of {}, {percent}%", takes.for_people()), Tone::Plain)
        }
        None => (format!("{spent}, no estimate"), Tone::Plain),
    }
}

fn awaiting(model: &Model, at: usize, now: &Stamp, spent: Length) -> String {
    let who = model.ask(at).map_or_else(String::new, |ask| names(&ask.from));
    let expires = model.expiry(at, now);
    let expires = expires.map(|(left, _)| format!(", expires in {}", secs(left))).unwrap_or_default();
    format!("waits for {who}, {spent}{expires}")
}

/// Returns who may answer.
pub(super) fn names(from: &[Id]) -> String {
    let names: Vec<&str> = from.iter().map(Id::as_str).collect();
    if names.is_empty() { "anybody".to_owned() } else { names.join(" or ") }
}

fn pending(model: &Model, at: usize) -> String {
    let nodes = model.state.nodes();
    let open = |before: &&usize| model.state.steps.get(**before).is_some_and(|step| !step.state.releases());
    let waits: Vec<&str> =
        nodes[at].after.iter().filter(open).map(|before| nodes[*before].id.as_str()).collect();
    let takes = nodes[at].takes.map(|takes| format!("takes {}, ", takes.for_people())).unwrap_or_default();
    if nodes[at].kind == OutlineKind::Cleanup {
        format!("{takes}at the end")
    } else if waits.is_empty() {
        format!("{takes}waits for its turn")
    } else {
        format!("{takes}after {}", waits.join(", "))
    }
}
