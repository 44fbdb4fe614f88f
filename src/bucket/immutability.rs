//! Holds what a bucket says to what the plan promises.

use std::collections::BTreeMap;
use std::fmt;

use super::points::{Object, StoredPoint};
use super::protection::{Mode, Protection};
use super::settings::{Due, LifecycleRule, Versioning};
use super::{Fault, Storage, Survey, Version};
use crate::value::{Length, Moment};

/// A lock that ends so much early is not found fault with: clocks differ, and dates are cut to seconds.
const TOLERANCE: Length = Length::from_secs(60);

/// A schedule by local time has a day that is so much longer at most; no bucket moves a point to the second.
const CLOCK_CHANGE: Length = Length::from_secs(7_200);

/// What the plan says of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promise {
    /// How long after its time nobody can destroy a point.
    pub immutable: Option<Length>,
    /// Whether the plan names somebody who may lift it all the same, so that governance is enough.
    pub may_be_lifted: bool,
    /// How long each point is kept.
    pub keep_each: Option<Length>,
    /// How far back the oldest points reach.
    pub reach: Option<Length>,
    /// Whether all points are on legal hold.
    pub legal_hold: bool,
    /// How long the plan grants for getting a point back.
    pub fetch: Option<Length>,
    /// For how long at most a point is the newest one, by the schedule.
    pub newest_for: Option<Length>,
}

impl Promise {
    /// Whether the plan promises that a point cannot be destroyed at this moment.
    pub(super) fn needs_protection(&self, point: &StoredPoint, now: Moment) -> bool {
        self.legal_hold || self.promised_end(point).is_some_and(|end| end > now)
    }

    /// Whether a plain read does not get in time what lies there.
    fn is_slow(&self, storage: Storage) -> bool {
        storage.takes().is_some_and(|takes| self.fetch.is_none_or(|fetch| fetch < takes))
    }

    /// As [`Self::is_slow`], and nothing that can be paid for makes it faster.
    fn is_surely_slow(&self, storage: Storage) -> bool {
        self.is_slow(storage) && (self.fetch.is_none() || storage == Storage::Deep)
    }

    fn wait_for(&self, storage: Storage) -> String {
        let Some(fetch) = self.fetch else {
            return "which takes hours, and the copy has no `fetch`".to_owned();
        };
        let takes = if storage == Storage::Deep { "up to 12h" } else { "3h to 5h if it is not expedited" };
        format!("which takes {takes}, and the copy's `fetch` is {fetch}")
    }

    fn promised_end(&self, point: &StoredPoint) -> Option<Moment> {
        Some(point.moment()?.plus(self.immutable?))
    }
}

/// In which way a bucket does not keep a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weakness {
    /// A version can be destroyed by whoever may delete.
    NotLocked,
    /// It can be destroyed by whoever may bypass governance or lift a legal hold, and the plan names nobody.
    OnlyGovernance,
    /// Its lock ends before the plan says.
    LockEndsEarly,
    /// It is not on the legal hold that the plan says.
    NotHeld,
    /// A delete marker hides it.
    Hidden,
    /// Another content was stored over it.
    Overwritten,
    /// The bucket throws it away before the plan says.
    ThrownAway,
    /// It lies in cold storage, or will before the plan says, and the plan counts no time, or too little, for getting it back.
    Cold,
    /// It could not be found out.
    NotKnown,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// The promise is broken.
    Broken,
    /// Nobody can say whether it is kept; that is not a pass.
    Unknown,
    /// The promise is kept, but a person should look.
    Suspicious,
}

/// A promise that a bucket does not keep, or not for sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// In which way.
    pub weakness: Weakness,
    /// How bad it is.
    pub certainty: Certainty,
    /// The names of the points, the oldest first; empty where it is the whole bucket.
    pub points: Vec<String>,
    /// What is the matter, for people.
    pub why: String,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.points[..] {
            [] => f.write_str(&self.why),
            [one] => write!(f, "{one}: {}", self.why),
            [.., newest] => write!(f, "{} points, the newest {newest}: {}", self.points.len(), self.why),
        }
    }
}

/// Says which promises a bucket does not keep, the worst first.
pub fn judge(survey: &Survey, promise: &Promise) -> Vec<Concern> {
    let mut found = Found::default();
    if promise.immutable.is_some() || promise.legal_hold {
        if survey.object_lock == Ok(None) {
            found.add(
                Weakness::NotLocked,
                Certainty::Broken,
                None,
                "the bucket does not lock objects: whoever may delete can destroy every point",
            );
        } else {
            for point in survey.points.iter().filter(|point| promise.needs_protection(point, survey.asked)) {
                for object in &point.objects {
                    hold(survey, promise, point, object, &mut found);
                }
            }
        }
    }
    hidden(survey, promise, &mut found);
    lifecycle(survey, promise, &mut found);
    cold(survey, promise, &mut found);
    cooling(survey, promise, &mut found);
    found.into_concerns()
}

fn hold(survey: &Survey, promise: &Promise, point: &StoredPoint, object: &Object, found: &mut Found) {
    let Some(version) = object.newest_content() else { return };
    let protection = match survey.protection(version) {
        Ok(protection) => protection,
        Err(fault) => {
            let why = format!("whether it is locked cannot be found out: {fault}");
            return found.add(Weakness::NotKnown, Certainty::Unknown, Some(point), &why);
        }
    };
    if promise.legal_hold && !protection.legal_hold {
        let why = "the plan says that it is on legal hold, and it is not";
        found.add(Weakness::NotHeld, Certainty::Broken, Some(point), why);
    }
    if let Some(end) = promise.promised_end(point).filter(|end| *end > survey.asked)
        && let Some((weakness, why)) = lock_weakness(protection, end, promise.may_be_lifted)
    {
        found.add(weakness, Certainty::Broken, Some(point), &why);
    }
    let differs = |older: &&Version| older.etag != version.etag || older.size != version.size;
    let mut older = object.versions.iter().filter(|older| !older.is_delete_marker && older.id != version.id);
    if older.any(|older| differs(&older)) {
        let why = "another content was stored over one of its objects; the versions below are still there";
        found.add(Weakness::Overwritten, Certainty::Suspicious, Some(point), why);
    }
}

/// Says what is wrong with the lock of one version that must hold until `end`.
fn lock_weakness(protection: Protection, end: Moment, may_be_lifted: bool) -> Option<(Weakness, String)> {
    let Some(retention) = protection.retention else {
        return match (protection.legal_hold, may_be_lifted) {
            (true, true) => None,
            (true, false) => Some((
                Weakness::OnlyGovernance,
                "nothing but a legal hold keeps it, which whoever set it can lift".to_owned(),
            )),
            (false, _) => {
                Some((Weakness::NotLocked, "it is not locked: whoever may delete can destroy it".to_owned()))
            }
        };
    };
    if retention.mode == Mode::Governance && !may_be_lifted {
        let why = "it is locked in governance mode: whoever may bypass that can destroy it today";
        return Some((Weakness::OnlyGovernance, why.to_owned()));
    }
    if retention.until.plus(TOLERANCE) < end && !(protection.legal_hold && may_be_lifted) {
        let why =
            format!("its lock ends {}, the plan says {}", retention.until.for_people(), end.for_people());
        return Some((Weakness::LockEndsEarly, why));
    }
    None
}

/// Looks for delete markers: whoever restores by the plain key finds nothing, though all is still there.
fn hidden(survey: &Survey, promise: &Promise, found: &mut Found) {
    let newest = survey.points.last().map(|point| &point.name);
    for point in survey.points.iter().filter(|point| point.is_hidden()) {
        let kept = point.moment().zip(promise.keep_each).map(|(moment, keep)| moment.plus(keep));
        let is_due = kept.is_some_and(|until| until > survey.asked);
        // What is past its time is hidden in good order; and of generations nobody can say which is missed.
        if !is_due && Some(&point.name) != newest {
            continue;
        }
        let mut why =
            "a delete marker hides it: a restore by its key finds nothing; its versions are still there"
                .to_owned();
        let rules = survey.lifecycle.as_deref().unwrap_or_default();
        let ends = rules
            .iter()
            .filter(|rule| rule.is_for(&survey.prefix))
            .filter_map(|rule| rule.older_versions)
            .min();
        if let Some(after) = ends {
            why.push_str(&format!(", and unless they are locked the bucket destroys them {after} after"));
        }
        found.add(Weakness::Hidden, Certainty::Broken, Some(point), &why);
    }
}

/// Looks for points that no plain read gets.
fn cold(survey: &Survey, promise: &Promise, found: &mut Found) {
    let newest = survey.points.last().map(|point| &point.name);
    for point in &survey.points {
        let shown = point.objects.iter().filter_map(Object::shown).map(|version| version.storage);
        let Some(storage) = shown.max().filter(|storage| promise.is_slow(*storage)) else { continue };
        let why = format!(
            "it lies in cold storage: a read is refused until it was fetched back, {}",
            promise.wait_for(storage)
        );
        let is_newest = Some(&point.name) == newest;
        let certainty = if is_newest && promise.is_surely_slow(storage) {
            Certainty::Broken
        } else {
            Certainty::Suspicious
        };
        found.add(Weakness::Cold, certainty, Some(point), &why);
    }
}

/// Looks for rules by which the bucket moves points into cold storage while the plan wants to read them.
fn cooling(survey: &Survey, promise: &Promise, found: &mut Found) {
    let rules = survey.lifecycle.as_deref().unwrap_or_default();
    for rule in rules.iter().filter(|rule| rule.is_for(&survey.prefix)) {
        let named = name_of(rule);
        if let Some((due, into)) = rule.cools.iter().copied().find(|(_, into)| promise.is_slow(*into)) {
            let (after, when) = match due {
                Due::After(after) => (Some(after), format!("{after} after they were stored")),
                Due::At(moment) => (None, format!("on {}", moment.for_people())),
            };
            let what = format!("{named} moves points into cold storage {when}");
            moved(promise, &what, after, into, rule.is_narrowed, found);
        }
        older_cool(survey, promise, rule, found);
    }
    archived(survey, promise, found);
}

/// Adds that points are moved so long after they were stored (or all at one moment), unless the plan wants them no more by then.
fn moved(
    promise: &Promise,
    what: &str,
    after: Option<Length>,
    into: Storage,
    is_narrowed: bool,
    found: &mut Found,
) {
    let is_of_newest = after.is_none_or(|after| {
        promise.newest_for.is_some_and(|lasts| after.saturating_add(CLOCK_CHANGE) < lasts)
    });
    let reach = promise.reach.max(promise.keep_each);
    let is_wanted = after.is_none_or(|after| reach.is_some_and(|reach| after < reach));
    if !is_of_newest && !is_wanted {
        return;
    }
    let also = if is_of_newest { ", the newest too" } else { "" };
    let why = format!(
        "{what}{also}: a read is refused then until they were fetched back, {}",
        promise.wait_for(into)
    );
    let is_broken = is_of_newest && !is_narrowed && promise.is_surely_slow(into);
    let certainty = if is_broken { Certainty::Broken } else { Certainty::Suspicious };
    found.add(Weakness::Cold, certainty, None, &why);
}

/// Looks at what becomes of what an intruder has hidden or overwritten: the lock keeps it, and a move takes it out of reach.
fn older_cool(survey: &Survey, promise: &Promise, rule: &LifecycleRule, found: &mut Found) {
    let slow = rule.older_cool.iter().copied().find(|(_, into)| promise.is_slow(*into));
    let (Some((after, into)), true) = (slow, survey.versioning != Ok(Versioning::Never)) else { return };
    let is_wanted = promise.legal_hold || promise.immutable.is_some_and(|immutable| after < immutable);
    let named = name_of(rule);
    if is_wanted {
        let why = format!(
            "{named} moves what was overwritten or hidden into cold storage {after} after: a restore of these versions waits until they were fetched back, {}",
            promise.wait_for(into)
        );
        found.add(Weakness::Cold, Certainty::Suspicious, None, &why);
    }
}

/// Looks for what archives points in Intelligent-Tiering; without such a configuration they can all be read at once.
fn archived(survey: &Survey, promise: &Promise, found: &mut Found) {
    let Some(enters) = survey.enters_tiering() else { return };
    let rules = match &survey.tiering {
        Ok(rules) => rules,
        Err(Fault::NotSupported) => return,
        Err(fault) => {
            let why =
                format!("whether the bucket archives what nobody has read cannot be found out: {fault}");
            return found.add(Weakness::NotKnown, Certainty::Suspicious, None, &why);
        }
    };
    for rule in rules.iter().filter(|rule| rule.is_for(&survey.prefix)) {
        if let Some((unread, into)) = rule.archives.iter().copied().find(|(_, into)| promise.is_slow(*into)) {
            let named = rule.id.escape_debug();
            let what = format!(
                "the Intelligent-Tiering configuration `{named}` archives points that nobody has read for {unread}"
            );
            moved(promise, &what, Some(enters.saturating_add(unread)), into, rule.is_narrowed, found);
        }
    }
}

/// Looks for rules by which the bucket throws points away before the plan says.
fn lifecycle(survey: &Survey, promise: &Promise, found: &mut Found) {
    let Some(reach) = promise.reach.max(promise.keep_each) else { return };
    let rules = match &survey.lifecycle {
        Ok(rules) => rules,
        Err(Fault::NotSupported) => return,
        Err(fault) => {
            let why = format!("whether the bucket throws points away by itself cannot be found out: {fault}");
            return found.add(Weakness::NotKnown, Certainty::Suspicious, None, &why);
        }
    };
    for rule in rules.iter().filter(|rule| rule.is_for(&survey.prefix)) {
        let does = if survey.versioning == Ok(Versioning::Never) { "destroys" } else { "hides" };
        let named = name_of(rule);
        let why = match rule.expires {
            Some(Due::After(after)) if after < reach => {
                format!(
                    "{named} {does} points {after} after they were stored; the plan keeps them for {reach}"
                )
            }
            Some(Due::At(moment)) => format!("{named} {does} all points on {}", moment.for_people()),
            _ => continue,
        };
        let certainty = if rule.is_narrowed { Certainty::Suspicious } else { Certainty::Broken };
        found.add(Weakness::ThrownAway, certainty, None, &why);
    }
}

fn name_of(rule: &LifecycleRule) -> String {
    if rule.id.is_empty() {
        "a lifecycle rule without a name".to_owned()
    } else {
        format!("the lifecycle rule `{}`", rule.id.escape_debug())
    }
}

/// What was found, put together: one concern for all points that it is true of.
#[derive(Default)]
struct Found(BTreeMap<(Certainty, Weakness, String), Vec<String>>);

impl Found {
    fn add(&mut self, weakness: Weakness, certainty: Certainty, point: Option<&StoredPoint>, why: &str) {
        // Each point has its own dates; the first stands for all.
        let whys = self.0.range((certainty, weakness, String::new())..);
        let same = whys.map(|(key, _)| key).find(|key| (key.0, key.1) == (certainty, weakness)).cloned();
        let key = match (same, point) {
            (Some(same), Some(_)) if weakness != Weakness::NotKnown => same,
            _ => (certainty, weakness, why.to_owned()),
        };
        let points = self.0.entry(key).or_default();
        if let Some(point) = point
            && points.last() != Some(&point.name)
        {
            points.push(point.name.clone());
        }
    }

    fn into_concerns(self) -> Vec<Concern> {
        let concerns = self.0.into_iter().map(|((certainty, weakness, why), points)| Concern {
            weakness,
            certainty,
            points,
            why,
            help: help(weakness),
        });
        concerns.collect()
    }
}

const fn help(weakness: Weakness) -> &'static str {
    match weakness {
        Weakness::NotLocked => {
            "make a bucket with Object Lock and a default retention in compliance mode, or take `immutable` from the plan"
        }
        Weakness::OnlyGovernance => {
            "lock in compliance mode, or name in `immutable: { for, except: […] }` whose login may lift it"
        }
        Weakness::LockEndsEarly => "make the default retention of the bucket as long as `immutable`",
        Weakness::NotHeld => "set the legal hold on every object, or take `legal_hold` from the plan",
        Weakness::Hidden => {
            "find out who deleted it; remove the delete marker by its version to show the point again"
        }
        Weakness::Overwritten => {
            "compare the versions before you trust the newest; a backup has no reason to be written twice"
        }
        Weakness::ThrownAway => "make the rule as long as `keep`, or narrow it to another prefix",
        Weakness::Cold => {
            "say in `fetch` how long getting it back takes, or keep the newest points where they can be read at once"
        }
        Weakness::NotKnown => {
            "give the key s3:GetBucketObjectLockConfiguration, s3:GetObjectRetention, s3:GetObjectLegalHold, s3:GetLifecycleConfiguration and s3:GetIntelligentTieringConfiguration"
        }
    }
}
