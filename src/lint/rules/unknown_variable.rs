//! A `$NAME` in a text that has no value there.

use std::collections::{HashMap, HashSet};

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, Fix, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::variables::{Asked, of_probes, of_step};
use crate::lint::{Context, NameKind, Routed, Rule, Sink, Subject, in_scenario};
use crate::plan::{Plan, Step};
use crate::resolve::NodeKind;
use crate::value::{Id, Name};

rule!(UnknownVariable, "unknown-variable", Deny, "A text asks for a `$NAME` that has no value there.");

/// What the engine itself gives.
const GIVEN: [&str; 11] = [
    "DRPLAN_RUN",
    "DRPLAN_SCENARIO",
    "DRPLAN_ENVIRONMENT",
    "DRPLAN_HOME",
    "DRPLAN_EACH",
    "DRPLAN_OUTPUT",
    "POINT_PATH",
    "POINT_TIME",
    "POINT_BEFORE",
    "POINT_ID",
    "POINT_COPY",
];
/// How the inputs of a recipe begin.
const INPUT: &str = "INPUT_";

impl Rule for UnknownVariable {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let plan = context.plan;
        let outputs: HashSet<&str> =
            context.resolved.steps.iter().flat_map(|step| &step.common.outputs).map(Name::as_str).collect();
        let mut afters = HashMap::new();
        for asked in of_probes(plan) {
            if !is_given(context, &asked.name) && !outputs.contains(asked.name.as_str()) {
                report(context, &asked, Subject::default(), String::new(), sink);
            }
        }
        places(context, &outputs, sink);
        for (section, id, step) in all_steps(plan) {
            let path = KeyPath::root().key(section).key(id.as_str());
            for asked in of_step(&path, step) {
                let name = asked.name.as_str();
                let own = step.common.env.contains_key(name)
                    || step.common.secrets.iter().chain(&step.common.outputs).any(|own| own.as_str() == name);
                if own || is_given(context, name) {
                    continue;
                }
                let about = Subject::step(id.as_str());
                if !outputs.contains(name) {
                    report(context, &asked, about, String::new(), sink);
                    continue;
                }
                let comes_after =
                    afters.entry(asked.name.clone()).or_insert_with(|| comes_after(context, &asked.name));
                if let Some(scenario) = comes_after.get(id.as_str()) {
                    let why =
                        format!("{}: no step that writes it comes before", in_scenario(scenario.as_ref()));
                    report(context, &asked, about.within(scenario.as_ref()), why, sink);
                }
            }
        }
    }
}

fn all_steps(plan: &Plan) -> impl Iterator<Item = (&'static str, &Id, &Step)> {
    [("prepare", &plan.prepare), ("steps", &plan.steps), ("cleanup", &plan.cleanup)]
        .into_iter()
        .flat_map(|(section, steps)| steps.iter().map(move |(id, step)| (section, id, step)))
}

/// Finds hosts that are to be reached by the output of a step, and no step writes it.
fn places(context: &Context<'_>, outputs: &HashSet<&str>, sink: &mut Sink) {
    for (id, place) in &context.plan.places {
        let Some(ssh) = &place.ssh else { continue };
        let path = KeyPath::root().key("places").key(id.as_str()).key("ssh");
        for (field, value) in [("address", Some(&ssh.address)), ("host_key", ssh.host_key.as_ref())] {
            let path = path.key(field);
            // `ssh: user@HOST` is the name of a host, whatever its letters.
            let Some(value) = value.filter(|_| context.document.root.at(&path).is_some()) else { continue };
            let is_name = value.parse::<Name>().is_ok();
            if !is_name || outputs.contains(value.as_str()) || is_given(context, value) {
                continue;
            }
            let mut known: Vec<&str> = outputs.iter().copied().collect();
            known.sort_unstable();
            let (guess, slip) = context.guess_and_slip(value, &known);
            let message = format!("`{value}` looks like the output of a step, but no step writes it");
            let at = context.place(&path, Part::Value);
            let fix = slip
                // Where others ask for the same, the slip is in the `outputs`.
                .filter(|_| context.document.names_once(value))
                .and_then(|right| Fix::respell(context.document, at, value, &right));
            let help = guess.unwrap_or_else(|| {
                format!("add `outputs: [{value}]` to the step that builds `{id}`, or write its name or address in small letters")
            });
            let finding =
                Finding::error(UnknownVariable::META.name, message).at(at, "asked for").help(help).fix(fix);
            sink.add(finding, Subject::place(id));
        }
    }
}

fn is_given(context: &Context<'_>, name: &str) -> bool {
    GIVEN.contains(&name)
        || name.starts_with(INPUT)
        || context.names.kinds(name).contains(&NameKind::Var)
        || context.plan.pass_env.iter().any(|passed| passed == name)
}

fn report(context: &Context<'_>, asked: &Asked, about: Subject, why: String, sink: &mut Sink) {
    let name = &asked.name;
    let known = context.names.of_kinds(&[NameKind::Var]).chain(GIVEN);
    let is_secret = context.names.kinds(name).contains(&NameKind::Secret);
    let help = if is_secret {
        format!("it is a secret; a step gets it only if it names it: `secrets: [{name}]`")
    } else if why.is_empty() {
        context.guess(name, known).unwrap_or_else(|| {
            "add it to `vars`, or to the `outputs` of a step that this one needs; `$$` stands for a dollar sign".to_owned()
        })
    } else {
        "let this step need the one that writes it".to_owned()
    };
    let message = format!("`${name}` has no value{}", if why.is_empty() { " here".to_owned() } else { why });
    let place = context.place(&asked.path, Part::Value);
    sink.add(Finding::error(UnknownVariable::META.name, message).at(place, "asked for").help(help), about);
}

/// Returns the chosen steps before which nothing writes an output, each with the first scenario where that is so.
fn comes_after<'c>(context: &'c Context<'_>, output: &str) -> HashMap<&'c str, Option<Id>> {
    let mut without = HashMap::new();
    for Routed { route, order } in context.routes() {
        let Ok(order) = order else { continue };
        // Where something cannot come back, steps are missing from the route; that is told as what it is.
        if !route.stuck.is_empty() || route.assets.values().any(|asset| asset.stranded.is_some()) {
            continue;
        }
        let mut written = vec![false; route.nodes.len()];
        for at in order {
            let node = &route.nodes[*at];
            let writes = |node: usize| match route.nodes[node].kind {
                NodeKind::Step(step) => {
                    context.resolved.steps[step].common.outputs.iter().any(|name| name.as_str() == output)
                }
                NodeKind::Health(_) => false,
            };
            written[*at] = node.after.iter().any(|(before, _)| written[*before] || writes(*before));
            if let (false, NodeKind::Step(step)) = (written[*at], node.kind) {
                let id = context.resolved.steps[step].written_as();
                without.entry(id).or_insert_with(|| route.scenario.clone());
            }
        }
    }
    without
}
