//! The one safe mend of a finding: what to write where.

use crate::document::{Document, Place, Span};

/// A stretch of a text, and what to write in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The stretch, to the byte.
    pub place: Place,
    /// What to write in its place.
    pub replacement: String,
}

/// The one safe mend of a finding. Where two are thinkable, there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in a few words: ``write `needs` for `nedes` ``.
    pub title: String,
    /// All of it; half of it would mend nothing.
    pub edits: Vec<Edit>,
}

impl Fix {
    /// Replaces one stretch.
    pub fn one(title: impl Into<String>, place: Place, replacement: impl Into<String>) -> Self {
        Self { title: title.into(), edits: vec![Edit { place, replacement: replacement.into() }] }
    }

    /// Spells a key or a name differently; quotes around it stay.
    ///
    /// None if it does not stand there letter by letter, as behind an alias.
    pub fn respell(document: &Document, place: Place, from: &str, to: &str) -> Option<Self> {
        let span = document.spelled(place.span, from)?;
        Some(Self::one(format!("write `{to}` for `{from}`"), Place { span, ..place }, to))
    }

    /// Replaces a scalar, with the quotes around it if there are any.
    ///
    /// None if it does not stand there letter by letter.
    pub fn replace(document: &Document, place: Place, from: &str, to: &str) -> Option<Self> {
        document.spelled(place.span, from)?;
        Some(Self::one(format!("write `{to}` for `{}`", document.raw(place.span)), place, to))
    }

    /// Puts quotes around a plain scalar, so that it is a text for every reader.
    pub fn quote(document: &Document, place: Place) -> Option<Self> {
        let raw = document.raw(place.span);
        let is_plain =
            !raw.is_empty() && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.:_".contains(&b));
        is_plain.then(|| Self::one(format!("write `\"{raw}\"`"), place, format!("\"{raw}\"")))
    }
}

/// Makes edits in a text: each stretch with what to write in its place, in any order.
///
/// None if two of them overlap, or if one does not lie in the text between two characters.
pub fn apply(text: &str, edits: &[(Span, &str)]) -> Option<String> {
    let mut edits = edits.to_vec();
    edits.sort_by_key(|(span, _)| (span.start, span.end));
    let mut made = String::with_capacity(text.len());
    let mut at = 0;
    for (span, replacement) in edits {
        let (start, end) = (span.start as usize, span.end as usize);
        made.push_str(text.get(at..start)?);
        text.get(start..end)?;
        made.push_str(replacement);
        at = end;
    }
    made.push_str(text.get(at..)?);
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_made_to_the_byte_or_not_at_all() {
        let span = |start, end| Span { start, end };
        let text = "ä: b\r\nc: d";
        assert_eq!(apply(text, &[(span(10, 11), "dd"), (span(4, 5), "")]).as_deref(), Some("ä: \r\nc: dd"));
        assert_eq!(apply(text, &[]).as_deref(), Some(text));
        assert_eq!(apply(text, &[(span(0, 1), "a")]), None, "half a character");
        assert_eq!(apply(text, &[(span(4, 6), "x"), (span(5, 7), "y")]), None, "an overlap");
        assert_eq!(apply(text, &[(span(9, 90), "x")]), None, "beyond the end");
    }
}
