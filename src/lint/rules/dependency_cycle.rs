//! Things that wait for each other.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::Arc;

use petgraph::algo::toposort;
use petgraph::graph::DiGraph;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::graph::StepGraph;
use crate::lint::rule::rule;
use crate::lint::{Context, Routed, Rule, Sink, Subject, Wanted, references};
use crate::plan::{Backup, Need, Plan, Step};
use crate::resolve::{Node, NodeKind, Reason};
use crate::value::{Id, Key, Table};

rule!(DependencyCycle, "dependency-cycle", Deny, "Things wait for each other, so that none can ever begin.");

/// A longer way round is told by its first labels; the message has all of it.
const MOST_LABELS: usize = 12;

impl Rule for DependencyCycle {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        context.once(|| Circles::of(context)).0.iter().for_each(|edges| report(context, edges, sink));
    }

    fn check_route(&self, context: &Context<'_>, routed: &Routed, sink: &mut Sink) {
        // What waits for itself through a home, a copy or a secret is told by `recovery-deadlock`; what is written down as
        // a circle would be found again on every route.
        if routed.order.is_ok()
            || !routed.route.stuck.is_empty()
            || !context.once(|| Circles::of(context)).0.is_empty()
        {
            return;
        }
        for cycle in StepGraph::new(&routed.route.nodes).cycles() {
            let nodes: Vec<&Node> = cycle.nodes.iter().map(|at| &routed.route.nodes[*at]).collect();
            if is_inside_a_recipe(context, &nodes) {
                continue;
            }
            let edges: Vec<Link> = nodes
                .iter()
                .zip(nodes.iter().cycle().skip(1))
                .map(|(later, earlier)| {
                    let edge = context.edge(&routed.route, later, earlier);
                    (later.id.to_string(), edge.path, edge.says)
                })
                .collect();
            report(context, &edges, sink);
        }
    }
}

/// What waits, where that is written, and what it says.
type Link = (String, KeyPath, String);

/// The ways round that are written down as such: steps, assets, places, secrets, copies that name each other.
pub(super) struct Circles(Vec<Vec<Link>>);

impl Circles {
    pub(super) fn of(context: &Context<'_>) -> Self {
        Self(written(context))
    }

    /// Whether a link of one of them is written there.
    pub(super) fn lead_over(&self, path: &KeyPath) -> bool {
        self.0.iter().flatten().any(|(_, written, _)| written == path)
    }
}

/// Whether all of it is in one recipe: that is told in the recipe's own file.
fn is_inside_a_recipe(context: &Context<'_>, nodes: &[&Node]) -> bool {
    let group = |node: &Node| match node.kind {
        NodeKind::Step(step) => context.resolved.steps.get(step)?.group(),
        NodeKind::Health(_) => None,
    };
    let first = nodes.first().and_then(|node| group(node));
    first.is_some() && nodes.iter().all(|node| group(node) == first)
}

fn written(context: &Context<'_>) -> Vec<Vec<Link>> {
    if !goes_round(context.plan) {
        return Vec::new();
    }
    let mut nodes: Vec<Node> = Vec::new();
    let mut after: Vec<Vec<(usize, Reason)>> = Vec::new();
    let mut at_of: HashMap<String, usize> = HashMap::new();
    let mut paths: HashMap<(usize, usize), KeyPath> = HashMap::new();
    for reference in references(context.plan) {
        let Some((from, to)) = edge(&reference.path.to_string(), reference.name, reference.wanted) else {
            continue;
        };
        let mut node = |name: String| {
            *at_of.entry(name.clone()).or_insert_with(|| {
                nodes.push(Node {
                    id: Id::trusted(name),
                    kind: NodeKind::Step(nodes.len()),
                    after: Box::default(),
                });
                after.push(Vec::new());
                nodes.len() - 1
            })
        };
        let (from, to) = (node(from), node(to));
        after[from].push((to, Reason::default()));
        paths.entry((from, to)).or_insert(reference.path);
    }
    for (node, after) in nodes.iter_mut().zip(after) {
        node.after = after.into();
    }
    let name = |at: usize| nodes[at].id.as_str().split_once(':').map_or("", |(_, name)| name).to_owned();
    let edge = |from: usize, to: usize| {
        let verb = match nodes[from].id.as_str().split(':').next() {
            Some("places") => "is in",
            Some("backups") => "is made from",
            _ => "needs",
        };
        let path = paths.get(&(from, to)).cloned().unwrap_or_default();
        (name(from), path, format!("`{}` {verb} `{}`", name(from), name(to)))
    };
    let around = |nodes: Vec<usize>| {
        let next = nodes.iter().cycle().skip(1);
        nodes.iter().zip(next).map(|(from, to)| edge(*from, *to)).collect()
    };
    StepGraph::new(&nodes).cycles().into_iter().map(|cycle| around(cycle.nodes)).collect()
}

/// Whether names lead round in a circle at all. Most plans have none, and where each name is written need not be known
/// for that.
fn goes_round(plan: &Plan) -> bool {
    let steps = |table: &Table<Id, Step>| leads_round(table, |step| ones(&step.common.needs));
    let copies = |backup: &Arc<Backup>| leads_round(&backup.copies, |copy| copy.from.iter());
    [&plan.steps, &plan.prepare, &plan.cleanup].into_iter().any(steps)
        || leads_round(&plan.assets, |asset| ones(&asset.needs))
        || leads_round(&plan.secrets, |secret| ones(&secret.needs))
        || leads_round(&plan.places, |place| ones(&place.in_))
        || plan.backups.values().any(copies)
}

/// Returns the needs that nothing else can meet.
fn ones(needs: &[Need]) -> impl Iterator<Item = &Id> {
    needs.iter().filter_map(|need| if let Need::One(id) = need { Some(id) } else { None })
}

/// Whether what stands in one table names what stands there as well, and so on, back to itself.
fn leads_round<'t, K, V: 'static, N: Iterator<Item = &'t Id>>(
    table: &'t Table<K, V>,
    named: impl Fn(&'t V) -> N,
) -> bool
where
    K: Key + Borrow<str>,
{
    let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(table.len(), table.len());
    let nodes: Vec<_> = table.iter().map(|_| graph.add_node(())).collect();
    for (from, value) in nodes.iter().zip(table.values()) {
        for to in named(value).filter_map(|id| nodes.get(table.get_index_of(id.as_str())?)) {
            graph.add_edge(*from, *to, ());
        }
    }
    toposort(&graph, None).is_err()
}

/// Returns what a reference joins, each with its section; nothing if it can join no two of a kind for sure.
fn edge(path: &str, name: &str, wanted: Wanted) -> Option<(String, String)> {
    // One of several that will do need not be waited for.
    let (section, rest) = path.split_once('.')?;
    if path.contains(".any[") {
        return None;
    }
    let (id, field) = rest.split_once('.')?;
    let field = field.split('[').next()?;
    match (section, field, wanted) {
        ("steps" | "prepare" | "cleanup" | "assets" | "secrets", "needs", _) | ("places", "in", _) => {
            Some((format!("{section}:{id}"), format!("{section}:{name}")))
        }
        ("backups", field, Wanted::Sibling) => {
            let copy = field.strip_prefix("copies.")?.strip_suffix(".from")?;
            Some((format!("backups:{id}.{copy}"), format!("backups:{id}.{name}")))
        }
        _ => None,
    }
}

fn report(context: &Context<'_>, edges: &[Link], sink: &mut Sink) {
    let Some(((first, path, says), rest)) = edges.split_first() else { return };
    let message = if rest.is_empty() {
        format!("`{first}` waits for itself")
    } else {
        let way: Vec<&str> = edges.iter().map(|(name, ..)| name.as_str()).chain([first.as_str()]).collect();
        format!("these wait for each other: {}", way.join(" → "))
    };
    let place = |path| context.place(path, Part::Value);
    let mut finding = Finding::error(DependencyCycle::META.name, message).at(place(path), says.clone());
    for (_, path, says) in rest.iter().take(MOST_LABELS) {
        finding = finding.related(place(path), says.clone());
    }
    let about = Subject::step(first);
    sink.add(finding.help("remove one of these, so that one of them can begin"), about);
}
