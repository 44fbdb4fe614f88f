//! Lays the parts out on a screen of any size.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::assets::{clocks, incident_clock};
use super::model::Model;
use super::outlook::Outlook;
use super::paint::{Paint, Tone, secs, wrap};
use super::view::{Role, View};
use super::{log, people, rows};
use crate::display::tail::Tail;
use crate::event::{RunResult, StepState, StopHow};
use crate::value::{Length, Stamp, plain};

/// All that a screen shows.
pub(super) struct Picture<'a> {
    pub(super) model: &'a Model,
    pub(super) view: &'a View,
    pub(super) outlook: &'a Outlook,
    pub(super) now: &'a Stamp,
    /// The node whose output is shown, and that output.
    pub(super) shown: (Option<usize>, &'a Tail),
    pub(super) paint: Paint,
}

/// Narrower or lower than this, nothing of use can be shown.
const SMALLEST: (usize, usize) = (20, 4);

impl Picture<'_> {
    /// Draws it; returns where the cursor stands, if something is typed.
    pub(super) fn draw(&self, buffer: &mut Buffer) -> Option<Position> {
        let area = buffer.area;
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let mut page = Page { buffer, area, next: 0, is_ascii: !self.paint.0.unicode };
        if width < SMALLEST.0 || height < SMALLEST.1 {
            page.put(&[Line::raw(self.paint.fit("too small", width))]);
            return None;
        }
        if self.model.state.start.is_none() {
            page.put(&[Line::raw(self.paint.fit(" The run begins.", width))]);
            return None;
        }
        let head = self.head(width, height);
        let foot = self.foot(width);
        page.put(&head);
        let mut room = height - head.len() - 1;
        let mut cursor = None;
        if self.view.is_zoomed {
            page.put(&log::lines(self.model, self.view, self.shown, self.paint, (width, room)));
        } else {
            let is_tall = height >= 18;
            let clocks = self.clocks(width, height);
            // Even on the smallest screen a step and the question are seen.
            let most = if self.view.talk.is_open() && !is_tall { 1 } else { room };
            let clocks = &clocks[..clocks.len().min(most).min(room.saturating_sub(2))];
            page.put(clocks);
            room -= clocks.len();
            let most = if is_tall { height / 2 } else { room.saturating_sub(1) };
            let (talk, column) = self.talk(width, most);
            room = room.saturating_sub(talk.len());
            let people = self.people(width, room * 2 / 3, is_tall);
            room = room.saturating_sub(people.len());
            let listed = self.model.state.nodes().len() + usize::from(is_tall);
            // The log gets what the steps do not need, and no more than it has; both get some.
            let log = match is_tall {
                true if self.shown.1.name.is_empty() => room.saturating_sub(listed).min(2),
                true => room.saturating_sub(listed).max((room / 2).min(self.shown.1.lines.len() + 1).max(2)),
                false => 0,
            };
            let steps = self.steps(width, room.saturating_sub(log), is_tall);
            page.put(&steps);
            page.put(&people);
            page.put(
                &log::lines(
                    self.model,
                    self.view,
                    self.shown,
                    self.paint,
                    (width, log.min(room - steps.len())),
                )[..],
            );
            if !talk.is_empty() {
                page.next = height - 1 - talk.len();
                page.put(&talk);
                cursor = column.map(|column| (column, height - 2));
            }
        }
        page.next = height - 1;
        page.put(&[foot]);
        cursor.map(|(x, y)| {
            let at = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
            Position { x: at(x.min(width - 1)), y: at(y) }
        })
    }

    fn head(&self, width: usize, height: usize) -> Vec<Line<'static>> {
        let (model, paint) = (self.model, self.paint);
        let Some(start) = &model.state.start else { return Vec::new() };
        let scenario = start.scenario.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
        let place = start.environment.as_ref().map(|id| format!(" in {id}")).unwrap_or_default();
        let what = format!("{}: {}{scenario}{place}", plain(&start.title), start.mode.title());
        let run = start.run.as_str();
        let mut lines = Vec::new();
        // The run's id is what every command needs; on a narrow screen the title gives way.
        let room = width.saturating_sub(run.len() + 4);
        if room >= 16 {
            let what = paint.cell(&what, room);
            lines.push(Line::from(vec![
                paint.span(format!(" {what}  "), Tone::Strong),
                paint.span(run.to_owned(), Tone::Quiet),
            ]));
        } else {
            lines.push(Line::from(vec![
                paint.span(format!(" {}", paint.fit(&what, width - 2)), Tone::Strong),
            ]));
        }
        let (word, tone) = self.standing();
        let dot = paint.dot();
        let mut counts = String::new();
        let count =
            |is: fn(&StepState) -> bool| model.state.steps.iter().filter(|step| is(&step.state)).count();
        let done = count(StepState::releases);
        counts.push_str(&format!("{dot}{done} of {} done", model.state.steps.len()));
        for (number, what) in [
            (count(|state| matches!(state, StepState::Failed { .. })), "FAILED"),
            (count(|state| matches!(state, StepState::Skipped)), "SKIPPED"),
            (count(|state| matches!(state, StepState::Unknown { .. })), "interrupted"),
            (count(|state| matches!(state, StepState::Awaiting { .. })), "waiting for people"),
            (count(|state| matches!(state, StepState::Running { .. })), "running"),
        ] {
            if number > 0 {
                counts.push_str(&format!("{dot}{number} {what}"));
            }
        }
        let spent = model.state.started.as_ref().map_or(Length::ZERO, |started| self.now.since(started));
        let word = format!(" {word} {}", secs(spent));
        let room = width.saturating_sub(word.len());
        lines
            .push(Line::from(vec![paint.span(word, tone), paint.span(self.cut(&counts, room), Tone::Plain)]));
        if let Some(line) = self.advice() {
            // What can be done, until when and what happens else is told as a whole wherever there is room.
            let mut told = wrap(&plain(&line), width - 2);
            if height < 12 || told.len() > height / 4 {
                told = vec![paint.fit(&line, width - 2)];
            }
            lines.extend(told.iter().map(|line| Line::from(vec![paint.span(format!(" {line}"), Tone::Ask)])));
        }
        if height >= 12 && !self.outlook.critical.is_empty() && !model.is_over() {
            lines.push(self.critical_path(width));
        }
        lines
    }

    /// Cuts a line off without touching the blanks at its ends.
    fn cut(&self, text: &str, room: usize) -> String {
        let indent = text.len() - text.trim_start().len();
        format!("{:indent$}{}", "", self.paint.fit(text, room.saturating_sub(indent)))
    }

    fn standing(&self) -> (&'static str, Tone) {
        let state = &self.model.state;
        match (state.result, &state.suspended, state.stop) {
            (Some(RunResult::Done | RunResult::Possible), ..) => ("DONE after", Tone::Good),
            (Some(RunResult::Failed | RunResult::Impossible), ..) => ("FAILED after", Tone::Bad),
            (Some(RunResult::Aborted), ..) => ("GIVEN UP after", Tone::Bad),
            (None, Some(_), _) => ("STOPPED, for", Tone::Warn),
            (None, None, _) if self.model.is_controlled == Some(false) => {
                ("NOBODY CONTROLS IT, for", Tone::Bad)
            }
            (None, None, Some(StopHow::Drain)) => ("STOPPING, for", Tone::Warn),
            (None, None, None) if state.is_held() => ("HELD, for", Tone::Ask),
            (None, None, _) if state.undoing => ("TAKING BACK, for", Tone::Bad),
            (None, None, Some(StopHow::Kill | StopHow::Abort | StopHow::Undo)) => ("ENDING, for", Tone::Bad),
            (None, None, None) => ("running for", Tone::Strong),
        }
    }

    /// Says what to do where the run does not simply go on.
    fn advice(&self) -> Option<String> {
        let state = &self.model.state;
        let run = state.start.as_ref().map_or("RUN", |start| start.run.as_str());
        if let Some(trouble) = &self.model.trouble {
            return Some(format!("this view may be wrong: {trouble}"));
        }
        let is_left = state.suspended.is_some() || self.model.is_controlled == Some(false);
        if is_left && state.result.is_none() {
            return Some(format!("go on: drplan resume {run}"));
        }
        let Some(stop) = state.stop else {
            let choice = state.hold.as_ref().filter(|_| state.is_held()).map(|hold| hold.choice(run));
            return choice.or_else(|| self.view.notice.clone());
        };
        match (stop, self.view.role) {
            (StopHow::Drain, Role::Controls) => {
                Some("nothing more starts; what runs may end. Ctrl-C again ends it.".to_owned())
            }
            (StopHow::Drain, Role::Watches) => Some("nothing more starts; what runs may end.".to_owned()),
            (StopHow::Kill, _) => Some("what runs is ended; the run can be resumed.".to_owned()),
            (StopHow::Abort, _) => Some("what runs is ended, and the run is given up.".to_owned()),
            (StopHow::Undo, _) => Some("the run is given up; what was carried out is taken back.".to_owned()),
        }
    }

    fn critical_path(&self, width: usize) -> Line<'static> {
        let (model, paint) = (self.model, self.paint);
        let critical = &self.outlook.critical;
        let failed = critical.last().and_then(|at| self.outlook.blocked[*at]);
        if let Some(failed) = failed.and_then(|at| model.state.nodes().get(at)) {
            let text = format!(" {} the end is held up by {}", paint.critical(), failed.id);
            return Line::from(vec![paint.span(self.cut(&text, width), Tone::Bad)]);
        }
        let names: Vec<&str> = critical.iter().map(|at| model.state.nodes()[*at].id.as_str()).collect();
        let is_vague = critical.iter().any(|at| self.outlook.is_vague[*at]);
        let least = if is_vague { "at least " } else { "" };
        let what = if width < 70 { "" } else { "critical path, " };
        let end = format!(" {} {what}{least}{} to go: ", paint.critical(), secs(self.outlook.end()));
        let room = width.saturating_sub(Line::raw(end.as_str()).width());
        let path = paint.fit(&names.join(paint.arrow()), room);
        Line::from(vec![paint.span(end, Tone::Ask), paint.span(path, Tone::Plain)])
    }

    fn clocks(&self, width: usize, height: usize) -> Vec<Line<'static>> {
        let (model, paint) = (self.model, self.paint);
        let clocks = clocks(model, self.outlook, self.now);
        if clocks.is_empty() {
            return Vec::new();
        }
        let mut lines = Vec::new();
        if height >= 18 {
            let since = incident_clock(model, self.now);
            let assumed = model.state.start.as_ref().map_or(Length::ZERO, |start| start.assumed);
            let is_real =
                model.state.start.as_ref().is_some_and(|start| start.mode == crate::event::Mode::Real);
            let title = match since {
                None => "recovery times".to_owned(),
                Some(since) if is_real || assumed == Length::ZERO => {
                    format!("recovery times, {} since the incident", secs(since))
                }
                Some(since) => {
                    format!("recovery times, {} since the incident, {assumed} of it assumed", secs(since))
                }
            };
            lines.push(paint.rule(&title, width));
        }
        let names = clocks.iter().map(|clock| clock.asset.as_str().len()).max().unwrap_or(0);
        let names = names.min(28).min((width / 3).max(8));
        let most = (height / 5).max(1);
        let fits = if clocks.len() > most { most.saturating_sub(1).max(1) } else { most };
        lines.extend(clocks.iter().take(fits).map(|clock| clock.line(paint, names, width)));
        if clocks.len() > fits && most > 1 {
            let more = format!(" {} and {} more that stand better", paint.ellipsis(), clocks.len() - fits);
            lines.push(Line::from(vec![paint.span(more, Tone::Quiet)]));
        }
        lines
    }

    fn talk(&self, width: usize, most: usize) -> (Vec<Line<'static>>, Option<usize>) {
        if !self.view.talk.is_open() {
            return (Vec::new(), None);
        }
        let mut talk = people::talk(self.model, self.view, self.paint, width);
        // What is typed is seen before all; then what is asked, then who may answer and how.
        let prompt = &mut talk.prompt;
        prompt.drain(..prompt.len().saturating_sub(most));
        let mut room = most - prompt.len();
        let mut lines = Vec::new();
        if room > 1 {
            let title = people::talk_title(self.model, self.view, self.now);
            lines.push(self.paint.rule(&title, width));
            room -= 1;
        }
        if talk.text.len() > room && room > 0 {
            let gone = talk.text.len() + 1 - room;
            let more = format!("{} {gone} more lines on a larger screen", self.paint.ellipsis());
            talk.text.truncate(room - 1);
            let more = self.paint.span(format!(" {}", self.paint.fit(&more, width - 2)), Tone::Quiet);
            talk.text.push(Line::from(vec![more]));
        }
        talk.text.truncate(room);
        room -= talk.text.len();
        lines.extend(talk.text);
        if talk.elsewhere.len() <= room {
            lines.extend(talk.elsewhere);
        }
        lines.extend(talk.prompt);
        (lines, talk.cursor)
    }

    fn people(&self, width: usize, most: usize, has_title: bool) -> Vec<Line<'static>> {
        let mut lines = people::lines(self.model, self.view, self.now, self.paint, width);
        if lines.is_empty() || most == 0 {
            return Vec::new();
        }
        if has_title && most >= 4 {
            lines.insert(0, self.paint.rule("waiting for people", width));
        }
        if lines.len() > most {
            lines.truncate(most.saturating_sub(1));
            let more = format!(" {} more on a larger screen", self.paint.ellipsis());
            lines.push(Line::from(vec![self.paint.span(self.paint.fit(&more, width), Tone::Quiet)]));
        }
        lines
    }

    fn steps(&self, width: usize, room: usize, has_title: bool) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        if room == 0 {
            return lines;
        }
        let listed = rows::listed(self.model);
        let chosen = self.shown.0.and_then(|at| listed.iter().position(|row| *row == at));
        let mut room = room;
        if has_title && room > 2 {
            let title = match &self.view.chosen {
                Some(id) => format!("steps, {id} is chosen"),
                None => "steps".to_owned(),
            };
            lines.push(self.paint.rule(&title, width));
            room -= 1;
        }
        // What needs a look stands above; only a choice further down moves the list.
        let chosen_at = chosen.filter(|_| self.view.chosen.is_some()).unwrap_or(0);
        let is_cut = listed.len() > room;
        let fits = if is_cut && room > 1 { room - 1 } else { room };
        let first = (chosen_at + 1).saturating_sub(fits).min(listed.len().saturating_sub(fits));
        for (offset, at) in listed.iter().enumerate().skip(first).take(fits) {
            let is_chosen = chosen == Some(offset);
            lines.push(rows::row(self.model, self.outlook, *at, self.now, self.paint, (is_chosen, width)));
        }
        if is_cut && room > 1 {
            let more = format!(" {} {} more", self.paint.ellipsis(), listed.len() - fits);
            lines.push(Line::from(vec![self.paint.span(more, Tone::Quiet)]));
        }
        lines
    }

    fn foot(&self, width: usize) -> Line<'static> {
        let view = self.view;
        let up_down = format!("{} step", self.paint.up_down());
        let zoom = if view.is_zoomed { "Tab steps" } else { "Tab log" };
        let is_answering = view.talk.is_open() && view.talk.is_answering;
        let keys: Vec<&str> = if is_answering {
            vec!["Enter answer", "Esc look around", "Ctrl-C stop", &up_down, zoom, "PgUp scroll"]
        } else {
            let mut keys = Vec::new();
            if view.talk.is_open() {
                keys.push("a answer");
            }
            keys.push(if view.role == Role::Watches { "q leave" } else { "Ctrl-C stop" });
            keys.extend([&*up_down, zoom, "o stdout/stderr", "PgUp scroll"]);
            if view.chosen.is_some() {
                keys.push("Esc follow");
            }
            keys
        };
        let mut text = String::new();
        let dot = self.paint.dot();
        for key in keys {
            let gap = if text.is_empty() { " " } else { dot };
            if Line::raw(format!("{text}{gap}{key}")).width() > width.saturating_sub(1) {
                break;
            }
            text.push_str(gap);
            text.push_str(key);
        }
        Line::from(vec![self.paint.span(text, Tone::Quiet)])
    }
}

/// A screen that is filled from above.
struct Page<'b> {
    buffer: &'b mut Buffer,
    area: Rect,
    next: usize,
    is_ascii: bool,
}

impl Page<'_> {
    fn put(&mut self, lines: &[Line<'_>]) {
        for line in lines {
            let Ok(y) = u16::try_from(self.next) else { return };
            if y >= self.area.height {
                return;
            }
            let mut line = line.clone();
            for span in line.spans.iter_mut().filter(|span| self.is_ascii && !span.content.is_ascii()) {
                // What the plan's author and the steps have written may hold any letter.
                span.content =
                    span.content.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect();
            }
            self.buffer.set_line(self.area.x, self.area.y + y, &line, self.area.width);
            self.next += 1;
        }
    }
}
