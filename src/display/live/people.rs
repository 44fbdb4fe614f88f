//! Who is waited for, and the command that they type.

use ratatui::text::Line;

use super::model::Model;
use super::paint::{Paint, Tone, secs, wrap};
use super::rows::names;
use super::view::View;
use crate::event::StepState;
use crate::value::{Id, Stamp, plain};

/// Draws who is waited for; nothing if nobody is.
pub(super) fn lines(
    model: &Model,
    view: &View,
    now: &Stamp,
    paint: Paint,
    width: usize,
) -> Vec<Line<'static>> {
    let run = model.state.start.as_ref().map_or("RUN", |start| start.run.as_str());
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
        let mut text = format!("{step}: {what} {}, since {since} UTC ({open})", names(&ask.from));
        if let Some((left, at)) = model.expiry(at, now) {
            text.push_str(&format!(", expires {} (in {})", at.time_of_day(), secs(left)));
        }
        let given = &model.state.steps[at].agreed;
        if !given.is_empty() {
            text.push_str(&format!(", so far {}", plain(&given.join(", "))));
        }
        say(&text, 1, Tone::Ask);
        say(&format!("\"{}\"", plain(&ask.text)), 3, Tone::Plain);
        say(&command(run, step), 3, Tone::Strong);
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

/// Draws the question that is asked at this terminal; the last line is where the answer is typed.
///
/// Returns the column of the cursor as well, if the keyboard goes there.
pub(super) fn talk(
    model: &Model,
    view: &View,
    paint: Paint,
    width: usize,
) -> (Vec<Line<'static>>, Option<usize>) {
    let talk = &view.talk;
    let mut lines: Vec<Line<'static>> = Vec::new();
    // The title has the step's name already.
    for line in talk.lines.iter().skip(1) {
        let line = plain_keeping_indent(line);
        lines.extend(
            wrap(&line, width.saturating_sub(2))
                .into_iter()
                .map(|line| Line::from(vec![paint.span(format!(" {line}"), Tone::Plain)])),
        );
    }
    if let (Some(start), Some(step)) = (&model.state.start, &talk.about) {
        let elsewhere = format!("(elsewhere: {})", command(start.run.as_str(), step));
        let wrapped = wrap(&elsewhere, width.saturating_sub(2)).into_iter();
        lines.extend(wrapped.map(|line| Line::from(vec![paint.span(format!(" {line}"), Tone::Quiet)])));
    }
    let prompt = plain(&talk.prompt);
    let prompt = format!(" {prompt} ");
    // The end of what is typed is seen, however long it is.
    let room = width.saturating_sub(1);
    let typed: Vec<String> = wrap(&format!("{prompt}{}", talk.typed), room);
    let last = typed.len().saturating_sub(1);
    let mut cursor = None;
    for (at, line) in typed.into_iter().enumerate() {
        if at == last && talk.is_answering {
            cursor = Some(Line::raw(line.clone()).width());
        }
        lines.push(Line::from(vec![
            paint.span(line, if talk.is_answering { Tone::Ask } else { Tone::Quiet }),
        ]));
    }
    (lines, cursor)
}

/// Returns what another person types to answer.
fn command(run: &str, step: &Id) -> String {
    format!("drplan approve {run} {step} --as PERSON")
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

fn plain_keeping_indent(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    format!("{:indent$}{}", "", plain(line))
}
