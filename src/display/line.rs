//! A line for each event; the same in a log and on a screen.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};

use super::phrase::{Mark, header, phrase};
use super::tail::last_words;
use crate::event::{Event, Listener, Outcome, RunState};
use crate::value::{Id, Stamp};

/// What the other end can show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Whether marks outside ASCII may be used.
    pub unicode: bool,
    /// Whether colours may be used.
    pub colour: bool,
}

/// Says an event in a line.
#[derive(Clone, Debug)]
pub(super) struct Liner {
    look: Look,
    /// Where the output of the steps lies.
    run_dir: PathBuf,
    /// How many columns the ids of the steps take, and how many steps there were when that was looked at.
    column: (usize, usize),
}

/// Writes a line for each event.
pub struct Lines {
    out: Box<dyn Write>,
    liner: Liner,
    gone: bool,
    told_points: BTreeSet<Id>,
    /// Why something is waited for, as it was told last; how often it was heard since, and after how often it is told again.
    told_waits: BTreeMap<Id, (String, u32, u32)>,
}

/// Ids shorter than this are padded, so that the eye finds the text in one column.
const WIDEST: usize = 28;

/// After so many looks at most it is told again why something is waited for.
const RAREST: u32 = 60;

impl Lines {
    /// Makes a listener that writes to `out`, of the run in a folder.
    pub fn new(out: Box<dyn Write>, look: Look, run_dir: &Path) -> Self {
        let liner = Liner::new(look, run_dir);
        Self { out, liner, gone: false, told_points: BTreeSet::new(), told_waits: BTreeMap::new() }
    }

    /// Whether it is time to tell once more why something is waited for: at once if the reason is new, else ever more rarely.
    fn tells_wait(&mut self, step: &Id, why: &str) -> bool {
        let wait = self.told_waits.entry(step.clone()).or_default();
        if wait.0 != why {
            *wait = (why.to_owned(), 0, 1);
            return true;
        }
        wait.1 += 1;
        let is_due = wait.1 > wait.2;
        if is_due {
            *wait = (why.to_owned(), 0, (wait.2 * 2).min(RAREST));
        }
        is_due
    }

    /// Whether nobody reads any more: a write failed, and nothing was written since.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }
}

impl Liner {
    pub(super) fn new(look: Look, run_dir: &Path) -> Self {
        Self { look, run_dir: run_dir.to_owned(), column: (0, 0) }
    }

    /// Says an event in a line with its break; of a step that has failed, its last words follow.
    pub(super) fn line(&mut self, stamp: &Stamp, event: &Event, state: &RunState) -> String {
        let phrase = phrase(stamp, event, state);
        let mark = if self.look.unicode { phrase.mark.letter() } else { phrase.mark.ascii() };
        let style = if self.look.colour { style(phrase.mark) } else { Style::new() };
        let (on, off) = (style.render(), style.render_reset());
        let time = stamp.at.time_of_day();
        // What is loud is coloured to its end; elsewhere only the mark is.
        let loud = matches!(phrase.mark, Mark::Failed | Mark::Asks | Mark::Stops);
        let (text_on, text_off) = if loud { (on.to_string(), off.to_string()) } else { <_>::default() };
        let mut text = match event.subject() {
            Some(id) => {
                let width = self.width(state);
                format!(
                    "{time}  {on}{mark}{off} {:<width$}  {text_on}{}{text_off}\n",
                    id.as_str(),
                    phrase.text
                )
            }
            None => format!("{time}  {on}{mark}{off} {text_on}{}{text_off}\n", phrase.text),
        };
        if let Event::RunStarted(start) = event {
            for line in header(start) {
                text.push_str(&format!("            {line}\n"));
            }
        }
        if let Event::StepFinished { step, attempt, outcome: Outcome::Failed { .. }, .. } = event {
            for line in last_words(&self.run_dir, step, *attempt) {
                text.push_str(&format!("            {line}\n"));
            }
        }
        text
    }

    /// Returns how many columns the ids of the steps take.
    fn width(&mut self, state: &RunState) -> usize {
        let nodes = state.nodes();
        if self.column.1 != nodes.len() {
            let longest = nodes.iter().map(|node| node.id.as_str().len()).max().unwrap_or(0);
            self.column = (longest.min(WIDEST), nodes.len());
        }
        self.column.0
    }
}

const fn style(mark: Mark) -> Style {
    match mark {
        Mark::Done | Mark::Over => AnsiColor::Green.on_default().bold(),
        Mark::Failed => AnsiColor::Red.on_default().bold(),
        Mark::Asks | Mark::Stops => AnsiColor::Yellow.on_default().bold(),
        Mark::Again | Mark::Skipped => AnsiColor::Yellow.on_default(),
        Mark::Begins | Mark::Notes => AnsiColor::Cyan.on_default(),
    }
}

impl Listener for Lines {
    fn hear(&mut self, stamp: &Stamp, event: &Event, state: &RunState) {
        if self.gone {
            return;
        }
        // Everything that is restored from a copy is restored from one point: it is told once.
        if let Event::PointChosen { point, .. } = event
            && !self.told_points.insert(point.copy.clone())
        {
            return;
        }
        // What a request led to is told by the other events.
        if matches!(event, Event::RequestHeard { useless: None, .. }) {
            return;
        }
        if let Event::StillWaiting { step, why } = event
            && !self.tells_wait(step, why)
        {
            return;
        }
        let line = self.liner.line(stamp, event, state);
        self.gone = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush()).is_err();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;
    use std::io;
    use std::rc::Rc;

    use super::*;
    use crate::event::sample::{Sample, id, start};
    use crate::event::{Failure, OutlineKind, RunResult, StopHow, Verdict};
    use crate::value::Length;

    /// A place to write to that the test can read.
    #[derive(Clone, Default)]
    pub(in crate::display) struct Shared(Rc<RefCell<Vec<u8>>>);

    impl Shared {
        pub(in crate::display) fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(sample: &Sample, look: Look) -> String {
        let out = Shared::default();
        let mut lines = Lines::new(Box::new(out.clone()), look, Path::new("no-such-run"));
        for ((stamp, event), state) in sample.events.iter().zip(sample.states()) {
            lines.hear(stamp, event, &state);
        }
        out.text()
    }

    const UNICODE: Look = Look { unicode: true, colour: false };

    #[test]
    fn a_good_drill() {
        let mut sample = Sample::begin(start());
        sample.until_good_end();
        assert_eq!(shown(&sample, UNICODE), include_str!("good.txt"));
    }

    #[test]
    fn a_step_with_parts_begins_when_they_are_done() {
        let mut begun = start();
        begun.nodes[2].kind = OutlineKind::Group;
        let mut sample = Sample::begin(begun);
        sample.until_restore();
        let said = shown(&sample, UNICODE);
        let line = said.lines().find(|line| line.contains("▸ restore-db")).unwrap();
        assert!(line.ends_with("has all its parts done, and is verified: Restore the database"), "{said}");
    }

    #[test]
    fn what_is_still_waited_for_is_told_ever_more_rarely() {
        let out = Shared::default();
        let mut lines = Lines::new(Box::new(out.clone()), Look::default(), Path::new("no-such-run"));
        let mut sample = Sample::begin(start());
        sample.until_restore();
        let state = sample.states().pop().unwrap();
        let stamp = sample.events.last().unwrap().0.clone();
        let mut told_after = |why: &str, times: usize| {
            let event = Event::StillWaiting { step: id("restore-db"), why: why.into() };
            let before = out.text().lines().count();
            for _ in 0..times {
                lines.hear(&stamp, &event, &state);
            }
            out.text().lines().count() - before
        };
        // At once, then after two looks, three, five, nine and so on, but at least each 61st time.
        assert_eq!(told_after("refused", 1), 1);
        assert_eq!(told_after("refused", 1), 0);
        assert_eq!(told_after("refused", 1), 1);
        assert_eq!(told_after("refused", 597), 13);
        // Another reason is news.
        assert_eq!(told_after("starting", 1), 1);
    }

    #[test]
    fn a_failure_says_where_to_look() {
        let mut sample = Sample::begin(start());
        sample.until_restore().fails(12, "restore-db", Failure::Exit { code: 3 }).over(RunResult::Failed);
        let text = shown(&sample, Look::default());
        let last: Vec<&str> = text.lines().rev().take(2).collect();
        assert_eq!(
            last,
            [
                "14:00:49  x The drill failed after 49s: 2 steps done, 1 failed, 1 not begun.",
                "14:00:48  x restore-db  FAILED after 12s: exit code 3. See steps/restore-db/1/stderr, \
                 and `drplan status 20261122T140000Z-abcd`",
            ]
        );
    }

    #[test]
    fn a_suspended_run_says_how_to_go_on() {
        let mut sample = Sample::begin(start());
        let stop = Event::StopAsked { by: "ops".into(), how: StopHow::Drain, reason: String::new() };
        let waits_for = vec!["approval of `go` by lead or dba".to_owned()];
        sample.until_question().then(5, stop).then(0, Event::RunSuspended { waits_for });
        let judged =
            |verdict| Event::StepJudged { step: id("go"), attempt: 1, verdict, why: "no trace of it".into() };
        let back = Event::RunResumed {
            by: "ops".into(),
            host: "vps-02".into(),
            plan_changed: true,
            taken_over: None,
        };
        sample.then(60, back);
        let text = shown(&sample, Look::default());
        let last: Vec<&str> = text.lines().rev().take(4).collect();
        assert_eq!(
            last,
            [
                "14:01:10  . Taken up again by ops on vps-02. The plan's file has changed since the run \
                 began; the run keeps to the plan as it was.",
                "14:00:10  = The run stops here and can be resumed. It waits for: approval of `go` by lead \
                 or dba. To go on, type: drplan resume 20261122T140000Z-abcd",
                "14:00:10  = ops asked to stop: nothing more is started, what runs may end.",
                "14:00:05  ? go          needs the approval of lead or dba: \"Restore now?\" \
                 Type: drplan approve 20261122T140000Z-abcd go --as PERSON",
            ]
        );
        let mut sample = Sample::begin(start());
        sample.starts(0, "go").then(1, judged(Verdict::Ask));
        let text = shown(&sample, Look::default());
        assert!(text.ends_with(
            "14:00:01  ? go          was interrupted, and nobody can know how far it came: no trace of it. \
             Look, then type `drplan retry 20261122T140000Z-abcd go --reason \"WHY\"` or \
             `drplan skip 20261122T140000Z-abcd go --reason \"WHY\"`\n"
        ), "{text}");
    }

    #[test]
    fn foreign_text_cannot_forge_a_line() {
        let mut sample = Sample::begin(start());
        let delay = Length::from_secs(10);
        let failure = Failure::NotStarted { why: "\u{1b}[2Jx\n14:00:00  + all is well".into() };
        sample.starts(0, "go").then(1, Event::RetryPlanned { step: id("go"), attempt: 1, failure, delay });
        let text = shown(&sample, UNICODE);
        assert!(!text.contains('\u{1b}'));
        assert!(text.ends_with(
            "↻ go          attempt 1 failed: could not be started: \\u{1b}[2Jx\\n14:00:00  + all is well; \
             tried again in 10s\n"
        ), "{text}");
    }

    #[test]
    fn colours_only_when_told() {
        let mut sample = Sample::begin(start());
        sample.starts(0, "go").fails(1, "go", Failure::Stopped);
        let text = shown(&sample, Look { unicode: true, colour: true });
        assert!(text.contains("\u{1b}[1m\u{1b}[31m✗\u{1b}[0m go "), "{text:?}");
        assert!(text.ends_with("\u{1b}[0m\n"), "{text:?}");
        assert!(!shown(&sample, UNICODE).contains('\u{1b}'));
        assert!(shown(&sample, Look::default()).is_ascii());
    }

    #[test]
    fn a_closed_pipe_ends_the_telling_only() {
        struct Closed(Rc<RefCell<u32>>);
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                *self.0.borrow_mut() += 1;
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let tries = Rc::default();
        let mut sample = Sample::begin(start());
        sample.until_good_end();
        let mut lines = Lines::new(Box::new(Closed(Rc::clone(&tries))), UNICODE, Path::new("no-such-run"));
        for ((stamp, event), state) in sample.events.iter().zip(sample.states()) {
            lines.hear(stamp, event, &state);
        }
        assert!(lines.is_gone());
        assert_eq!(*tries.borrow(), 1);
    }
}
