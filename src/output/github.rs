//! Findings as workflow commands of GitHub Actions, which become annotations beside the lines.
//!
//! What a plan says must never become a command of its own, so every text is escaped as GitHub asks for:
//! <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>.

use std::io::{self, Write};

use super::told::Told;
use super::{About, Checked, visible};
use crate::document::Sources;

pub(super) fn write(
    checked: &Checked,
    sources: &Sources,
    about: &About<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for finding in &checked.findings {
        let told = Told::new(finding, checked, sources, about);
        let command = match finding.severity.as_str() {
            "note" => "notice",
            word => word,
        };
        let mut properties = Vec::new();
        if let Some(site) = &told.site {
            properties.push(("file", site.home.path().to_owned()));
            let region = site.region;
            properties.push(("line", region.line.to_string()));
            properties.push(("endLine", region.end_line.to_string()));
            // GitHub takes no columns where the lines differ.
            if region.line == region.end_line {
                properties.push(("col", region.column.to_string()));
                properties.push(("endColumn", region.end_column.to_string()));
            }
        }
        properties.push(("title", finding.code.to_owned()));
        let mut lines = vec![visible::line(&finding.message).into_owned()];
        lines.extend(told.related_lines());
        lines.extend(told.inner.iter().cloned());
        lines.extend(told.help_line());
        write_command(out, command, &properties, &lines.join("\n"))?;
    }
    for message in about.unread {
        write_command(out, "error", &[("title", "drplan".to_owned())], &visible::lines(message))?;
    }
    Ok(())
}

/// Writes `::error file=plans/shop.yaml,line=3::message`.
fn write_command(
    out: &mut dyn Write,
    command: &str,
    properties: &[(&str, String)],
    message: &str,
) -> io::Result<()> {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    writeln!(out, "::{command} {}::{}", properties.join(","), data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Place, Span};
    use crate::finding::{Finding, Severity};
    use crate::output::tests::{about, nth};

    fn lines(findings: Vec<Finding>, sources: &Sources) -> Vec<String> {
        let checked = Checked { findings, plans: Vec::new() };
        let mut out = Vec::new();
        write(&checked, sources, &about(), &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn no_text_becomes_a_command() {
        let mut sources = Sources::default();
        let name = "a,b:c%0A\n::error::f.yaml";
        let id = sources.add(name, "\"x\\n::stop\": 1\nb: 2\n");
        let hostile = "50%\r\n::add-mask::x\u{1b}]0;\u{202e}";
        let finding = Finding::error("code", hostile)
            .at(nth(&sources, id, "\"x\\n::stop\"", 0), hostile)
            .related(nth(&sources, id, "b", 0), hostile)
            .help(hostile);
        assert_eq!(
            lines(vec![finding], &sources),
            [
                "::error file=plans/a%2Cb%3Ac%250A%0A%3A%3Aerror%3A%3Af.yaml,line=1,endLine=1,col=1,endColumn=12,\
              title=code::50%25\\r\\n::add-mask::x\\x1b]0;\\u202e\
              %0Aplans/a,b:c%250A\\n::error::f.yaml:1:1: 50%25\\r\\n::add-mask::x\\x1b]0;\\u202e\
              %0Aplans/a,b:c%250A\\n::error::f.yaml:2:1: 50%25\\r\\n::add-mask::x\\x1b]0;\\u202e\
              %0Ahelp: 50%25%0A::add-mask::x\\x1b]0;\\u202e"
            ]
        );
    }

    #[test]
    fn severities_blocks_and_what_is_no_file() {
        let mut sources = Sources::default();
        let plan = sources.add("p.yaml", "a:\n  b: 1\n  c: 2\n\n");
        let shipped = sources.add("drplan:borg/restore.yaml", "recipe: r\nx: 1\n");
        let block = Place { source: plan, span: Span { start: 0, end: 17 } };
        let inside = nth(&sources, shipped, "x", 0);
        let mut note = Finding::warning("n", "note").at(inside, "here").related(block, "used");
        note.severity = Severity::Note;
        let findings = vec![
            Finding::warning("w", "block").at(block, ""),
            note,
            Finding::error("e", "nowhere").at(inside, ""),
        ];
        assert_eq!(
            lines(findings, &sources),
            [
                "::warning file=plans/p.yaml,line=1,endLine=3,title=w::block",
                "::notice file=plans/p.yaml,line=1,endLine=3,title=n::note%0Aplans/p.yaml:1:1: used\
                 %0Adrplan:borg/restore.yaml:2:1: here",
                "::error title=e::nowhere%0Adrplan:borg/restore.yaml:2:1",
            ]
        );
    }
}
