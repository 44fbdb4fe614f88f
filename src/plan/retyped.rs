//! Scalars of the wrong type that can be meant in one way only.

use jsonschema::JsonType;

use crate::document::{Document, Kind, Node, Place};
use crate::finding::Fix;

/// Returns how to write a scalar so that it has the type that is wanted; nothing if it could mean two things.
pub(super) fn retyped(document: &Document, place: Place, node: &Node, wanted: JsonType) -> Option<Fix> {
    match (wanted, &node.kind) {
        (JsonType::Boolean, Kind::Str(word)) => {
            let meant = match word.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "true" => "true",
                "no" | "off" | "n" | "false" => "false",
                _ => return None,
            };
            Fix::replace(document, place, word, meant)
        }
        (JsonType::String, Kind::Bool(_) | Kind::Int(_) | Kind::UInt(_) | Kind::Float(_)) => {
            Fix::quote(document, place)
        }
        _ => None,
    }
}
