//! Findings for people; the one file that knows miette.

use std::fmt;
use std::io::{self, Write};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::excerpt::{CONTEXT, Cut, Excerpt};
use super::{Checked, Style, visible};
use crate::document::Sources;
use crate::finding::{Finding, Severity};

/// Less would leave no room beside the line numbers.
const NARROWEST: usize = 40;
/// The columns that line numbers, frame and gaps may take.
const FRAME: usize = 18;

/// Writes the findings, each followed by an empty line, and a summary.
pub(super) fn write(
    checked: &Checked,
    sources: &Sources,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let width = style.width.max(NARROWEST);
    let cut = Cut { room: width - FRAME, gap: if style.unicode { "…" } else { "..." } };
    let handler = GraphicalReportHandler::new_themed(theme(style))
        .with_width(width)
        .with_context_lines(CONTEXT)
        .with_links(false)
        .without_syntax_highlighting();
    for finding in &checked.findings {
        let drawn = Drawn { finding, sources, excerpt: Excerpt::new(finding, sources, cut) };
        let mut screen = String::new();
        handler.render_report(&mut screen, &drawn).map_err(io::Error::other)?;
        for line in screen.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", checked.summary())
}

fn theme(style: &Style) -> GraphicalTheme {
    GraphicalTheme {
        characters: if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    }
}

/// A finding as miette wants it.
#[derive(Debug)]
struct Drawn<'a> {
    finding: &'a Finding,
    sources: &'a Sources,
    excerpt: Excerpt,
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible::line(&self.finding.message))
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(format!("{}[{}]", self.finding.severity.as_str(), self.finding.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Note => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let mended = self.finding.fix.as_ref().map(|fix| format!("`drplan fix` mends it: {}", fix.title));
        let help: Vec<&str> = self.finding.help.as_deref().into_iter().chain(mended.as_deref()).collect();
        if help.is_empty() {
            return None;
        }
        Some(Box::new(visible::lines(&help.join("\n"))))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.excerpt.marks.iter().enumerate().map(|(at, mark)| {
            let text = Some(mark.text.clone()).filter(|text| !text.is_empty());
            let span = SourceSpan::from(mark.range.clone());
            match at {
                0 => LabeledSpan::new_primary_with_span(text, span),
                _ => LabeledSpan::new_with_span(text, span),
            }
        })))
    }
}

/// miette's own sources look for a place from the start of the text; here there is only the excerpt.
impl SourceCode for Drawn<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let range = span.offset()..span.offset() + span.len();
        let stretch = self.excerpt.around(range, before).ok_or(MietteError::OutOfBounds)?;
        Ok(Box::new(MietteSpanContents::new_named(
            visible::line(&self.sources.get(stretch.source).name).into_owned(),
            &self.excerpt.text.as_bytes()[stretch.range.clone()],
            stretch.range.into(),
            stretch.line,
            stretch.column,
            stretch.lines,
        )))
    }
}
