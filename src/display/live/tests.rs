//! Whole screens, made of events, a time and keys, without a terminal.

use std::collections::BTreeMap;
use std::path::Path;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;

use super::keys::{Wish, press};
use super::model::Model;
use super::outlook::Outlook;
use super::paint::Paint;
use super::rows::natural;
use super::screen::Picture;
use super::view::{Role, View};
use crate::display::line::Look;
use crate::display::tail::Tail;
use crate::event::sample::{Sample, id, start};
use crate::event::{Answer, Event, Failure, Outcome, Outline, OutlineKind, RunResult, StopHow, Target};
use crate::value::{Length, Stamp};

const UNICODE: Look = Look { unicode: true, colour: false };
const MINUTE: u64 = 60;

/// A screen that can be looked at at any time, in any size.
struct Stage {
    model: Model,
    view: View,
    tail: Tail,
    look: Look,
    now: Stamp,
}

impl Stage {
    /// Hears the events, and looks some seconds after the last one.
    fn new(sample: &Sample, later: u64) -> Self {
        let mut model = Model::new(BTreeMap::from([(id("go"), Length::from_secs(30 * MINUTE))]));
        for (stamp, event) in &sample.events {
            model.apply(stamp, event);
        }
        assert_eq!(model.trouble, None);
        let (last, _) = sample.events.last().unwrap();
        let later = Length::from_secs(later);
        let now = Stamp {
            at: last.at.plus(later),
            boot_ms: last.boot_ms + later.as_millis(),
            boot_id: last.boot_id.clone(),
        };
        let lines = (1..=40).map(|n| format!("restoring table {n} of 112, 日本 included")).collect();
        let tail = Tail { name: "stdout", lines, is_cut: false };
        Self { model, view: View::new(Role::Controls), tail, look: UNICODE, now }
    }

    fn shown(&self) -> Option<usize> {
        let chosen = self.view.chosen.as_ref().and_then(|id| self.model.state.position(id.as_str()));
        chosen.or_else(|| natural(&self.model, &Outlook::new(&self.model, &self.now)))
    }

    fn draw(&self, width: u16, height: u16) -> (Buffer, Option<Position>) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let outlook = Outlook::new(&self.model, &self.now);
        let picture = Picture {
            model: &self.model,
            view: &self.view,
            outlook: &outlook,
            now: &self.now,
            shown: (self.shown(), &self.tail),
            paint: Paint(self.look),
        };
        let cursor = picture.draw(&mut buffer);
        (buffer, cursor)
    }

    fn text(&self, width: u16, height: u16) -> String {
        let (buffer, _) = self.draw(width, height);
        let mut text = String::new();
        for y in 0..height {
            let mut row = String::new();
            let mut x = 0;
            while x < width {
                let symbol = buffer[(x, y)].symbol();
                row.push_str(symbol);
                // A wide letter covers the cell behind it.
                x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol).max(1)).unwrap();
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// Compares with an accepted screen; `SNAPSHOTS=overwrite` accepts it.
    #[track_caller]
    fn is(&self, (width, height): (u16, u16), name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/display/live/screens").join(name);
        snapbox::assert_data_eq!(self.text(width, height), snapbox::Data::read_from(&path, None).raw());
    }

    fn press(&mut self, code: KeyCode) -> Wish {
        let natural = natural(&self.model, &Outlook::new(&self.model, &self.now));
        press(&mut self.view, &self.model, natural, KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn types(&mut self, text: &str) {
        for letter in text.chars() {
            assert_eq!(self.press(KeyCode::Char(letter)), Wish::Nothing);
        }
    }
}

fn node(text: &str, kind: OutlineKind, minutes: u64, after: &[usize]) -> Outline {
    Outline {
        id: id(text),
        kind,
        title: text.into(),
        takes: (minutes > 0).then(|| Length::from_secs(minutes * MINUTE)),
        after: after.into(),
        restores: <_>::default(),
        undo: None,
        undoes: None,
    }
}

/// A drill in its middle: a step that runs over, one in time, one to be tried again, an open question.
fn busy() -> Sample {
    let mut start = start();
    start.nodes = vec![
        node("break-it", OutlineKind::Prepare, 1, &[]),
        node("rebuild-host", OutlineKind::Step, 10, &[0]),
        node("go", OutlineKind::Step, 5, &[1]),
        node("restore-db", OutlineKind::Step, 20, &[1]),
        node("db", OutlineKind::Health, 0, &[3]),
        node("fetch-mail", OutlineKind::Step, 30, &[1]),
        node("mail", OutlineKind::Health, 0, &[5]),
        node("notify", OutlineKind::Step, 1, &[1]),
        node("point-dns", OutlineKind::Step, 10, &[2, 4]),
        node("start-shop", OutlineKind::Step, 5, &[8]),
        node("shop", OutlineKind::Health, 0, &[9]),
        node("tidy", OutlineKind::Cleanup, 2, &[]),
    ];
    let target = |asset: &str, minutes: u64| Target {
        asset: id(asset),
        rto: Some(Length::from_secs(minutes * MINUTE)),
        rpo: None,
        why: "lost with vps-00".into(),
        predicted: None,
    };
    start.targets = vec![target("db", 40), target("mail", 120), target("shop", 62)];
    let mut sample = Sample::begin(start);
    sample.starts(1, "break-it").ends(60, "break-it", Outcome::Done).then(0, Event::IncidentStaged);
    sample.starts(0, "rebuild-host").ends(11 * MINUTE, "rebuild-host", Outcome::Done);
    sample.starts(0, "go").then(
        0,
        Event::AnswerAwaited {
            step: id("go"),
            attempt: 1,
            from: vec![id("lead"), id("dba")],
            approval: true,
            text: "Restore now, over what is there?".into(),
            outputs: Vec::new(),
        },
    );
    sample.starts(1, "restore-db").starts(4 * MINUTE, "fetch-mail").starts(17 * MINUTE, "notify");
    let failure = Failure::Exit { code: 7 };
    sample.then(
        2,
        Event::RetryPlanned { step: id("notify"), attempt: 1, failure, delay: Length::from_secs(40) },
    );
    sample
}

#[test]
fn a_busy_drill() {
    let stage = Stage::new(&busy(), 30);
    stage.is((80, 24), "busy-80x24.txt");
    stage.is((120, 40), "busy-120x40.txt");
    stage.is((40, 12), "busy-40x12.txt");
    let plain = Stage { look: Look::default(), ..stage };
    plain.is((80, 24), "busy-ascii.txt");
    let without_tail = plain.text(80, 12);
    assert!(without_tail.is_ascii(), "{without_tail}");
}

#[test]
fn a_question_is_answered_on_the_screen() {
    let mut stage = Stage::new(&busy(), 30);
    let question = "\ngo (approval)\n  Restore now, over what is there?\nwho are you (dba, lead)? ";
    stage.view.hear(Some(question), Some(id("go")));
    stage.is((80, 24), "question-80x24.txt");
    // The book shows this very screen.
    let page = include_str!("../../../book/src/live-view.md");
    assert!(page.contains(include_str!("screens/question-80x24.txt")), "book/src/live-view.md shows another");
    stage.types("leax");
    assert_eq!(stage.press(KeyCode::Backspace), Wish::Nothing);
    stage.types("d");
    let (_, cursor) = stage.draw(80, 24);
    assert_eq!(cursor, Some(Position { x: 30, y: 22 }));
    assert_eq!(stage.press(KeyCode::Enter), Wish::Say(id("go"), "lead".into()));
    stage.view.hear(Some("lead: yes or no, then a note if you like? "), Some(id("go")));
    stage.types("yes, the stage is ours alone, and it has been announced to everybody");
    stage.is((40, 12), "question-40x12.txt");
    // Whoever looks around types no answer by it.
    assert_eq!(stage.press(KeyCode::Esc), Wish::Nothing);
    let typed = stage.view.talk.typed.clone();
    stage.types("jo");
    assert_eq!(stage.view.talk.typed, typed);
    assert_eq!(stage.draw(80, 24).1, None);
    stage.types("a!");
    assert_eq!(stage.view.talk.typed, typed + "!");
}

#[test]
fn a_long_question_leaves_room_for_its_answer() {
    let mut stage = Stage::new(&busy(), 30);
    let lines: String = (1..40).map(|n| format!("  {n}. Turn valve {n}.\n")).collect();
    stage.view.hear(Some(&format!("\ngo (to do)\n{lines}ops: done or failed? ")), Some(id("go")));
    for (width, height) in [(80, 24), (40, 12), (30, 6)] {
        let text = stage.text(width, height);
        assert!(text.contains("ops: done or failed?"), "{text}");
    }
    let text = stage.text(80, 24);
    assert!(text.contains("1. Turn valve 1.") && text.contains("more lines"), "{text}");
}

#[test]
fn the_log_of_a_chosen_step_fills_the_screen() {
    let mut stage = Stage::new(&busy(), 30);
    for _ in 0..2 {
        stage.press(KeyCode::Down);
    }
    assert_eq!(stage.view.chosen, Some(id("notify")));
    stage.press(KeyCode::Up);
    assert_eq!(stage.view.chosen, Some(id("fetch-mail")));
    stage.press(KeyCode::Tab);
    stage.is((60, 12), "log-60x12.txt");
    stage.press(KeyCode::PageUp);
    let text = stage.text(60, 12);
    assert!(
        text.contains("scrolled up") && text.contains("table 30 of") && !text.contains("table 40 of"),
        "{text}"
    );
    for _ in 0..20 {
        stage.press(KeyCode::PageUp);
    }
    assert!(stage.text(60, 12).contains("table 1 of"), "{}", stage.text(60, 12));
    stage.press(KeyCode::Esc);
    assert_eq!((stage.view.chosen.clone(), stage.view.is_zoomed), (None, false));
}

#[test]
fn a_failure_holds_up_what_comes_after_it() {
    let mut sample = busy();
    sample.fails(MINUTE, "restore-db", Failure::Exit { code: 3 });
    let stop = Event::StopAsked { by: "ops".into(), how: StopHow::Drain, reason: String::new() };
    sample.then(5, stop);
    Stage::new(&sample, 0).is((80, 24), "failure-80x24.txt");
}

#[test]
fn while_it_is_held_the_choice_and_what_happens_else_are_told_as_a_whole() {
    let mut sample = Sample::begin(start());
    sample.until_restore();
    sample.then(5, Event::HoldBegan { length: Length::from_secs(30 * MINUTE), undoes: true });
    let stage = Stage::new(&sample, 10);
    for size in [(80, 24), (120, 40), (60, 20)] {
        let text = stage.text(size.0, size.1);
        let words: Vec<&str> = text.split_whitespace().collect();
        let words = words.join(" ");
        assert!(words.contains("HELD, for") && words.contains("drplan commit 2026"), "{size:?}\n{text}");
        assert!(
            words.contains("until 2026-") && words.contains("then what was done is taken back"),
            "{size:?}\n{text}"
        );
    }
}

#[test]
fn a_clock_that_runs_out_says_so() {
    let mut sample = Sample::begin(start());
    sample.until_restore();
    let line = |later: u64| {
        let text = Stage::new(&sample, later).text(80, 24);
        text.lines().find(|line| line.starts_with(" shop")).unwrap().to_owned()
    };
    // The drill assumes ten minutes; the restore takes twenty, the look at the shop one.
    assert!(line(0).ends_with("on course, 28m29s to spare"), "{}", line(0));
    assert!(line(46 * MINUTE).ends_with("TIGHT, at best 2m29s to spare"), "{}", line(46 * MINUTE));
    assert!(line(49 * MINUTE).ends_with("WILL MISS by 31s or more, as estimated"), "{}", line(49 * MINUTE));
    assert!(
        line(55 * MINUTE).ends_with("target 1h            MISSED, late by 5m31s"),
        "{}",
        line(55 * MINUTE)
    );
    sample.ends(20 * MINUTE, "restore-db", Outcome::Done).starts(0, "shop").ends(9, "shop", Outcome::Done);
    let text = Stage::new(&sample, 0).text(80, 24);
    assert!(text.contains(" shop  MET, 29m20s to spare\n"), "{text}");
}

#[test]
fn who_watches_sees_who_is_waited_for_and_whether_anybody_controls_the_run() {
    let mut stage = Stage::new(&busy(), 30);
    stage.view = View::new(Role::Watches);
    let text = stage.text(80, 24);
    assert!(text.contains("drplan approve 20261122T140000Z-abcd go --as PERSON\n"), "{text}");
    assert!(text.contains("go: approval of lead or dba, since 14:12:01 UTC (21m33s)"), "{text}");
    assert!(text.contains("q leave"), "{text}");
    stage.model.is_controlled = Some(false);
    let text = stage.text(80, 24);
    assert!(text.contains("NOBODY CONTROLS IT") && text.contains("go on: drplan resume 20261122T"), "{text}");
    assert_eq!(stage.press(KeyCode::Char('q')), Wish::Leave);
    stage.view = View::new(Role::Controls);
    assert_eq!(stage.press(KeyCode::Char('q')), Wish::Nothing);
}

#[test]
fn a_command_is_never_cut_off() {
    let stage = Stage::new(&busy(), 30);
    let text = stage.text(34, 40);
    let words: Vec<&str> = text.split_whitespace().collect();
    let command = "drplan approve 20261122T140000Z-abcd go --as PERSON";
    assert!(words.join(" ").contains(command), "{text}");
}

#[test]
fn every_size_shows_what_it_can() {
    let mut question = Stage::new(&busy(), 30);
    question.view.hear(Some("\ngo (approval)\n  Restore?\nwho are you (dba, lead)? "), Some(id("go")));
    let mut zoomed = Stage::new(&busy(), 30);
    zoomed.view.is_zoomed = true;
    let mut over = Sample::begin(start());
    over.until_good_end();
    for stage in [Stage::new(&busy(), 30), question, zoomed, Stage::new(&over, 1)] {
        for height in 1..45 {
            for width in [1, 5, 19, 20, 21, 33, 40, 79, 80, 81, 133] {
                let (_, cursor) = stage.draw(width, height);
                assert!(
                    cursor.is_none_or(|at| at.x < width && at.y < height),
                    "{width}x{height}: {cursor:?}"
                );
                let text = stage.text(width, height);
                let last = text.lines().last().unwrap();
                let has_keys = last.contains("Ctrl-C") || last.contains("Enter");
                assert!(has_keys || width < 33 || height < 4, "{width}x{height}\n{text}");
            }
        }
    }
}

#[test]
fn colours_only_when_told() {
    let mut stage = Stage::new(&busy(), 30);
    let colours = |stage: &Stage| stage.draw(80, 24).0.content.iter().any(|cell| cell.fg != Color::Reset);
    assert!(!colours(&stage));
    stage.look.colour = true;
    assert!(colours(&stage));
}

#[test]
fn foreign_text_cannot_move_the_cursor() {
    let mut sample = busy();
    let failure = Failure::NotStarted { why: "\u{1b}[2Jx\n14:00:00".into() };
    sample.fails(1, "fetch-mail", failure);
    sample.then(
        0,
        Event::Answered {
            step: id("go"),
            by: "m\u{1b}[H".into(),
            verified: false,
            answer: Answer::Yes,
            note: None,
            outputs: BTreeMap::new(),
            account: None,
            proof: None,
        },
    );
    let text = Stage::new(&sample, 0).text(120, 40);
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains("\\u{1b}[2Jx\\n14:00:00"), "{text}");
}

#[test]
fn an_event_that_makes_no_sense_is_told_and_the_rest_is_shown() {
    let sample = busy();
    let mut stage = Stage::new(&sample, 30);
    let stamp = stage.now.clone();
    stage.model.apply(&stamp, &Event::StepStarted { step: id("stranger"), attempt: 1 });
    stage.model.apply(&stamp, &Event::RunFinished { result: RunResult::Failed });
    let text = stage.text(80, 24);
    assert!(text.contains("this view may be wrong") && text.contains("FAILED after"), "{text}");
    assert!(text.contains("db") && text.contains("NOT HEALTHY"), "{text}");
}
