//! A step that is done once for each of several: its items become steps of their own.

use std::collections::BTreeMap;

use super::{ResolvedStep, Section};
use crate::document::{Document, KeyPath, Part};
use crate::finding::Finding;
use crate::plan::{Action, Common, Each, Place, Step};
use crate::value::{Id, Name, NonEmpty, Scalar, Table};

/// The variable in which a command finds for which item it is carried out.
const EACH: &str = "DRPLAN_EACH";

/// Returns the steps of an `each`, one an item, and after them the step that waits for all of them.
///
/// An item that is the name of a place is done there, unless `on` says where.
pub(super) fn expand_each(
    document: &Document,
    places: &Table<Id, Place>,
    section: Section,
    id: Id,
    step: Step,
    each: &Each,
) -> (Vec<ResolvedStep>, Vec<Finding>) {
    let findings = faults(document, section, &id, &step.common, each);
    let resolved = |id, part_of, common, action| ResolvedStep {
        id,
        section,
        part_of,
        common,
        action,
        inputs: BTreeMap::new(),
        recipe_place: None,
    };
    let mut steps: Vec<ResolvedStep> = Vec::with_capacity(each.of.len() + 1);
    for (at, key) in each.of.iter().enumerate() {
        // What stands there twice is told, and done once.
        if each.of.iter().take(at).any(|earlier| earlier == key) {
            continue;
        }
        let common = item(&step.common, section, each, key, places.contains_key(key.as_str()));
        let path = Id::trusted(format!("{id}@{key}"));
        steps.push(resolved(path, Some(id.clone()), common, step.action.clone()));
    }
    let Step { common, action } = step;
    steps.push(resolved(id, None, whole(common), action));
    (steps, findings)
}

/// Tells of keys that are no keys, or no keys of one item.
fn faults(document: &Document, section: Section, id: &Id, common: &Common, each: &Each) -> Vec<Finding> {
    let step = KeyPath::root().key(section.key()).key(id.as_str());
    let list = step.key("each");
    let list = if document.root.at(&list.key("of")).is_some() { list.key("of") } else { list };
    let mut findings = Vec::new();
    for (at, key) in each.of.iter().enumerate() {
        let place = document.place(&list.index(at), Part::Value);
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if !key.as_str().chars().all(is_plain) {
            let message = format!("`{key}` cannot be the key of an item of `each`");
            let finding = Finding::error("bad-id", message).at(place, "this key");
            findings.push(
                finding.help("a key is kebab-case, such as `eu-west`; it becomes part of the step's path"),
            );
        } else if let Some(first) = each.of.iter().take(at).position(|earlier| earlier == key) {
            let finding = Finding::error("duplicate-key", format!("`{key}` stands twice under `each`"))
                .at(place, "the second")
                .related(document.place(&list.index(first), Part::Value), "the first")
                .help("each item has a key of its own; take one of the two out");
            findings.push(finding);
        }
    }
    if !common.outputs.is_empty() {
        let finding = Finding::error("misplaced-field", "`outputs` does not fit a step with `each`")
            .at(document.place(&step.key("outputs"), Part::Key), "every item would write the same names")
            .help("write a step of its own for each item whose output is needed");
        findings.push(finding);
    }
    findings
}

/// Returns the fields of one item. What the step brings back is back when all of them are over.
fn item(written: &Common, section: Section, each: &Each, key: &Id, is_place: bool) -> Common {
    let mut common = written.clone();
    let title = written.title.as_deref().map(|title| format!("{title}: {key}"));
    common.title = title;
    common.each = Some(Each { of: NonEmpty::one(key.clone()), at_most: each.at_most });
    if is_place && common.on.is_none() {
        common.on = Some(key.clone());
    }
    common.restores.clear();
    common.provides.clear();
    common.fences.clear();
    common.outputs.clear();
    // In `steps` an item begins when the whole step could begin; elsewhere only what is named is waited for.
    if section == Section::Steps {
        common.needs.clear();
    }
    common.env.insert(Name::trusted(EACH), Scalar::from(key.as_str()));
    common
}

/// Returns the fields of the step that waits for all of its items: what they do, it does not do once more.
fn whole(mut common: Common) -> Common {
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

/// Whether a step with `each` is expanded into items; those of recipes and of child plans are not.
pub(super) const fn is_expanded(action: &Action) -> bool {
    !matches!(action, Action::Use { .. } | Action::Plan { .. })
}
