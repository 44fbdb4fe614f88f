//! Puts the objects under an address together to recovery points.

use std::collections::BTreeMap;

use super::Version;
use crate::value::Moment;

/// An object with all its versions, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its versions and delete markers, the newest first; there is at least one.
    pub versions: Vec<Version>,
}

impl Object {
    /// Returns what a plain read meets; nothing if it is hidden by a delete marker.
    pub fn shown(&self) -> Option<&Version> {
        self.versions.first().filter(|version| !version.is_delete_marker)
    }

    /// Returns the newest version that has content, hidden or not.
    pub fn newest_content(&self) -> Option<&Version> {
        self.versions.iter().find(|version| !version.is_delete_marker)
    }
}

/// A recovery point in a bucket: an object right under the address, or all that lies in a folder there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPoint {
    /// Its name: what stands behind the address, up to the next `/`.
    pub name: String,
    /// The UTC time in its name.
    pub time: Option<Moment>,
    /// Its objects, by key.
    pub objects: Vec<Object>,
}

impl StoredPoint {
    /// Whether a delete marker hides any of it: whoever restores by the plain key does not find it.
    pub fn is_hidden(&self) -> bool {
        self.objects.iter().any(|object| object.shown().is_none())
    }

    /// Returns the size of all that a plain read meets, in bytes.
    pub fn size(&self) -> u64 {
        self.objects.iter().filter_map(Object::shown).map(|version| version.size).fold(0, u64::saturating_add)
    }

    /// Returns when the last of its content was stored.
    pub fn stored(&self) -> Option<Moment> {
        self.objects.iter().filter_map(Object::newest_content).map(|version| version.stored).max()
    }

    /// Returns the time of the point: that in its name, else when it was stored.
    pub fn moment(&self) -> Option<Moment> {
        self.time.or_else(|| self.stored())
    }
}

/// Puts versions under a prefix together to points, by name. What is still being written, and what has no content in any
/// version, is left out; so are the empty objects that stand for folders.
pub fn points_of(prefix: &str, versions: &[Version]) -> Vec<StoredPoint> {
    let mut points: BTreeMap<&str, BTreeMap<&str, Vec<Version>>> = BTreeMap::new();
    for version in versions {
        let Some(rest) = version.key.strip_prefix(prefix) else { continue };
        if rest.is_empty() || rest.ends_with('/') {
            continue;
        }
        let name = rest.split_once('/').map_or(rest, |(name, _)| name);
        if !is_unfinished(name) {
            points.entry(name).or_default().entry(&version.key).or_default().push(version.clone());
        }
    }
    points
        .into_iter()
        .map(|(name, objects)| StoredPoint {
            name: name.to_owned(),
            time: Moment::find_in(name),
            objects: objects
                .into_iter()
                .map(|(key, versions)| Object { key: key.to_owned(), versions })
                .filter(|object| object.newest_content().is_some())
                .collect(),
        })
        .filter(|point| !point.objects.is_empty())
        .collect()
}

/// Whether a name says that somebody is still writing it.
fn is_unfinished(name: &str) -> bool {
    let ends = |end: &str| name.to_ascii_lowercase().ends_with(end);
    name.is_empty() || name.starts_with('.') || ends(".tmp") || ends(".partial")
}
