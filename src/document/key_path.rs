//! The way from the root of a document to a value.

use std::fmt;
use std::sync::Arc;

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Into a mapping.
    Key(Arc<str>),
    /// Into a list.
    Index(usize),
}

/// The way from the root of a document to a value: keys and indices.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// Returns the way to the root itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Returns the way one key further.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// Returns the way one index further.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }

    /// Returns the steps of the way.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Reads a JSON Pointer (RFC 6901). A part of digits alone is taken as an index.
    pub fn from_pointer(pointer: &str) -> Self {
        let segment = |part: &str| match part.parse() {
            Ok(index) => Segment::Index(index),
            Err(_) => Segment::Key(part.replace("~1", "/").replace("~0", "~").into()),
        };
        Self(pointer.split('/').skip(1).map(segment).collect())
    }

    /// Returns the way as a JSON Pointer (RFC 6901).
    pub fn to_pointer(&self) -> String {
        self.0.iter().fold(String::new(), |pointer, segment| match segment {
            Segment::Key(key) => pointer + "/" + &key.replace('~', "~0").replace('/', "~1"),
            Segment::Index(index) => format!("{pointer}/{index}"),
        })
    }
}

/// The way from the root of a document to a value while that is walked over: it lies on the stack, and becomes a
/// [`KeyPath`] only where somebody is to see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trail<'t> {
    last: Option<(&'t Self, Leg<'t>)>,
}

#[derive(Clone, Copy, Debug)]
enum Leg<'t> {
    Key(&'t str),
    Index(usize),
}

impl Trail<'_> {
    /// Returns the way to the root itself.
    pub const fn root() -> Self {
        Self { last: None }
    }

    /// Returns the way one key further.
    #[must_use]
    pub const fn key<'s>(&'s self, key: &'s str) -> Trail<'s> {
        Trail { last: Some((self, Leg::Key(key))) }
    }

    /// Returns the way one index further.
    #[must_use]
    pub const fn index(&self, index: usize) -> Trail<'_> {
        Trail { last: Some((self, Leg::Index(index))) }
    }

    /// Returns the way to be kept.
    pub fn to_path(&self) -> KeyPath {
        let legs = std::iter::successors(self.last, |(before, _)| before.last).map(|(_, leg)| match leg {
            Leg::Key(key) => Segment::Key(key.into()),
            Leg::Index(index) => Segment::Index(index),
        });
        let mut segments: Vec<Segment> = legs.collect();
        segments.reverse();
        KeyPath(segments)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if at == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_like_the_file() {
        let path = KeyPath::root().key("steps").key("restore-db").key("needs").index(1);
        assert_eq!(path.to_string(), "steps.restore-db.needs[1]");
        assert_eq!(path.to_pointer(), "/steps/restore-db/needs/1");
        assert_eq!(Trail::root().key("steps").key("restore-db").key("needs").index(1).to_path(), path);
    }

    proptest! {
        #[test]
        fn pointer_and_back(keys in proptest::collection::vec("[a-z~/]{1,8}", 0..6), index in 0..9usize) {
            let path = keys.iter().fold(KeyPath::root(), |path, key| path.key(key)).index(index);
            prop_assert_eq!(KeyPath::from_pointer(&path.to_pointer()), path);
        }
    }
}
