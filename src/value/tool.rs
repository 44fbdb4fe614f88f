//! A tool that must be there, and in which versions.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the schema says of a tool.
pub(super) const PATTERN: &str = r"^[^\s<>=]+( *(>=|<=|>|<|=) *[0-9]+(\.[0-9]+)*)*$";

/// How a version is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    AtLeast,
    AtMost,
    Above,
    Below,
    Like,
}

/// A program by its name, with the versions that will do, such as `tar`, `psql >=15` or `redis-server >=6 <8`.
///
/// Held once: each part of a recipe has the recipe's tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tool(Arc<Wanted>);

#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    text: String,
    name: String,
    bounds: Vec<(Relation, Vec<u64>)>,
}

impl Tool {
    /// Returns the program's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether any version will do.
    pub fn takes_any_version(&self) -> bool {
        self.0.bounds.is_empty()
    }

    /// Whether a version, such as `15.4`, will do; nothing if it is none.
    ///
    /// Numbers are compared one by one, and what is not said is 0; `=15` is every 15.x.
    pub fn accepts(&self, version: &str) -> Option<bool> {
        let version = numbers(version)?;
        let holds = |(relation, bound): &(Relation, Vec<u64>)| match relation {
            Relation::AtLeast => compare(&version, bound) != Ordering::Less,
            Relation::AtMost => compare(&version, bound) != Ordering::Greater,
            Relation::Above => compare(&version, bound) == Ordering::Greater,
            Relation::Below => compare(&version, bound) == Ordering::Less,
            Relation::Like => version.iter().chain(std::iter::repeat(&0)).zip(bound).all(|(a, b)| a == b),
        };
        Some(self.0.bounds.iter().all(holds))
    }
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

fn compare(one: &[u64], other: &[u64]) -> Ordering {
    let at = |of: &[u64], index: usize| of.get(index).copied().unwrap_or(0);
    let length = one.len().max(other.len());
    (0..length)
        .map(|index| at(one, index).cmp(&at(other, index)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl FromStr for Tool {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is not a tool: write its name, and versions if need be, as in `psql >=15 <17`",
                text.escape_debug()
            )
        };
        let end = text.find(|c: char| c.is_whitespace() || "<>=".contains(c)).unwrap_or(text.len());
        let (name, mut rest) = text.split_at(end);
        if name.is_empty() {
            return Err(wrong());
        }
        let mut bounds = Vec::new();
        loop {
            rest = rest.trim_start_matches(' ');
            if rest.is_empty() {
                break;
            }
            let relations = [
                (">=", Relation::AtLeast),
                ("<=", Relation::AtMost),
                (">", Relation::Above),
                ("<", Relation::Below),
                ("=", Relation::Like),
            ];
            let found =
                relations.into_iter().find_map(|(sign, relation)| Some((relation, rest.strip_prefix(sign)?)));
            let (relation, after) = found.ok_or_else(wrong)?;
            let after = after.trim_start_matches(' ');
            let end = after.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(after.len());
            let (version, left) = after.split_at(end);
            bounds.push((relation, numbers(version).ok_or_else(wrong)?));
            rest = left;
        }
        Ok(Self(Arc::new(Wanted { text: text.to_owned(), name: name.to_owned(), bounds })))
    }
}

impl TryFrom<String> for Tool {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Tool> for String {
    fn from(tool: Tool) -> Self {
        tool.0.text.clone()
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl JsonSchema for Tool {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Tool".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        let takes = |tool: &str, version: &str| tool.parse::<Tool>().unwrap().accepts(version);
        for (tool, version, will_do) in [
            ("psql >=15", "15.4", true),
            ("psql >=15", "9.6", false),
            ("psql >= 15", "15", true),
            ("psql >15", "15.0.0", false),
            ("psql >15", "15.0.1", true),
            ("redis-server >=6 <8", "7.0.15", true),
            ("redis-server>=6<8", "8.0", false),
            ("tar =1.34", "1.34.2", true),
            ("tar =1.34", "1.35", false),
            ("tar <=1.34", "1.34.1", false),
            ("tar", "0", true),
        ] {
            assert_eq!(takes(tool, version), Some(will_do), "{tool} with {version}");
        }
        assert_eq!(takes("tar >=1", "unknown"), None);
    }

    #[test]
    fn what_is_no_tool_is_refused_by_pattern_and_reader_alike() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        for text in [
            "",
            " tar",
            "tar 1",
            "tar >>1",
            "tar >=",
            "tar >=1..2",
            "tar >=1.",
            "tar >=a",
            "tar ~1",
            ">=1",
            "a b",
        ] {
            assert!(text.parse::<Tool>().is_err(), "{text:?}");
            assert!(!pattern.is_match(text), "{text:?}");
        }
        for text in ["tar", "g++", "psql >=15 <17", "x>1<2", "pg_dump = 16.1 "] {
            assert_eq!(text.parse::<Tool>().is_ok(), pattern.is_match(text.trim_end()), "{text:?}");
        }
    }
}
