//! What an answer must look like.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, OnceLock};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Fact, PgDump};
use crate::value::{Length, OneOrMany, Sha256Hex};

/// A regular expression (syntax of the crate `regex`: linear time, no look-around).
///
/// Compiled, it takes some kilobytes: it is tried when it is read, and then not before it is used.
#[derive(Clone, Debug)]
pub struct Pattern(Arc<Lazy>);

#[derive(Debug)]
struct Lazy {
    text: Box<str>,
    compiled: OnceLock<regex::Regex>,
}

impl Pattern {
    fn new(text: &str) -> Result<Self, regex::Error> {
        thread_local! {
            /// A plan often says the same many times in a row: it is tried once.
            static LAST: RefCell<Option<Pattern>> = const { RefCell::new(None) };
        }
        if let Some(last) = LAST.with_borrow(|last| last.clone().filter(|last| last.as_str() == text)) {
            return Ok(last);
        }
        compile(text)?;
        let new = Self(Arc::new(Lazy { text: text.into(), compiled: OnceLock::new() }));
        LAST.set(Some(new.clone()));
        Ok(new)
    }

    /// Whether it matches somewhere in the text.
    pub fn matches(&self, text: &str) -> bool {
        let compiled = self.0.compiled.get_or_init(|| {
            compile(&self.0.text)
                .unwrap_or_else(|error| unreachable!("it was tried when it was read: {error}"))
        });
        compiled.is_match(text)
    }

    /// Returns the expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

fn compile(text: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(text).size_limit(1 << 20).build()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Pattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a regular expression")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Pattern, E> {
                Pattern::new(text)
                    .map_err(|_| E::custom(format!("`{}` is not a regular expression", text.escape_debug())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "regex" })
    }
}

/// What an answer must look like; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `run`: the exit code; 0 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
    /// `run`, `http`: the standard output or the body must match this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<Pattern>,
    /// `run`: facts that must have been told; without them the answer is unknown, whatever the exit code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// `http`: the status, or a list of them; 200 to 299 if nothing is said.
    #[serde(default, deserialize_with = "at_least_one", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1))]
    pub status: Option<OneOrMany<u16>>,
    /// `file`: false if the file must not be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// `file`: the least size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<u64>,
    /// `file`: written at most this long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Length>,
    /// `file`: the SHA-256 of its content, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256Hex>,
    /// `file`: it is an archive of `pg_dump`, by its head: the database's name, or a mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pg_dump: Option<PgDump>,
}

/// An empty list would be content with nothing.
fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OneOrMany<u16>>, D::Error> {
    let status = OneOrMany::deserialize(deserializer)?;
    if status.is_empty() { Err(de::Error::custom("at least one status is needed")) } else { Ok(Some(status)) }
}

impl Expect {
    /// The names of the fields.
    pub const FIELDS: [&'static str; 9] =
        ["exit", "matches", "facts", "status", "exists", "min_bytes", "max_age", "sha256", "pg_dump"];

    /// Returns the names of the fields that are given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("exit", self.exit.is_some()),
            ("matches", self.matches.is_some()),
            ("facts", !self.facts.is_empty()),
            ("status", self.status.is_some()),
            ("exists", self.exists.is_some()),
            ("min_bytes", self.min_bytes.is_some()),
            ("max_age", self.max_age.is_some()),
            ("sha256", self.sha256.is_some()),
            ("pg_dump", self.pg_dump.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
    }
}
