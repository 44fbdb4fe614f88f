//! Comments that allow what a rule would find: `# drplan: allow[rule]`.

use super::Span;

/// A comment that allows what some rules would find in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// The rules, each with its place in the comment.
    pub rules: Vec<(String, Span)>,
    /// The line that it is for, counted from 0: its own, or the next that holds something if it stands alone.
    pub line: usize,
    /// The comment.
    pub span: Span,
}

/// Reads a comment; `span` is its place in `text`.
pub(super) fn read(text: &str, span: Span) -> Option<Allow> {
    let comment = text.get(span.start as usize..span.end as usize)?;
    let rest = comment.trim_start_matches('#').trim_start().strip_prefix("drplan:")?.trim_start();
    let list = rest.strip_prefix("allow[")?;
    let list = &list[..list.find(']')?];
    let list_start = span.start as usize + (list.as_ptr() as usize - comment.as_ptr() as usize);
    let mut rules = Vec::new();
    let mut offset = list_start;
    for item in list.split(',') {
        let name = item.trim();
        let start = offset + (item.len() - item.trim_start().len());
        offset += item.len() + 1;
        if !name.is_empty() {
            let place = Span {
                start: u32::try_from(start).unwrap_or(u32::MAX),
                end: u32::try_from(start + name.len()).unwrap_or(u32::MAX),
            };
            rules.push((name.to_owned(), place));
        }
    }
    Some(Allow { rules, line: line_meant(text, span), span })
}

/// A comment beside something is for that line; one that stands alone is for the next line that holds something.
fn line_meant(text: &str, span: Span) -> usize {
    let start = span.start as usize;
    let line = text[..start].matches('\n').count();
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    if !text[line_start..start].trim().is_empty() {
        return line;
    }
    let says_something = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    };
    let after = text[start..].lines().skip(1);
    line + 1 + after.take_while(|line| !says_something(line)).count()
}
