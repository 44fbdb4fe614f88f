//! How a run is shown while it runs: the live view at a terminal, else a line an event.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Terminal;
use super::execute::EventFormat;
use super::frozen::Frozen;
use super::session::{self, Session};
use crate::display::{Handle, JsonLines, Lines, LiveView, Look, Recap, Role, Scene};
use crate::effect::{Answers, Desk};
use crate::error::Error;
use crate::event::{Event, Listener, Mode, RunState};
use crate::exit::Exit;
use crate::journal::{Follow, Writer};
use crate::keeper;
use crate::plan::Action;
use crate::report;
use crate::value::{Id, Length, RunId, Stamp, plain};

/// Who hears of a run's events at this terminal.
pub(super) enum Listening {
    /// Each event is printed.
    Printed(Box<dyn Listener>),
    /// They are seen in the live view, and the most important ones are printed at its end.
    Seen(Box<Seen>),
}

/// A live view beside what is printed after it.
pub(super) struct Seen {
    teller: Box<dyn Listener>,
    recap: Recap,
    view: LiveView,
    warnings: Arc<Mutex<Vec<String>>>,
}

/// Questions, and what goes wrong beside the run, as the live view shows them.
#[derive(Debug)]
struct ViewDesk {
    view: Handle,
    /// What is told once more when the view is gone.
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Desk for ViewDesk {
    fn show(&self, text: Option<String>, about: Option<Id>) {
        self.view.show(text, about);
    }

    fn warn(&self, text: &str) {
        self.view.notice(&format!("warning: {text}"));
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(plain(text));
    }

    fn give_way(&self) {
        self.view.give_way();
    }

    fn come_back(&self) {
        self.view.come_back();
    }
}

impl Listening {
    pub(super) fn begin(session: &Session, earlier: &[crate::journal::Record], terminal: &Terminal) -> Self {
        let look = look(terminal);
        let out = || Box::new(io::stdout());
        match session.format {
            EventFormat::Json => return Self::Printed(Box::new(JsonLines::new(out()))),
            EventFormat::Human => {}
        }
        // A dry run is over at once, and its lines are what it is for.
        let acts = matches!(session.start.mode, Mode::Real | Mode::Drill);
        if session.plain || !terminal.is_screen || !acts {
            return Self::Printed(Box::new(Lines::new(out(), look, &session.run_dir)));
        }
        let earlier = earlier.iter().map(|record| (record.stamp.clone(), record.event.clone())).collect();
        let scene = scene(&session.run_dir, expiries(&session.frozen), Role::Controls, terminal, earlier);
        match LiveView::begin(scene) {
            Ok(view) => {
                let teller = Box::new(view.listener());
                Self::Seen(Box::new(Seen {
                    teller,
                    recap: Recap::new(look, &session.run_dir),
                    view,
                    warnings: Arc::default(),
                }))
            }
            // A terminal that cannot do it still shows lines.
            Err(_) => Self::Printed(Box::new(Lines::new(out(), look, &session.run_dir))),
        }
    }

    /// Returns where questions are asked, if the view has the terminal.
    pub(super) fn desk(&mut self) -> Option<(Arc<dyn Desk>, Answers)> {
        match self {
            Self::Printed(_) => None,
            Self::Seen(seen) => {
                let answers = seen.view.take_answers()?;
                let desk = ViewDesk { view: seen.view.handle(), warnings: Arc::clone(&seen.warnings) };
                Some((Arc::new(desk), answers))
            }
        }
    }

    /// Gives the terminal back; returns what is to be printed of the run.
    pub(super) fn end(self) -> String {
        match self {
            Self::Printed(_) => String::new(),
            Self::Seen(seen) => {
                drop(seen.view);
                let warnings = seen.warnings.lock().unwrap_or_else(PoisonError::into_inner);
                let warnings: String = warnings.iter().map(|text| format!("warning: {text}\n")).collect();
                format!("{}{warnings}", seen.recap.text())
            }
        }
    }
}

impl Listener for Listening {
    fn hear(&mut self, stamp: &Stamp, event: &Event, state: &RunState) {
        match self {
            Self::Printed(listener) => listener.hear(stamp, event, state),
            Self::Seen(seen) => {
                seen.teller.hear(stamp, event, state);
                seen.recap.hear(stamp, event, state);
            }
        }
    }
}

const fn look(terminal: &Terminal) -> Look {
    Look { colour: terminal.color, unicode: terminal.unicode }
}

fn scene(
    run_dir: &Path,
    expires: BTreeMap<Id, Length>,
    role: Role,
    terminal: &Terminal,
    earlier: Vec<(Stamp, Event)>,
) -> Scene {
    Scene { run_dir: run_dir.to_owned(), look: look(terminal), role, clock: keeper::stamp, expires, earlier }
}

/// Returns how long a question stays open, by its step.
fn expiries(frozen: &Frozen) -> BTreeMap<Id, Length> {
    let steps = frozen.plan.steps.iter().filter_map(|step| {
        let expires = match &*step.action {
            Action::Approve(approve) => approve.expires.or(step.common.timeout),
            Action::Manual { .. } => step.common.timeout,
            _ => None,
        };
        Some((step.id.clone(), expires?))
    });
    steps.collect()
}

/// How often the journal of a run is looked at that another process controls.
const LOOK: Duration = Duration::from_millis(500);

/// Shows a run that another process controls, until it is over or the person has seen enough.
pub(super) fn watch(run: &RunId, run_dir: &Path, plain: bool, terminal: &Terminal) -> Result<Exit, Error> {
    let mut follow = Follow::new(run_dir);
    let mut state = RunState::default();
    let view = if plain || !terminal.is_screen {
        None
    } else {
        // What another version has frozen is still watched; only the ends of questions are not known.
        let expires = Frozen::read(run_dir).map(|(frozen, _)| expiries(&frozen)).unwrap_or_default();
        LiveView::begin(scene(run_dir, expires, Role::Watches, terminal, Vec::new())).ok()
    };
    let mut lines: Box<dyn Listener> = match &view {
        Some(view) => Box::new(view.listener()),
        None => Box::new(Lines::new(Box::new(io::stdout()), look(terminal), run_dir)),
    };
    let (_open, never) = std::sync::mpsc::channel::<()>();
    loop {
        let records = follow.read().map_err(|error| Error::unable(format!("cannot {error}")))?;
        for record in records {
            state.apply(&record.event, &record.stamp).map_err(|error| {
                Error::unable(format!("record {} of the journal makes no sense: {error}", record.n))
            })?;
            lines.hear(&record.stamp, &record.event, &state);
        }
        let is_controlled = Writer::is_controlled(run_dir).unwrap_or(true);
        if let Some(view) = &view {
            view.tell_controlled(is_controlled);
        }
        let is_left = state.suspended.is_some() || !is_controlled;
        if state.result.is_some() || (view.is_none() && is_left) {
            break;
        }
        let goes_on = match &view {
            Some(view) => view.stays(LOOK),
            None => never.recv_timeout(LOOK) == Err(std::sync::mpsc::RecvTimeoutError::Timeout),
        };
        if !goes_on {
            break;
        }
    }
    drop((lines, view));
    match state.result {
        Some(_) => {
            let report = session::report_of(run_dir)?;
            terminal.print(&format!("\n{}", report::summary(&report)))?;
        }
        None => terminal.print(&format!("{run} is not over; see it with `drplan status {run} --watch`\n"))?,
    }
    Ok(Exit::Done)
}
