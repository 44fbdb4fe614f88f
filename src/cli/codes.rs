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
    /// Every word that the source gives to a finding as its code, but in tests.
    fn codes_in(folder: &std::path::Path, found: &mut Vec<String>) {
        const BEFORE: [&str; 4] =
            ["Finding::error(", "Finding::warning(", ".error(", "const fn code(&self) -> &'static str {"];
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                codes_in(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            if path.ends_with("tests.rs") {
                continue;
            }
            for before in BEFORE {
                for rest in text.split(before).skip(1) {
                    // Of a function, all words until its end; of a call, its first argument if that is a word.
                    let part = if before.ends_with('{') {
                        rest.split("\n    }").next()
                    } else {
                        rest.split(',').next()
                    };
                    let part = part.unwrap_or_default().trim();
                    if before.ends_with('{') || part.starts_with('"') {
                        found.extend(part.split('"').skip(1).step_by(2).map(str::to_owned));
                    }
                }
            }
        }
    }

    #[test]
    fn every_code_that_is_told_has_its_page() {
        let mut told = Vec::new();
        codes_in(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut told);
        assert!(told.iter().any(|code| code == "child-plan") && told.len() > 20, "{told:?}");
        let known = all();
        for code in told {
            assert!(
                known.iter().any(|meta| meta.name == code),
                "{code} has no page: give it one, or a section of shape.md"
            );
        }
    }
}
