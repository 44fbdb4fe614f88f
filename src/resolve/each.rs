//! A step that is done once for each of several: its items become steps of their own.

use std::num::NonZeroU32;

use super::inputs::Spot;
use crate::document::Part;
use crate::finding::Finding;
use crate::plan::{Common, Each};
use crate::value::{Id, Name, NonEmpty, Scalar};

/// The variable in which a command finds for which item it is carried out.
const EACH: &str = "DRPLAN_EACH";

/// One of the items of an `each`.
pub(super) struct Item<'a> {
    pub(super) key: &'a Id,
    pub(super) at_most: Option<NonZeroU32>,
    /// The place of which the key is the name.
    pub(super) place: Option<Id>,
}

/// Tells of keys that are no keys, or no keys of one item.
pub(super) fn faults(step: &Spot<'_>, common: &Common, each: &Each) -> Vec<Finding> {
    let item = |at: usize| {
        let list = step.key("each");
        if list.has("of") { list.key("of").index(at) } else { list.index(at) }
    };
    let mut findings = Vec::new();
    for (at, key) in each.of.iter().enumerate() {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if !key.as_str().chars().all(is_plain) {
            let message = format!("`{key}` cannot be the key of an item of `each`");
            let finding = item(at).error("bad-id", message, Part::Value, "this key");
            findings.push(
                finding.help("a key is kebab-case, such as `eu-west`; it becomes part of the step's path"),
            );
        } else if let Some(first) = each.of.iter().take(at).position(|earlier| earlier == key) {
            let message = format!("`{key}` stands twice under `each`");
            let finding = item(at)
                .error("duplicate-key", message, Part::Value, "the second")
                .related(item(first).place(Part::Value), "the first")
                .help("each item has a key of its own; take one of the two out");
            findings.push(finding);
        }
    }
    if !common.outputs.is_empty() {
        let message = "`outputs` does not fit a step with `each`".to_owned();
        let finding = step
            .key("outputs")
            .error("misplaced-field", message, Part::Key, "every item would write the same names")
            .help("write a step of its own for each item whose output is needed");
        findings.push(finding);
    }
    findings
}

/// Returns the fields of one item. What the step brings back is back when all of them are over.
///
/// An item that is the name of a place is done there, unless `on` says where. It begins when the whole step could begin.
pub(super) fn item(written: &Common, item: &Item<'_>) -> Common {
    let key = item.key;
    let mut common = written.clone();
    common.title = written.title.as_deref().map(|title| format!("{title}: {key}").into());
    common.each = Some(Box::new(Each { of: NonEmpty::one(key.clone()), at_most: item.at_most }));
    common.on = common.on.or_else(|| item.place.clone());
    common.restores.clear();
    common.provides.clear();
    common.fences.clear();
    common.outputs.clear();
    common.needs.clear();
    common.env.insert(Name::trusted(EACH), Scalar::from(key.as_str()));
    common
}

/// Returns the fields of the step that waits for all of its items: what they do, it does not do once more.
pub(super) fn whole(common: &Common) -> Common {
    let mut common = common.clone();
    common.preconditions.clear();
    common.verify.clear();
    common.unless = None;
    common.undo = None;
    common.retry = None;
    common.timeout = None;
    common.lock = None;
    common.secrets.clear();
    common
}
