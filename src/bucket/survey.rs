//! Asks a bucket all that the promises of a copy depend on.

use std::collections::BTreeMap;

use super::immutability::Promise;
use super::points::{StoredPoint, points_of};
use super::protection::Protection;
use super::settings::{Due, LifecycleRule, ObjectLock, TieringRule, Versioning};
use super::{Bucket, Fault, Object, Storage, Version};
use crate::value::{Length, Moment};

/// For more versions than this the bucket is not asked one by one.
const MOST_ASKED: usize = 4_000;

/// What a bucket says of a copy's points, as of one moment.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Where the points lie.
    pub prefix: String,
    /// When it was asked.
    pub asked: Moment,
    /// The points, the oldest first.
    pub points: Vec<StoredPoint>,
    /// Whether the bucket keeps versions.
    pub versioning: Result<Versioning, Fault>,
    /// How it locks; nothing if it cannot. Not asked where the plan promises no lock.
    pub object_lock: Result<Option<ObjectLock>, Fault>,
    /// What it throws away by itself.
    pub lifecycle: Result<Vec<LifecycleRule>, Fault>,
    /// By what it archives what lies in Intelligent-Tiering. Not asked where nothing does, or will.
    pub tiering: Result<Vec<TieringRule>, Fault>,
    /// What keeps versions from being destroyed, by key and version: those that the plan promises to be kept.
    pub protections: BTreeMap<(String, Option<String>), Result<Protection, Fault>>,
}

impl Survey {
    /// Asks the bucket. Changes nothing there.
    ///
    /// # Errors
    ///
    /// If the points cannot be listed. What else cannot be found out is part of the survey.
    pub fn take(bucket: &Bucket, promise: &Promise) -> Result<Self, Fault> {
        let prefix = bucket.address().prefix.clone();
        let mut points = points_of(&prefix, &bucket.versions()?);
        points.sort_by(|a, b| a.moment().cmp(&b.moment()).then_with(|| a.name.cmp(&b.name)));
        let asked = bucket.now();
        let needs_lock = promise.immutable.is_some() || promise.legal_hold;
        let object_lock = if needs_lock { bucket.object_lock() } else { Ok(None) };
        let mut protections = BTreeMap::new();
        // A bucket that cannot lock answers for all that lies in it.
        if needs_lock && object_lock != Ok(None) {
            let held: Vec<&Version> = points
                .iter()
                // Of too many, the newest are looked at.
                .rev()
                .filter(|point| promise.needs_protection(point, asked))
                .flat_map(|point| &point.objects)
                .filter_map(super::Object::newest_content)
                .take(MOST_ASKED)
                .collect();
            let answers = bucket.protections(&held);
            let keys = held.iter().map(|version| (version.key.clone(), version.id.clone()));
            protections = keys.zip(answers).collect();
        }
        let lifecycle = bucket.lifecycle();
        let is_tiering = enters_tiering(&prefix, &points, &lifecycle).is_some();
        let tiering = if is_tiering { bucket.tiering() } else { Ok(Vec::new()) };
        Ok(Self {
            prefix,
            asked,
            points,
            versioning: bucket.versioning(),
            object_lock,
            lifecycle,
            tiering,
            protections,
        })
    }

    /// How long after they were stored points lie in Intelligent-Tiering; nothing if they never do.
    pub(super) fn enters_tiering(&self) -> Option<Length> {
        enters_tiering(&self.prefix, &self.points, &self.lifecycle)
    }

    pub(super) fn protection(&self, version: &Version) -> Result<Protection, Fault> {
        let key = (version.key.clone(), version.id.clone());
        let not_asked =
            || Err(Fault::TooMuch(format!("more than {MOST_ASKED} versions would have to be asked")));
        self.protections.get(&key).cloned().unwrap_or_else(not_asked)
    }
}

fn enters_tiering(
    prefix: &str,
    points: &[StoredPoint],
    lifecycle: &Result<Vec<LifecycleRule>, Fault>,
) -> Option<Length> {
    let shown = points.iter().flat_map(|point| &point.objects).filter_map(Object::shown);
    if shown.into_iter().any(|version| version.storage == Storage::Tiering) {
        return Some(Length::ZERO);
    }
    let rules = lifecycle.as_deref().unwrap_or_default().iter().filter(|rule| rule.is_for(prefix));
    let moves = rules.flat_map(|rule| &rule.cools).filter(|(_, into)| *into == Storage::Tiering);
    let after = moves.map(|(due, _)| match due {
        Due::After(after) => *after,
        Due::At(_) => Length::ZERO,
    });
    after.min()
}
