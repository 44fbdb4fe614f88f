//! A `$NAME` in a text that has no value there.

use std::collections::{HashMap, HashSet};

use crate::document::{KeyPath, Part, Segment, Trail};
use crate::finding::{Finding, Fix, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::variables::{Asked, of_probes, of_step};
use crate::lint::{Context, NameKind, Routed, Rule, Sink, Subject, in_scenario};
use crate::plan::{Action, Plan, Step};
use crate::resolve::NodeKind;
use crate::value::{Id, Name};

rule!(UnknownVariable, "unknown-variable", Deny, "A text asks for a `$NAME` that has no value there.");

/// What the engine itself gives.
const GIVEN: [&str; 6] =
    ["DRPLAN_RUN", "DRPLAN_SCENARIO", "DRPLAN_ENVIRONMENT", "DRPLAN_HOME", "DRPLAN_EACH", "DRPLAN_OUTPUT"];
/// How the inputs of a recipe begin.
const INPUT: &str = "INPUT_";

impl Rule for UnknownVariable {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let Outputs { names, asked } = &*context.once(|| Outputs::of(context));
        for asked in of_probes(context.plan) {
            let section = asked.path.segments().first();
            let is_of_copy = matches!(section, Some(Segment::Key(section)) if &**section == "backups")
                && is_of_point(&asked.name);
            if !is_of_copy && !is_given(context, &asked.name) && !names.contains(asked.name.as_str()) {
                sink.add(tell(context, &asked, String::new()), Subject::default());
            }
        }
        places(context, names, sink);
        for (step, asked) in asked.iter().filter(|(_, asked)| !names.contains(asked.name.as_str())) {
            sink.add(tell(context, asked, String::new()), Subject::step(step.as_str()));
        }
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let Outputs { names, asked } = &*context.once(|| Outputs::of(context));
        let mut without = HashMap::new();
        let scenario = routed.route.scenario.as_ref();
        for (step, asked) in asked.iter().filter(|(_, asked)| names.contains(asked.name.as_str())) {
            let without =
                without.entry(&*asked.name).or_insert_with(|| without_writer(context, routed, &asked.name));
            if without.contains(step.as_str()) {
                let why = format!("{}: no step that writes it comes before", in_scenario(scenario));
                let about = Subject::step(step.as_str()).within(scenario);
                sink.add_first(format!("{} {}", asked.path, asked.name), tell(context, asked, why), about);
            }
        }
    }
}

/// What steps write, and what they ask for that is not given to every step.
struct Outputs {
    names: HashSet<Name>,
    /// The step that asks, and what it asks for.
    asked: Vec<(Id, Asked)>,
}

impl Outputs {
    fn of(context: &Context<'_>) -> Self {
        let names = context.resolved.steps.iter().flat_map(|step| &step.common.outputs).cloned().collect();
        let mut asked = Vec::new();
        for (section, id, step) in all_steps(context.plan) {
            let has_point = !step.common.from.is_empty();
            let is_own = |name: &str| {
                (has_point && is_of_point(name))
                    || step.common.env.contains_key(name)
                    || step.common.secrets.iter().chain(&step.common.outputs).any(|own| own.as_str() == name)
            };
            let open = of_step(&Trail::root().key(section).key(id.as_str()), step)
                .into_iter()
                .filter(|asked| !is_own(&asked.name) && !is_given(context, &asked.name));
            asked.extend(open.map(|asked| (id.clone(), asked)));
            if !has_point {
                asked.extend(by_default(context, section, step, id).map(|asked| (id.clone(), asked)));
            }
        }
        Self { names, asked }
    }
}

/// Finds what of a recovery point a recipe asks for by itself, where its step restores from none.
fn by_default<'a>(
    context: &'a Context<'_>,
    section: &'static str,
    step: &'a Step,
    id: &'a Id,
) -> impl Iterator<Item = Asked> + 'a {
    let whole = context.groups.get(id.as_str()).map(|at| &context.resolved.steps[*at]);
    let inputs = whole.into_iter().flat_map(|whole| &*whole.inputs);
    let defaults = inputs.filter(|(input, _)| {
        let Action::Use { with, .. } = &*step.action else { return false };
        let field = input.as_str().trim_start_matches(INPUT).to_ascii_lowercase();
        !with.contains_key(field.as_str())
    });
    let names = defaults.flat_map(|(_, text)| text.names()).filter(|name| is_of_point(name));
    let path = KeyPath::root().key(section).key(id.as_str()).key("use");
    names.map(move |name| Asked { path: path.clone(), name: name.to_owned() })
}

fn is_of_point(name: &str) -> bool {
    Name::OF_POINT.contains(&name)
}

fn all_steps(plan: &Plan) -> impl Iterator<Item = (&'static str, &Id, &Step)> {
    [("prepare", &plan.prepare), ("steps", &plan.steps), ("cleanup", &plan.cleanup)]
        .into_iter()
        .flat_map(|(section, steps)| steps.iter().map(move |(id, step)| (section, id, step)))
}

/// Finds hosts that are to be reached by the output of a step, and no step writes it.
fn places(context: &Context<'_>, outputs: &HashSet<Name>, sink: &mut Sink) {
    for (id, place) in &context.plan.places {
        let Some(ssh) = &place.ssh else { continue };
        let path = KeyPath::root().key("places").key(id.as_str()).key("ssh");
        for (field, value) in [("address", Some(&ssh.address)), ("host_key", ssh.host_key.as_ref())] {
            let path = path.key(field);
            let Some(value) = value else { continue };
            let is_name = value.parse::<Name>().is_ok();
            if !is_name || outputs.contains(value.as_str()) || is_given(context, value) {
                continue;
            }
            // `ssh: user@HOST` is the name of a host, whatever its letters.
            if context.document.root().at(&path).is_none() {
                continue;
            }
            let mut known: Vec<&str> = outputs.iter().map(Name::as_str).collect();
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
        || context.names().kinds(name).has(NameKind::Var)
        || context.plan.pass_env.iter().any(|passed| passed == name)
}

fn tell(context: &Context<'_>, asked: &Asked, why: String) -> Finding {
    let name = &asked.name;
    let outputs = context.resolved.steps.iter().flat_map(|step| &step.common.outputs).map(Name::as_str);
    let known = context.names().of_kinds(&[NameKind::Var]).chain(GIVEN).chain(outputs);
    let is_secret = context.names().kinds(name).has(NameKind::Secret);
    let help = if is_of_point(name) {
        "only a step with `from` gets it; that step can put it out under a name of its own (`outputs`) for those that need it".to_owned()
    } else if is_secret {
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
    Finding::error(UnknownVariable::META.name, message).at(place, "asked for").help(help)
}

/// Returns the steps of a route before which nothing writes an output.
fn without_writer<'c>(context: &'c Context<'_>, routed: &Routed, output: &str) -> HashSet<&'c str> {
    let mut without = HashSet::new();
    let Routed { route, order: Ok(order), .. } = routed else { return without };
    // Where something cannot come back, steps are missing from the route; that is told as what it is.
    if !route.stuck.is_empty() || route.assets.values().any(|asset| asset.stranded.is_some()) {
        return without;
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
            without.insert(context.resolved.steps[step].written_as());
        }
    }
    without
}
