//! The person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use super::conversation::Conversation;
use super::desk::{Answers, Desk};
use super::{Consultation, Spoken, words};
use crate::approval::{Key, Statement, announcement, nonce, sign};
use crate::value::{Id, Moment};

/// What comes from the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line.
    Line(String),
    /// A line that was typed for a step.
    Answer(Id, String),
    /// There will be no more.
    End,
}

/// What a person has said.
#[derive(Debug)]
pub(super) enum Heard {
    /// An answer.
    Said(Spoken),
    /// An answer that must be signed first.
    ToSign(Box<Signing>),
    /// They are gone.
    Left,
}

/// An answer that is to be signed.
#[derive(Debug)]
pub(super) struct Signing {
    spoken: Spoken,
    key: Key,
    statement: Statement,
    home: Option<PathBuf>,
    desk: Option<Arc<dyn Desk>>,
}

impl Signing {
    /// Signs; the person may be asked for a passphrase. Takes as long as the person does.
    pub(super) fn sign(self) -> Result<Spoken, String> {
        let text = self.statement.to_string();
        let told = announcement(self.statement.person.as_str(), &self.key);
        // A passphrase is asked for at the terminal itself.
        if let Some(desk) = &self.desk {
            desk.give_way();
        }
        print(&format!("{told}\n"));
        let signature = sign(&text, &self.key, None, self.home.as_deref());
        if let Some(desk) = &self.desk {
            desk.come_back();
        }
        let signature = signature.map_err(|error| format!("cannot {error}"))?;
        Ok(Spoken { signed: Some((text, signature)), ..self.spoken })
    }
}

/// A person who may answer, while there is a terminal.
#[derive(Debug)]
pub(super) struct Person {
    conversation: Conversation,
    /// Where it is asked; nothing for the plain terminal.
    desk: Option<Arc<dyn Desk>>,
    /// What is typed there.
    answers: Option<Answers>,
    /// Where the person's usual keys are.
    home: Option<PathBuf>,
    is_there: bool,
    /// Lets the keyboard be read for the next line; none before the first question.
    next_line: Option<mpsc::Sender<()>>,
    /// The question whose answer is being signed, unless it was taken back meanwhile.
    signed: Option<Consultation>,
}

impl Person {
    /// Knows whether somebody can be asked; reads nothing yet.
    pub(super) fn new(
        is_interactive: bool,
        account: String,
        login: String,
        home: Option<PathBuf>,
        desk: Option<(Arc<dyn Desk>, Answers)>,
    ) -> Self {
        // A pipe's content was not meant as answers, whatever the caller thinks.
        let is_there = is_interactive && io::stdin().is_terminal();
        let (desk, answers) = desk.unzip();
        Self {
            conversation: Conversation::new(account, login),
            desk,
            answers,
            home,
            is_there,
            next_line: None,
            signed: None,
        }
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
        if self.next_line.is_none() {
            let (next_line, may_read) = mpsc::channel();
            let thread = std::thread::Builder::new().name("keyboard".to_owned());
            let answers = self.answers.take();
            // It cannot be waited for: a read from a terminal ends when the person wants it to.
            let spawned = thread.spawn(move || match answers {
                Some(answers) => hear(answers, &may_read, tell),
                None => read(&mut io::stdin().lock(), &may_read, tell),
            });
            if let Err(error) = spawned {
                self.is_there = false;
                let error = words::short(&error.to_string());
                self.show(Some(format!("\nnobody can answer here: {error}\n")));
            }
            // If the thread is gone already, nobody reads.
            let _ = next_line.send(());
            self.next_line = Some(next_line);
        }
    }

    /// Takes a question back.
    pub(super) fn withdraw(&mut self, step: &Id) {
        if self.is_there {
            self.signed.take_if(|consultation| consultation.step == *step);
            let text = self.conversation.withdraw(step);
            self.show(text);
        }
    }

    /// Understands what was typed.
    pub(super) fn hear(&mut self, typed: Typed, now: Moment) -> Option<Heard> {
        let line = match typed {
            Typed::Line(line) => line,
            Typed::Answer(step, line) if self.conversation.about() == Some(&step) => line,
            Typed::Answer(step, _) => {
                // The question was taken back while it was answered; its answer is not for the next one.
                let next = self.conversation.show_next().unwrap_or_default();
                self.show(Some(format!("{step}: no answer is needed any more\n{next}")));
                self.read_on();
                return None;
            }
            Typed::End => {
                self.is_there = false;
                return Some(Heard::Left);
            }
        };
        let (shown, said) = self.conversation.hear(&line);
        let Some((consultation, spoken)) = said else {
            self.show(shown);
            self.read_on();
            return None;
        };
        let signer = consultation.signers.iter().find(|(person, _)| person.as_str() == spoken.by);
        let (Some((person, signer)), Ok(nonce)) = (signer, nonce()) else {
            self.show(shown);
            self.read_on();
            return Some(Heard::Said(spoken));
        };
        let statement = Statement {
            matter: consultation.matter.clone(),
            person: person.clone(),
            role: signer.role.clone(),
            decision: spoken.decision,
            to: spoken.to.clone(),
            note: spoken.note.clone(),
            at: now,
            nonce,
        };
        let (key, home, desk) = (signer.key.clone(), self.home.clone(), self.desk.clone());
        self.signed = Some(consultation);
        // Until it is signed the keyboard is for the passphrase, and nothing else is asked.
        Some(Heard::ToSign(Box::new(Signing { spoken, key, statement, home, desk })))
    }

    /// Takes what came of signing; the answer, if there is one.
    pub(super) fn hear_signed(&mut self, signed: Result<Spoken, String>) -> Option<Spoken> {
        let consultation = self.signed.take();
        let said = match signed {
            Ok(spoken) => {
                let text = self.conversation.show_next();
                self.show(text);
                Some(spoken)
            }
            Err(why) => {
                // What was answered elsewhere meanwhile is not asked again.
                let next = match consultation {
                    Some(consultation) => self.conversation.ask_first(consultation),
                    None => self.conversation.show_next(),
                };
                self.show(Some(format!("it is not signed: {why}\n{}", next.unwrap_or_default())));
                None
            }
        };
        self.read_on();
        said
    }

    fn read_on(&self) {
        if let Some(next_line) = &self.next_line {
            // If the thread is gone, nobody reads.
            let _ = next_line.send(());
        }
    }

    /// Tells of something that went wrong beside the run.
    pub(super) fn warn(&self, text: &str) {
        match &self.desk {
            Some(desk) => desk.warn(text),
            None => print(&format!("warning: {text}\n")),
        }
    }

    fn show(&self, text: Option<String>) {
        match (&self.desk, text) {
            (Some(desk), text) => desk.show(text, self.conversation.about().cloned()),
            (None, Some(text)) => print(&text),
            (None, None) => {}
        }
    }
}

fn print(text: &str) {
    let mut out = io::stderr().lock();
    // A person who cannot see the question does not answer it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Hears a line from a desk whenever it may, to the end.
fn hear(mut answers: Answers, may_read: &mpsc::Receiver<()>, tell: impl Fn(Typed) -> bool) {
    while may_read.recv().is_ok() {
        match answers.blocking_recv() {
            None => break,
            Some((step, line)) => {
                if !tell(Typed::Answer(step, line)) {
                    return;
                }
            }
        }
    }
    tell(Typed::End);
}

/// Reads a line whenever it may, to the end.
fn read(from: &mut impl BufRead, may_read: &mpsc::Receiver<()>, tell: impl Fn(Typed) -> bool) {
    let mut line = Vec::new();
    while may_read.recv().is_ok() {
        line.clear();
        match read_line(from, &mut line) {
            Ok(0) | Err(_) => break,
            // Whoever left in the middle of a line has not said it.
            Ok(_) if !line.ends_with(b"\n") => break,
            Ok(_) => {
                if !tell(Typed::Line(String::from_utf8_lossy(&line).into_owned())) {
                    return;
                }
            }
        }
    }
    tell(Typed::End);
}

fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        match from.read_until(b'\n', line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what is shown.
    #[derive(Debug, Default)]
    struct Noted(Mutex<Vec<String>>);

    impl Desk for Noted {
        fn show(&self, text: Option<String>, about: Option<Id>) {
            let about = about.map_or_else(String::new, |about| about.to_string());
            self.0.lock().unwrap().push(format!("[{about}] {}", text.unwrap_or_default()));
        }

        fn warn(&self, _: &str) {}

        fn give_way(&self) {}

        fn come_back(&self) {}
    }

    #[test]
    fn an_answer_that_comes_too_late_is_not_for_the_next_question() {
        let desk = Arc::new(Noted::default());
        let (_typed, answers) = tokio::sync::mpsc::unbounded_channel();
        let login = "root".to_owned();
        let mut person = Person::new(false, login.clone(), login, None, Some((desk.clone(), answers)));
        // No test has a terminal.
        person.is_there = true;
        for step in ["a", "b"] {
            person.conversation.ask(super::super::conversation::tests::consultation(step, &["eve"], true));
        }
        let now: Moment = "2026-11-22T14:00:00Z".parse().unwrap();
        person.withdraw(&"a".parse().unwrap());
        let late = Typed::Answer("a".parse().unwrap(), "yes".to_owned());
        assert!(person.hear(late, now).is_none());
        let shown = desk.0.lock().unwrap().last().cloned().unwrap();
        assert!(shown.starts_with("[b] a: no answer is needed any more\n\nb (approval)"), "{shown}");
        let meant = Typed::Answer("b".parse().unwrap(), "yes".to_owned());
        assert!(matches!(person.hear(meant, now), Some(Heard::Said(said)) if said.step.as_str() == "b"));
    }

    #[test]
    fn reads_lines_to_the_end_one_by_one() {
        let (teller, told) = mpsc::channel();
        let (next_line, may_read) = mpsc::channel();
        for _ in 0..3 {
            next_line.send(()).unwrap();
        }
        read(&mut &b"yes\nno \xff\nhalf"[..], &may_read, |typed| teller.send(typed).is_ok());
        let lines = ["yes\n", "no \u{fffd}\n"].map(|line| Typed::Line(line.to_owned()));
        let all: Vec<Typed> = told.try_iter().collect();
        assert_eq!(all, lines.into_iter().chain([Typed::End]).collect::<Vec<_>>());
        drop((next_line, told));
        // Whatever has not been allowed is not read.
        let mut rest = &b"passphrase\n"[..];
        read(&mut rest, &may_read, |_| true);
        assert_eq!(rest, b"passphrase\n");
    }
}
