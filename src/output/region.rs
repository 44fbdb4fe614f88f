//! From a place to lines and columns.

use crate::document::{Place, Source, Sources};

/// Lines and columns of a place, counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    /// The line of its first character.
    pub(super) line: usize,
    /// The column of its first character.
    pub(super) column: usize,
    /// The line of its last character.
    pub(super) end_line: usize,
    /// The column after its last character.
    pub(super) end_column: usize,
}

impl Region {
    /// Measures a place, without the room that a block has after its last word.
    pub(super) fn new(place: Place, sources: &Sources) -> Self {
        let source = sources.get(place.source);
        let (line, column) = source.line_column(place.span.start);
        let (end_line, end_column) = source.line_column(end_of(place, source));
        Self { line, column, end_line, end_column }
    }
}

/// Returns the byte after the last character of a place that is no white space.
fn end_of(place: Place, source: &Source) -> u32 {
    let (start, end) = (place.span.start as usize, place.span.end as usize);
    let text = source.text();
    let text = text.get(start..end.min(text.len())).unwrap_or_default();
    place.span.start.saturating_add(u32::try_from(text.trim_end().len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Span;

    fn region(text: &str, start: u32, end: u32) -> [usize; 4] {
        let mut sources = Sources::default();
        let source = sources.add("x", text);
        let region = Region::new(Place { source, span: Span { start, end } }, &sources);
        [region.line, region.column, region.end_line, region.end_column]
    }

    #[test]
    fn columns_count_characters_and_the_end_comes_after_the_last() {
        assert_eq!(region("ä👩‍🚒: x\n", 0, 13), [1, 1, 1, 5]);
        assert_eq!(region("a: b\n", 3, 4), [1, 4, 1, 5]);
        assert_eq!(region("a:\n  b: 1\n\n  \nc: 2\n", 0, 14), [1, 1, 2, 7]);
    }

    #[test]
    fn odd_places_end_no_earlier_than_they_begin() {
        for text in ["", "\n", "ä", "a\n\n\nb", "\r\r\n"] {
            for start in 0..7 {
                for end in 0..9 {
                    let [line, column, end_line, end_column] = region(text, start, end);
                    assert!(line >= 1 && column >= 1, "{text:?} {start} {end}");
                    assert!((line, column) <= (end_line, end_column), "{text:?} {start} {end}");
                }
            }
        }
    }
}
