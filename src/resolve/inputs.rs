//! What a recipe or a child plan is given where it is used.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::document::{Document, KeyPath, Part, Place, SourceId, Span};
use crate::finding::{Finding, Fix};
use crate::plan::{Plan, Recipe};
use crate::value::{Field, Id, Name, OneOrMany, Scalar, Table, Text, did_you_mean, slip_of};

use super::Recipes;

/// The inputs of a step, as its commands get them.
pub(super) type Inputs = BTreeMap<Name, Text>;

/// Where a person wrote something. What a recipe says itself is told where the recipe is used.
#[derive(Clone)]
pub(super) struct Spot<'a> {
    document: &'a Document,
    path: KeyPath,
    /// The file of the recipe, if a recipe says it.
    inside: Option<SourceId>,
}

impl<'a> Spot<'a> {
    pub(super) const fn new(document: &'a Document, path: KeyPath) -> Self {
        Self { document, path, inside: None }
    }

    /// Returns where that is told which a recipe says that is used here: at its name.
    pub(super) fn inside(&self, source: SourceId) -> Self {
        Self { inside: Some(source), ..self.key("use") }
    }

    pub(super) fn key(&self, key: &str) -> Self {
        if self.inside.is_some() { self.clone() } else { Self { path: self.path.key(key), ..self.clone() } }
    }

    pub(super) fn index(&self, index: usize) -> Self {
        if self.inside.is_some() {
            self.clone()
        } else {
            Self { path: self.path.index(index), ..self.clone() }
        }
    }

    /// Whether a list or mapping stands there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.inside.is_none() && self.document.root().at(&self.path.key(key)).is_some()
    }

    pub(super) fn place(&self, part: Part) -> Place {
        self.document.place(&self.path, if self.inside.is_some() { Part::Value } else { part })
    }

    /// Makes a finding.
    pub(super) fn error(&self, code: &'static str, message: String, part: Part, label: &str) -> Finding {
        let finding = Finding::error(code, message);
        match self.inside {
            None => finding.at(self.place(part), label),
            Some(source) => finding
                .at(self.place(part), "used here")
                .related(Place { source, span: Span::default() }, format!("{label}, in the recipe")),
        }
    }

    /// Returns the change that corrects one word.
    pub(super) fn respell(&self, part: Part, from: &str, to: Option<&str>) -> Option<Fix> {
        if self.inside.is_some() {
            return None;
        }
        Fix::respell(self.document, self.place(part), from, to?)
    }
}

/// Tells of a recipe that is not there.
pub(super) fn unknown_recipe(spot: &Spot<'_>, name: &Id, recipes: &Recipes) -> Finding {
    let spot = spot.key("use");
    let message = format!("there is no recipe `{name}`");
    let finding = spot.error("unknown-recipe", message, Part::Value, "no such recipe");
    let guess = did_you_mean(name.as_str(), recipes.names());
    let slip = slip_of(name.as_str(), recipes.names());
    let fix = spot.respell(Part::Value, name.as_str(), slip);
    let help = guess.unwrap_or_else(|| {
        "recipes are shipped with drplan, or stand in a `recipes` folder beside the plan".to_owned()
    });
    finding.help(help).fix(fix)
}

/// Checks what a recipe is given, and names it as the commands will get it; `around` are the inputs of what uses it.
pub(super) fn of_recipe(
    spot: &Spot<'_>,
    recipe: &Recipe,
    with: &Table<Field, OneOrMany<Scalar>>,
    around: &Inputs,
    findings: &mut Vec<Finding>,
) -> Inputs {
    for (field, value) in with {
        let at = spot.key("with").key(field.as_str());
        let Some(input) = recipe.inputs.get(field) else {
            let message = format!("`{}` has no input `{field}`", recipe.recipe);
            let known: Vec<&str> = recipe.inputs.keys().map(Field::as_str).collect();
            let help = did_you_mean(field.as_str(), known.iter().copied())
                .unwrap_or_else(|| format!("its inputs are: {}", known.join(", ")));
            let slip = slip_of(field.as_str(), known).filter(|name| !with.contains_key(*name));
            let fix = at.respell(Part::Key, field.as_str(), slip);
            let finding = at.error("recipe-misuse", message, Part::Key, "no such input");
            findings.push(finding.help(help).fix(fix));
            continue;
        };
        // A value with a `$NAME` in it is known only when the step runs.
        let open = value.iter().any(|value| Text::new(value.as_str()).names().next().is_some());
        if let (false, Err(why)) = (open, input.kind.check(value)) {
            let message = format!("input `{field}`: {why}");
            let finding = at.error("recipe-misuse", message, Part::Value, "does not fit");
            findings.push(finding.help(input.description.clone()));
        }
    }
    let mut named = Inputs::new();
    for (field, input) in &recipe.inputs {
        let given = with.get(field).map(|value| known_around(&as_text(value), around));
        let Some(value) = given.or_else(|| input.default.as_ref().map(as_text)) else {
            let message = format!("`{}` needs the input `{field}`", recipe.recipe);
            let finding = spot.key("use").error("recipe-misuse", message, Part::Value, "without it");
            findings.push(finding.help(format!("add it under `with`: {}", input.description)));
            continue;
        };
        named.insert(Name::trusted(format!("INPUT_{}", field.as_str().to_ascii_uppercase())), value);
    }
    named
}

/// Checks what a child plan is given: each input is one of its variables, `db_name` that of the name `DB_NAME`.
pub(super) fn of_plan(
    spot: &Spot<'_>,
    plan: &Plan,
    with: &Table<Field, OneOrMany<Scalar>>,
    around: &Inputs,
    findings: &mut Vec<Finding>,
) -> Inputs {
    let mut named = Inputs::new();
    for (field, value) in with {
        let name = Name::trusted(field.as_str().to_ascii_uppercase());
        if plan.vars.contains_key(&name) {
            named.insert(name, known_around(&as_text(value), around));
            continue;
        }
        let at = spot.key("with").key(field.as_str());
        let message = format!("the plan `{}` has no variable `{name}`", plan.plan);
        let known: Vec<String> = plan.vars.keys().map(|name| name.as_str().to_ascii_lowercase()).collect();
        let all = || known.iter().map(String::as_str);
        let help = did_you_mean(field.as_str(), all()).unwrap_or_else(|| match known.as_slice() {
            [] => "a child plan is given values for its `vars`, and this one has none".to_owned(),
            known => format!("it has these under `vars`: {}", known.join(", ")),
        });
        let slip = slip_of(field.as_str(), all()).filter(|name| !with.contains_key(*name));
        let fix = at.respell(Part::Key, field.as_str(), slip);
        let finding = at.error("child-plan", message, Part::Key, "no such variable");
        findings.push(finding.help(help).fix(fix));
    }
    named
}

fn as_text(value: &OneOrMany<Scalar>) -> Text {
    let lines: Vec<&str> = value.iter().map(Scalar::as_str).collect();
    Text::new(lines.join("\n"))
}

/// Puts in what is known where something is used; else an input could be taken for one of the same name inside.
fn known_around(text: &Text, around: &Inputs) -> Text {
    text.with(|name| around.get(name).map(|text| Cow::Borrowed(text.as_str())))
}
