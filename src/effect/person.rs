//! The person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use tokio::sync::mpsc::UnboundedReceiver;

use super::conversation::{Conversation, Said};
use super::desk::Desk;
use super::{Consultation, words};
use crate::value::Id;

/// What comes from the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line.
    Line(String),
    /// There will be no more.
    End,
}

/// A person who may answer, while there is a terminal.
#[derive(Debug)]
pub(super) struct Person {
    conversation: Conversation,
    /// Where it is asked; nothing for the plain terminal.
    desk: Option<Desk>,
    is_there: bool,
    is_read: bool,
}

impl Person {
    /// Knows whether somebody can be asked; reads nothing yet.
    pub(super) fn new(is_interactive: bool, account: String, desk: Option<Desk>) -> Self {
        // A pipe's content was not meant as answers, whatever the caller thinks.
        let is_there = is_interactive && io::stdin().is_terminal();
        Self { conversation: Conversation::new(account), desk, is_there, is_read: false }
    }

    /// Whether somebody may answer.
    pub(super) const fn is_there(&self) -> bool {
        self.is_there
    }

    /// Asks, and begins to read if nobody reads yet.
    pub(super) fn consult(
        &mut self,
        consultation: Consultation,
        tell: impl Fn(Typed) -> bool + Send + 'static,
    ) {
        if !self.is_there {
            return;
        }
        let text = self.conversation.ask(consultation);
        self.show(text);
        if !self.is_read {
            self.is_read = true;
            let thread = std::thread::Builder::new().name("keyboard".to_owned());
            let answers = self.desk.as_mut().and_then(Desk::take_answers);
            // It cannot be waited for: a read from a terminal ends when the person wants it to.
            let spawned = thread.spawn(move || match answers {
                Some(answers) => hear(answers, tell),
                None => read(&mut io::stdin().lock(), tell),
            });
            if let Err(error) = spawned {
                self.is_there = false;
                let error = words::short(&error.to_string());
                self.show(Some(format!("\nnobody can answer here: {error}\n")));
            }
        }
    }

    /// Takes a question back.
    pub(super) fn withdraw(&mut self, step: &Id) {
        if self.is_there {
            let text = self.conversation.withdraw(step);
            self.show(text);
        }
    }

    /// Understands what was typed.
    pub(super) fn hear(&mut self, typed: Typed) -> Option<Said> {
        match typed {
            Typed::Line(line) => {
                let (shown, said) = self.conversation.hear(&line);
                self.show(shown);
                said
            }
            Typed::End => {
                self.is_there = false;
                None
            }
        }
    }

    fn show(&self, text: Option<String>) {
        match (&self.desk, text) {
            (Some(desk), text) => desk.show(text, self.conversation.about().cloned()),
            (None, Some(text)) => {
                let mut out = io::stderr().lock();
                // A person who cannot see the question does not answer it.
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }
            (None, None) => {}
        }
    }
}

fn hear(mut answers: UnboundedReceiver<String>, tell: impl Fn(Typed) -> bool) {
    while let Some(line) = answers.blocking_recv() {
        if !tell(Typed::Line(line)) {
            return;
        }
    }
    tell(Typed::End);
}

fn read(from: &mut impl BufRead, tell: impl Fn(Typed) -> bool) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(_) => {
                if !tell(Typed::Line(String::from_utf8_lossy(&line).into_owned())) {
                    return;
                }
            }
        }
    }
    tell(Typed::End);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_to_the_end() {
        let (teller, told) = std::sync::mpsc::channel();
        read(&mut &b"yes\nno \xff"[..], |typed| teller.send(typed).is_ok());
        drop(teller);
        let lines = ["yes\n", "no \u{fffd}"].map(|line| Typed::Line(line.to_owned()));
        assert_eq!(
            told.into_iter().collect::<Vec<_>>(),
            lines.into_iter().chain([Typed::End]).collect::<Vec<_>>()
        );
    }
}
