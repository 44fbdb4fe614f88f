//! Recipes: tested steps or a probe, with typed inputs, written in YAML.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Step, Undo, Wait};
use crate::probe::{Command, Probe, ProbeKind, Scope};
use crate::value::{Field, Id, LanguageVersion, OneOrMany, Scalar, Table, Tool};

/// A recipe: steps to carry out, or a probe to ask.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The recipe's name, such as `files/restore-tar`.
    pub recipe: Id,
    /// The version of the language; always 1.
    pub version: LanguageVersion,
    /// One line for people.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
    /// What it is given. `database` reaches the commands as `INPUT_DATABASE`.
    #[serde(default)]
    pub inputs: Table<Field, Input>,
    /// The tools that must be there, such as `tar` or `psql >=15`.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// Functions of the shell, by name. A command that names one begins with it, and with those that it names in turn.
    #[serde(default)]
    pub functions: Table<Field, String>,
    /// What is carried out.
    #[serde(default)]
    pub steps: Table<Id, Step>,
    /// What is asked.
    pub probe: Option<Probe>,
    /// What the probe looks at: one recovery point (`point`, if nothing is said), or all of a copy at once (`copy`).
    #[serde(default)]
    pub of: Scope,
    /// Whether the probe keeps a core busy: not more of them than there are cores run at the same time.
    #[serde(default)]
    pub cpu_bound: bool,
    /// Whether the probe may be kept from writing files outside of its `TMPDIR`; true if nothing is said.
    pub confine: Option<bool>,
    /// How to see that its work is done.
    #[serde(default)]
    pub verify: Vec<Arc<Probe>>,
    /// How to take it back.
    pub undo: Option<Arc<Undo>>,
    /// What it detects.
    #[serde(default)]
    pub detects: Vec<String>,
    /// What it cannot detect.
    #[serde(default)]
    pub misses: Vec<String>,
}

impl Recipe {
    /// Lets each command of the recipe begin with the functions that it names.
    #[must_use]
    pub(super) fn with_functions(mut self) -> Self {
        let functions = std::mem::take(&mut self.functions);
        if functions.is_empty() {
            return self;
        }
        for step in self.steps.values_mut() {
            let common = Arc::make_mut(&mut step.common);
            let probes = common.preconditions.iter_mut().chain(&mut common.verify).chain(&mut common.unless);
            probes.for_each(|probe| begin_probe(Arc::make_mut(probe), &functions));
            begin_undo(common.undo.as_mut(), &functions);
            match Arc::make_mut(&mut step.action) {
                Action::Run { command, shell: None } => begin(command, &functions),
                Action::Wait(Wait::Until(probe)) => begin_probe(Arc::make_mut(probe), &functions),
                _ => {}
            }
        }
        let verify = self.verify.iter_mut().map(Arc::make_mut);
        verify.chain(&mut self.probe).for_each(|probe| begin_probe(probe, &functions));
        begin_undo(self.undo.as_mut(), &functions);
        self.functions = functions;
        self
    }
}

fn begin_probe(probe: &mut Probe, functions: &Table<Field, String>) {
    if let ProbeKind::Run(command) = &mut probe.kind {
        begin(command, functions);
    }
}

fn begin_undo(undo: Option<&mut Arc<Undo>>, functions: &Table<Field, String>) {
    if let Some(Undo::Run(command)) = undo.map(Arc::make_mut) {
        begin(command, functions);
    }
}

/// Puts the functions that a command names before it, in the order in which they are written.
fn begin(command: &mut Command, functions: &Table<Field, String>) {
    let Command::Shell(text) = command else { return };
    let mut named = BTreeSet::new();
    let mut texts = vec![&**text];
    while let Some(text) = texts.pop() {
        for (at, (name, body)) in functions.iter().enumerate() {
            if names(text, name.as_str()) && named.insert(at) {
                texts.push(body);
            }
        }
    }
    let mut whole = String::new();
    for (name, body) in named.iter().filter_map(|at| functions.get_index(*at)) {
        let _ = writeln!(whole, "{}() {{\n{}\n}}", name.as_str(), body.trim_end());
    }
    if !whole.is_empty() {
        *text = (whole + text).into();
    }
}

/// Whether a text holds a name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    text.match_indices(name).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + name.len()..].chars().next())
    })
}

/// An input of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it may be; `text` if nothing is said.
    #[serde(rename = "type", default)]
    pub kind: InputKind,
    /// What it is for.
    pub description: String,
    /// What it is if nothing is given; without it, it must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<OneOrMany<Scalar>>,
}

/// What an input may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A text of one line.
    #[default]
    Text,
    /// A whole number.
    Integer,
    /// The path of a file or folder.
    Path,
    /// A list of texts; reaches the commands with one item a line.
    List,
}

impl InputKind {
    /// Says what is wrong with a value.
    pub fn check(self, value: &OneOrMany<Scalar>) -> Result<(), String> {
        match (self, &**value) {
            (Self::List, _) => Ok(()),
            (Self::Integer, [one]) if one.as_str().parse::<i64>().is_err() => {
                Err(format!("`{one}` is not a whole number"))
            }
            (Self::Path, [one]) if one.as_str().is_empty() => Err("the path is empty".into()),
            (_, [one]) if one.as_str().contains('\n') => Err("the text has more than one line".into()),
            (_, [_]) => Ok(()),
            (_, _) => Err("one value is expected, not a list".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Recipe {
        let mut sources = crate::document::Sources::default();
        let source = sources.add("recipe.yaml", text);
        super::super::load_recipe(source, &sources).value.unwrap()
    }

    fn text(command: &Command) -> &str {
        let Command::Shell(text) = command else { panic!("it is no text") };
        text
    }

    #[test]
    fn a_command_begins_with_the_functions_that_it_names() {
        let recipe = load(
            "recipe: r\nversion: 1\ntitle: R\n\
             functions:\n  inner: echo inner\n  outer: |\n    inner\n    cat <<E\n    as it stands\n    E\n  other: echo other\n\
             steps:\n  a:\n    preconditions: [{ run: test -n \"$(inner)\" }]\n    run: outer && ./other-thing\n    unless: { run: other }\n  \
             b: { run: print(inner), shell: [python3, -c] }\n  c: { run: [inner, other] }\n\
             verify: [{ run: another }]\nundo: { run: other; other }\n",
        );
        let inner = "inner() {\necho inner\n}\n";
        let outer = "outer() {\ninner\ncat <<E\nas it stands\nE\n}\n";
        let other = "other() {\necho other\n}\n";
        let run = |id: &str| match &*recipe.steps[id].action {
            Action::Run { command, .. } => command.clone(),
            _ => panic!("it is no command"),
        };
        let probe = |probe: &Probe| match &probe.kind {
            ProbeKind::Run(command) => text(command).to_owned(),
            _ => panic!("it is no command"),
        };
        assert_eq!(text(&run("a")), format!("{inner}{outer}outer && ./other-thing"));
        let common = &recipe.steps["a"].common;
        assert_eq!(probe(&common.preconditions[0]), format!("{inner}test -n \"$(inner)\""));
        assert_eq!(probe(common.unless.as_deref().unwrap()), format!("{other}other"));
        assert_eq!(text(&run("b")), "print(inner)");
        assert!(matches!(run("c"), Command::Program(_)));
        assert_eq!(probe(&recipe.verify[0]), "another");
        let Some(Undo::Run(undo)) = recipe.undo.as_deref() else { panic!("it has no command") };
        assert_eq!(text(undo), format!("{other}other; other"));
    }
}
