//! The texts that have been read.

use std::sync::{Arc, OnceLock};

use super::FileText;

/// Which text a place is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A text and its name.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name as people know it: the path as it was given.
    pub name: String,
    /// The text, exactly as it was read.
    pub(super) text: FileText,
    /// Where the lines begin; most texts are never asked.
    line_starts: OnceLock<Vec<u32>>,
}

impl Source {
    fn new(name: String, text: String) -> Self {
        Self { name, text: FileText::new(text), line_starts: OnceLock::new() }
    }

    /// Returns the text, exactly as it was read.
    pub fn text(&self) -> Arc<String> {
        self.text.read()
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let text = self.text();
            let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            let behind = breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
            std::iter::once(0).chain(behind).collect()
        })
    }

    /// Returns the line that holds a byte, counted from 0.
    pub fn line_of(&self, offset: u32) -> usize {
        self.line_starts().partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Returns where a line (counted from 0) begins; the text's end for lines beyond it.
    pub fn line_start(&self, line: usize) -> usize {
        self.line_starts().get(line).map_or_else(|| self.text().len(), |start| *start as usize)
    }

    /// Returns the number of lines.
    pub fn lines(&self) -> usize {
        self.line_starts().len()
    }

    /// Returns line and column of a byte, both counted from 1, the column in characters.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.line_of(offset);
        let start = self.line_start(line);
        let text = self.text();
        let end = (offset as usize).min(text.len());
        let column = text.get(start..end).map_or(0, |before| before.chars().count());
        (line + 1, column + 1)
    }
}

/// Every text that has been read in this invocation.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Arc<Source>>);

impl Sources {
    /// Adds a text.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.adopt(Arc::new(Source::new(name.into(), text.into())))
    }

    /// Adds a text that another list has read.
    pub fn adopt(&mut self, source: Arc<Source>) -> SourceId {
        self.0.push(source);
        SourceId(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }

    /// Whether a text is in the list; every text of a list is also in the copies that were made of it later.
    pub fn has(&self, id: SourceId) -> bool {
        (id.0 as usize) < self.0.len()
    }

    /// Returns a text to be adopted by another list.
    ///
    /// # Panics
    ///
    /// When the id is from another list, which is a mistake in the program.
    pub fn share(&self, id: SourceId) -> Arc<Source> {
        self.0[id.0 as usize].clone()
    }

    /// Returns a text.
    ///
    /// # Panics
    ///
    /// When the id is from another list, which is a mistake in the program.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.0[id.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let mut sources = Sources::default();
        let id = sources.add("x", "a\näb\r\nc");
        let source = sources.get(id);
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(4), (2, 2));
        assert_eq!(source.line_column(7), (3, 1));
        assert_eq!(source.line_column(99), (3, 2));
    }
}
