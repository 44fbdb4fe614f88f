//! Expands a plan: recipes become steps.

use std::collections::BTreeMap;

use super::each::{expand_each, is_expanded};
use super::merge;
use super::probes::expand_probes;
use super::resolved::FORMAT;
use super::{Imports, Owner, RecipePlace, Recipes, ResolvedPlan, ResolvedStep, Section};
use crate::document::{Document, KeyPath, Part, Place, SourceId, Span};
use crate::finding::{Finding, Fix};
use crate::plan::{Action, Common, PlaceOverlay, Plan, Recipe, Step};
use crate::value::{Field, Id, Name, OneOrMany, Scalar, Table, Text, did_you_mean, slip_of};

/// Expands a plan over which its environment has been laid, and puts it together with what it imports.
///
/// What cannot be expanded is told as a finding and stands in the result as it was written.
pub fn resolve(
    document: &Document,
    mut plan: Plan,
    recipes: &Recipes,
    imports: &Imports,
    environment: Option<&Id>,
) -> (ResolvedPlan, Vec<Finding>) {
    let sections = [
        (Section::Prepare, std::mem::take(&mut plan.prepare)),
        (Section::Steps, std::mem::take(&mut plan.steps)),
        (Section::Cleanup, std::mem::take(&mut plan.cleanup)),
    ];
    let (mut steps, mut findings) = expand(document, &plan.places, sections, recipes);
    findings.extend(expand_probes(document, recipes, &mut plan, &mut steps));
    let mut laid = laid_over(&plan, environment);
    if !imports.is_empty() {
        merge::rename(&mut plan, &mut steps, imports);
        laid.in_whole(&|name| imports.canonical(Owner::Whole, name));
    }
    let mut resolved = ResolvedPlan {
        format: FORMAT,
        title: plan.title.unwrap_or_else(|| plan.plan.to_string()),
        plan: plan.plan,
        description: plan.description,
        owner: plan.owner,
        activation: plan.activation,
        environment: environment.cloned(),
        people: plan.people,
        vars: plan.vars,
        secrets: plan.secrets,
        places: plan.places,
        mapped: laid.mapped,
        replaced: laid.replaced,
        reads: laid.reads,
        omit: laid.omit,
        assets: plan.assets,
        backups: plan.backups,
        consistent: plan.consistent,
        policy: plan.policy,
        scenarios: plan.scenarios,
        steps,
        notify: plan.notify,
        imports: plan.imports,
        shell: plan.shell,
        pass_env: plan.pass_env,
        imported: BTreeMap::new(),
    };
    findings.extend(merge::add(&mut resolved, imports));
    (resolved, findings)
}

/// Expands the steps of some sections.
pub(super) fn expand(
    document: &Document,
    places: &Table<Id, crate::plan::Place>,
    sections: impl IntoIterator<Item = (Section, Table<Id, Step>)>,
    recipes: &Recipes,
) -> (Vec<ResolvedStep>, Vec<Finding>) {
    let mut expansion = Expansion { document, places, recipes, steps: Vec::new(), findings: Vec::new() };
    for (section, steps) in sections {
        expansion.steps.reserve(steps.len());
        for (id, step) in steps {
            expansion.add(section, id, step);
        }
    }
    (expansion.steps, expansion.findings)
}

/// What an environment does to a plan besides changing it.
#[derive(Default)]
pub(super) struct LaidOver {
    /// Places for which another stands in.
    pub(super) mapped: BTreeMap<Id, Id>,
    /// Places and secrets that it makes its own.
    pub(super) replaced: Vec<String>,
    /// What a drill may use as it is.
    pub(super) reads: Vec<Id>,
    /// Steps that it leaves out.
    pub(super) omit: Vec<Id>,
}

impl LaidOver {
    /// Gives everything the name that it has in the whole.
    pub(super) fn in_whole(&mut self, new: &dyn Fn(&str) -> String) {
        let renamed = |id: &Id| Id::trusted(new(id.as_str()));
        self.mapped = self.mapped.iter().map(|(place, other)| (renamed(place), renamed(other))).collect();
        self.replaced.iter_mut().for_each(|name| *name = new(name));
        self.reads.iter_mut().chain(&mut self.omit).for_each(|id| *id = renamed(id));
    }
}

/// Returns what the environment of this name does to a plan besides changing it; nothing if it has none.
pub(super) fn laid_over(plan: &Plan, environment: Option<&Id>) -> LaidOver {
    let Some(chosen) = environment.and_then(|id| plan.environments.get(id)) else {
        return LaidOver::default();
    };
    let mapped = |(id, place): (&Id, &PlaceOverlay)| match place {
        PlaceOverlay::Mapped(other) => Some((id.clone(), other.clone())),
        PlaceOverlay::Changed(_) => None,
    };
    let places = chosen.places.keys().map(ToString::to_string);
    LaidOver {
        mapped: chosen.places.iter().filter_map(mapped).collect(),
        replaced: places.chain(chosen.secrets.keys().map(ToString::to_string)).collect(),
        reads: chosen.reads.clone(),
        omit: chosen.omit.clone(),
    }
}

pub(super) struct Expansion<'a> {
    pub(super) document: &'a Document,
    places: &'a Table<Id, crate::plan::Place>,
    pub(super) recipes: &'a Recipes,
    steps: Vec<ResolvedStep>,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Expansion<'a> {
    /// Makes one that expands no steps.
    pub(super) const fn for_probes(
        document: &'a Document,
        places: &'a Table<Id, crate::plan::Place>,
        recipes: &'a Recipes,
    ) -> Self {
        Self { document, places, recipes, steps: Vec::new(), findings: Vec::new() }
    }
}

impl Expansion<'_> {
    fn add(&mut self, section: Section, id: Id, step: Step) {
        if let Some(each) = step.common.each.clone().filter(|_| is_expanded(&step.action)) {
            let (steps, findings) = expand_each(self.document, self.places, section, id, step, &each);
            self.steps.extend(steps);
            self.findings.extend(findings);
            return;
        }
        let Action::Use { recipe: name, with } = &step.action else {
            self.steps.push(ResolvedStep {
                id,
                section,
                part_of: None,
                common: step.common,
                action: step.action,
                inputs: BTreeMap::new(),
                recipe_place: None,
            });
            return;
        };
        let place = KeyPath::root().key(section.key()).key(id.as_str());
        let mut common = step.common.clone();
        match self.recipes.get(name.as_str()) {
            None => self.report_unknown(&place, name),
            Some((_, recipe)) if recipe.steps.is_empty() => self.findings.push(
                Finding::error("recipe-misuse", format!("`{name}` is a probe, not steps"))
                    .at(self.document.place(&place.key("use"), Part::Value), "used as a step")
                    .help("use it under `verify`, `unless`, `health` or `wait`"),
            ),
            Some((source, recipe)) => {
                self.refuse_nesting(&place, source, recipe);
                let inputs = self.inputs(&place, recipe, with);
                for (part, inner) in &recipe.steps {
                    self.steps.push(ResolvedStep {
                        id: id.join(part),
                        section,
                        part_of: Some(id.clone()),
                        common: part_of(&common, inner, recipe),
                        action: inner.action.clone(),
                        inputs: inputs.clone(),
                        recipe_place: Some(RecipePlace {
                            source,
                            key_path: KeyPath::root().key("steps").key(part.as_str()),
                        }),
                    });
                }
                common.verify = recipe.verify.iter().chain(&common.verify).cloned().collect();
                common.undo = common.undo.or_else(|| recipe.undo.clone());
                self.steps.push(ResolvedStep {
                    id,
                    section,
                    part_of: None,
                    common,
                    action: step.action.clone(),
                    inputs,
                    recipe_place: Some(RecipePlace { source, key_path: KeyPath::root() }),
                });
                return;
            }
        }
        self.steps.push(ResolvedStep {
            id,
            section,
            part_of: None,
            common,
            action: step.action,
            inputs: BTreeMap::new(),
            recipe_place: None,
        });
    }

    pub(super) fn report_unknown(&mut self, place: &KeyPath, name: &Id) {
        let at = self.document.place(&place.key("use"), Part::Value);
        let mut finding =
            Finding::error("unknown-recipe", format!("there is no recipe `{name}`")).at(at, "no such recipe");
        let guess = did_you_mean(name.as_str(), self.recipes.names());
        finding = finding.help(guess.unwrap_or_else(|| {
            "recipes are shipped with drplan, or stand in a `recipes` folder beside the plan".to_owned()
        }));
        let slip = slip_of(name.as_str(), self.recipes.names());
        let fix = slip.and_then(|right| Fix::respell(self.document, at, name.as_str(), right));
        self.findings.push(finding.fix(fix));
    }

    /// The steps of a recipe do their work themselves: one that used another recipe would do nothing.
    fn refuse_nesting(&mut self, place: &KeyPath, source: SourceId, recipe: &Recipe) {
        for (part, step) in &recipe.steps {
            if let Action::Use { recipe: inner, .. } = &step.action {
                let message =
                    format!("`{}` uses another recipe, `{inner}`, in its step `{part}`", recipe.recipe);
                let finding = Finding::error("recipe-misuse", message)
                    .at(self.document.place(&place.key("use"), Part::Value), "used here")
                    .related(Place { source, span: Span::default() }, "the recipe")
                    .help("a recipe inside a recipe is not in this version; write its steps out");
                self.findings.push(finding);
            }
        }
    }

    /// Checks what a recipe is given, and names it as the commands will get it.
    pub(super) fn inputs(
        &mut self,
        place: &KeyPath,
        recipe: &Recipe,
        with: &Table<Field, OneOrMany<Scalar>>,
    ) -> BTreeMap<Name, Text> {
        for (field, value) in with {
            let at = place.key("with").key(field.as_str());
            let Some(input) = recipe.inputs.get(field) else {
                let message = format!("`{}` has no input `{field}`", recipe.recipe);
                let known: Vec<&str> = recipe.inputs.keys().map(Field::as_str).collect();
                let help = did_you_mean(field.as_str(), known.iter().copied())
                    .unwrap_or_else(|| format!("its inputs are: {}", known.join(", ")));
                let place = self.document.place(&at, Part::Key);
                let slip = slip_of(field.as_str(), known).filter(|name| !with.contains_key(*name));
                let fix = slip.and_then(|right| Fix::respell(self.document, place, field.as_str(), right));
                let finding = Finding::error("recipe-misuse", message).at(place, "no such input");
                self.findings.push(finding.help(help).fix(fix));
                continue;
            };
            // A value with a `$NAME` in it is known only when the step runs.
            let open = value.iter().any(|value| Text::new(value.as_str()).names().next().is_some());
            if let (false, Err(why)) = (open, input.kind.check(value)) {
                let finding = Finding::error("recipe-misuse", format!("input `{field}`: {why}"))
                    .at(self.document.place(&at, Part::Value), "does not fit")
                    .help(input.description.clone());
                self.findings.push(finding);
            }
        }
        let mut named = BTreeMap::new();
        for (field, input) in &recipe.inputs {
            let Some(value) = with.get(field).or(input.default.as_ref()) else {
                let message = format!("`{}` needs the input `{field}`", recipe.recipe);
                let finding = Finding::error("recipe-misuse", message)
                    .at(self.document.place(&place.key("use"), Part::Value), "without it")
                    .help(format!("add it under `with`: {}", input.description));
                self.findings.push(finding);
                continue;
            };
            let lines: Vec<&str> = value.iter().map(Scalar::as_str).collect();
            let name = Name::trusted(format!("INPUT_{}", field.as_str().to_ascii_uppercase()));
            named.insert(name, Text::new(lines.join("\n")));
        }
        named
    }
}

/// Returns the fields of a recipe's step, with what it takes over from the step that uses the recipe.
fn part_of(whole: &Common, part: &Step, recipe: &Recipe) -> Common {
    let mut common = part.common.clone();
    common.on = common.on.or_else(|| whole.on.clone());
    common.phase = common.phase.or_else(|| whole.phase.clone());
    common.timeout = common.timeout.or(whole.timeout);
    common.retry = common.retry.or_else(|| whole.retry.clone());
    common.rerun = common.rerun.or(whole.rerun);
    common.lock = common.lock.or_else(|| whole.lock.clone());
    common.when.clone_from(&whole.when);
    common.from.clone_from(&whole.from);
    common.on_failure = whole.on_failure;
    let secrets = std::mem::take(&mut common.secrets);
    common.secrets = whole.secrets.iter().chain(&secrets).cloned().collect();
    common.needs_tools.extend(recipe.tools.iter().cloned());
    let env = std::mem::take(&mut common.env);
    common.env = whole.env.clone().into_iter().chain(env).collect();
    common
}
