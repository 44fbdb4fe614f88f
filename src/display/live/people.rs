//! Who is waited for, and the command that they type.

use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::model::Model;
use super::paint::{Paint, Tone, secs, wrap};
use super::rows::names;
use super::view::View;
use crate::event::{StepState, how_to_answer};
use crate::value::{Id, Name, Stamp, plain};

/// Draws who is waited for; nothing if nobody is.
pub(super) fn lines(
    model: &Model,
    view: &View,
    now: &Stamp,
    paint: Paint,
    width: usize,
) -> Vec<Line<'static>> {
    let run = model.state.start.as_ref().map_or("RUN", |start| start.run.as_str());
    let is_short = width < 60;
    let mut lines = Vec::new();
    let mut say = |text: &str, indent: usize, tone: Tone| {
        // A command is never cut off: it must be typed as it stands.
        for (at, line) in wrap(text, width.saturating_sub(indent + 3)).into_iter().enumerate() {
            let indent = indent + if at > 0 { 2 } else { 0 };
            lines.push(Line::from(vec![paint.span(format!("{:indent$}{line}", ""), tone)]));
        }
    };
    for (at, ask) in model.asks() {
        let step = &model.state.nodes()[at].id;
        // What is asked at this terminal stands below.
        if view.talk.about.as_ref() == Some(step) {
            continue;
        }
        let what = if ask.approval { "approval of" } else { "to be done by" };
        let open = secs(now.since(&ask.since));
        let since = ask.since.at.time_of_day();
        let who = names(&ask.from);
        let mut text = match model.expiry(at, now) {
            None if is_short => format!("{step}: {who}, {open}"),
            Some((left, _)) if is_short => format!("{step}: {who}, {open}, {} left", secs(left)),
            None => format!("{step}: {what} {who}, since {since} UTC ({open})"),
            Some((left, at)) => {
                let (at, left) = (at.time_of_day(), secs(left));
                format!("{step}: {what} {who}, since {since} UTC ({open}), expires {at} (in {left})")
            }
        };
        let given = &model.state.steps[at].people().agreed;
        if !given.is_empty() {
            text.push_str(&format!(", so far {}", plain(&given.join(", "))));
        }
        say(&text, 1, Tone::Ask);
        if !is_short {
            say(&format!("\"{}\"", plain(&ask.text)), 3, Tone::Plain);
        }
        say(&how_to_answer(run, step, wanted(model, step)), 3, Tone::Strong);
    }
    let decides = |state: &StepState| matches!(state, StepState::Unknown { .. });
    for (node, record) in model.state.nodes().iter().zip(&model.state.steps) {
        if decides(&record.state) {
            let why = plain(record.note.as_deref().unwrap_or_default());
            say(&format!("{}: was interrupted, nobody knows how far it came: {why}", node.id), 1, Tone::Bad);
            say(&format!("drplan retry {run} {} --reason \"WHY\"", node.id), 3, Tone::Strong);
            say(&format!("drplan skip {run} {} --reason \"WHY\"", node.id), 3, Tone::Strong);
        }
    }
    lines
}

/// The question that is asked at this terminal.
pub(super) struct Talk {
    /// What is asked.
    pub(super) text: Vec<Line<'static>>,
    /// How it is answered from elsewhere.
    pub(super) elsewhere: Vec<Line<'static>>,
    /// Where the answer is typed: what stands before the cursor, and the end of what was typed.
    pub(super) prompt: Vec<Line<'static>>,
    /// The column of the cursor in the last of these lines, if the keyboard goes there.
    pub(super) cursor: Option<usize>,
}

/// No more lines of what was typed are shown.
const MOST_TYPED: usize = 2;

/// Draws the question that is asked at this terminal.
pub(super) fn talk(model: &Model, view: &View, paint: Paint, width: usize) -> Talk {
    let talk = &view.talk;
    let drawn = |lines: Vec<String>, tone: Tone| -> Vec<Line<'static>> {
        lines.into_iter().map(|line| Line::from(vec![paint.span(format!(" {line}"), tone)])).collect()
    };
    // The title has the step's name already.
    let text = talk.lines.iter().skip(1).flat_map(|line| wrap(&plain(line), width.saturating_sub(2)));
    let elsewhere = match (&model.state.start, &talk.about) {
        (Some(start), Some(step)) => wrap(
            &format!("(elsewhere: {})", how_to_answer(start.run.as_str(), step, wanted(model, step))),
            width.saturating_sub(2),
        ),
        _ => Vec::new(),
    };
    let mut prompt = wrap(&plain(&talk.prompt), width.saturating_sub(3));
    let first = prompt.pop().unwrap_or_default();
    let mut typed = wrap(&format!("{first} {}", talk.typed), width.saturating_sub(3));
    if typed.len() > MOST_TYPED + 1 {
        typed.drain(1..typed.len() - MOST_TYPED);
    }
    prompt.extend(typed);
    let cursor = prompt.last().filter(|_| talk.is_answering).map(|line| line.width() + 1);
    let tone = if talk.is_answering { Tone::Ask } else { Tone::Quiet };
    Talk {
        text: drawn(text.collect(), Tone::Plain),
        elsewhere: drawn(elsewhere, Tone::Quiet),
        prompt: drawn(prompt, tone),
        cursor,
    }
}

/// Returns the outputs that an answer must give.
fn wanted<'m>(model: &'m Model, step: &Id) -> &'m [Name] {
    model.state.step(step.as_str()).map_or(&[], |record| &record.people().wanted)
}

/// Returns what stands above the question: who may answer it, and until when.
pub(super) fn talk_title(model: &Model, view: &View, now: &Stamp) -> String {
    let Some(step) = &view.talk.about else { return String::new() };
    let at = model.state.position(step.as_str());
    let ask = at.and_then(|at| model.ask(at));
    let what = match ask {
        Some(ask) if ask.approval => format!(": approval of {}", names(&ask.from)),
        Some(ask) => format!(": to be done by {}", names(&ask.from)),
        None => String::new(),
    };
    let expires = at.and_then(|at| model.expiry(at, now));
    let expires = expires.map(|(left, _)| format!(", expires in {}", secs(left))).unwrap_or_default();
    format!("{step}{what}{expires}")
}
