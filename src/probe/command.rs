//! What a shell or a program is given to do.

use std::borrow::Cow;
use std::fmt;

use arcstr::ArcStr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, de};

/// A text for the shell, or a program with its arguments. Neither is a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Command {
    /// A text for the shell (`bash -euo pipefail` unless the plan names another).
    Shell(ArcStr),
    /// A program and its arguments.
    Program(Vec<String>),
}

impl Command {
    /// Returns the command as it is shown to people.
    pub fn shown(&self) -> String {
        match self {
            Self::Shell(text) => text.trim_end().to_owned(),
            Self::Program(words) => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        }
    }
}

/// The most bytes that Linux hands over as one argument, with the zero byte at its end (`MAX_ARG_STRLEN`).
const MOST_BYTES: usize = 128 << 10;

/// Says why the system could not hand a text over to a program.
fn unfit(text: &str) -> Option<String> {
    if text.contains('\0') {
        return Some("a command cannot hold a zero byte".to_owned());
    }
    (text.len() >= MOST_BYTES).then(|| {
        format!("the command has {} bytes, more than the system hands over (128 KiB); put it into a script of its own", text.len())
    })
}

/// Returns a word as a POSIX shell would have to be given it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Command;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text for the shell, or a list of a program and its arguments")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Command, E> {
                if text.trim().is_empty() {
                    return Err(E::custom("the command is empty"));
                }
                if let Some(why) = unfit(text) {
                    return Err(E::custom(why));
                }
                Ok(Command::Shell(text.into()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Command, A::Error> {
                let words = Vec::<String>::deserialize(SeqAccessDeserializer::new(seq))?;
                if words.first().is_none_or(std::string::String::is_empty) {
                    return Err(de::Error::custom("the command is empty"));
                }
                if let Some(why) = words.iter().find_map(|word| unfit(word)) {
                    return Err(de::Error::custom(why));
                }
                Ok(Command::Program(words))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Command {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text for the shell (`bash -euo pipefail`), or a list of a program and its arguments. Executed exactly as written; values reach it as environment variables.",
            "anyOf": [
                { "type": "string", "pattern": "\\S" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1, "prefixItems": [{ "type": "string", "minLength": 1 }] },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_shown_as_a_shell_would_take_them() {
        let command = Command::Program(["echo", "a b", "it's", ""].map(String::from).to_vec());
        assert_eq!(command.shown(), r"echo 'a b' 'it'\''s' ''");
    }
}
