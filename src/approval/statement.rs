//! The text that is signed: short, fixed in its form, and readable.
//!
//! ```text
//! drplan answer, version 1
//! run: 20261123t050000-abcd
//! plan: metachat
//! plan-sha256: <64 hex>
//! step: go-live
//! attempt: 1
//! question: "May it go live?"
//! person: ana
//! role: incident-commander
//! decision: approve
//! note: "the count of messages is right"
//! at: 2026-11-23T05:01:02.003Z
//! nonce: <32 hex>
//! ```
//!
//! `to` (whom a step is handed to) stands before `note`; both stand only where there is one. Free
//! text is a JSON string in which every letter that could mislead the eye is escaped. There is one
//! text for one statement: [`Statement::parse`] refuses every other way to write it.

use std::fmt::{self, Write as _};
use std::io;

use crate::value::{Id, Moment, RunId, steers};

const TITLE: &str = "drplan answer, version 1";
/// Where an answer is about the whole run.
const WHOLE: &str = "-";

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The step may go on.
    Approve,
    /// The step may not go on.
    Refuse,
    /// What was to be done is done.
    Done,
    /// What was to be done cannot be done.
    Failed,
    /// Somebody else does it.
    HandOver,
    /// Go on without the step.
    Skip,
    /// Try the failed step again.
    Retry,
    /// Give the run up.
    Abort,
    /// Give the run up and take back what was carried out.
    Undo,
    /// What the run has carried out stays.
    Commit,
    /// Begin the run.
    Start,
}

impl Decision {
    const ALL: [Self; 11] = [
        Self::Approve,
        Self::Refuse,
        Self::Done,
        Self::Failed,
        Self::HandOver,
        Self::Skip,
        Self::Retry,
        Self::Abort,
        Self::Undo,
        Self::Commit,
        Self::Start,
    ];

    /// Returns the word that stands in the statement.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::HandOver => "hand-over",
            Self::Skip => "skip",
            Self::Retry => "retry",
            Self::Abort => "abort",
            Self::Undo => "undo",
            Self::Commit => "commit",
            Self::Start => "start",
        }
    }

    /// Whether it answers what a step asks.
    pub const fn is_answer(self) -> bool {
        match self {
            Self::Approve | Self::Refuse | Self::Done | Self::Failed | Self::HandOver => true,
            Self::Skip | Self::Retry | Self::Abort | Self::Undo | Self::Commit | Self::Start => false,
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.word() == word)
    }
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// The run.
    pub run: RunId,
    /// The plan's id.
    pub plan: Id,
    /// SHA-256 of the frozen resolved plan, in hexadecimal.
    pub plan_hash: String,
    /// The step; none for the whole run.
    pub step: Option<Id>,
    /// The attempt of the step that asks; 0 if it does not.
    pub attempt: u32,
    /// What was asked; empty if nothing was.
    pub question: String,
}

/// What a person says about a matter; its text is what they sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is about.
    pub matter: Matter,
    /// Who says it: a person of the plan.
    pub person: Id,
    /// As what: the role, or the person's own id where the plan names the person.
    pub role: Id,
    /// What.
    pub decision: Decision,
    /// To whom the step is handed over.
    pub to: Option<Id>,
    /// In the person's own words.
    pub note: Option<String>,
    /// When.
    pub at: Moment,
    /// What makes it the only one of its kind: 32 hexadecimal digits.
    pub nonce: String,
}

/// Returns 128 bits that nobody can foresee, in hexadecimal.
///
/// # Errors
///
/// When the system has no randomness to give.
pub fn nonce() -> io::Result<String> {
    let mut random = [0u8; 16];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    Ok(random.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// Returns a text as a JSON string, with all that steers the eye or the cursor escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            // All that steers lies in the basic plane: one unit of UTF-16 says it.
            letter if steers(letter) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Matter { run, plan, plan_hash, step, attempt, question } = &self.matter;
        let step = step.as_ref().map_or(WHOLE, Id::as_str);
        write!(f, "{TITLE}\nrun: {run}\nplan: {plan}\nplan-sha256: {plan_hash}\nstep: {step}\n")?;
        write!(f, "attempt: {attempt}\nquestion: {}\n", quoted(question))?;
        write!(f, "person: {}\nrole: {}\ndecision: {}\n", self.person, self.role, self.decision.word())?;
        if let Some(to) = &self.to {
            writeln!(f, "to: {to}")?;
        }
        if let Some(note) = &self.note {
            writeln!(f, "note: {}", quoted(note))?;
        }
        write!(f, "at: {}\nnonce: {}\n", self.at, self.nonce)
    }
}

impl Statement {
    /// Reads a statement's text.
    ///
    /// # Errors
    ///
    /// When it is not the text of a statement, to the byte.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = Lines { lines: text.lines().peekable() };
        if lines.lines.next() != Some(TITLE) {
            return Err(format!("it does not begin with `{TITLE}`"));
        }
        let run = lines.field("run")?.parse().map_err(|_| "`run` is not the id of a run")?;
        let plan = lines.id("plan")?;
        let plan_hash = lines.field("plan-sha256")?.to_owned();
        let step = match lines.field("step")? {
            WHOLE => None,
            step => Some(step.parse().map_err(|_| "`step` is not an id")?),
        };
        let attempt = lines.field("attempt")?.parse().map_err(|_| "`attempt` is not a number")?;
        let question = unquoted("question", lines.field("question")?)?;
        let matter = Matter { run, plan, plan_hash, step, attempt, question };
        let person = lines.id("person")?;
        let role = lines.id("role")?;
        let decision =
            Decision::from_word(lines.field("decision")?).ok_or("`decision` is no word for one")?;
        let to = if lines.has("to") { Some(lines.id("to")?) } else { None };
        let note = if lines.has("note") { Some(unquoted("note", lines.field("note")?)?) } else { None };
        let at = lines.field("at")?.parse()?;
        let nonce = lines.field("nonce")?.to_owned();
        if nonce.len() != 32 || !nonce.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("`nonce` is not 32 hexadecimal digits".to_owned());
        }
        let statement = Self { matter, person, role, decision, to, note, at, nonce };
        if statement.to_string() != text {
            return Err("it is not written as drplan writes it".to_owned());
        }
        Ok(statement)
    }
}

struct Lines<'t> {
    lines: std::iter::Peekable<std::str::Lines<'t>>,
}

impl<'t> Lines<'t> {
    fn has(&mut self, name: &str) -> bool {
        self.lines.peek().is_some_and(|line| line.split_once(": ").is_some_and(|(key, _)| key == name))
    }

    fn field(&mut self, name: &str) -> Result<&'t str, String> {
        let line = self.lines.next().and_then(|line| line.split_once(": "));
        line.filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .ok_or_else(|| format!("`{name}` is missing"))
    }

    fn id(&mut self, name: &str) -> Result<Id, String> {
        self.field(name)?.parse().map_err(|_| format!("`{name}` is not an id"))
    }
}

fn unquoted(name: &str, text: &str) -> Result<String, String> {
    serde_json::from_str(text).map_err(|_| format!("`{name}` is not a quoted text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            matter: Matter {
                run: "20261123t050000-abcd".parse().unwrap(),
                plan: "metachat".parse().unwrap(),
                plan_hash: "ab".repeat(32),
                step: Some("go/live@eu".parse().unwrap()),
                attempt: 2,
                question: "May \"it\" \\ go\nlive?\u{202e}\u{1b}[2J".to_owned(),
            },
            person: "ana".parse().unwrap(),
            role: "incident-commander".parse().unwrap(),
            decision: Decision::HandOver,
            to: Some("ivan".parse().unwrap()),
            note: Some("at: 2020\nnonce: äöü\r".to_owned()),
            at: "2026-11-23T05:01:02.003Z".parse().unwrap(),
            nonce: nonce().unwrap(),
        }
    }

    #[test]
    fn is_one_text_and_no_other() {
        let said = statement();
        let text = said.to_string();
        assert_eq!(text.lines().count(), 14, "{text}");
        assert!(text.contains("question: \"May \\\"it\\\" \\\\ go\\nlive?\\u202e\\u001b[2J\"\n"), "{text}");
        assert_eq!(Statement::parse(&text), Ok(said.clone()));
        let whole = Statement {
            matter: Matter { step: None, attempt: 0, question: String::new(), ..said.matter },
            to: None,
            note: None,
            ..said
        };
        assert_eq!(Statement::parse(&whole.to_string()), Ok(whole));
        for (was, is) in [
            ("attempt: 2", "attempt: 02"),
            ("person: ana\n", "person: ana\r\n"),
            ("decision: hand-over", "decision: handover"),
            ("run:", "ran:"),
            ("\nnonce: ", "\nnonce: 0"),
            ("version 1", "version 2"),
            ("\\u202e", "\u{202e}"),
        ] {
            let other = text.replacen(was, is, 1);
            assert_ne!(other, text);
            assert!(Statement::parse(&other).is_err(), "{other}");
        }
        assert!(Statement::parse(&format!("{text}more\n")).is_err());
        assert!(Statement::parse("").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_words_come_back(question in ".*", note in proptest::option::of("(?s).*")) {
            let said = statement();
            let matter = Matter { question, ..said.matter };
            let said = Statement { matter, note, ..said };
            let text = said.to_string();
            proptest::prop_assert!(text.lines().count() <= 14);
            proptest::prop_assert_eq!(Statement::parse(&text), Ok(said));
        }
    }
}
