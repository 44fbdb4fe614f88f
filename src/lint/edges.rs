//! Where in the plan it is written that one node of a route waits for another.

use super::Context;
use crate::document::KeyPath;
use crate::plan::Need;
use crate::resolve::{Node, NodeKind, ResolvedStep, Route};
use crate::value::Id;

/// Where it is written, and what it says in a few words.
pub(super) struct Edge {
    pub(super) path: KeyPath,
    pub(super) says: String,
}

impl Context<'_> {
    /// Finds where it is written that `later` waits for `earlier`.
    pub(super) fn edge(&self, route: &Route, later: &Node, earlier: &Node) -> Edge {
        match later.kind {
            NodeKind::Health(_) => self.edge_of_asset(later, earlier),
            NodeKind::Step(at) => self.edge_of_step(&self.resolved.steps[at], route, earlier),
        }
    }

    fn edge_of_asset(&self, asset: &Node, earlier: &Node) -> Edge {
        let path = KeyPath::root().key("assets").key(asset.id.as_str());
        if let NodeKind::Step(at) = earlier.kind {
            let step = &self.resolved.steps[at];
            let path = list_item(&step.key_path(), "restores", &step.common.restores, &asset.id);
            return Edge { path, says: format!("`{}` is restored by `{}`", asset.id, earlier.id) };
        }
        let needs =
            self.resolved.assets.get(&asset.id).map(|asset| asset.needs.as_slice()).unwrap_or_default();
        let path = need_item(&path, needs, earlier.id.as_str()).unwrap_or(path);
        Edge { path, says: format!("`{}` needs `{}`", asset.id, earlier.id) }
    }

    fn edge_of_step(&self, step: &ResolvedStep, route: &Route, earlier: &Node) -> Edge {
        let path = step.key_path();
        let written = step.written_as();
        let id = &earlier.id;
        let whole = self.written_step(step);
        if let Some(path) = need_item(&path, &whole.common.needs, id.as_str()) {
            return Edge { path, says: format!("`{written}` needs `{id}`") };
        }
        let provided = match earlier.kind {
            NodeKind::Step(at) => self.resolved.steps[at].common.provides.as_slice(),
            NodeKind::Health(_) => &[],
        };
        for place in provided {
            let says = |how: &str| format!("`{written}` {how} `{place}`, which `{id}` provides");
            if let Some(path) = need_item(&path, &whole.common.needs, place.as_str()) {
                return Edge { path, says: says("needs") };
            }
            if route.place_of(self.resolved, whole).as_ref() == Some(place) {
                return Edge { path: path.key("on"), says: says("is done on") };
            }
        }
        for asset in &whole.common.restores {
            let needs =
                self.resolved.assets.get(asset).map(|asset| asset.needs.as_slice()).unwrap_or_default();
            let of_asset = KeyPath::root().key("assets").key(asset.as_str());
            let named = std::iter::once(id).chain(provided);
            if let Some(path) = named.into_iter().find_map(|id| need_item(&of_asset, needs, id.as_str())) {
                return Edge { path, says: format!("`{written}` restores `{asset}`, which needs `{id}`") };
            }
        }
        let says = format!("`{}` comes after `{id}` in its {}", step.id, source_of(whole));
        Edge { path: path.key(whole.action.key()), says }
    }

    /// Returns where a person wrote what a step does: its command, or the recipe or child plan of which it came.
    pub(super) fn written_action(&self, step: &ResolvedStep) -> KeyPath {
        step.key_path().key(self.written_step(step).action.key())
    }

    /// Returns the step that a person wrote: the one itself, or the one of which it came.
    pub(super) fn written_step<'s>(&'s self, step: &'s ResolvedStep) -> &'s ResolvedStep {
        let position = step.part_of.as_ref().and_then(|group| self.groups.get(group.as_str()));
        position.map_or(step, |at| &self.resolved.steps[*at])
    }
}

/// Returns where the parts of a step are written.
fn source_of(whole: &ResolvedStep) -> &'static str {
    if matches!(*whole.action, crate::plan::Action::Plan { .. }) { "plan" } else { "recipe" }
}

/// Finds an id in a list.
fn list_item(path: &KeyPath, key: &str, ids: &[Id], id: &Id) -> KeyPath {
    let path = path.key(key);
    ids.iter().position(|listed| listed == id).map_or(path.clone(), |at| path.index(at))
}

/// Finds an id among needs.
pub(super) fn need_item(path: &KeyPath, needs: &[Need], id: &str) -> Option<KeyPath> {
    needs.iter().enumerate().find_map(|(at, need)| {
        let inner = need.ids().iter().position(|listed| listed.as_str() == id)?;
        let item = path.key("needs").index(at);
        Some(match need {
            Need::One(_) => item,
            Need::Any(_) => item.key("any").index(inner),
        })
    })
}
