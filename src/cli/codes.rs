//! Every code that a finding may have: the rules, and what is said of the shape of files.

use crate::finding::{Level, RuleMeta};
use crate::lint::RULES;

/// What is wrong with the shape of a file, with a section a code.
pub(super) const SHAPE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/rules/shape.md"));

/// The one code of the page that is not an error; the page says so too.
const MERE_WARNING: &str = "yaml-ambiguous";

/// Returns the rules, and after them the codes of shape as if they were rules.
pub(super) fn all() -> Vec<RuleMeta> {
    RULES.iter().map(|rule| rule.meta()).chain(shape_codes().filter_map(meta)).collect()
}

/// Returns the codes of the page about shape: its second headings.
pub(super) fn shape_codes() -> impl Iterator<Item = &'static str> {
    SHAPE.lines().filter_map(|line| line.strip_prefix("## "))
}

/// Returns the section of the page about shape on a code, with its heading.
pub(super) fn section(code: &str) -> Option<&'static str> {
    let section = &SHAPE[SHAPE.find(&format!("## {code}\n"))?..];
    Some(section.split("\n## ").next().unwrap_or(section).trim_end())
}

fn meta(code: &'static str) -> Option<RuleMeta> {
    let page = section(code)?;
    let body = page.split_once('\n').map_or(page, |(_, body)| body.trim_start());
    let first = body.lines().next().unwrap_or_default();
    let summary = first.find(". ").map_or(first, |end| &first[..=end]);
    let level = if code == MERE_WARNING { Level::Warn } else { Level::Deny };
    Some(RuleMeta { name: code, summary, page, level, since: "0.1.0" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_section_alone() {
        let text = section("unknown-field").unwrap();
        assert!(text.starts_with("## unknown-field\n"), "{text}");
        assert!(!text.contains("\n## "), "{text}");
        assert!(section("unknown-fiel").is_none());
    }

    #[test]
    fn every_code_is_one_sentence_and_a_page() {
        let all = all();
        assert_eq!(all.len(), RULES.len() + shape_codes().count());
        assert!(all.iter().any(|meta| meta.name == "unreadable-text"));
        for meta in all {
            let RuleMeta { name, summary, page, .. } = meta;
            assert!(summary.len() > 10 && summary.ends_with('.'), "{name}: {summary}");
            assert!(page.contains(name), "{name}: {page}");
        }
    }
}
