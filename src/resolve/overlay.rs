//! Lays an environment over a plan: on the tree, before types, so that every value keeps its place.

use crate::document::{Document, Key, Kind, Node};
use crate::plan::Secret;
use crate::value::Id;

/// The sections that an environment may change.
const SECTIONS: [&str; 5] = ["places", "vars", "secrets", "people", "notify"];

/// Lays an environment over a plan: mappings merge by key, everything else replaces.
///
/// A place for which another stands in takes over how that one is reached and its variables; what it
/// is in and whether it is there stay, so that a scenario plays in the environment as it would outside.
pub fn overlay(document: &Document, environment: &Id) -> Document {
    let mut overlaid = document.clone();
    let path = crate::document::KeyPath::root().key("environments").key(environment.as_str());
    let Some(changes) = document.root().at(&path) else { return overlaid };
    for section in SECTIONS {
        let Some((key, change)) = changes.entry(section) else { continue };
        match section {
            "places" => lay_places(overlaid.root_mut(), change, document.root()),
            "secrets" => lay_secrets(entry_of(overlaid.root_mut(), key), change),
            _ => merge(entry_of(overlaid.root_mut(), key), change),
        }
    }
    overlaid
}

/// Returns the value under a key; an empty mapping is put there if there is none.
fn entry_of<'a>(node: &'a mut Node, key: &Key) -> &'a mut Node {
    if !matches!(node.kind, Kind::Map(_)) {
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut node.kind else { unreachable!("it was made a mapping above") };
    let at = entries.iter().position(|(name, _)| name.text == key.text).unwrap_or_else(|| {
        entries.push((key.clone(), Node { kind: Kind::Map(Vec::new()), span: key.span }));
        entries.len() - 1
    });
    &mut entries[at].1
}

fn merge(base: &mut Node, change: &Node) {
    match &change.kind {
        Kind::Map(entries) if matches!(base.kind, Kind::Map(_)) => {
            for (key, value) in entries {
                merge(entry_of(base, key), value);
            }
        }
        _ => *base = change.clone(),
    }
}

fn lay_places(root: &mut Node, changes: &Node, original: &Node) {
    for (id, change) in changes.entries() {
        let Some(places) = root_entry(root, "places") else { return };
        let Some(place) = root_entry(places, &id.text) else { continue };
        let Some(other) = change.as_str() else {
            merge(place, change);
            continue;
        };
        let Some(other) = original.get("places").and_then(|places| places.get(other)) else { continue };
        if let Kind::Map(entries) = &mut place.kind {
            entries.retain(|(key, _)| !matches!(&*key.text, "ssh" | "vars"));
            let taken = other.entries().iter().filter(|(key, _)| matches!(&*key.text, "ssh" | "vars"));
            entries.extend(taken.cloned());
        }
    }
}

/// A secret comes from one source: another source takes the place of the first.
fn lay_secrets(secrets: &mut Node, changes: &Node) {
    let is_source = |key: &str| Secret::SOURCES.contains(&key);
    for (name, change) in changes.entries() {
        let secret = entry_of(secrets, name);
        if change.entries().iter().any(|(key, _)| is_source(&key.text))
            && let Kind::Map(entries) = &mut secret.kind
        {
            entries.retain(|(key, _)| !is_source(&key.text));
        }
        merge(secret, change);
    }
}

fn root_entry<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    let Kind::Map(entries) = &mut node.kind else { return None };
    entries.iter_mut().find(|(name, _)| &*name.text == key).map(|(_, value)| value)
}
