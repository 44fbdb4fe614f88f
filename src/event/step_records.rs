//! What is known of the nodes of a route, where of most of them nothing is known for long.

use std::ops::Index;
use std::sync::LazyLock;

use super::StepRecord;

/// What is known of the nodes of a route, by position. A run of ten thousand steps begins with ten thousand of which nothing is
/// known: a record is made when the first thing happens at its node.
#[derive(Clone, Debug, Default)]
pub struct StepRecords(Vec<Held>);

static NOTHING: LazyLock<StepRecord> = LazyLock::new(StepRecord::default);

type Held = Option<Box<StepRecord>>;

/// What is known of each node, in turn.
type Iter<'a> = std::iter::Map<std::slice::Iter<'a, Held>, fn(&'a Held) -> &'a StepRecord>;

fn known(record: &Held) -> &StepRecord {
    record.as_deref().unwrap_or(&NOTHING)
}

impl StepRecords {
    /// Makes so many records of nodes of which nothing is known.
    pub(super) fn unknown(count: usize) -> Self {
        Self(vec![None; count])
    }

    /// Returns for how many nodes there are records.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what is known of a node, if there is such a node.
    pub fn get(&self, at: usize) -> Option<&StepRecord> {
        self.0.get(at).map(known)
    }

    /// Returns what is known of each node.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(known as fn(&Held) -> &StepRecord)
    }

    /// Adds a node.
    pub(super) fn push(&mut self, record: StepRecord) {
        self.0.push(Some(Box::new(record)));
    }

    /// Returns the record of a node at which something happens.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub(super) fn at_mut(&mut self, at: usize) -> &mut StepRecord {
        self.0[at].get_or_insert_default()
    }
}

impl Index<usize> for StepRecords {
    type Output = StepRecord;

    fn index(&self, at: usize) -> &StepRecord {
        known(&self.0[at])
    }
}

impl<'a> IntoIterator for &'a StepRecords {
    type Item = &'a StepRecord;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
