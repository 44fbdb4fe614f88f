//! From a document to a plan: shape first, for all that is wrong at once, then types.

use serde::de::DeserializeOwned;

use super::shape::{Shape, check_shape};
use super::{Plan, Recipe};
use crate::document::{Document, KeyPath, Limits, Node, Part, Place, SourceId, Sources, from_node};
use crate::finding::{Finding, Severity};
use crate::value::sharing_names;

/// What became of a text.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The document, if the text is YAML.
    pub document: Option<Document>,
    /// Where its id is written.
    pub named: Option<Place>,
    /// What it says, if nothing is wrong with its shape.
    pub value: Option<T>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Loads a plan.
pub fn load(source: SourceId, sources: &Sources) -> Loaded<Plan> {
    load_as(source, sources, Shape::Plan)
}

/// Loads a recipe.
pub fn load_recipe(source: SourceId, sources: &Sources) -> Loaded<Recipe> {
    let loaded: Loaded<Recipe> = load_as(source, sources, Shape::Recipe);
    Loaded { value: loaded.value.map(Recipe::with_functions), ..loaded }
}

fn load_as<T: DeserializeOwned>(source: SourceId, sources: &Sources, shape: Shape) -> Loaded<T> {
    let (mut document, issues) = Document::parse(source, sources, &Limits::default());
    let mut findings: Vec<Finding> =
        issues.into_iter().map(|issue| Finding::from_issue(source, issue)).collect();
    let id = KeyPath::root().key(shape.id_key());
    let named = document.as_ref().map(|document| document.place(&id, Part::Value));
    let value = document.as_mut().and_then(|document| {
        let mut wrong = check_shape(document, shape);
        wrong.retain(|finding| !stands_at_a_dangling_alias(finding, &findings, sources));
        // Of one value, what is wrong with it says more than what older readers would make of it.
        findings.retain(|finding| {
            finding.code != "yaml-ambiguous"
                || !wrong.iter().any(|other| other.primary.place == finding.primary.place)
        });
        findings.extend(wrong);
        let is_sound = findings.iter().all(|finding| finding.severity != Severity::Error);
        if !is_sound {
            return None;
        }
        let whole = document.place(&KeyPath::root(), Part::Value);
        match read(document.take_root(), whole) {
            Ok(value) => Some(value),
            Err(finding) => {
                findings.push(*finding);
                None
            }
        }
    });
    Loaded { document, named, value, findings }
}

/// Whether a finding is about what an alias without an anchor has left empty; the alias itself is told already.
fn stands_at_a_dangling_alias(finding: &Finding, told: &[Finding], sources: &Sources) -> bool {
    let place = finding.primary.place;
    let text = sources.get(place.source).text();
    told.iter().filter(|told| told.code == "yaml-unknown-anchor").any(|told| {
        let alias = told.primary.place.span;
        let between = text.get(place.span.end as usize..alias.start as usize);
        place.span == alias || between.is_some_and(|between| between.trim() == ":")
    })
}

/// Reads the types of a plan over which an environment has been laid.
pub fn retype(document: &Document) -> Result<Plan, Vec<Finding>> {
    let findings = check_shape(document, Shape::Plan);
    if !findings.is_empty() {
        return Err(findings);
    }
    let whole = document.place(&KeyPath::root(), Part::Value);
    read(document.root().clone(), whole).map_err(|finding| vec![*finding])
}

/// What the schema has let through and the types refuse, such as a regular expression that is none.
fn read<T: DeserializeOwned>(root: Node, mut place: Place) -> Result<T, Box<Finding>> {
    sharing_names(|| from_node(root)).map_err(|error| {
        if let Some(span) = error.span {
            place.span = span;
        }
        Box::new(Finding::error("bad-value", error.message).at(place, "here"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_written_twice_is_held_once() {
        let mut sources = Sources::default();
        let text = "version: 1\nplan: p\ntitle: T\nsteps:\n  build: { run: 'true' }\n  ask: { needs: [build], run: 'true' }\n";
        let source = sources.add("plan.yaml", text);
        let plan = load(source, &sources).value.unwrap();
        let (key, _) = plan.steps.first().unwrap();
        let needed = plan.steps["ask"].common.needs.iter().flat_map(crate::plan::Need::ids).next().unwrap();
        assert_eq!(key.as_str().as_ptr(), needed.as_str().as_ptr());
    }
}
