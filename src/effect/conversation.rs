//! What a person at the terminal is asked, and how their words are understood.

use std::collections::VecDeque;

use super::words::short;
use super::{Consultation, Spoken};
use crate::approval::Decision;
use crate::value::{Id, steers};

/// All open questions; the first is the one that stands on the screen.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Who sits at the terminal, where the plan names nobody.
    account: String,
    /// The account of the machine.
    login: String,
    open: VecDeque<Consultation>,
    /// Who answers the first question, once they have said so.
    by: Option<String>,
}

impl Conversation {
    pub(super) fn new(account: String, login: String) -> Self {
        Self { account, login, open: VecDeque::new(), by: None }
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

    /// Puts a question back whose answer could not be used; returns what to show now.
    pub(super) fn ask_first(&mut self, consultation: Consultation) -> Option<String> {
        self.open.push_front(consultation);
        self.begin()
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
            for letter in line.chars() {
                if steers(letter) && letter != '\t' {
                    text.extend(letter.escape_default());
                } else {
                    text.push(letter);
                }
            }
            text.push('\n');
        }
        if !first.outputs.is_empty() {
            let outputs: Vec<String> = first.outputs.iter().map(|name| format!("{name}=…")).collect();
            let (yes, _) = words(first.approval);
            text.push_str(&format!("  say with it: {yes} {}\n", outputs.join(" ")));
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
                let over = if first.others.iter().any(|other| other.as_str() != by) {
                    ", or `to PERSON` to hand it over"
                } else {
                    ""
                };
                format!("{by}: {yes} or {no}{over}, then a note if you like? ")
            }
        }
    }

    /// Takes a line that was typed; returns what to show, and the answer if it was one.
    pub(super) fn hear(&mut self, line: &str) -> (Option<String>, Option<(Consultation, Spoken)>) {
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
        let mut note = note.trim();
        let mut to = None;
        // `yes` to something that is to be done could mean "I will do it".
        let decision = if word == yes {
            if first.approval { Decision::Approve } else { Decision::Done }
        } else if word == no {
            if first.approval { Decision::Refuse } else { Decision::Failed }
        } else if word == "to" && !first.others.is_empty() {
            let (name, rest) = note.split_once(char::is_whitespace).unwrap_or((note, ""));
            let name = name.trim_end_matches([',', ':', '.', ';']);
            let Some(other) = first.others.iter().find(|other| other.as_str().eq_ignore_ascii_case(name))
            else {
                let others: Vec<&str> = first.others.iter().map(Id::as_str).collect();
                let hint = format!("`{}` is not one of {}\n", short(name), others.join(", "));
                return (Some(hint + &self.prompt()), None);
            };
            to = Some(other.clone());
            note = rest.trim();
            Decision::HandOver
        } else {
            let hint = if word.is_empty() { String::new() } else { format!("please say {yes} or {no}\n") };
            return (Some(hint + &self.prompt()), None);
        };
        if note.is_empty() && matches!(decision, Decision::Refuse | Decision::Failed) {
            return (Some(format!("say why: {no}, and the reason\n") + &self.prompt()), None);
        }
        let (step, by) = (first.step.clone(), by.clone());
        let note = (!note.is_empty()).then(|| note.to_owned());
        let account = self.login.clone();
        let spoken = Spoken { step, by, decision, to, note, account, signed: None };
        let said = self.open.pop_front().map(|consultation| (consultation, spoken));
        (self.begin(), said)
    }

    /// Returns the question that stands first, to show it again.
    pub(super) fn show_next(&mut self) -> Option<String> {
        self.begin()
    }
}

const fn words(is_approval: bool) -> (&'static str, &'static str) {
    if is_approval { ("yes", "no") } else { ("done", "failed") }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::approval::Matter;
    use crate::value::Length;

    pub(in crate::effect) fn consultation(step: &str, from: &[&str], approval: bool) -> Consultation {
        Consultation {
            step: step.parse().unwrap(),
            attempt: 1,
            text: "Insert the tape\u{1b}[2J.\nThen close the door.".to_owned(),
            from: from.iter().map(|id| id.parse().unwrap()).collect(),
            approval,
            estimate: Length::ZERO,
            matter: Matter {
                run: "20261123t050000-abcd".parse().unwrap(),
                plan: "test".parse().unwrap(),
                plan_hash: String::new(),
                step: Some(step.parse().unwrap()),
                attempt: 1,
                question: String::new(),
            },
            signers: BTreeMap::new(),
            others: Vec::new(),
            outputs: Vec::new(),
        }
    }

    #[test]
    fn tells_what_must_be_given_with_the_answer() {
        let mut talk = Conversation::new("ops".to_owned(), "root".to_owned());
        let asked = Consultation {
            outputs: vec!["HOST_IP".parse().unwrap()],
            ..consultation("order", &["eve"], false)
        };
        let shown = talk.ask(asked).unwrap();
        assert!(shown.contains("\n  say with it: done HOST_IP=…\neve: done or failed"), "{shown}");
    }

    fn said(step: &str, by: &str, decision: Decision, note: Option<&str>) -> Spoken {
        Spoken {
            step: step.parse().unwrap(),
            by: by.to_owned(),
            decision,
            to: None,
            note: note.map(str::to_owned),
            account: "root".to_owned(),
            signed: None,
        }
    }

    fn hears(talk: &mut Conversation, line: &str) -> Option<Spoken> {
        talk.hear(line).1.map(|(_, spoken)| spoken)
    }

    #[test]
    fn asks_one_after_another() {
        let mut talk = Conversation::new("root".to_owned(), "root".to_owned());
        let shown = talk.ask(consultation("a", &["eve", "bob"], true)).unwrap();
        assert!(shown.ends_with("who are you (eve, bob)? "), "{shown}");
        assert!(shown.contains("tape\\u{1b}[2J.\n  Then"), "{shown}");
        assert_eq!(talk.ask(consultation("b", &[], false)), None);
        let (shown, none) = talk.hear("mallory");
        assert!(shown.unwrap().starts_with("`mallory` may not answer this"));
        assert!(none.is_none());
        assert_eq!(hears(&mut talk, "Bob"), None);
        assert_eq!(hears(&mut talk, "y"), None);
        let (shown, answer) = talk.hear("no, the tape is broken");
        let answer = answer.map(|(_, spoken)| spoken);
        assert_eq!(answer, Some(said("a", "bob", Decision::Refuse, Some("the tape is broken"))));
        assert!(shown.unwrap().ends_with("root: done or failed, then a note if you like? "));
        assert_eq!(hears(&mut talk, "yes"), None);
        assert_eq!(hears(&mut talk, "done"), Some(said("b", "root", Decision::Done, None)));
        assert_eq!(hears(&mut talk, "done"), None);
    }

    #[test]
    fn takes_back_what_was_answered_elsewhere() {
        let mut talk = Conversation::new("root".to_owned(), "root".to_owned());
        talk.ask(consultation("a", &["eve", "bob"], true));
        talk.ask(consultation("b", &["eve"], true));
        talk.ask(consultation("c", &["eve", "mia"], true));
        talk.hear("bob");
        assert_eq!(talk.withdraw(&"b".parse().unwrap()), None);
        let shown = talk.withdraw(&"a".parse().unwrap()).unwrap();
        assert!(shown.starts_with("a: no answer is needed any more\n\nc (approval)"), "{shown}");
        // Whoever answered `a` does not answer `c`.
        assert_eq!(hears(&mut talk, "yes"), None);
        assert_eq!(hears(&mut talk, "eve"), None);
        assert_eq!(hears(&mut talk, "yes"), Some(said("c", "eve", Decision::Approve, None)));
        assert_eq!(talk.withdraw(&"a".parse().unwrap()), None);
    }

    #[test]
    fn what_is_to_be_done_is_given_into_other_hands() {
        let mut talk = Conversation::new("root".to_owned(), "root".to_owned());
        let others = ["eve", "bob"].map(|id| id.parse().unwrap()).to_vec();
        let shown = talk.ask(Consultation { others, ..consultation("a", &["eve"], false) }).unwrap();
        assert!(shown.contains("`to PERSON` to hand it over"), "{shown}");
        assert_eq!(hears(&mut talk, "to"), None);
        assert_eq!(hears(&mut talk, "to mallory"), None);
        let mut handed = said("a", "eve", Decision::HandOver, Some("the tape is in the drawer"));
        handed.to = Some("bob".parse().unwrap());
        let (_, answer) = talk.hear("to Bob: the tape is in the drawer");
        let (consultation, spoken) = answer.unwrap();
        assert_eq!(spoken, handed);
        assert!(talk.ask_first(consultation).unwrap().contains("eve: done or failed"));
    }
}
