//! Texts for people and addresses that may carry `$NAME`.

use std::borrow::Cow;

use arcstr::ArcStr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A text in which `$NAME` or `${NAME}` stands for the value of a variable, and `$$` for a dollar sign.
///
/// Commands are not such texts: they get their values from the environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(ArcStr);

/// A name in a [`Text`] that has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`${0}` has no value here")]
pub struct NameError(pub String);

enum Piece<'a> {
    Plain(&'a str),
    Name(&'a str),
}

impl Text {
    /// Makes a text.
    pub fn new(text: impl Into<ArcStr>) -> Self {
        Self(text.into())
    }

    /// Returns the text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let Some(tail) = rest.strip_prefix('$') else {
                let (plain, tail) = rest.split_at(rest.find('$').unwrap_or(rest.len()));
                rest = tail;
                return Some(Piece::Plain(plain));
            };
            if let Some(after) = tail.strip_prefix('$') {
                rest = after;
                return Some(Piece::Plain("$"));
            }
            let (braced, body) = tail.strip_prefix('{').map_or((false, tail), |body| (true, body));
            let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
            let (name, after) = body.split_at(end);
            let after = if braced { after.strip_prefix('}') } else { Some(after) };
            match after {
                Some(after) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                    rest = after;
                    Some(Piece::Name(name))
                }
                _ => {
                    rest = tail;
                    Some(Piece::Plain("$"))
                }
            }
        })
    }

    /// Returns the names that the text asks for, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name),
            Piece::Plain(_) => None,
        })
    }

    /// Puts texts in for the names that `known` knows; the other names stay.
    #[must_use]
    pub fn with<'v>(&self, known: impl Fn(&str) -> Option<Cow<'v, str>>) -> Self {
        let mut text = String::with_capacity(self.0.len());
        for piece in self.pieces() {
            match piece {
                Piece::Plain(plain) => text.push_str(&plain.replace('$', "$$")),
                Piece::Name(name) => match known(name) {
                    Some(other) => text.push_str(&other),
                    None => text.push_str(&format!("${{{name}}}")),
                },
            }
        }
        Self(text.into())
    }

    /// Puts in the values.
    ///
    /// # Errors
    ///
    /// The first name for which `value` knows nothing.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> Result<String, NameError> {
        let mut filled = String::with_capacity(self.0.len());
        for piece in self.pieces() {
            match piece {
                Piece::Plain(plain) => filled.push_str(plain),
                Piece::Name(name) => match value(name) {
                    Some(text) => filled.push_str(&text),
                    None => return Err(NameError(name.to_owned())),
                },
            }
        }
        Ok(filled)
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_names_and_leaves_the_rest() {
        let value = |name: &str| (name == "HOST_IP").then(|| Cow::from("10.0.0.7"));
        let fill = |text: &str| Text::new(text).fill(value);
        assert_eq!(fill("A to $HOST_IP."), Ok("A to 10.0.0.7.".into()));
        assert_eq!(fill("http://${HOST_IP}:80/$"), Ok("http://10.0.0.7:80/$".into()));
        assert_eq!(fill("costs $$5 and $5 ${x}"), Ok("costs $5 and $5 ${x}".into()));
        assert_eq!(fill("$OTHER"), Err(NameError("OTHER".into())));
    }

    #[test]
    fn puts_in_what_is_known_and_leaves_the_names_that_are_not() {
        let known = |name: &str| (name == "INPUT_DUMP").then(|| Cow::from("$POINT_PATH/$$x"));
        let text = Text::new("${INPUT_DUMP}.gz $OTHER costs $5 and $$HOME").with(known);
        let value = |name: &str| Some(Cow::from(name.to_lowercase()));
        assert_eq!(text.fill(value).as_deref(), Ok("point_path/$x.gz other costs $5 and $HOME"));
    }
}
