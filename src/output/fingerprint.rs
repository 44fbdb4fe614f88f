//! What a finding is known by tomorrow, when lines have moved.
//!
//! A fingerprint is made of the code, the file, the keys that lead to the place, and the message: of nothing
//! that changes when something else is edited. Of an item in a list, what it says takes the place of its number.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::About;
use super::home::Home;
use super::region::Region;
use crate::document::{Kind, Limits, Node, Place, SourceId, Sources, Span, parse};
use crate::finding::Finding;

/// Makes the fingerprints of findings, in the order in which they are shown.
#[derive(Debug)]
pub(super) struct Fingerprints<'a> {
    sources: &'a Sources,
    about: &'a About<'a>,
    /// The trees of the files that were asked for; nothing for what is no YAML.
    trees: HashMap<SourceId, Option<Node>>,
    /// How often each was made.
    made: HashMap<String, usize>,
}

impl<'a> Fingerprints<'a> {
    pub(super) fn new(sources: &'a Sources, about: &'a About<'a>) -> Self {
        Self { sources, about, trees: HashMap::new(), made: HashMap::new() }
    }

    /// Returns the fingerprint of a finding: a SHA-256, and which of those with the same it is, from 1.
    pub(super) fn of(&mut self, finding: &Finding) -> String {
        let place = finding.primary.place;
        let home = Home::new(&self.sources.get(place.source).name, self.about);
        let mut parts = vec![finding.code.to_owned(), home.path().to_owned()];
        parts.push(without_indices(&finding.message));
        parts.extend(self.way_to(place));
        let mut hash = Sha256::new();
        for part in parts {
            // With its length before it, no part can pass for two.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let times = self.made.entry(hash.clone()).or_default();
        *times += 1;
        format!("{hash}:{times}")
    }

    /// Returns the keys that lead to a place; the words of its line where there is no tree.
    fn way_to(&mut self, place: Place) -> Vec<String> {
        let source = self.sources.get(place.source);
        let read = || parse(&source.text(), &Limits::default()).root;
        match self.trees.entry(place.source).or_insert_with(read) {
            Some(root) => way(root, place.span),
            None => {
                let line = Region::new(place, self.sources).line - 1;
                let range = source.line_start(line)..source.line_start(line + 1);
                vec![source.text().get(range).unwrap_or_default().trim().to_owned()]
            }
        }
    }
}

/// Returns the way to the deepest thing that holds a stretch of the text.
fn way(root: &Node, span: Span) -> Vec<String> {
    let holds = |from: Span, to: Span| from.start <= span.start && span.end <= to.end.max(from.end);
    let (mut way, mut node) = (Vec::new(), root);
    while node.span != span {
        let next = match &node.kind {
            Kind::Map(entries) => {
                let Some((key, value)) = entries.iter().find(|(key, value)| holds(key.span, value.span))
                else {
                    break;
                };
                way.push(key.text.to_string());
                holds(value.span, value.span).then_some(value)
            }
            Kind::Seq(items) => {
                let Some((at, item)) = items.iter().enumerate().find(|(_, item)| holds(item.span, item.span))
                else {
                    break;
                };
                way.push(name_of(item).unwrap_or_else(|| at.to_string()));
                Some(item)
            }
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    way
}

/// Returns what an item of a list is known by: what it says, or the first text in it with its key.
fn name_of(item: &Node) -> Option<String> {
    match &item.kind {
        Kind::Map(entries) => {
            entries.iter().find_map(|(key, value)| value.as_str().map(|text| format!("{}={text}", key.text)))
        }
        Kind::Seq(_) => None,
        _ => Some(item.to_json().to_string()),
    }
}

/// Returns a message without the numbers of items: `needs[2]` becomes `needs[]`.
fn without_indices(message: &str) -> String {
    let mut parts = message.split('[');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        kept.push('[');
        kept.push_str(if rest.starts_with(']') { rest } else { part });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::{about, nth};

    const PLAN: &str = "plan: x\nsteps:\n  a:\n    run: bad\n  b: { needs: [p, bad, q] }\nlist:\n  \
                        - { rule: r, until: bad }\n  - { rule: s, until: bad }\n";

    /// The fingerprints of a finding at every `bad` of a text.
    fn made(text: &str) -> Vec<String> {
        let mut sources = Sources::default();
        let id = sources.add("x.yaml", text);
        let about = about();
        let mut fingerprints = Fingerprints::new(&sources, &about);
        (0..text.matches("bad").count())
            .map(|at| fingerprints.of(&Finding::error("code", "it").at(nth(&sources, id, "bad", at), "")))
            .collect()
    }

    #[test]
    fn different_places_differ_and_equal_ones_are_counted() {
        let mut all = made(PLAN);
        assert_eq!(all.len(), 4);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 4);
        let equal = made("a: [bad, bad, bad]\n");
        let counts: Vec<_> = equal.iter().map(|one| one.split_once(':').unwrap()).collect();
        let hash = counts[0].0;
        assert_eq!(counts, [(hash, "1"), (hash, "2"), (hash, "3")]);
    }

    #[test]
    fn what_is_edited_elsewhere_changes_nothing() {
        let before = made(PLAN);
        for (from, to) in [
            ("plan: x\n", "# new\n\nplan: x\n"),
            ("plan: x\n", "plan: x\ntitle: More.\n"),
            ("steps:\n", "steps:\n  z: { run: c }\n"),
            ("    run: bad\n", "    takes: 1m\n    run:   bad # here\n"),
            ("[p, bad, q]", "[o, p, p, bad]"),
            ("list:\n", "list:\n  - { rule: q, until: good }\n"),
        ] {
            assert!(PLAN.contains(from));
            assert_eq!(made(&PLAN.replacen(from, to, 1)), before, "{from} -> {to}");
        }
        let [a, b] = ["  a:\n    run: bad\n", "  b: { needs: [p, bad, q] }\n"];
        let swapped = made(&PLAN.replace(&[a, b].concat(), &[b, a].concat()));
        assert_eq!([&swapped[1], &swapped[0]], [&before[0], &before[1]]);
    }

    #[test]
    fn what_is_edited_there_changes_it() {
        let before = made(PLAN);
        for (from, to, at) in [("  a:", "  aa:", 0), ("needs", "restores", 1), ("rule: r", "rule: rr", 2)] {
            let after = made(&PLAN.replacen(from, to, 1));
            let changed: Vec<usize> = (0..4).filter(|at| after[*at] != before[*at]).collect();
            assert_eq!(changed, [at], "{from} -> {to}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_known_by_its_line() {
        let before = made("a: 1\n  b: [ bad\n");
        assert_eq!(made("# new\na: 1\n b: [ bad\n"), before);
        assert_ne!(made("a: 1\n  c: [ bad\n"), before);
    }

    #[test]
    fn numbers_of_items_are_left_out_of_messages() {
        assert_eq!(without_indices("`a[12].b[0]` is [1, 2], [x] and [3"), "`a[].b[]` is [1, 2], [x] and [3");
    }
}
