//! The kinds of probe.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{Command, Expect, Fact, HttpRequest, JsonPath};
use crate::value::{Field, Id, Length, Name, OneOrMany, Scalar, Table, Text, Tool};

/// A probe as it is written: exactly one of `run`, `http`, `tcp`, `file` and `use`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Probe")]
pub struct RawProbe {
    /// What is asked, in words for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Runs a command that only looks; content if it ends with the expected exit code and output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Command>,
    /// Sends a request; content if the status and the body are as expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRequest>,
    /// Opens a connection to `host:port`; content if somebody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Text>,
    /// Looks at a file; content if it is there and as expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Text>,
    /// Asks a probe recipe.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub use_: Option<Id>,
    /// The inputs of the recipe.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub with: Table<Field, OneOrMany<Scalar>>,
    /// What the answer must look like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Where it is asked, if not at the asset's home (`run`, `file`) or at the controller (`http`, `tcp`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Id>,
    /// How long one look may take; 30s if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Length>,
    /// How long to wait between two looks, where it is asked until it is content; 1s if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Length>,
    /// `run`: facts of a recovery point, each taken from the JSON that the command prints, by a query of RFC 9535.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(with = "std::collections::BTreeMap<Fact, JsonPath>")]
    pub facts: IndexMap<Fact, JsonPath>,
    /// What the recipe of `use` really asks, once the plan is resolved. Never written by people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub asked: Option<Box<Asked>>,
}

/// What a probe recipe asks, with the inputs that it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The recipe's own probe.
    pub probe: Probe,
    /// Its inputs, as its command gets them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<Name, Text>,
    /// The tools that must be there, in these versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether it looks at one point or at all of a copy at once.
    #[serde(default)]
    pub of: Scope,
    /// Whether it keeps a core busy, so that not more than there are cores run at the same time.
    #[serde(default)]
    pub cpu_bound: bool,
    /// Whether it may be kept from writing files outside of its `TMPDIR`.
    #[serde(default = "yes")]
    pub confine: bool,
}

const fn yes() -> bool {
    true
}

/// What a probe of a copy looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// At one recovery point, whose path is `POINT_PATH`.
    #[default]
    Point,
    /// At the whole copy, such as a repository that holds many points; `POINT_PATH` is where the copy lies.
    Copy,
}

/// What a probe looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// A command.
    Run(Command),
    /// An HTTP request.
    Http(HttpRequest),
    /// A port.
    Tcp(Text),
    /// A file.
    File(Text),
    /// A probe recipe with its inputs.
    Use(Id, Table<Field, OneOrMany<Scalar>>),
}

impl ProbeKind {
    /// The keys of which a probe has exactly one.
    pub const KEYS: [&'static str; 5] = ["run", "http", "tcp", "file", "use"];

    /// Returns the key under which the probe is written.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::File(_) => "file",
            Self::Use(..) => "use",
        }
    }

    /// Returns the fields of `expect` that make sense for a probe with this key.
    pub fn expectations(key: &str) -> &'static [&'static str] {
        match key {
            "run" => &["exit", "matches", "facts"],
            "http" => &["status", "matches"],
            "file" => &["exists", "min_bytes", "max_age", "sha256", "pg_dump"],
            _ => &[],
        }
    }
}

/// A question about the world; asking it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawProbe", into = "RawProbe")]
pub struct Probe {
    /// What is asked, in words for people.
    pub title: Option<String>,
    /// What it looks at.
    pub kind: ProbeKind,
    /// What the answer must look like.
    pub expect: Expect,
    /// Where it is asked, if the plan says so.
    pub on: Option<Id>,
    /// How long one look may take.
    pub timeout: Length,
    /// How long to wait between two looks.
    pub every: Length,
    /// Facts of a recovery point, from the JSON that a command prints, if any are asked for.
    pub facts: Option<Box<IndexMap<Fact, JsonPath>>>,
    /// What the recipe of `use` asks, once the plan is resolved.
    pub asked: Option<Box<Asked>>,
}

const DEFAULT_TIMEOUT: Length = Length::from_secs(30);
const DEFAULT_EVERY: Length = Length::from_secs(1);

impl TryFrom<RawProbe> for Probe {
    type Error = String;

    fn try_from(raw: RawProbe) -> Result<Self, String> {
        let kinds = [
            raw.run.map(ProbeKind::Run),
            raw.http.map(ProbeKind::Http),
            raw.tcp.map(ProbeKind::Tcp),
            raw.file.map(ProbeKind::File),
            raw.use_.map(|recipe| ProbeKind::Use(recipe, raw.with.clone())),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            return Err(format!("a probe has exactly one of {}", ProbeKind::KEYS.join(", ")));
        };
        if !raw.with.is_empty() && !matches!(kind, ProbeKind::Use(..)) {
            return Err("`with` belongs to a probe with `use`".into());
        }
        if !raw.facts.is_empty() && !matches!(kind, ProbeKind::Run(_)) {
            return Err("`facts` belongs to a probe with `run`".into());
        }
        let expect = raw.expect.unwrap_or_default();
        let fitting = ProbeKind::expectations(kind.key());
        if let Some(misfit) = expect.given().find(|name| !fitting.contains(name)) {
            return Err(format!("`{misfit}` does not fit a probe with `{}`", kind.key()));
        }
        Ok(Self {
            title: raw.title,
            kind,
            expect,
            on: raw.on,
            timeout: raw.timeout.unwrap_or(DEFAULT_TIMEOUT),
            every: raw.every.unwrap_or(DEFAULT_EVERY),
            facts: (!raw.facts.is_empty()).then(|| Box::new(raw.facts)),
            asked: raw.asked,
        })
    }
}

impl From<Probe> for RawProbe {
    fn from(probe: Probe) -> Self {
        let mut raw = Self {
            title: probe.title,
            expect: (probe.expect != Expect::default()).then_some(probe.expect),
            on: probe.on,
            timeout: (probe.timeout != DEFAULT_TIMEOUT).then_some(probe.timeout),
            every: (probe.every != DEFAULT_EVERY).then_some(probe.every),
            facts: probe.facts.map(|facts| *facts).unwrap_or_default(),
            asked: probe.asked,
            ..Self::default()
        };
        match probe.kind {
            ProbeKind::Run(command) => raw.run = Some(command),
            ProbeKind::Http(request) => raw.http = Some(request),
            ProbeKind::Tcp(address) => raw.tcp = Some(address),
            ProbeKind::File(path) => raw.file = Some(path),
            ProbeKind::Use(recipe, with) => {
                raw.use_ = Some(recipe);
                raw.with = with;
            }
        }
        raw
    }
}

impl JsonSchema for Probe {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        RawProbe::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RawProbe::json_schema(generator)
    }
}

impl Probe {
    /// Returns what is asked, in words if the probe has any, else as [`Probe::shown`] does.
    pub fn named(&self) -> String {
        self.title.clone().unwrap_or_else(|| self.shown())
    }

    /// Whether it asks once of all of a copy, and not of one recovery point; known once the plan is resolved.
    pub fn is_of_copy(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.of == Scope::Copy)
    }

    /// Whether the plan says how long a look may take.
    pub fn has_own_timeout(&self) -> bool {
        self.timeout != DEFAULT_TIMEOUT
    }

    /// Returns the probe as one line for people.
    pub fn shown(&self) -> String {
        match &self.kind {
            ProbeKind::Run(command) => command.shown(),
            ProbeKind::Http(request) => format!("{} {}", request.method.as_str(), request.url.as_str()),
            ProbeKind::Tcp(address) => format!("tcp {}", address.as_str()),
            ProbeKind::File(path) => format!("file {}", path.as_str()),
            ProbeKind::Use(recipe, _) => format!("recipe {recipe}"),
        }
    }
}
