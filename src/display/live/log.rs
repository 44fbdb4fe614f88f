//! The output of the chosen step.

use ratatui::text::Line;

use super::model::Model;
use super::paint::{Paint, Tone, wrap};
use super::view::View;
use crate::display::tail::{Stream, Tail};
use crate::event::StepState;

/// Draws the log: its title, and as many of its last lines as there is room for.
pub(super) fn lines(
    model: &Model,
    view: &View,
    (at, tail): (Option<usize>, &Tail),
    paint: Paint,
    (width, height): (usize, usize),
) -> Vec<Line<'static>> {
    if height == 0 {
        return Vec::new();
    }
    let node = at.and_then(|at| model.state.nodes().get(at).zip(model.state.steps.get(at)));
    let Some((node, record)) = node else { return vec![paint.rule("output", width)] };
    let attempt = record.state.attempt().max(1);
    let which = if view.stream == Stream::Newest { "" } else { " (chosen)" };
    let attempt = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
    let name = if tail.name.is_empty() { "output" } else { tail.name };
    let mut title = format!("{name} of {}{attempt}{which}", node.id);
    if view.scrolled > 0 {
        title.push_str(", scrolled up");
    }
    let mut lines = vec![paint.rule(&title, width)];
    let room = height.saturating_sub(1);
    if tail.lines.is_empty() {
        let why = match record.state {
            StepState::Running { .. } => "nothing written yet",
            StepState::Pending => "it has not begun",
            StepState::Awaiting { .. } => "people do this, and what they do writes nothing here",
            _ => "it has written nothing",
        };
        lines.push(Line::from(vec![paint.span(format!(" {why}"), Tone::Quiet)]));
        lines.truncate(height);
        return lines;
    }
    // Only what may be seen is broken into lines.
    let near = room.saturating_add(view.scrolled);
    let from = tail.lines.len().saturating_sub(near);
    let mut shown: Vec<String> = Vec::new();
    if from == 0 && tail.is_cut {
        shown.push(format!("({} earlier output is in the run's folder)", paint.ellipsis()));
    }
    shown.extend(tail.lines[from..].iter().flat_map(|line| wrap(line, width.saturating_sub(2))));
    let end = shown.len().saturating_sub(view.scrolled).max(room.min(shown.len()));
    let begin = end.saturating_sub(room);
    lines.extend(
        shown[begin..end].iter().map(|line| Line::from(vec![paint.span(format!(" {line}"), Tone::Plain)])),
    );
    lines
}
