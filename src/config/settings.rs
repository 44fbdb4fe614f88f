//! The settings and how they are read.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::document::{Document, Limits, Place, ReadError, Sources, from_node, read};
use crate::finding::Level;
use crate::value::{Id, Length, Table, schema_of};

/// The settings of a repository: `drplan.yaml` at its root.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folders that hold plans, for commands that are not given any; `plans` if nothing is said.
    pub plans: Option<Vec<PathBuf>>,
    /// The folder that holds rendered runbooks; `runbooks` if nothing is said.
    pub runbooks: Option<PathBuf>,
    /// The folder that holds drill records; `evidence` if nothing is said.
    pub evidence: Option<PathBuf>,
    /// The runbook template that replaces the built-in one.
    pub template: Option<PathBuf>,
    /// What to make of what each rule finds: `allow`, `warn` or `deny`.
    pub rules: Table<Id, Level>,
    /// What runs do unless told otherwise.
    pub defaults: Defaults,
}

/// What runs do unless told otherwise.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// How many steps run at the same time; 8 if nothing is said.
    pub max_parallel: Option<NonZeroUsize>,
    /// How long an asset may take to become healthy once it is restored, and a probe that is waited for; 10m if nothing is said.
    pub patience: Option<Length>,
    /// How long to wait at the end of a run for messages (`notify`) that are still on their way; 10s if nothing is said.
    pub last_words: Option<Length>,
    /// Whether the probes of a dry run are kept from writing; true if nothing is said.
    pub confine: Option<bool>,
}

/// Why the settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It does not say what settings say.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
}

impl Config {
    /// Reads the settings.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let limits = Limits::default();
        let mut sources = Sources::default();
        let source = sources.add(path.display().to_string(), read(path, &limits)?);
        let wrong = |place: Place, message: String| {
            let (line, column) = sources.get(source).line_column(place.span.start);
            Error::Wrong { path: path.to_owned(), line, column, message }
        };
        let (document, issues) = Document::parse(source, &sources, &limits);
        if let Some(issue) = issues.into_iter().find(|issue| !issue.is_warning && issue.code != "yaml-empty")
        {
            return Err(wrong(Place { source, span: issue.span }, issue.message));
        }
        let Some(document) = document else { return Ok(Self::default()) };
        from_node(document.root().clone())
            .map_err(|error| wrong(Place { source, span: error.span.unwrap_or_default() }, error.message))
    }
}

/// Makes the JSON Schema of the settings (draft 2020-12); `rules` are the names that `rules` may hold.
pub fn schema(rules: &[&str]) -> serde_json::Value {
    let mut schema = schema_of::<Config>("config", "The settings of a repository");
    if let Some(names) = schema.pointer_mut("/properties/rules/propertyNames") {
        *names = serde_json::json!({ "enum": rules });
    }
    schema
}
