//! What a step becomes: one step, the items of its `each`, the steps of its recipe, or those of its child plan.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arcstr::ArcStr;

use super::child;
use super::each::{self, Item};
use super::inputs::{Inputs, Spot, of_plan, of_recipe, unknown_recipe};
use super::probes::expand_probes_of;
use super::resolved::no_inputs;
use super::{Imports, Owner, Recipes, ResolvedStep, Section};
use crate::document::{Document, KeyPath, Part};
use crate::finding::Finding;
use crate::plan::{Action, Common, Each, Need, Plan, Recipe, Renaming, Step};
use crate::probe::Probe;
use crate::value::{Id, Name, Scalar, Table};

/// Recipes and child plans within each other: deeper is a mistake, or an attack.
const DEEPEST: usize = 16;
/// So many steps at most are made of one that a person wrote.
const MOST: usize = 10_000;

/// A file in which steps are written.
#[derive(Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) document: &'a Document,
    /// What it says; its steps are not looked at.
    pub(super) plan: &'a Plan,
    pub(super) recipes: &'a Recipes,
    pub(super) owner: Owner,
    /// Gives a name that stands in the file the one that its thing has in the whole; nothing if they are the same.
    pub(super) new: Option<&'a dyn Fn(&str) -> String>,
}

impl File<'_> {
    /// Gives what a step names the names that these things have in the whole.
    fn rename(&self, step: &mut Step, is_neighbour: &dyn Fn(&str) -> bool) {
        if let Some(new) = self.new {
            Renaming::new(new).step(
                Arc::make_mut(&mut step.common),
                Arc::make_mut(&mut step.action),
                is_neighbour,
            );
        }
    }

    fn renamed(&self, id: &Id) -> Id {
        self.new.map_or_else(|| id.clone(), |new| Id::trusted(new(id.as_str())))
    }
}

/// Where a step stands.
#[derive(Clone)]
struct Scope<'a> {
    file: &'a File<'a>,
    section: Section,
    spot: Spot<'a>,
    /// The step that a person wrote, if this is not that one.
    root: Option<Id>,
    /// The step that it is part of.
    group: Option<Id>,
    /// The prefix of the child plan in which it is written.
    child: Option<ArcStr>,
    /// The inputs of what it is part of.
    inputs: Arc<Inputs>,
    /// The recipes and child plans around it.
    around: Vec<String>,
}

impl Scope<'_> {
    /// Returns the scope of the parts of a step.
    fn within(&self, id: &Id) -> Self {
        let root = self.root.clone().or_else(|| Some(id.clone()));
        Self { root, group: Some(id.clone()), ..self.clone() }
    }
}

/// The variables of the places of all files, by the names that the places have in the whole.
pub(super) type PlaceVars = HashMap<Id, Table<Name, Scalar>>;

/// Returns the variables of the places of a plan and of all that it uses things of; nothing if it uses no other plan.
pub(super) fn place_vars(plan: &Plan, imports: &Imports) -> PlaceVars {
    if imports.is_empty() {
        return PlaceVars::new();
    }
    let others = imports.plans.iter().enumerate().map(|(at, import)| (Owner::Plan(at), &*import.plan));
    let of = |(owner, plan): (Owner, &Plan)| -> Vec<_> {
        let in_whole = |id: &Id| Id::trusted(imports.canonical(owner, id.as_str()));
        plan.places.iter().map(|(id, place)| (in_whole(id), place.vars.clone())).collect()
    };
    std::iter::once((Owner::Whole, plan)).chain(others).flat_map(of).collect()
}

/// Steps as they are expanded, and what was found on the way.
pub(super) struct Expansion<'a> {
    imports: &'a Imports,
    environment: Option<&'a Id>,
    places: &'a PlaceVars,
    pub(super) steps: Vec<ResolvedStep>,
    /// The steps of child plans that these leave out in the environment.
    pub(super) omit: Vec<Id>,
    pub(super) findings: Vec<Finding>,
    /// How many steps there were when the one began that a person wrote.
    before: usize,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(imports: &'a Imports, environment: Option<&'a Id>, places: &'a PlaceVars) -> Self {
        let (steps, omit, findings) = (Vec::new(), Vec::new(), Vec::new());
        Self { imports, environment, places, steps, omit, findings, before: 0 }
    }

    /// Expands the steps of a section.
    pub(super) fn section(&mut self, file: &File<'_>, section: Section, steps: Table<Id, Step>) {
        self.steps.reserve(steps.len());
        let path = KeyPath::root().key(section.key());
        for (id, mut step) in steps {
            self.before = self.steps.len();
            let scope = Scope {
                file,
                section,
                spot: Spot::new(file.document, path.key(id.as_str())),
                root: None,
                group: None,
                child: None,
                inputs: no_inputs(),
                around: Vec::new(),
            };
            file.rename(&mut step, &|_| false);
            self.step(&scope, file.renamed(&id), step);
        }
    }

    fn step(&mut self, scope: &Scope<'_>, id: Id, mut step: Step) {
        match &step.common.each {
            Some(each) => {
                let each = each.clone();
                Arc::make_mut(&mut step.common).each = None;
                self.each(scope, id, step, &each);
            }
            None => self.action(scope, id, step),
        }
    }

    /// Expands a step with `each`: its items, and after them the step that waits for all of them.
    fn each(&mut self, scope: &Scope<'_>, id: Id, step: Step, each: &Each) {
        self.findings.extend(each::faults(&scope.spot, &step.common, each));
        let inner = scope.within(&id);
        for (at, key) in each.of.iter().enumerate() {
            // What stands there twice is told, and done once.
            if each.of.iter().take(at).any(|earlier| earlier == key) {
                continue;
            }
            let place = scope.file.plan.places.contains_key(key).then(|| scope.file.renamed(key));
            let common = each::item(&step.common, &Item { key, at_most: each.at_most, place });
            let item = Step { common: common.into(), action: step.action.clone() };
            self.action(&inner, Id::trusted(format!("{id}@{key}")), item);
        }
        let whole = Common { each: Some(Box::new(each.clone())), ..each::whole(&step.common) };
        self.push(scope, id, whole.into(), step.action, &no_inputs(), 0);
    }

    fn action(&mut self, scope: &Scope<'_>, id: Id, step: Step) {
        match &*step.action {
            Action::Use { .. } => self.recipe(scope, id, step),
            Action::Plan { .. } => self.child(scope, id, step),
            _ => self.push(scope, id, step.common, step.action, &scope.inputs, 0),
        }
    }

    /// Expands a step that uses a recipe.
    fn recipe(&mut self, scope: &Scope<'_>, id: Id, step: Step) {
        let Step { common, action } = step;
        let Action::Use { recipe: name, with } = &*action else { return };
        let file = scope.file;
        let Some((source, recipe)) = file.recipes.get(name.as_str()) else {
            self.findings.push(unknown_recipe(&scope.spot, name, file.recipes));
            return self.push(scope, id, common, action.clone(), &scope.inputs, 0);
        };
        if recipe.steps.is_empty() {
            let message = format!("`{name}` is a probe, not steps");
            let finding =
                scope.spot.key("use").error("recipe-misuse", message, Part::Value, "used as a step");
            self.findings.push(finding.help("use it under `verify`, `unless`, `health` or `wait`"));
            return self.push(scope, id, common, action.clone(), &scope.inputs, 0);
        }
        let Some(around) = self.deeper(scope, format!("the recipe {name}")) else {
            return self.push(scope, id, common, action.clone(), &scope.inputs, 0);
        };
        let mut common = Arc::unwrap_or_clone(common);
        let inputs = Arc::new(of_recipe(&scope.spot, recipe, with, &scope.inputs, &mut self.findings));
        let before = std::mem::take(&mut common.preconditions);
        for (part, inner) in &recipe.steps {
            let mut inner = inner.clone();
            let begins = begins(&inner, &recipe.steps);
            file.rename(&mut inner, &|name| recipe.steps.contains_key(name));
            of_whole(&common, Arc::make_mut(&mut inner.common), recipe);
            let mut inputs = inputs.clone();
            if begins {
                ask_before(&mut inner, &before, &mut inputs, &scope.inputs);
            }
            let scope = Scope {
                spot: scope.spot.inside(source),
                inputs,
                around: around.clone(),
                ..scope.within(&id)
            };
            if let Action::Plan { .. } = *inner.action {
                let message = format!("`{name}` carries out a plan in its step `{part}`");
                let finding =
                    scope.spot.error("recipe-misuse", message, Part::Value, "the step of the recipe");
                self.findings
                    .push(finding.help("a recipe may use other recipes; a plan is carried out by a plan"));
                continue;
            }
            self.step(&scope, id.join(part), inner);
        }
        common.verify = recipe.verify.iter().chain(&common.verify).cloned().collect();
        common.undo = common.undo.or_else(|| recipe.undo.clone());
        // What is written at the step itself may ask for the inputs of what it is part of.
        let mut all = Arc::clone(&scope.inputs);
        if all.is_empty() {
            all = inputs;
        } else {
            Arc::make_mut(&mut all).extend(Arc::unwrap_or_clone(inputs));
        }
        self.push(scope, id, common.into(), action.clone(), &all, recipe.verify.len());
    }

    /// Expands a step that carries out another plan: all of the steps of that plan, in their own order.
    fn child(&mut self, scope: &Scope<'_>, id: Id, step: Step) {
        let Step { common, action } = step;
        let Action::Plan { path, with } = &*action else { return };
        // What could not be read was told where it was read.
        let Some(at) = self.imports.child_of(scope.file.owner, path) else {
            return self.push(scope, id, common, action.clone(), &scope.inputs, 0);
        };
        let Some(import) = self.imports.plans.get(at) else { return };
        let Some(around) = self.deeper(scope, format!("the plan {}", import.plan.plan)) else {
            return self.push(scope, id, common, action.clone(), &scope.inputs, 0);
        };
        let mut common = Arc::unwrap_or_clone(common);
        self.findings.extend(child::faults(&scope.spot, path, &import.plan, &import.document));
        let inputs = Arc::new(of_plan(&scope.spot, &import.plan, with, &scope.inputs, &mut self.findings));
        let imports = self.imports;
        let own = &import.plan.steps;
        let new = |name: &str| {
            if own.contains_key(name) {
                format!("{id}/{name}")
            } else {
                imports.canonical(Owner::Plan(at), name)
            }
        };
        let file = File {
            document: &import.document,
            plan: &import.plan,
            recipes: &import.recipes,
            owner: Owner::Plan(at),
            new: Some(&new),
        };
        let steps = KeyPath::root().key(Section::Steps.key());
        let prefix: ArcStr = import.prefix.as_str().into();
        let before = std::mem::take(&mut common.preconditions);
        for (own_id, inner) in own {
            let mut inner = inner.clone();
            let mut inputs = inputs.clone();
            if begins(&inner, own) {
                ask_before(&mut inner, &before, &mut inputs, &scope.inputs);
            }
            file.rename(&mut inner, &|_| false);
            of_parent(&common, Arc::make_mut(&mut inner.common));
            let scope = Scope {
                file: &file,
                section: scope.section,
                spot: Spot::new(&import.document, steps.key(own_id.as_str())),
                root: scope.root.clone().or_else(|| Some(id.clone())),
                group: Some(id.clone()),
                child: Some(prefix.clone()),
                inputs,
                around: around.clone(),
            };
            self.step(&scope, id.join(own_id), inner);
        }
        let environment = self.environment.and_then(|environment| import.plan.environments.get(environment));
        self.omit.extend(environment.into_iter().flat_map(|laid| &laid.omit).map(|omitted| id.join(omitted)));
        self.push(scope, id, common.into(), action.clone(), &inputs, 0);
    }

    /// Returns the names of what is around the parts of a step; nothing, and tells of it, if that is too much.
    fn deeper(&mut self, scope: &Scope<'_>, name: String) -> Option<Vec<String>> {
        let refuse = |message: String, help: &str| {
            let key = if scope.spot.has("plan") { "plan" } else { "use" };
            let finding = scope.spot.key(key).error("recipe-misuse", message, Part::Value, "used here");
            finding.help(help)
        };
        if scope.around.contains(&name) {
            let way: Vec<&str> = scope.around.iter().chain([&name]).map(String::as_str).collect();
            let message = format!("{name} uses itself: {}", way.join(" → "));
            self.findings.push(refuse(message, "take one of these uses out"));
            return None;
        }
        if scope.around.len() >= DEEPEST || self.steps.len() - self.before > MOST {
            let message =
                format!("one step becomes more than {MOST} steps, or is used through more than {DEEPEST}");
            self.findings.push(refuse(message, "write out what is needed, in fewer steps"));
            return None;
        }
        let mut around = scope.around.clone();
        around.push(name);
        Some(around)
    }

    /// Adds a step; the first so many of its `verify` are those of the recipe that it uses.
    fn push(
        &mut self,
        scope: &Scope<'_>,
        id: Id,
        common: Arc<Common>,
        action: Arc<Action>,
        inputs: &Arc<Inputs>,
        of_recipe: usize,
    ) {
        let within = scope.group.clone().filter(|group| scope.root.as_ref() != Some(group));
        let mut step = ResolvedStep {
            id,
            section: scope.section,
            part_of: scope.root.clone(),
            within,
            child: scope.child.clone(),
            common,
            action,
            inputs: Arc::clone(inputs),
        };
        if scope.file.owner != Owner::Whole {
            self.give_vars(&mut step, scope.file.plan);
        }
        expand_probes_of(&mut step, &scope.spot, of_recipe, scope.file.recipes, &mut self.findings);
        self.steps.push(step);
    }

    /// The variables of a plan reach its own steps alone; those of the place and of the step go before them.
    fn give_vars(&self, step: &mut ResolvedStep, plan: &Plan) {
        if let (Action::Run { shell, .. }, Some(own)) = (&*step.action, &plan.shell)
            && shell.is_none()
            && let Action::Run { shell, .. } = Arc::make_mut(&mut step.action)
        {
            *shell = Some(Box::new(own.clone()));
        }
        let of_place = step.common.on.as_ref().and_then(|on| self.places.get(on));
        let of_place: Table<Name, Scalar> = of_place.cloned().unwrap_or_default();
        if plan.vars.is_empty() && of_place.is_empty() {
            return;
        }
        let common = Arc::make_mut(&mut step.common);
        let own = std::mem::take(&mut common.env);
        common.env = plan.vars.clone().into_iter().chain(of_place).chain(own).collect();
    }
}

/// Gives a recipe's step what it takes over from the step that uses the recipe.
fn of_whole(whole: &Common, common: &mut Common, recipe: &Recipe) {
    take_over(whole, common);
    common.when.clone_from(&whole.when);
    common.on_failure = whole.on_failure;
    common.needs_tools.extend(recipe.tools.iter().cloned());
}

/// Gives a child plan's step what it takes over from the step that carries out the plan.
fn of_parent(parent: &Common, common: &mut Common) {
    take_over(parent, common);
    common.on_failure = common.on_failure.or(parent.on_failure);
}

fn take_over(whole: &Common, common: &mut Common) {
    common.on = common.on.take().or_else(|| whole.on.clone());
    common.phase = common.phase.take().or_else(|| whole.phase.clone());
    common.timeout = common.timeout.or(whole.timeout);
    common.retry = common.retry.take().or_else(|| whole.retry.clone());
    common.rerun = common.rerun.or(whole.rerun);
    common.lock = common.lock.take().or_else(|| whole.lock.clone());
    common.from.clone_from(&whole.from);
    let known: BTreeSet<_> = whole.secrets.iter().cloned().collect();
    let secrets = std::mem::take(&mut common.secrets);
    let own = secrets.into_iter().filter(|secret| !known.contains(secret));
    common.secrets = whole.secrets.iter().cloned().chain(own).collect();
    let env = std::mem::take(&mut common.env);
    common.env = whole.env.clone().into_iter().chain(env).collect();
}

/// Whether a part of a step is one with which it begins.
fn begins(part: &Step, parts: &Table<Id, Step>) -> bool {
    let needs = part.common.needs.iter().flat_map(Need::ids);
    !needs.into_iter().any(|id| parts.contains_key(id.as_str()))
}

/// Lets a part with which a step begins wait for what must hold before the step; that may ask for the inputs `around` it.
fn ask_before(part: &mut Step, before: &[Arc<Probe>], inputs: &mut Arc<Inputs>, around: &Inputs) {
    if before.is_empty() {
        return;
    }
    let own = &mut Arc::make_mut(&mut part.common).preconditions;
    *own = before.iter().chain(&*own).cloned().collect();
    let inputs = Arc::make_mut(inputs);
    for (name, value) in around {
        inputs.entry(name.clone()).or_insert_with(|| value.clone());
    }
}
