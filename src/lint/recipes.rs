//! What is wrong inside of a recipe, told where it stands: in the recipe's own file.

use std::collections::HashSet;

use super::variables::{Asked, of_probe, of_step, of_undo};
use crate::document::{Document, KeyPath, Limits, Part, Place, SourceId, Sources, Span, Trail};
use crate::finding::{Finding, Fix};
use crate::graph::StepGraph;
use crate::plan::{Action, Plan, Recipe, Step};
use crate::probe::Command;
use crate::resolve::{Node, NodeKind, Reason};
use crate::value::{Id, Name, Text, did_you_mean, slip_of};
use crate::workspace::Opened;

/// The prefix of the inputs' names in commands.
const INPUT: &str = "INPUT_";

/// Finds what is wrong inside of the recipes beside a plan; those shipped with drplan are sound.
pub(super) fn beside(opened: &Opened, sources: &Sources) -> Vec<Finding> {
    let Some(plan) = &opened.plan else { return Vec::new() };
    let mut findings = Vec::new();
    for (source, recipe) in opened.recipes.own() {
        let uses =
            |step: &Step| matches!(&*step.action, Action::Use { recipe: used, .. } if *used == recipe.recipe);
        // A recipe may rely on the variables of the plans that use it, but not of others that stand beside it.
        let relied_on = all_steps(plan).any(uses).then_some(&**plan);
        findings.extend(inside(source, recipe, relied_on, sources));
    }
    findings
}

fn all_steps(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.prepare.values().chain(plan.steps.values()).chain(plan.cleanup.values())
}

/// Finds what is wrong inside of a recipe; names that are no inputs only if the plan that uses it is known.
pub(super) fn inside(
    source: SourceId,
    recipe: &Recipe,
    user: Option<&Plan>,
    sources: &Sources,
) -> Vec<Finding> {
    let (document, _) = Document::parse(source, sources, &Limits::default());
    let Some(document) = document else { return Vec::new() };
    let mut eye = Eye { document: &document, recipe, findings: Vec::new() };
    eye.neighbours();
    eye.circles();
    eye.names(user);
    eye.findings
}

struct Eye<'a> {
    document: &'a Document,
    recipe: &'a Recipe,
    findings: Vec<Finding>,
}

impl Eye<'_> {
    /// Steps of a recipe need each other; they cannot know what the plans have that use it.
    fn neighbours(&mut self) {
        for (id, step) in &self.recipe.steps {
            let needs = KeyPath::root().key("steps").key(id.as_str()).key("needs");
            for (at, need) in step.common.needs.iter().enumerate() {
                for (inner, wrong) in need.ids().iter().enumerate() {
                    if self.recipe.steps.contains_key(wrong.as_str()) {
                        continue;
                    }
                    let path = needs.index(at);
                    let path = if self.document.root().at(&path.key("any")).is_some() {
                        path.key("any").index(inner)
                    } else {
                        path
                    };
                    let known = || self.recipe.steps.keys().filter(|other| *other != id).map(Id::as_str);
                    let place = self.document.place(&path, Part::Value);
                    let slip = slip_of(wrong.as_str(), known());
                    let fix =
                        slip.and_then(|right| Fix::respell(self.document, place, wrong.as_str(), right));
                    let message = format!("recipe `{}` has no step `{wrong}`", self.recipe.recipe);
                    let help = did_you_mean(wrong.as_str(), known()).unwrap_or_else(|| {
                        "name another step of this recipe; what the plan has is needed by the step that uses the recipe".to_owned()
                    });
                    let finding = Finding::error("recipe-misuse", message).at(place, "not known");
                    self.findings.push(finding.help(help).fix(fix));
                }
            }
        }
    }

    fn circles(&mut self) {
        let ids: Vec<&Id> = self.recipe.steps.keys().collect();
        let node = |(at, (id, step)): (usize, (&Id, &Step))| Node {
            id: id.clone(),
            kind: NodeKind::Step(at),
            after: step
                .common
                .needs
                .iter()
                .flat_map(crate::plan::Need::ids)
                .filter_map(|need| Some((ids.iter().position(|id| *id == need)?, Reason::default())))
                .collect(),
        };
        let nodes: Vec<Node> = self.recipe.steps.iter().enumerate().map(node).collect();
        for cycle in StepGraph::new(&nodes).cycles() {
            let names: Vec<&str> = cycle.nodes.iter().map(|at| nodes[*at].id.as_str()).collect();
            let Some(first) = names.first() else { continue };
            let message = format!("these wait for each other: {} → {first}", names.join(" → "));
            let needs = |name: &str| {
                self.document.place(&KeyPath::root().key("steps").key(name).key("needs"), Part::Value)
            };
            let mut finding = Finding::error("recipe-misuse", message).at(needs(first), "needs the next one");
            for name in names.iter().skip(1) {
                finding = finding.related(needs(name), "needs the next one");
            }
            self.findings.push(finding.help("remove one of these needs, so that one of the steps can begin"));
        }
    }

    /// Returns where in a text a name is asked for; a script may be long.
    fn narrowed(&self, place: Place, name: &str) -> Place {
        let raw = self.document.raw(place.span);
        let is_whole = |end: usize| {
            raw.get(end..)
                .and_then(|rest| rest.chars().next())
                .is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
        };
        let mut found = raw.match_indices(name).map(|(at, _)| (at, at + name.len()));
        let bounds = found.find(|(at, end)| raw[..*at].ends_with(['$', '{']) && is_whole(*end));
        let Some((Ok(start), Ok(end))) =
            bounds.map(|(start, end)| (u32::try_from(start), u32::try_from(end)))
        else {
            return place;
        };
        Place { span: Span { start: place.span.start + start, end: place.span.start + end }, ..place }
    }

    fn names(&mut self, user: Option<&Plan>) {
        let inputs: Vec<String> = self
            .recipe
            .inputs
            .keys()
            .map(|field| format!("{INPUT}{}", field.as_str().to_ascii_uppercase()))
            .collect();
        let known = known_names(self.recipe, user);
        for Asked { path, name } in asked(self.recipe) {
            let is_input = name.starts_with(INPUT);
            let is_known = if is_input { inputs.contains(&name) } else { known.contains(name.as_str()) };
            let is_given = name.starts_with("DRPLAN_") || name.starts_with("POINT_");
            // Without a plan, nobody can say what else there is.
            if is_known || is_given || (!is_input && user.is_none()) {
                continue;
            }
            let message = format!("`${name}` has no value in recipe `{}`", self.recipe.recipe);
            let help = did_you_mean(&name, inputs.iter().map(String::as_str)).unwrap_or_else(|| {
                "add it to the `inputs` of the recipe (`name` is `$INPUT_NAME`), or to the `outputs` of one of its steps".to_owned()
            });
            let place = self.narrowed(self.document.place(&path, Part::Value), &name);
            self.findings.push(Finding::error("recipe-misuse", message).at(place, "asked for").help(help));
        }
    }
}

/// Returns the names other than inputs that have a value inside of a recipe.
fn known_names<'a>(recipe: &'a Recipe, user: Option<&'a Plan>) -> HashSet<&'a str> {
    let of_steps = recipe.steps.values().chain(user.into_iter().flat_map(all_steps)).flat_map(|step| {
        let common = &step.common;
        common.env.keys().chain(&common.outputs).chain(&common.secrets).map(Name::as_str)
    });
    let of_plan = user.into_iter().flat_map(|plan| {
        let of_places = plan.places.values().flat_map(|place| place.vars.keys());
        let vars = plan.vars.keys().chain(of_places).map(Name::as_str);
        vars.chain(plan.pass_env.iter().map(String::as_str))
    });
    of_steps.chain(of_plan).collect()
}

/// Returns the names that a recipe asks for: all of its texts, and the inputs of its commands.
fn asked(recipe: &Recipe) -> Vec<Asked> {
    let root = Trail::root();
    let steps = root.key("steps");
    let functions = root.key("functions");
    let mut asked = Vec::new();
    for (name, body) in &recipe.functions {
        of_shell(&functions.key(name.as_str()), body, &mut asked);
    }
    // A command begins with the functions that it names; what these ask for is told where they stand.
    let by_functions: HashSet<String> = asked.iter().map(|asked| asked.name.clone()).collect();
    for (id, step) in &recipe.steps {
        let path = steps.key(id.as_str());
        asked.extend(of_step(&path, step));
        if let Action::Run { command: Command::Shell(text), .. } = &*step.action {
            let mut own = Vec::new();
            of_shell(&path.key("run"), text, &mut own);
            asked.extend(own.into_iter().filter(|asked| !by_functions.contains(&asked.name)));
        }
    }
    for (at, probe) in recipe.verify.iter().enumerate() {
        of_probe(&root.key("verify").index(at), probe, &mut asked);
    }
    if let Some(probe) = &recipe.probe {
        of_probe(&root.key("probe"), probe, &mut asked);
    }
    if let Some(undo) = &recipe.undo {
        of_undo(&root.key("undo"), undo, &mut asked);
    }
    asked
}

/// A command may have variables of its own; those of inputs come from the recipe alone.
fn of_shell(path: &Trail<'_>, text: &str, asked: &mut Vec<Asked>) {
    let mut seen = HashSet::new();
    let text = Text::new(text);
    for name in text.names().filter(|name| name.starts_with(INPUT) && seen.insert((*name).to_owned())) {
        asked.push(Asked { path: path.to_path(), name: name.to_owned() });
    }
}
