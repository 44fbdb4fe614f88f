//! What a person at the terminal is asked, and how their words are understood.

use std::collections::VecDeque;

use super::Consultation;
use super::words::short;
use crate::event::Answer;
use crate::value::Id;

/// The answer of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) step: Id,
    pub(super) by: String,
    pub(super) answer: Answer,
    pub(super) note: Option<String>,
}

/// All open questions; the first is the one that stands on the screen.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Who sits at the terminal, where the plan names nobody.
    account: String,
    open: VecDeque<Consultation>,
    /// Who answers the first question, once they have said so.
    by: Option<String>,
}

impl Conversation {
    pub(super) fn new(account: String) -> Self {
        Self { account, open: VecDeque::new(), by: None }
    }

    /// Returns the step that is asked about now.
    pub(super) fn about(&self) -> Option<&Id> {
        self.open.front().map(|first| &first.step)
    }

    /// Adds a question; returns what to show now.
    pub(super) fn ask(&mut self, consultation: Consultation) -> Option<String> {
        self.open.push_back(consultation);
        if self.open.len() == 1 { self.begin() } else { None }
    }

    /// Takes a question back; returns what to show now.
    pub(super) fn withdraw(&mut self, step: &Id) -> Option<String> {
        let at = self.open.iter().position(|open| open.step == *step)?;
        self.open.remove(at);
        if at > 0 {
            // It was never shown.
            return None;
        }
        let mut text = format!("{step}: no answer is needed any more\n");
        text.push_str(&self.begin().unwrap_or_default());
        Some(text)
    }

    /// Shows the first question.
    fn begin(&mut self) -> Option<String> {
        self.by = None;
        let first = self.open.front()?;
        let what = if first.approval { "approval" } else { "to do" };
        let mut text = format!("\n{} ({what})\n", first.step);
        for line in first.text.trim().lines() {
            // Values from outputs may stand in it, so nothing in it may move the cursor.
            text.push_str("  ");
            text.extend(line.chars().flat_map(|c| {
                let escaped = c.is_control() && c != '\t';
                let plain = (!escaped).then_some(c);
                escaped.then(|| c.escape_default()).into_iter().flatten().chain(plain)
            }));
            text.push('\n');
        }
        match &*first.from {
            [] => self.by = Some(self.account.clone()),
            [one] => self.by = Some(one.to_string()),
            _ => {}
        }
        text.push_str(&self.prompt());
        Some(text)
    }

    fn prompt(&self) -> String {
        let Some(first) = self.open.front() else {
            return String::new();
        };
        match &self.by {
            None => {
                let people: Vec<&str> = first.from.iter().map(Id::as_str).collect();
                format!("who are you ({})? ", people.join(", "))
            }
            Some(by) => {
                let (yes, no) = words(first.approval);
                format!("{by}: {yes} or {no}, then a note if you like? ")
            }
        }
    }

    /// Takes a line that was typed; returns what to show, and the answer if it was one.
    pub(super) fn hear(&mut self, line: &str) -> (Option<String>, Option<Said>) {
        let line = line.trim();
        let Some(first) = self.open.front() else {
            let nothing = "nothing is asked now\n".to_owned();
            return ((!line.is_empty()).then_some(nothing), None);
        };
        let Some(by) = &self.by else {
            let hint = match first.from.iter().find(|person| person.as_str().eq_ignore_ascii_case(line)) {
                Some(person) => {
                    self.by = Some(person.to_string());
                    String::new()
                }
                None if line.is_empty() => String::new(),
                None => format!("`{}` may not answer this\n", short(line)),
            };
            return (Some(hint + &self.prompt()), None);
        };
        let (word, note) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let word = word.trim_end_matches([',', ':', '.', ';']).to_lowercase();
        let (yes, no) = words(first.approval);
        // `yes` to something that is to be done could mean "I will do it".
        let answer = if word == yes {
            Answer::Yes
        } else if word == no {
            Answer::No
        } else {
            let hint = if word.is_empty() { String::new() } else { format!("please say {yes} or {no}\n") };
            return (Some(hint + &self.prompt()), None);
        };
        let note = note.trim();
        let said = Said {
            step: first.step.clone(),
            by: by.clone(),
            answer,
            note: (!note.is_empty()).then(|| note.to_owned()),
        };
        self.open.pop_front();
        (self.begin(), Some(said))
    }
}

const fn words(is_approval: bool) -> (&'static str, &'static str) {
    if is_approval { ("yes", "no") } else { ("done", "failed") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Length;

    fn consultation(step: &str, from: &[&str], approval: bool) -> Consultation {
        Consultation {
            step: step.parse().unwrap(),
            attempt: 1,
            text: "Insert the tape\u{1b}[2J.\nThen close the door.".to_owned(),
            from: from.iter().map(|id| id.parse().unwrap()).collect(),
            approval,
            estimate: Length::ZERO,
        }
    }

    fn said(step: &str, by: &str, answer: Answer, note: Option<&str>) -> Said {
        Said { step: step.parse().unwrap(), by: by.to_owned(), answer, note: note.map(str::to_owned) }
    }

    #[test]
    fn asks_one_after_another() {
        let mut talk = Conversation::new("root".to_owned());
        let shown = talk.ask(consultation("a", &["eve", "bob"], true)).unwrap();
        assert!(shown.ends_with("who are you (eve, bob)? "), "{shown}");
        assert!(shown.contains("tape\\u{1b}[2J.\n  Then"), "{shown}");
        assert_eq!(talk.ask(consultation("b", &[], false)), None);
        let (shown, none) = talk.hear("mallory");
        assert!(shown.unwrap().starts_with("`mallory` may not answer this"));
        assert_eq!(none, None);
        assert_eq!(talk.hear("Bob").1, None);
        assert_eq!(talk.hear("y").1, None);
        let (shown, answer) = talk.hear("no, the tape is broken");
        assert_eq!(answer, Some(said("a", "bob", Answer::No, Some("the tape is broken"))));
        assert!(shown.unwrap().ends_with("root: done or failed, then a note if you like? "));
        assert_eq!(talk.hear("yes").1, None);
        assert_eq!(talk.hear("done"), (None, Some(said("b", "root", Answer::Yes, None))));
        assert_eq!(talk.hear("done").1, None);
    }

    #[test]
    fn takes_back_what_was_answered_elsewhere() {
        let mut talk = Conversation::new("root".to_owned());
        talk.ask(consultation("a", &["eve", "bob"], true));
        talk.ask(consultation("b", &["eve"], true));
        talk.ask(consultation("c", &["eve", "mia"], true));
        talk.hear("bob");
        assert_eq!(talk.withdraw(&"b".parse().unwrap()), None);
        let shown = talk.withdraw(&"a".parse().unwrap()).unwrap();
        assert!(shown.starts_with("a: no answer is needed any more\n\nc (approval)"), "{shown}");
        // Whoever answered `a` does not answer `c`.
        assert_eq!(talk.hear("yes").1, None);
        assert_eq!(talk.hear("eve").1, None);
        assert_eq!(talk.hear("yes").1, Some(said("c", "eve", Answer::Yes, None)));
        assert_eq!(talk.withdraw(&"a".parse().unwrap()), None);
    }
}
