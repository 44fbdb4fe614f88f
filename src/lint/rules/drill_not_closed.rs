//! A drill that would touch production.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::open_ends;
use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::holdings::listed;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::{Environment, PlaceOverlay};
use crate::resolve::{Course, Request};
use crate::value::Id;

rule!(
    DrillNotClosed,
    "drill-not-closed",
    Warn,
    "A drill in an environment would touch production, so that it is refused."
);

/// The environment that `--drill` takes unless told otherwise.
const DRILL: &str = "drill";

impl Rule for DrillNotClosed {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let Some(id) = context.environment else { return };
        if !context.plan.environments.get(id).is_some_and(|environment| is_for_drills(id, environment)) {
            return;
        }
        let plan = context.resolved;
        let mut open: BTreeMap<(String, String), BTreeSet<Id>> = BTreeMap::new();
        for scenario in context.scenarios() {
            if context.routed(scenario).order.is_err() {
                continue;
            }
            let route = context
                .router()
                .route(context.placement, &Request { scenario, with_stage: true, ..Request::default() });
            let course =
                Course::new(plan, &route, &vec![None; route.nodes.len()], &vec![0; route.nodes.len()]);
            for end in open_ends(plan, &course) {
                // Of a recipe, the step that uses it is what a person knows.
                let written = plan.step(end.node.as_str()).map(|step| Id::trusted(step.written_as()));
                open.entry((end.id, end.touches)).or_default().insert(written.unwrap_or(end.node));
            }
        }
        let path = KeyPath::root().key("environments").key(id.as_str());
        for ((thing, touches), nodes) in open {
            let nodes = Vec::from_iter(nodes);
            let what = touches.replace(&thing, &format!("`{thing}`"));
            let message = format!("a drill in `{id}` would touch {what} of production: {}", listed(&nodes));
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&path, Part::Key), "is not closed")
                .help(help(context, id, &thing));
            sink.add(
                finding,
                Subject {
                    place: plan.places.get_key_value(thing.as_str()).map(|(id, _)| id.clone()),
                    ..Subject::default()
                },
            );
        }
    }
}

/// An environment may also be one where things really live, such as a second region: then nothing stands in for anything.
fn is_for_drills(id: &Id, environment: &Environment) -> bool {
    let stands_in = |place: &PlaceOverlay| matches!(place, PlaceOverlay::Mapped(_));
    id.as_str() == DRILL
        || !environment.reads.is_empty()
        || !environment.omit.is_empty()
        || environment.places.values().any(stands_in)
}

fn help(context: &Context<'_>, id: &Id, thing: &str) -> String {
    let replace = if context.plan.places.contains_key(thing) {
        format!("let another place stand in (`places: {{ {thing}: … }}`)")
    } else {
        format!("give `{thing}` another source under `secrets`")
    };
    format!(
        "under `environments.{id}`: {replace}, list it under `reads` if it is only read, or list the steps under `omit`"
    )
}
