//! Findings for programs.
//!
//! These types are a promise of their own, apart from the types inside. Within a version, fields may be added;
//! none is taken away, renamed or given another meaning. Whatever breaks a reader makes a new version.

use std::io::{self, Write};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::{About, Checked, Counts, visible};
use crate::analysis::Standing;
use crate::document::{Source, Sources};
use crate::finding::{Edit, Finding, Label, Severity};
use crate::value::{Date, schema_with};

const VERSION: u32 = 1;

/// What `drplan check` found.
#[derive(Debug, Serialize, JsonSchema)]
struct Report<'a> {
    /// The version of this format.
    #[schemars(extend("const" = VERSION))]
    version: u32,
    /// The day on which the exceptions of a policy had to hold still.
    as_of: &'a Date,
    /// How many plans were checked.
    plans: usize,
    /// How many findings there are of each severity.
    counts: Counts,
    /// What was found, ordered by file, place and code.
    findings: Vec<One<'a>>,
    /// Where the promises stand, with `--summary`: each asset in each scenario; plans with errors have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a [Standing]>,
}

/// Something that is wrong in a plan.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct One<'a> {
    /// The rule that found it, or the name of the fault.
    code: &'a str,
    /// How bad it is.
    severity: Severity,
    /// What is wrong.
    message: &'a str,
    /// What to do; null if nothing better is known than what the message says.
    help: Option<&'a str>,
    /// Where; the first is the primary one.
    labels: Vec<Spot<'a>>,
    /// What `drplan fix` would write; null if there is no safe mend, or more than one.
    fix: Option<Mend<'a>>,
}

/// The one safe mend of a finding.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Fix")]
struct Mend<'a> {
    /// What it does, in a few words.
    title: &'a str,
    /// All of it; half of it would mend nothing.
    edits: Vec<Change<'a>>,
}

/// A stretch of a file, and what to write in its place.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Edit")]
struct Change<'a> {
    /// The file, as it was given.
    file: &'a str,
    /// Where the stretch begins.
    start: Position,
    /// Where it ends: the position after its last character.
    end: Position,
    /// What to write in its place.
    replacement: &'a str,
}

/// A place and what is to be said there.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Label")]
struct Spot<'a> {
    /// The file, as it was given.
    file: &'a str,
    /// Whether this is the place of the finding, and not another that belongs to it.
    primary: bool,
    /// What is to be said there; may be empty.
    text: &'a str,
    /// Where it begins.
    start: Position,
    /// Where it ends: the position after its last character.
    end: Position,
}

/// A position in a file.
#[derive(Debug, Serialize, JsonSchema)]
struct Position {
    /// The line, counted from 1.
    #[schemars(range(min = 1))]
    line: usize,
    /// The column in characters, counted from 1.
    #[schemars(range(min = 1))]
    column: usize,
    /// The byte, counted from 0.
    offset: u32,
}

/// Makes the JSON Schema of findings (draft 2020-12).
pub fn schema() -> Value {
    schema_with::<Report<'static>>(
        SchemaSettings::draft2020_12().for_serialize(),
        "findings",
        "Findings of drplan",
    )
}

pub(super) fn write(
    checked: &Checked,
    sources: &Sources,
    about: &About<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let report = Report {
        version: VERSION,
        as_of: about.as_of,
        plans: checked.plans.len(),
        counts: checked.counts(),
        findings: checked.findings.iter().map(|finding| one(finding, sources)).collect(),
        summary: about.summary,
    };
    let text = serde_json::to_string_pretty(&report)?;
    writeln!(out, "{}", visible::json(&text))
}

fn one<'a>(finding: &'a Finding, sources: &'a Sources) -> One<'a> {
    let related = finding.related.iter().map(|label| spot(label, false, sources));
    One {
        code: finding.code,
        severity: finding.severity,
        message: &finding.message,
        help: finding.help.as_deref(),
        labels: std::iter::once(spot(&finding.primary, true, sources)).chain(related).collect(),
        fix: finding.fix.as_ref().map(|fix| Mend {
            title: &fix.title,
            edits: fix.edits.iter().map(|edit| change(edit, sources)).collect(),
        }),
    }
}

fn change<'a>(edit: &'a Edit, sources: &'a Sources) -> Change<'a> {
    let source = sources.get(edit.place.source);
    let span = edit.place.span;
    Change {
        file: &source.name,
        start: position(source, span.start),
        end: position(source, span.end),
        replacement: &edit.replacement,
    }
}

fn spot<'a>(label: &'a Label, primary: bool, sources: &'a Sources) -> Spot<'a> {
    let source = sources.get(label.place.source);
    let span = label.place.span;
    Spot {
        file: &source.name,
        primary,
        text: &label.text,
        start: position(source, span.start),
        end: position(source, span.end),
    }
}

fn position(source: &Source, offset: u32) -> Position {
    let (line, column) = source.line_column(offset);
    Position { line, column, offset }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Place, Span};
    use crate::finding::Fix;
    use crate::output::tests::about;

    #[test]
    fn it_fits_its_own_schema_and_reads_back() {
        let mut sources = Sources::default();
        let plan = sources.add("plan.yaml", "a: 1\nbä: 2\n");
        let recipe = sources.add("re\u{9b}cipe.yaml", "c: 3\n");
        let place = |source, start, end| Place { source, span: Span { start, end } };
        let findings = vec![
            Finding::error("code-a", "esc \u{1b} c1 \u{9b} tag \u{e0041} \"quoted\"")
                .at(place(plan, 5, 8), "here")
                .related(place(recipe, 0, 1), "there")
                .help("do")
                .fix(Fix::one("write `b`", place(plan, 0, 1), "b")),
            Finding::warning("code-b", "second").at(place(plan, 0, 12), ""),
        ];
        let message = findings[0].message.clone();
        let checked = Checked { findings, plans: vec![plan, recipe] };
        let mut out = Vec::new();
        write(&checked, &sources, &about(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(|c: char| c != '\n' && visible::is_unseen(c)), "{text:?}");

        let value: Value = serde_json::from_str(&text).unwrap();
        let schema = schema();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let faults: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(schema["$id"], "https://drplan.dev/schema/findings.schema.json");
        assert!(!validator.is_valid(&serde_json::json!({ "version": 2 })));

        assert_eq!(value["version"], 1);
        assert_eq!(value["as_of"], "2026-06-30");
        assert_eq!(value["plans"], 2);
        assert_eq!(value["counts"], serde_json::json!({ "errors": 1, "warnings": 1, "notes": 0 }));
        assert_eq!(value["findings"][0]["message"], message.as_str());
        assert_eq!(
            value["findings"][0]["labels"][0],
            serde_json::json!({
                "file": "plan.yaml", "primary": true, "text": "here",
                "start": { "line": 2, "column": 1, "offset": 5 },
                "end": { "line": 2, "column": 3, "offset": 8 },
            })
        );
        assert_eq!(value["findings"][1]["help"], Value::Null);
        assert_eq!(value["findings"][1]["fix"], Value::Null);
        assert_eq!(
            value["findings"][0]["fix"],
            serde_json::json!({ "title": "write `b`", "edits": [{
                "file": "plan.yaml", "replacement": "b",
                "start": { "line": 1, "column": 1, "offset": 0 },
                "end": { "line": 1, "column": 2, "offset": 1 },
            }] })
        );
    }
}
