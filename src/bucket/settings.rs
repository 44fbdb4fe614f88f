//! How a bucket is set up: versions, locks, and what it throws away by itself.

use super::answers::{
    LifecycleConfiguration, LifecycleXml, ObjectLockConfiguration, VersioningConfiguration, read,
};
use super::client::Question;
use super::listing::is_cold;
use super::protection::{Mode, mode_of};
use super::{Bucket, Fault};
use crate::value::{Length, Moment};

const DAY: u64 = 86_400;

/// Whether a bucket keeps what is overwritten and deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// It never has: what is overwritten is lost.
    Never,
    /// It does.
    Enabled,
    /// It has, and does no more: what is stored now is lost when it is overwritten.
    Suspended,
}

/// A bucket that can lock objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectLock {
    /// How new objects are locked if whoever stores them says nothing; without it they are not.
    pub default: Option<(Mode, Length)>,
}

/// When a rule does something to points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// So long after it was stored.
    After(Length),
    /// All that is there at this moment.
    At(Moment),
}

/// A rule by which a bucket throws away, or moves into cold storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Its name; may be empty.
    pub id: String,
    /// False for a rule that is switched off.
    pub is_enabled: bool,
    /// What the keys that it is for begin with.
    pub prefix: String,
    /// Whether it is only for objects with certain tags or sizes.
    pub is_narrowed: bool,
    /// When the newest version of a key goes; where versions are kept, it is hidden by a delete marker then.
    pub expires: Option<Due>,
    /// When the newest version of a key is moved to where no plain read gets it.
    pub cools: Option<Due>,
    /// How long after they were replaced or hidden older versions go for good.
    pub older_versions: Option<Length>,
    /// So many older versions are kept all the same.
    pub older_kept: u64,
}

impl LifecycleRule {
    /// Whether the rule is for keys under a prefix, all or some of them.
    pub fn is_for(&self, prefix: &str) -> bool {
        self.is_enabled && (prefix.starts_with(&self.prefix) || self.prefix.starts_with(prefix))
    }
}

impl Bucket {
    /// Asks whether versions are kept.
    ///
    /// # Errors
    ///
    /// As every question.
    pub fn versioning(&self) -> Result<Versioning, Fault> {
        let answer: VersioningConfiguration = read(&self.ask(&Question::of_bucket("versioning"))?)?;
        match answer.status.as_deref() {
            None | Some("") => Ok(Versioning::Never),
            Some("Enabled") => Ok(Versioning::Enabled),
            Some("Suspended") => Ok(Versioning::Suspended),
            Some(_) => Err(Fault::Malformed("its versioning is in no known state".to_owned())),
        }
    }

    /// Asks how the bucket locks objects; nothing if it cannot.
    ///
    /// # Errors
    ///
    /// As every question.
    pub fn object_lock(&self) -> Result<Option<ObjectLock>, Fault> {
        let answer = match self.ask(&Question::of_bucket("object-lock")) {
            Err(fault) if fault.means_no_lock() => return Ok(None),
            answer => answer?,
        };
        let answer: ObjectLockConfiguration = read(&answer)?;
        if answer.object_lock_enabled.as_deref() != Some("Enabled") {
            return Ok(None);
        }
        let default = answer.rule.and_then(|rule| rule.default_retention).map(|default| {
            let days = match (default.days, default.years) {
                (Some(days), _) => days,
                (None, years) => years.unwrap_or(0).saturating_mul(365),
            };
            Ok((mode_of(&default.mode)?, Length::from_secs(days.saturating_mul(DAY))))
        });
        Ok(Some(ObjectLock { default: default.transpose()? }))
    }

    /// Asks for the rules by which the bucket throws away.
    ///
    /// # Errors
    ///
    /// As every question.
    pub fn lifecycle(&self) -> Result<Vec<LifecycleRule>, Fault> {
        let answer = match self.ask(&Question::of_bucket("lifecycle")) {
            Err(Fault::Refused { code, .. }) if code == "NoSuchLifecycleConfiguration" => {
                return Ok(Vec::new());
            }
            answer => answer?,
        };
        let answer: LifecycleConfiguration = read(&answer)?;
        answer.rules.into_iter().map(rule_of).collect()
    }
}

fn rule_of(rule: LifecycleXml) -> Result<LifecycleRule, Fault> {
    let filter = rule.filter.unwrap_or_default();
    let parts = [Some(&filter), filter.and.as_deref()];
    let parts = || parts.iter().copied().flatten();
    let is_narrowed = parts().any(|part| {
        !part.tags.is_empty()
            || part.object_size_greater_than.is_some()
            || part.object_size_less_than.is_some()
    });
    let prefix = rule.prefix.or_else(|| parts().find_map(|part| part.prefix.clone()));
    let days = |days: u64| Length::from_secs(days.saturating_mul(DAY));
    let due = |count: Option<u64>, date: Option<String>| match (count, date) {
        (Some(count), _) => Ok(Some(Due::After(days(count)))),
        (None, Some(date)) => Ok(Some(Due::At(date.parse().map_err(Fault::Malformed)?))),
        (None, None) => Ok(None),
    };
    // One without either tidies up delete markers below which nothing is left.
    let expires = rule.expiration.map_or(Ok(None), |expiration| due(expiration.days, expiration.date))?;
    let to_cold = rule.transitions.into_iter().filter(|transition| is_cold(&transition.storage_class));
    let cools = to_cold.map(|transition| due(transition.days, transition.date));
    let cools = cools.collect::<Result<Vec<_>, Fault>>()?.into_iter().flatten().min();
    let older = rule.noncurrent_version_expiration;
    Ok(LifecycleRule {
        id: rule.id,
        is_enabled: rule.status == "Enabled",
        prefix: prefix.unwrap_or_default(),
        is_narrowed,
        expires,
        cools,
        older_kept: older.as_ref().and_then(|older| older.newer_noncurrent_versions).unwrap_or(0),
        older_versions: older.and_then(|older| older.noncurrent_days).map(days),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rules() {
        let answer: LifecycleConfiguration = read(
            br#"<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Rule><ID>a</ID><Status>Enabled</Status><Filter><And><Prefix>nightly/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>
              </And></Filter><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>
              <NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>
            <Rule><ID>b</ID><Status>Disabled</Status><Filter></Filter><Expiration><Date>2026-12-01T00:00:00Z</Date></Expiration></Rule>
            <Rule><ID>c</ID><Prefix>n</Prefix><Status>Enabled</Status><Expiration><Days>7</Days></Expiration>
              <Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>
              <Transition><Days>2</Days><StorageClass>GLACIER_IR</StorageClass></Transition>
              <Transition><Days>6</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>
              <Transition><Days>3</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>
            <Rule><ID>d</ID><Status>Enabled</Status><Filter><Prefix>weekly/</Prefix></Filter><Expiration>
              <ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>
            </LifecycleConfiguration>"#,
        )
        .unwrap();
        let rules: Vec<LifecycleRule> = answer.rules.into_iter().map(|rule| rule_of(rule).unwrap()).collect();
        let [a, b, c, d] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!((a.prefix.as_str(), a.is_narrowed, a.older_kept), ("nightly/", true, 2));
        assert_eq!(a.older_versions, Some(Length::from_secs(3 * DAY)));
        assert_eq!(b.expires, Some(Due::At("2026-12-01T00:00:00Z".parse().unwrap())));
        assert_eq!(c.expires, Some(Due::After(Length::from_secs(7 * DAY))));
        assert_eq!(d.expires, None);
        // What can be read at once is not cold.
        assert_eq!(c.cools, Some(Due::After(Length::from_secs(3 * DAY))));
        assert_eq!((a.cools, d.cools), (None, None));
        let fits = |prefix: &str| rules.iter().map(|rule| rule.is_for(prefix)).collect::<Vec<_>>();
        assert_eq!(fits("nightly/"), [true, false, true, false]);
        assert_eq!(fits(""), [true, false, true, true]);
    }
}
