//! A replica that is promoted while the old original may still be written to.

use std::collections::{BTreeSet, HashMap};

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::holdings::with_all_above;
use crate::lint::promotion::promotion;
use crate::lint::rule::rule;
use crate::lint::shell::Judged;
use crate::lint::{Context, Routed, Rule, Sink, Subject, in_scenario};
use crate::plan::{Action, Keep};
use crate::resolve::{NodeKind, ResolvedStep, copy_of};
use crate::value::Id;

rule!(
    PromotionWithoutFence,
    "promotion-without-fence",
    Warn,
    "A replica is promoted before the old original is cut off, so that both may be written to."
);

/// The steps that bring something back and whose commands promote a replica, with the words that do.
struct Promotions(HashMap<usize, String>);

impl Promotions {
    fn of(context: &Context<'_>) -> Self {
        let steps = context.resolved.steps.iter().enumerate();
        let restoring = steps.filter(|(_, step)| !context.written_step(step).common.restores.is_empty());
        let mut judged = Judged::new();
        let promoted = restoring.filter_map(|(at, step)| {
            let words = match &*step.action {
                Action::Run { command, .. } => judged.of(command, || promotion(&step.action)),
                _ => promotion(&step.action),
            };
            Some((at, words?))
        });
        Self(promoted.collect())
    }
}

impl Rule for PromotionWithoutFence {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        let promotions = context.once(|| Promotions::of(context));
        for (at, node) in routed.route.nodes.iter().enumerate() {
            let NodeKind::Step(step) = node.kind else { continue };
            let Some(declared) = context.resolved.steps.get(step) else { continue };
            if !moves(context, routed, declared) {
                continue;
            }
            let words = promotions.0.get(&step).map(String::as_str);
            judge(context, routed, (at, declared), words, sink);
        }
    }
}

/// Whether a step brings something back elsewhere than where it has lived.
fn moves(context: &Context<'_>, routed: &Routed, step: &ResolvedStep) -> bool {
    let assets = context.written_step(step).common.restores.iter();
    assets.filter_map(|asset| routed.route.assets.get(asset)).any(|asset| asset.home != asset.was)
}

fn judge(
    context: &Context<'_>,
    routed: &Routed,
    (at, step): (usize, &ResolvedStep),
    words: Option<&str>,
    sink: &mut Sink,
) {
    let Some(how) = how(context, routed, step, words) else { return };
    let whole = context.written_step(step);
    let mut fenced: Option<BTreeSet<&Id>> = None;
    for asset in &whole.common.restores {
        let Some(on_route) = routed.route.assets.get(asset) else { continue };
        let (Some(was), Some(home)) = (&on_route.was, &on_route.home) else { continue };
        if !on_route.state.is_goal() || was == home {
            continue;
        }
        let fenced = fenced.get_or_insert_with(|| fenced_before(context, routed, at));
        if fenced.contains(asset) || with_all_above(context, was).iter().any(|place| fenced.contains(*place))
        {
            continue;
        }
        let scenario = routed.route.scenario.as_ref();
        let id = whole.written_as();
        let message = format!(
            "`{id}` promotes `{asset}` on `{home}` ({how}){}, and no step before it cuts off `{was}`",
            in_scenario(scenario)
        );
        let mut finding = Finding::warning(PromotionWithoutFence::META.name, message)
            .at(context.place(&step.key_path(), Part::Key), "promotes")
            .help(format!(
                "let it need a step with `fences: [{was}]` that switches `{was}` off or takes its network away: what seemed \
                 lost may come back, and then both are written to"
            ));
        if let Some(scenario) = scenario {
            let place = context.place(&KeyPath::root().key("scenarios").key(scenario.as_str()), Part::Key);
            finding = finding.related(place, on_route.why.clone());
        }
        sink.add(finding, Subject::step(id).and_asset(asset).within(scenario));
    }
}

/// Says by what a step promotes; nothing if it does not.
fn how(context: &Context<'_>, routed: &Routed, step: &ResolvedStep, words: Option<&str>) -> Option<String> {
    if let Some(words) = words {
        return Some(format!("`{words}`"));
    }
    let choice = routed.route.chosen.get(step.id.as_str())?.copy.as_ref()?;
    let (_, _, _, copy) = copy_of(context.resolved, choice.copy.as_str())?;
    (copy.keep == Keep::Latest).then(|| format!("the replica `{}`", choice.copy))
}

/// Returns what the steps fence that are over before a node begins.
fn fenced_before<'c>(context: &'c Context<'_>, routed: &Routed, node: usize) -> BTreeSet<&'c Id> {
    let nodes = &routed.route.nodes;
    let (mut fenced, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![node]);
    while let Some(at) = open.pop() {
        let Some(node) = nodes.get(at).filter(|_| seen.insert(at)) else { continue };
        open.extend(node.after.iter().map(|(before, _)| *before));
        let NodeKind::Step(step) = node.kind else { continue };
        if let Some(step) = context.resolved.steps.get(step) {
            fenced.extend(&step.common.fences);
        }
    }
    fenced
}
