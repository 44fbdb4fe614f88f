//! The tree.

use std::sync::Arc;

use super::{KeyPath, Segment};

/// A stretch of a text, in bytes: from `start` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The key; the same text is kept once for a document.
    pub text: Arc<str>,
    /// Where it is written.
    pub span: Span,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond the signed ones.
    UInt(u64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Str(Box<str>),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the order of the text.
    Map(Vec<(Key, Node)>),
}

/// A value, and where it is written; for an alias, where the alias is.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Where it is written.
    pub span: Span,
}

impl Node {
    /// Returns the value under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Returns a key and its value.
    pub fn entry(&self, key: &str) -> Option<(&Key, &Self)> {
        self.entries().iter().find(|(name, _)| &*name.text == key).map(|(name, value)| (name, value))
    }

    /// Returns the entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Seq(items) => items,
            _ => &[],
        }
    }

    /// Returns the text of a node that holds one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the node at a path, with the key that leads to it, as far as the path can be followed.
    pub(super) fn follow(&self, path: &KeyPath) -> (Option<&Key>, &Self) {
        let mut at = (None, self);
        for segment in path.segments() {
            let next = match segment {
                Segment::Key(key) => at.1.entry(key).map(|(key, value)| (Some(key), value)),
                Segment::Index(index) => at.1.items().get(*index).map(|item| (None, item)),
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// Returns the node at a path.
    pub fn at(&self, path: &KeyPath) -> Option<&Self> {
        path.segments().iter().try_fold(self, |node, segment| match segment {
            Segment::Key(key) => node.get(key),
            Segment::Index(index) => node.items().get(*index),
        })
    }

    /// Returns what the node is, for people.
    pub const fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::UInt(_) => "a whole number",
            Kind::Float(_) => "a number with a fraction",
            Kind::Str(_) => "a text",
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// Returns a copy as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => (*flag).into(),
            Kind::Int(number) => (*number).into(),
            Kind::UInt(number) => (*number).into(),
            Kind::Float(number) => serde_json::Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Kind::Str(text) => Value::String(text.to_string()),
            Kind::Seq(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|(key, value)| (key.text.to_string(), value.to_json())).collect()
            }
        }
    }
}
