//! What a probe can tell of a recovery point besides being content: a closed list of facts.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::value::Moment;

/// How far a recovery point was looked into; each level holds the ones before.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// It is there, by its name.
    #[default]
    Listed,
    /// Its head or its table of contents could be read.
    Header,
    /// All of it was read: by the tool that would restore it, or from the server that keeps it.
    Read,
    /// It is bit for bit what its producer has taken the digest of.
    Digest,
    /// It was restored in a drill.
    Restored,
}

impl Integrity {
    /// Returns the level as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Header => "header",
            Self::Read => "read",
            Self::Digest => "digest",
            Self::Restored => "restored",
        }
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fact {
    /// The moment whose data it holds, by the artifact itself.
    Time,
    /// The moment of one point of a repository that holds many; may be told many times.
    Point,
    /// How many bytes it holds.
    Size,
    /// How many rows, keys or documents.
    Rows,
    /// How many files.
    Files,
    /// The name of a table; after a tab its number of rows, if that is known. May be told many times.
    Table,
    /// A path that it holds; may be told many times.
    Path,
    /// How far it was looked into: `header`, `read` or `digest`.
    Integrity,
    /// The version of what has made it.
    Version,
    /// Something that is wrong with it; may be told many times.
    Problem,
    /// Why nothing can be said of it; may be told many times.
    Unknown,
}

impl Fact {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Time,
        Self::Point,
        Self::Size,
        Self::Rows,
        Self::Files,
        Self::Table,
        Self::Path,
        Self::Integrity,
        Self::Version,
        Self::Problem,
        Self::Unknown,
    ];

    /// Returns the name under which it is told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "TIME",
            Self::Point => "POINT",
            Self::Size => "SIZE",
            Self::Rows => "ROWS",
            Self::Files => "FILES",
            Self::Table => "TABLE",
            Self::Path => "PATH",
            Self::Integrity => "INTEGRITY",
            Self::Version => "VERSION",
            Self::Problem => "PROBLEM",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Whether it may be told many times.
    pub const fn is_many(self) -> bool {
        matches!(self, Self::Point | Self::Table | Self::Path | Self::Problem | Self::Unknown)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A table of a recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableFact {
    /// Its name, with its schema where it has one.
    pub name: String,
    /// How many rows it has, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// What a probe has told of a recovery point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Facts {
    /// The moment whose data it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Moment>,
    /// The moments of all points of a repository.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Moment>,
    /// How many bytes it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// How many rows, keys or documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// How many files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Its tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableFact>,
    /// Paths that it holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// How far it was looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity: Option<Integrity>,
    /// The version of what has made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Why nothing can be said of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// More tables or paths than these are not kept.
const MOST: usize = 100_000;

impl Facts {
    /// Reads what a probe has written to `$DRPLAN_OUTPUT`: one `NAME=value` a line.
    ///
    /// # Errors
    ///
    /// The first line that tells no fact, or one that cannot be: nothing of it is believed then.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut facts = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (name, value) =
                line.split_once('=').ok_or_else(|| format!("`{}` is not NAME=value", short(line)))?;
            let fact = Fact::ALL.into_iter().find(|fact| fact.as_str() == name).ok_or_else(|| {
                let names: Vec<&str> = Fact::ALL.iter().map(|fact| fact.as_str()).collect();
                format!("`{}` is no fact; there are {}", short(name), names.join(", "))
            })?;
            facts.tell(fact, value)?;
        }
        Ok(facts)
    }

    /// Takes one fact.
    ///
    /// # Errors
    ///
    /// When it cannot be, such as a size that is no number, or was told before and differs.
    pub fn tell(&mut self, fact: Fact, value: &str) -> Result<(), String> {
        let value = value.trim_end_matches('\r');
        let wrong = |what: &str| format!("{fact}=`{}` is not {what}", short(value));
        let number = || value.trim().parse::<u64>().map_err(|_| wrong("a whole number"));
        let moment = || moment(value).ok_or_else(|| wrong("a moment"));
        let full = |length: usize| {
            if length < MOST { Ok(()) } else { Err(format!("more than {MOST} times {fact}")) }
        };
        match fact {
            Fact::Time => once(fact, &mut self.time, moment()?),
            Fact::Size => once(fact, &mut self.size, number()?),
            Fact::Rows => once(fact, &mut self.rows, number()?),
            Fact::Files => once(fact, &mut self.files, number()?),
            Fact::Version => once(fact, &mut self.version, value.trim().to_owned()),
            Fact::Integrity => {
                let known = [Integrity::Listed, Integrity::Header, Integrity::Read, Integrity::Digest];
                let level = known.into_iter().find(|level| level.as_str() == value.trim());
                let level = level.ok_or_else(|| wrong("one of listed, header, read, digest"))?;
                // Several probes of one recipe may each look further than the one before.
                self.integrity = self.integrity.max(Some(level));
                Ok(())
            }
            Fact::Point => {
                full(self.points.len())?;
                self.points.push(moment()?);
                Ok(())
            }
            Fact::Table => {
                full(self.tables.len())?;
                let (name, rows) = match value.split_once('\t') {
                    Some((name, rows)) => {
                        (name, Some(rows.trim().parse().map_err(|_| wrong("a name and a number of rows"))?))
                    }
                    None => (value, None),
                };
                self.tables.push(TableFact { name: name.trim().to_owned(), rows });
                Ok(())
            }
            Fact::Path => {
                full(self.paths.len())?;
                self.paths.push(value.to_owned());
                Ok(())
            }
            Fact::Problem => {
                full(self.problems.len())?;
                self.problems.push(short(value));
                Ok(())
            }
            Fact::Unknown => {
                full(self.unknown.len())?;
                self.unknown.push(short(value));
                Ok(())
            }
        }
    }

    /// Whether a fact was told.
    pub fn has(&self, fact: Fact) -> bool {
        match fact {
            Fact::Time => self.time.is_some(),
            Fact::Point => !self.points.is_empty(),
            Fact::Size => self.size.is_some(),
            Fact::Rows => self.rows.is_some(),
            Fact::Files => self.files.is_some(),
            Fact::Table => !self.tables.is_empty(),
            Fact::Path => !self.paths.is_empty(),
            Fact::Integrity => self.integrity.is_some(),
            Fact::Version => self.version.is_some(),
            Fact::Problem => !self.problems.is_empty(),
            Fact::Unknown => !self.unknown.is_empty(),
        }
    }

    /// Takes over what another probe of the same point has told; of two answers the first is kept.
    pub fn add(&mut self, other: Self) {
        self.time = self.time.or(other.time);
        self.size = self.size.or(other.size);
        self.rows = self.rows.or(other.rows);
        self.files = self.files.or(other.files);
        self.integrity = self.integrity.max(other.integrity);
        self.version = self.version.take().or(other.version);
        self.points.extend(other.points);
        self.tables.extend(other.tables);
        self.paths.extend(other.paths);
        self.problems.extend(other.problems);
        self.unknown.extend(other.unknown);
    }
}

fn once<T: PartialEq>(fact: Fact, place: &mut Option<T>, value: T) -> Result<(), String> {
    match place {
        Some(told) if *told != value => Err(format!("{fact} was told twice, and differently")),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}

/// Reads a moment as tools print it: RFC 3339, or the same without a zone (probes run in UTC), or seconds since 1970.
fn moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits(whole) && (part.is_empty() || all_digits(part)) {
        // Seconds since 1970 have ten digits until 2286; milliseconds have thirteen.
        let number: i64 = whole.parse().ok()?;
        return match whole.len() {
            9 | 10 => Some(Moment::from_unix_millis(number * 1000)),
            12 | 13 => Some(Moment::from_unix_millis(number)),
            _ => None,
        };
    }
    let text = text.trim_end_matches(" UTC").trim_end_matches(" GMT");
    format!("{}Z", text.replacen(' ', "T", 1)).parse().ok()
}

fn short(text: &str) -> String {
    let mut line: String = text.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    if text.trim().chars().count() > 200 {
        line.push('…');
    }
    line
}

/// A query over JSON (RFC 9535) that gives the value of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct JsonPath(String);

impl JsonPath {
    /// Returns the values at which the query points, as texts.
    ///
    /// # Errors
    ///
    /// When it points at something that is no text, number or truth.
    pub fn values(&self, json: &serde_json::Value) -> Result<Vec<String>, String> {
        let path = serde_json_path::JsonPath::parse(&self.0).map_err(|error| error.to_string())?;
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => Ok(text.clone()),
            serde_json::Value::Number(number) => Ok(number.to_string()),
            serde_json::Value::Bool(truth) => Ok(truth.to_string()),
            _ => Err(format!("`{}` points at what is neither a text nor a number", self.0)),
        };
        path.query(json).all().into_iter().filter(|value| !value.is_null()).map(text).collect()
    }

    /// Returns the query as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for JsonPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match serde_json_path::JsonPath::parse(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(serde::de::Error::custom(format!(
                "`{}` is not a query of RFC 9535, such as `$.backups[-1].time`: {error}",
                text.escape_debug()
            ))),
        }
    }
}

impl JsonSchema for JsonPath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "JsonPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A query over JSON (JSONPath, RFC 9535).", "pattern": "^\\$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_line_by_line() {
        let facts = Facts::read(
            "TIME=2026-11-22T02:00:05+01:00\nROWS=3\nTABLE=public.users\t2\nTABLE=log\n\nINTEGRITY=read\nINTEGRITY=header\n",
        )
        .unwrap();
        assert_eq!(facts.time.unwrap().to_string(), "2026-11-22T01:00:05Z");
        assert_eq!(facts.rows, Some(3));
        assert_eq!(facts.tables[0], TableFact { name: "public.users".into(), rows: Some(2) });
        assert_eq!(facts.tables[1], TableFact { name: "log".into(), rows: None });
        assert_eq!(facts.integrity, Some(Integrity::Read));
    }

    #[test]
    fn what_is_no_fact_is_refused() {
        for (text, part) in [
            ("rows=3", "no fact"),
            ("ROWS=many", "whole number"),
            ("ROWS=-1", "whole number"),
            ("ROWS=1\nROWS=2", "told twice"),
            ("TIME=yesterday", "a moment"),
            ("INTEGRITY=restored", "one of listed"),
            ("just text", "not NAME=value"),
            ("TABLE=a\tb", "number of rows"),
        ] {
            let error = Facts::read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn moments_are_read_as_tools_print_them() {
        for text in [
            "1795399505",
            "1795399505.25",
            "1795399505000",
            "2026-11-23T02:05:05Z",
            "2026-11-23T02:05:05.000000",
            "2026-11-23 02:05:05 UTC",
            "2026-11-23 02:05:05+00",
        ] {
            let found = moment(text).map(|moment| moment.as_unix_millis() / 1000);
            assert_eq!(found, Some(1_795_399_505), "{text}");
        }
        for text in ["", "0", "12", "x", "2026-11-23"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn json_is_asked_by_rfc_9535() {
        let json = serde_json::json!([{ "backup": [{ "stop": 1 }, { "stop": 2, "x": null }] }]);
        let path = |text: &str| serde_json::from_value::<JsonPath>(serde_json::json!(text));
        assert_eq!(path("$[0].backup[-1].stop").unwrap().values(&json).unwrap(), ["2"]);
        assert_eq!(path("$[*].backup[*].stop").unwrap().values(&json).unwrap(), ["1", "2"]);
        assert!(path("$[0].backup[-1].x").unwrap().values(&json).unwrap().is_empty());
        assert!(path("$[0].backup").unwrap().values(&json).is_err());
        assert!(path("backup").is_err());
    }
}
