//! A document: a tree, the comments that matter, and what was wrong in the text.

use std::sync::OnceLock;

use super::{Allow, FileText, Issue, KeyPath, Kind, Limits, Node, SourceId, Sources, Span, parse};

/// A document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its text.
    pub source: SourceId,
    /// Its tree; made again from the text where it was taken away.
    root: OnceLock<Node>,
    /// Comments that allow what rules would find.
    pub allows: Vec<Allow>,
    /// The text itself.
    text: FileText,
}

/// Which part of an entry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The text.
    pub source: SourceId,
    /// The stretch of it.
    pub span: Span,
}

impl Document {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// What is wrong, if no tree could be made; else the document comes with what is wrong beside it.
    pub fn parse(source: SourceId, sources: &Sources, limits: &Limits) -> (Option<Self>, Vec<Issue>) {
        let text = sources.get(source).text.clone();
        let parsed = parse(&text.read(), limits);
        let document =
            parsed.root.map(|root| Self { source, root: root.into(), allows: parsed.allows, text });
        (document, parsed.issues)
    }

    /// Returns its tree.
    ///
    /// Once that was taken away, the text is parsed again: who checks a sound plan asks for no place, and the tree of a
    /// large plan is large.
    pub fn root(&self) -> &Node {
        self.root.get_or_init(|| {
            let parsed = parse(&self.text.read(), &Limits::default());
            parsed.root.unwrap_or(Node { kind: Kind::Null, span: Span::default() })
        })
    }

    /// Returns its tree, to be changed. What was changed must not be taken away: the text does not have it.
    pub fn root_mut(&mut self) -> &mut Node {
        self.root();
        self.root.get_mut().unwrap_or_else(|| unreachable!("it was made above"))
    }

    /// Takes the tree away, to be used up, and packs the text: from now on both are wanted where something is wrong.
    pub fn take_root(&mut self) -> Node {
        self.root();
        self.text.pack();
        self.root.take().unwrap_or_else(|| unreachable!("it was made above"))
    }

    /// Whether the tree is there, and need not be made again.
    pub fn has_root(&self) -> bool {
        self.root.get().is_some()
    }

    /// Returns a stretch of the text; nothing for what is none.
    pub fn raw(&self, span: Span) -> String {
        self.text.read().get(span.start as usize..span.end as usize).unwrap_or_default().to_owned()
    }

    /// Returns where in a stretch a text stands letter by letter: all of it, or what is between two quotes.
    ///
    /// None for what is written in another way: behind an alias, as a block, or with escapes.
    pub fn spelled(&self, span: Span, text: &str) -> Option<Span> {
        let raw = self.raw(span);
        if raw == text && !text.is_empty() {
            return Some(span);
        }
        let inner = ['"', '\''].iter().find_map(|quote| raw.strip_prefix(*quote)?.strip_suffix(*quote))?;
        (inner == text).then_some(Span { start: span.start + 1, end: span.end - 1 })
    }

    /// Whether a name stands in the text just once, be it as a value, in a comment or in a command.
    pub fn names_once(&self, name: &str) -> bool {
        let text = self.text.read();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        let is_whole = |at: usize| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        };
        !name.is_empty() && text.match_indices(name).filter(|(at, _)| is_whole(*at)).count() == 1
    }

    /// Returns the place of a value, or of the key that leads to it.
    ///
    /// What the document does not have is placed at the nearest thing above it that it has.
    pub fn place(&self, path: &KeyPath, part: Part) -> Place {
        let (key, node) = self.root().follow(path);
        let followed = self.root().at(path).is_some();
        let span = match (part, key) {
            (Part::Key, Some(key)) => key.span,
            // Where the way ends early, the key that it got to is clearer than a whole block.
            (Part::Value, Some(key)) if !followed => key.span,
            _ => node.span,
        };
        Place { source: self.source, span }
    }
}
