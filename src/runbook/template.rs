//! Fills templates in: strictly, and within limits.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use handlebars::template::{Parameter, Template, TemplateElement};
use handlebars::{Handlebars, RenderErrorReason};
use serde::Serialize;

use super::helper;
use super::markdown::escaped;
use crate::value::did_you_mean;

/// The template of a runbook.
const DEFAULT: &str = include_str!("default.hbs");
/// The template of the index.
const INDEX: &str = include_str!("index.hbs");
/// The template of what a bundle tells of the moment.
const STATE: &str = include_str!("state.hbs");
/// The largest runbook.
const LARGEST_BYTES: usize = 50 * 1024 * 1024;
/// The largest template.
const LARGEST_TEMPLATE: usize = 1024 * 1024;
/// How deep blocks and parentheses may be nested; the parser goes down once for each.
const DEEPEST: usize = 60;

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}{}: {message}", place(*.line, *.column))]
pub struct TemplateFault {
    /// The template's file.
    pub name: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

fn place(line: Option<usize>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => String::new(),
    }
}

/// A template that is ready to be filled in.
#[derive(Debug)]
pub struct RunbookTemplate {
    name: String,
    engine: Handlebars<'static>,
}

impl RunbookTemplate {
    /// Takes the built-in template of runbooks.
    pub fn built_in() -> Result<Self, TemplateFault> {
        Self::new("drplan:default.hbs", DEFAULT)
    }

    /// Takes the built-in template of the index.
    pub fn index() -> Result<Self, TemplateFault> {
        Self::new("drplan:index.hbs", INDEX)
    }

    /// Takes the built-in template of what is known at the moment.
    pub fn state() -> Result<Self, TemplateFault> {
        Self::new("drplan:state.hbs", STATE)
    }

    /// Takes a template.
    ///
    /// # Errors
    ///
    /// When it is none, or could go on for ever.
    pub fn new(name: &str, text: &str) -> Result<Self, TemplateFault> {
        let fault = |line: Option<usize>, column: Option<usize>, message: String| TemplateFault {
            name: name.to_owned(),
            line,
            column,
            message,
            help: None,
        };
        if text.len() > LARGEST_TEMPLATE {
            return Err(fault(None, None, format!("a template has at most {LARGEST_TEMPLATE} bytes")));
        }
        if let Some((line, column)) = too_deep(text) {
            return Err(fault(Some(line), Some(column), format!("nested more than {DEEPEST} deep")));
        }
        let template = Template::compile_with_name(text, name.to_owned()).map_err(|error| {
            let (line, column) =
                error.pos().map_or((None, None), |(line, column)| (Some(line), Some(column)));
            fault(line, column, error.reason().to_string())
        })?;
        check_partials(name, text, &template)?;
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        engine.register_escape_fn(escaped);
        helper::register(&mut engine);
        engine.register_template(name, template);
        Ok(Self { name: name.to_owned(), engine })
    }

    /// Fills the template in.
    ///
    /// # Errors
    ///
    /// When it asks for something that is not there, or grows too large.
    pub fn fill(&self, view: &impl Serialize) -> Result<String, TemplateFault> {
        let mut page = Page { bytes: Vec::new(), full: false };
        if let Err(error) = self.engine.render_to_write(&self.name, view, &mut page) {
            let (message, help) = if page.full {
                (format!("makes more than {} MB", LARGEST_BYTES / 1024 / 1024), None)
            } else {
                explained(error.reason(), view)
            };
            let name = error.template_name.clone().unwrap_or_else(|| self.name.clone());
            return Err(TemplateFault { name, line: error.line_no, column: error.column_no, message, help });
        }
        let text = String::from_utf8_lossy(&page.bytes);
        Ok(tidied(&text))
    }
}

fn explained(reason: &RenderErrorReason, view: &impl Serialize) -> (String, Option<String>) {
    match reason {
        RenderErrorReason::MissingVariable(Some(path)) => {
            let view = serde_json::to_value(view).unwrap_or_default();
            let mut names = BTreeSet::new();
            names_in(&view, &mut names);
            let last = path.rsplit(['.', '/']).next().unwrap_or(path);
            let help = did_you_mean(last, names.iter().map(String::as_str));
            (format!("there is no `{path}` here"), help)
        }
        other => (other.to_string(), None),
    }
}

fn names_in(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                names.insert(name.clone());
                names_in(value, names);
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                names_in(item, names);
            }
        }
        _ => {}
    }
}

struct Page {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > LARGEST_BYTES {
            self.full = true;
            return Err(io::Error::other("the runbook is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes out blanks at the ends of lines and empty lines after empty lines, but for those inside a fence.
fn tidied(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut fence: Option<usize> = None;
    let mut was_empty = true;
    for line in text.lines() {
        let marks = line.len() - line.trim_start_matches('`').len();
        if fence.is_some_and(|open| marks >= open && line.trim_end().len() == marks) {
            fence = None;
        } else if fence.is_some() {
            tidy.push_str(line);
            tidy.push('\n');
            continue;
        } else if marks >= 3 {
            fence = Some(marks);
        }
        let line = line.trim_end();
        if line.is_empty() && was_empty {
            continue;
        }
        was_empty = line.is_empty();
        tidy.push_str(line);
        tidy.push('\n');
    }
    let end = tidy.trim_end().len();
    tidy.truncate(end);
    tidy.push('\n');
    tidy
}

/// Finds where blocks or parentheses are nested too deep to be parsed.
fn too_deep(text: &str) -> Option<(usize, usize)> {
    let mut blocks = 0_usize;
    let mut parentheses = 0_usize;
    let mut is_tag = false;
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        if rest.starts_with("{{") {
            (is_tag, parentheses) = (true, 0);
            let tag = rest.trim_start_matches(['{', '~', ' ']);
            // A run of braces is one opening.
            if !text[..at].ends_with('{') {
                match tag.chars().next() {
                    Some('#') => blocks += 1,
                    Some('/') => blocks = blocks.saturating_sub(1),
                    _ => {}
                }
            }
        } else if rest.starts_with("}}") {
            is_tag = false;
        }
        match c {
            '(' | '[' if is_tag => parentheses += 1,
            ')' | ']' if is_tag => parentheses = parentheses.saturating_sub(1),
            _ => {}
        }
        if blocks.max(parentheses) > DEEPEST {
            let before = &text[..at];
            let column = before.rsplit('\n').next().map_or(0, |row| row.chars().count());
            return Some((before.matches('\n').count() + 1, column + 1));
        }
    }
    None
}

/// Refuses a template that could call itself: nothing would end that.
fn check_partials(name: &str, text: &str, template: &Template) -> Result<(), TemplateFault> {
    let mut calls = Calls { faults: Vec::new(), edges: BTreeMap::new(), name, text };
    calls.walk(template, name);
    if let Some(fault) = calls.faults.pop() {
        return Err(fault);
    }
    for (from, called) in &calls.edges {
        if let Some(to) = called.iter().find(|to| calls.reaches(to, from)) {
            let message = format!("`{to}` calls itself; it would go on for ever");
            return Err(calls.fault(to, message, "use {{#each}} to go through a list"));
        }
    }
    Ok(())
}

struct Calls<'a> {
    name: &'a str,
    text: &'a str,
    edges: BTreeMap<String, BTreeSet<String>>,
    faults: Vec<TemplateFault>,
}

impl Calls<'_> {
    fn reaches(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut queue = vec![from];
        while let Some(at) = queue.pop() {
            if at == to {
                return true;
            }
            for next in self.edges.get(at).into_iter().flatten() {
                if seen.insert(next) {
                    queue.push(next);
                }
            }
        }
        false
    }

    fn walk(&mut self, template: &Template, inside: &str) {
        for element in &template.elements {
            match element {
                TemplateElement::HelperBlock(block) => {
                    for body in block.template.iter().chain(&block.inverse) {
                        self.walk(body, inside);
                    }
                }
                TemplateElement::DecoratorBlock(block) => {
                    // `{{#*inline "name"}}`: what stands in it is called under that name.
                    let inline = block.params.first().and_then(literal);
                    if let Some(body) = &block.template {
                        self.walk(body, inline.as_deref().unwrap_or(inside));
                    }
                }
                TemplateElement::PartialExpression(call) | TemplateElement::PartialBlock(call) => {
                    match call.name.as_name() {
                        Some(called) if !called.starts_with('@') => {
                            self.edges.entry(inside.to_owned()).or_default().insert(called.to_owned());
                        }
                        _ => self.faults.push(self.fault(
                            call.name.as_name().unwrap_or("("),
                            "a partial can only be called by its name".to_owned(),
                            "define it with {{#*inline \"name\"}} and call it with {{> name}}",
                        )),
                    }
                    if let Some(body) = &call.template {
                        self.walk(body, inside);
                    }
                }
                _ => {}
            }
        }
    }

    /// Tells of a call. The parser does not say where it stands, so it is looked for.
    fn fault(&self, called: &str, message: String, help: &str) -> TemplateFault {
        let calls = self.text.match_indices("{{").map(|(at, _)| at).filter(|at| {
            let tag = self.text[*at..].trim_start_matches(['{', '~', ' ', '#']);
            tag.strip_prefix('>').is_some_and(|name| name.trim_start().starts_with(called))
        });
        let place = calls.into_iter().next().map(|at| {
            let before = &self.text[..at];
            let column = before.rsplit('\n').next().map_or(0, |row| row.chars().count());
            (before.matches('\n').count() + 1, column + 1)
        });
        TemplateFault {
            name: self.name.to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message,
            help: Some(help.to_owned()),
        }
    }
}

fn literal(parameter: &Parameter) -> Option<String> {
    match parameter {
        Parameter::Literal(value) => value.as_str().map(str::to_owned),
        other => other.as_name().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let view = serde_json::json!({ "plan": { "title": "x" }, "list": vec![0; 3000] });
        match RunbookTemplate::new("t.hbs", text).and_then(|template| template.fill(&view)) {
            Ok(text) => format!("fine: {}", &text[..text.len().min(40)]),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn faults_have_a_name_and_a_place() {
        assert_eq!(fault("a\n {{plan.titel}}"), "t.hbs:2:2: there is no `plan.titel` here");
        assert!(fault("a\n{{#if x}}").starts_with("t.hbs:"), "{}", fault("a\n{{#if x}}"));
        assert_eq!(fault("{{plan.title}}"), "fine: x\n");
    }

    #[test]
    fn what_would_go_on_for_ever_is_refused() {
        assert!(fault("{{> t.hbs}}").contains("calls itself"), "{}", fault("{{> t.hbs}}"));
        let inline = "{{#*inline \"a\"}}{{> b}}{{/inline}}\n{{#*inline \"b\"}}{{> a}}{{/inline}}{{> a}}";
        assert!(fault(inline).contains("calls itself"), "{}", fault(inline));
        assert!(
            fault("{{> (lookup this \"x\")}}").contains("by its name"),
            "{}",
            fault("{{> (lookup this \"x\")}}")
        );
        let block = "{{#*inline \"a\"}}{{> @partial-block}}{{/inline}}{{#> a}}x{{/a}}";
        assert!(fault(block).contains("by its name"), "{}", fault(block));
        let fine = "{{#*inline \"a\"}}x{{/inline}}{{> a}}{{> a}}";
        assert_eq!(fault(fine), "fine: xx\n");
    }

    #[test]
    fn what_grows_without_bound_is_stopped() {
        let big = "{{#each list}}{{#each ../list}}{{#each ../../list}}12345678{{/each}}{{/each}}{{/each}}";
        assert!(fault(big).contains("more than 50 MB"), "{}", fault(big));
        let deep = format!("{{{{x {}}}}}", "(a ".repeat(10_000));
        assert!(fault(&deep).contains("nested"));
        let blocks = "{{#if plan}}".repeat(10_000);
        assert!(fault(&blocks).contains("nested"));
    }
}
