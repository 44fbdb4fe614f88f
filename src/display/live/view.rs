//! What the person at the screen has chosen, and what they are typing.

use std::collections::VecDeque;

use crate::display::tail::Stream;
use crate::value::Id;

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The terminal of the run's controller: Ctrl-C stops the run, and questions are answered here.
    Controls,
    /// Another terminal: it only looks.
    Watches,
}

/// No more lines of the talk are kept.
const MOST_TALK: usize = 200;

/// What is said between drplan and the person, while a question is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Talk {
    /// Whole lines.
    pub(super) lines: VecDeque<String>,
    /// What stands before the cursor.
    pub(super) prompt: String,
    /// What was typed.
    pub(super) typed: String,
    /// The step that is asked about; nothing while nothing is asked.
    pub(super) about: Option<Id>,
    /// Whether the keyboard goes to the answer.
    pub(super) is_answering: bool,
    /// Whether a line was sent, and nothing was heard of it yet.
    is_sent: bool,
}

impl Talk {
    pub(super) const fn is_open(&self) -> bool {
        self.about.is_some()
    }

    /// Takes in what the person is told; returns what is about no open question.
    ///
    /// What was half typed was meant for what stood there before.
    pub(super) fn show(&mut self, text: Option<&str>, about: Option<Id>) -> Option<String> {
        let text = text.unwrap_or_default();
        let Some(about) = about else {
            *self = Self::default();
            return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        };
        self.typed.clear();
        self.is_sent = false;
        if self.about.as_ref() != Some(&about) {
            *self = Self { about: Some(about), is_answering: true, ..Self::default() };
        }
        // Before an empty line stands what came of another question.
        let (before, text) = match text.rsplit_once("\n\n") {
            Some((before, text)) => {
                self.lines.clear();
                (before.trim(), text)
            }
            None => ("", text.trim_start_matches('\n')),
        };
        let (lines, prompt) = text.rsplit_once('\n').unwrap_or(("", text));
        self.lines.extend(lines.lines().map(str::to_owned));
        if !prompt.is_empty() {
            prompt.clone_into(&mut self.prompt);
        }
        while self.lines.len() > MOST_TALK {
            self.lines.pop_front();
        }
        Some(before.to_owned()).filter(|before| !before.is_empty())
    }

    /// Takes in a letter. What comes behind a line that was sent is not typed for the question that comes next.
    pub(super) fn put(&mut self, letter: char) {
        if !self.is_sent {
            self.typed.push(letter);
        }
    }

    /// Takes the line that was typed, and the step that it is for.
    pub(super) fn take(&mut self) -> Option<(Id, String)> {
        let step = self.about.clone().filter(|_| !self.is_sent)?;
        self.is_sent = true;
        Some((step, std::mem::take(&mut self.typed)))
    }
}

/// What the person at the screen has chosen.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) role: Role,
    /// The step that was chosen; nothing while the view follows the run.
    pub(super) chosen: Option<Id>,
    /// Whether the log has the whole screen.
    pub(super) is_zoomed: bool,
    pub(super) stream: Stream,
    /// How many lines the log is scrolled up.
    pub(super) scrolled: usize,
    pub(super) talk: Talk,
    /// What happened beside the run.
    pub(super) notice: Option<String>,
}

impl View {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            chosen: None,
            is_zoomed: false,
            stream: Stream::default(),
            scrolled: 0,
            talk: Talk::default(),
            notice: None,
        }
    }

    /// Takes in what the person is told.
    pub(super) fn hear(&mut self, text: Option<&str>, about: Option<Id>) {
        self.notice = self.talk.show(text, about);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample::id;

    #[test]
    fn a_question_that_takes_the_place_of_another_does_not_get_its_answer() {
        let mut talk = Talk::default();
        talk.show(Some("\ngo (approval)\n  Restore now?\nmia: yes or no? "), Some(id("go")));
        assert!(talk.is_answering);
        assert_eq!((talk.lines.len(), &*talk.prompt), (2, "mia: yes or no? "));
        talk.typed.push_str("yes");
        let next = "go: no answer is needed any more\n\nwipe (approval)\n  Wipe?\nmia: yes or no? ";
        assert_eq!(talk.take(), Some((id("go"), "yes".to_owned())));
        // Whoever presses too many keys does not answer what they have not seen.
        talk.put('y');
        assert_eq!((talk.take(), &*talk.typed), (None, ""));
        let before = talk.show(Some(next), Some(id("wipe")));
        assert_eq!(before.as_deref(), Some("go: no answer is needed any more"));
        assert_eq!(talk.typed, "");
        assert_eq!(talk.lines, ["wipe (approval)", "  Wipe?"]);
        assert_eq!(talk.show(None, None), None);
        assert!(!talk.is_open() && talk.lines.is_empty());
    }

    #[test]
    fn a_hint_stands_below_the_question() {
        let mut talk = Talk::default();
        talk.show(Some("\ngo (approval)\nmia: yes or no? "), Some(id("go")));
        talk.show(Some("please say yes or no\nmia: yes or no? "), Some(id("go")));
        assert_eq!(talk.lines, ["go (approval)", "please say yes or no"]);
        assert_eq!(talk.prompt, "mia: yes or no? ");
    }
}
