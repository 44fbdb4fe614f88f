//! What was found of a copy, before it is judged.

use super::Problem;
use crate::effect::{Digests, Inspection, Listing, Measure};
use crate::probe::Integrity;
use crate::value::Moment;

/// What was found of a copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Why nobody could look, and what to do.
    pub(super) not_seen: Option<(String, String)>,
    /// The folder is not there.
    pub(super) missing: Option<String>,
    /// The folder as the system knows it.
    pub(super) folder: Option<String>,
    /// The points, the oldest first.
    pub(super) seen: Vec<Seen>,
    /// A probe of the whole copy was to list the points and has listed none.
    pub(super) seen_by_probe: bool,
    pub(super) unfinished: Vec<String>,
    pub(super) others: usize,
    /// Those that were looked into, the newest first.
    pub(super) looked: Vec<Looked>,
    /// What is wrong beside the points.
    pub(super) problems: Vec<Problem>,
    /// Why the secret could not be fetched.
    pub(super) no_key: Option<String>,
}

impl Found {
    /// Takes what a folder holds.
    pub(super) fn take(&mut self, listing: Listing) {
        self.unfinished = listing.unfinished;
        self.others = listing.others;
        self.folder = Some(listing.folder.display().to_string());
        self.seen.extend(listing.points.into_iter().map(|point| Seen {
            name: point.name,
            path: point.path.display().to_string(),
            time: Some(point.time),
            measure: point.measure,
        }));
    }
}

/// A point as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) time: Option<Moment>,
    pub(super) measure: Measure,
}

impl Seen {
    /// A point of a repository, of which only the moment is known.
    pub(super) fn at(time: Moment) -> Self {
        Self { name: String::new(), path: String::new(), time: Some(time), measure: Measure::default() }
    }
}

/// A point that was looked into.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) listed: Option<Moment>,
    pub(super) measure: Measure,
    pub(super) inspections: Vec<(String, Inspection)>,
    pub(super) digests: Digests,
    /// How far drplan itself has read it.
    pub(super) read: Integrity,
    /// Whether it is a repository with all of its points.
    pub(super) is_whole_copy: bool,
}
