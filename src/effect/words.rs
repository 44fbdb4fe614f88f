//! Puts what strangers wrote into a line for people.

use std::borrow::Cow;

use super::{Env, Reply};
use crate::value::Text;

const LONGEST: usize = 200;

/// Returns the last line that says something, short and without control characters.
pub(super) fn last_line(text: &[u8]) -> Option<String> {
    // Of a flood only the end matters.
    let tail = &text[text.len().saturating_sub(16 * 1024)..];
    String::from_utf8_lossy(tail).lines().rev().map(str::trim).find(|line| !line.is_empty()).map(short)
}

/// Returns the first characters of a text, with control characters written out.
pub(super) fn short(text: &str) -> String {
    let mut line = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == LONGEST {
            line.push('…');
            break;
        }
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Puts the values into a text; a name without a value is already the answer.
pub(super) fn fill(text: &Text, env: &Env) -> Result<String, Reply> {
    // What is not known yet is no fault of the plan, so it goes before a name that nobody knows.
    if let Some(reply) = unknown_in(text, env) {
        return Err(reply);
    }
    text.fill(|name| env.values.get(name).map(|value| Cow::from(value.as_str())))
        .map_err(|error| Reply::No(error.to_string()))
}

/// Answers for a text that asks for a value which is not known yet.
pub(super) fn unknown_in(text: &Text, env: &Env) -> Option<Reply> {
    let name = text.names().find(|name| env.unknown.iter().any(|unknown| unknown == name))?;
    Some(Reply::Unknown(format!("{name} is not known yet")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_last_line_safely() {
        assert_eq!(last_line(b"a\n  b\x1b[2J \n\n").as_deref(), Some("b\\u{1b}[2J"));
        assert_eq!(last_line(b" \n"), None);
        assert_eq!(short(&"x".repeat(300)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn tells_not_yet_from_never() {
        let env = Env {
            values: [("PORT".to_owned(), "80".to_owned())].into(),
            unknown: vec!["HOST_IP".to_owned()],
            secret: Vec::new(),
        };
        assert_eq!(fill(&Text::new("a:$PORT"), &env), Ok("a:80".to_owned()));
        let unknown = Reply::Unknown("HOST_IP is not known yet".to_owned());
        assert_eq!(fill(&Text::new("$NOPE$HOST_IP"), &env), Err(unknown));
        assert_eq!(fill(&Text::new("$NOPE"), &env), Err(Reply::No("`$NOPE` has no value here".to_owned())));
    }
}
