//! Words for what is drawn, the same in every drawing.

use super::Item;
use crate::resolve::{AssetState, NodeKind, ResolvedPlan, Route};

/// Returns a text on one line without anything that could steer a terminal.
pub fn one_line(text: &str) -> String {
    let shown: String = text.chars().map(|c| if crate::value::steers(c) { ' ' } else { c }).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns what an asset's state is called.
pub const fn state_word(state: AssetState) -> &'static str {
    match state {
        AssetState::Untouched => "untouched",
        AssetState::Lost => "lost",
        AssetState::Damaged => "damaged",
        AssetState::MovedUnder => "moved",
        AssetState::Interrupted => "interrupted",
        AssetState::LeftOut => "not exercised",
        AssetState::Returning => "returning",
        AssetState::Wanted => "to be brought back",
    }
}

/// Returns the name of an asset for people.
pub fn asset_title<'a>(plan: &'a ResolvedPlan, id: &'a str) -> &'a str {
    plan.assets.get(id).and_then(|asset| asset.title.as_deref()).unwrap_or(id)
}

/// Returns what an item of the outline is called.
pub fn item_title(plan: &ResolvedPlan, route: &Route, item: &Item) -> String {
    let node = &route.nodes[item.node];
    match node.kind {
        NodeKind::Step(step) => one_line(plan.steps[step].title()),
        NodeKind::Health(_) => format!("{} is healthy", one_line(asset_title(plan, node.id.as_str()))),
    }
}

/// Whether an item is an asset that nothing brings back.
pub fn is_stranded(route: &Route, item: &Item) -> bool {
    let node = &route.nodes[item.node];
    matches!(node.kind, NodeKind::Health(_))
        && route.assets.get(&node.id).is_some_and(|asset| asset.stranded.is_some())
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn nothing_turns_the_line_around() {
        assert_eq!(one_line("a\u{202e}b\u{1b}c\nd"), "a b c d");
    }
}
