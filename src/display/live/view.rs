//! What the person at the screen has chosen, and what they are typing.

use std::collections::VecDeque;

use super::tail::Stream;
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
    /// Whether a question is open.
    pub(super) is_open: bool,
    /// Whether the keyboard goes to the answer.
    pub(super) is_answering: bool,
}

impl Talk {
    /// Takes in what the person is told. What was half typed was meant for what stood there before.
    pub(super) fn show(&mut self, text: Option<&str>, is_open: bool) {
        self.typed.clear();
        if is_open && !self.is_open {
            self.is_answering = true;
            self.lines.clear();
        }
        self.is_open = is_open;
        if !is_open {
            *self = Self::default();
            return;
        }
        let mut rest = text.unwrap_or_default();
        if text.is_some() && !self.prompt.is_empty() {
            self.prompt.clear();
        }
        while let Some((line, tail)) = rest.split_once('\n') {
            if line.is_empty() {
                // A new question: what was said before is answered.
                self.lines.clear();
            } else {
                self.lines.push_back(line.to_owned());
            }
            rest = tail;
        }
        if !rest.is_empty() {
            rest.clone_into(&mut self.prompt);
        }
        while self.lines.len() > MOST_TALK {
            self.lines.pop_front();
        }
    }

    /// Takes the line that was typed.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.typed)
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_takes_the_place_of_another_does_not_get_its_answer() {
        let mut talk = Talk::default();
        talk.show(Some("\ngo (approval)\n  Restore now?\nmia: yes or no? "), true);
        assert!(talk.is_answering);
        assert_eq!((talk.lines.len(), &*talk.prompt), (2, "mia: yes or no? "));
        talk.typed.push_str("yes");
        talk.show(
            Some("go: no answer is needed any more\n\nwipe (approval)\n  Wipe?\nmia: yes or no? "),
            true,
        );
        assert_eq!(talk.typed, "");
        assert_eq!(talk.lines, ["wipe (approval)", "  Wipe?"]);
        talk.show(None, false);
        assert!(!talk.is_open && talk.lines.is_empty());
    }

    #[test]
    fn a_hint_stands_below_the_question() {
        let mut talk = Talk::default();
        talk.show(Some("\ngo (approval)\nmia: yes or no? "), true);
        talk.show(Some("please say yes or no\nmia: yes or no? "), true);
        assert_eq!(talk.lines, ["go (approval)", "please say yes or no"]);
        assert_eq!(talk.prompt, "mia: yes or no? ");
    }
}
