//! How a bucket is set up: versions, locks, and what it throws away by itself.

use super::answers::{
    LifecycleConfiguration, LifecycleFilter, LifecycleXml, ObjectLockConfiguration, TieringPage, TieringXml,
    VersioningConfiguration, read,
};
use super::client::Question;
use super::protection::{Mode, mode_of};
use super::{Bucket, Fault, Storage};
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
    /// When the newest version of a key is moved to where it may take time to read it, the first move first.
    pub cools: Vec<(Due, Storage)>,
    /// How long after they were replaced or hidden older versions go for good.
    pub older_versions: Option<Length>,
    /// So many older versions are kept all the same.
    pub older_kept: u64,
    /// How long after they were replaced or hidden older versions are moved, the first move first.
    pub older_cool: Vec<(Length, Storage)>,
}

/// By what a bucket archives what lies in Intelligent-Tiering and was not read for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TieringRule {
    /// Its name.
    pub id: String,
    /// False for one that is switched off.
    pub is_enabled: bool,
    /// What the keys that it is for begin with.
    pub prefix: String,
    /// Whether it is only for objects with certain tags.
    pub is_narrowed: bool,
    /// How long nobody has read what is archived, the shortest first.
    pub archives: Vec<(Length, Storage)>,
}

impl TieringRule {
    /// Whether it is for keys under a prefix, all or some of them.
    pub fn is_for(&self, prefix: &str) -> bool {
        self.is_enabled && meets(&self.prefix, prefix)
    }
}

impl LifecycleRule {
    /// Whether the rule is for keys under a prefix, all or some of them.
    pub fn is_for(&self, prefix: &str) -> bool {
        self.is_enabled && meets(&self.prefix, prefix)
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

    /// Asks by what the bucket archives what lies in Intelligent-Tiering.
    ///
    /// # Errors
    ///
    /// As every question.
    pub fn tiering(&self) -> Result<Vec<TieringRule>, Fault> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let question = Question::of_bucket("intelligent-tiering");
            let page: TieringPage = read(&self.ask(&match &after {
                Some(after) => question.with("continuation-token", after.as_str()),
                None => question,
            })?)?;
            if page.name.is_some() {
                return Err(Fault::NotSupported);
            }
            found.extend(page.configurations.into_iter().map(tiering_of));
            if !page.is_truncated {
                return Ok(found);
            }
            // Without this a faulty server could be asked for ever.
            if page.next_continuation_token.is_none() || page.next_continuation_token == after {
                return Err(Fault::Malformed("its list does not go on where it says".to_owned()));
            }
            after = page.next_continuation_token;
        }
    }
}

/// Whether one of two prefixes begins with the other.
fn meets(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

const fn days(days: u64) -> Length {
    Length::from_secs(days.saturating_mul(DAY))
}

/// Says for which keys a filter is: their prefix, and whether not for all of these.
fn scope_of(filter: Option<LifecycleFilter>) -> (Option<String>, bool) {
    let filter = filter.unwrap_or_default();
    let parts = [Some(&filter), filter.and.as_deref()];
    let parts = || parts.iter().copied().flatten();
    let is_narrowed = parts().any(|part| {
        !part.tags.is_empty()
            || part.object_size_greater_than.is_some()
            || part.object_size_less_than.is_some()
    });
    (parts().find_map(|part| part.prefix.clone()), is_narrowed)
}

fn tiering_of(rule: TieringXml) -> TieringRule {
    let (prefix, is_narrowed) = scope_of(rule.filter);
    let archives =
        rule.tierings.iter().map(|tiering| (days(tiering.days), Storage::of(&tiering.access_tier)));
    let mut archives: Vec<_> = archives.collect();
    archives.sort_unstable();
    TieringRule {
        id: rule.id,
        is_enabled: rule.status == "Enabled",
        prefix: prefix.unwrap_or_default(),
        is_narrowed,
        archives,
    }
}

fn rule_of(rule: LifecycleXml) -> Result<LifecycleRule, Fault> {
    let (prefix, is_narrowed) = scope_of(rule.filter);
    let prefix = rule.prefix.or(prefix);
    let due = |count: Option<u64>, date: Option<String>| match (count, date) {
        (Some(count), _) => Ok(Some(Due::After(days(count)))),
        (None, Some(date)) => Ok(Some(Due::At(date.parse().map_err(Fault::Malformed)?))),
        (None, None) => Ok(None),
    };
    // One without either tidies up delete markers below which nothing is left.
    let expires = rule.expiration.map_or(Ok(None), |expiration| due(expiration.days, expiration.date))?;
    let mut cools = Vec::new();
    for transition in rule.transitions {
        let into = Storage::of(&transition.storage_class);
        cools.extend(due(transition.days, transition.date)?.map(|due| (due, into)));
    }
    cools.retain(|(_, into)| *into != Storage::Quick);
    cools.sort_unstable();
    let older_cool = rule.noncurrent_version_transitions.into_iter().filter_map(|transition| {
        // What is written once has one older version at most: it stays where it is.
        let is_for_one = transition.newer_noncurrent_versions.unwrap_or(0) == 0;
        Some((
            days(transition.noncurrent_days.filter(|_| is_for_one)?),
            Storage::of(&transition.storage_class),
        ))
    });
    let mut older_cool: Vec<_> = older_cool.collect();
    older_cool.sort_unstable();
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
        older_cool,
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
              <Transition><Days>3</Days><StorageClass>GLACIER</StorageClass></Transition>
              <NoncurrentVersionTransition><NoncurrentDays>2</NoncurrentDays><StorageClass>DEEP_ARCHIVE</StorageClass>
              </NoncurrentVersionTransition><NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays>
              <NewerNoncurrentVersions>1</NewerNoncurrentVersions><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition></Rule>
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
        let cools =
            [(3, Storage::Flexible), (6, Storage::Deep)].map(|(at, into)| (Due::After(days(at)), into));
        assert_eq!(c.cools, cools);
        assert_eq!(c.older_cool, [(days(2), Storage::Deep)]);
        assert!(a.cools.is_empty() && d.cools.is_empty() && d.older_cool.is_empty());
        let fits = |prefix: &str| rules.iter().map(|rule| rule.is_for(prefix)).collect::<Vec<_>>();
        assert_eq!(fits("nightly/"), [true, false, true, false]);
        assert_eq!(fits(""), [true, false, true, true]);
    }

    #[test]
    fn reads_what_intelligent_tiering_archives() {
        let page: TieringPage = read(
            br#"<ListBucketIntelligentTieringConfigurationsOutput xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <IntelligentTieringConfiguration><Id>slow</Id><Filter><And><Prefix>nightly/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>
              </And></Filter><Status>Enabled</Status><Tiering><Days>180</Days><AccessTier>DEEP_ARCHIVE_ACCESS</AccessTier></Tiering>
              <Tiering><Days>90</Days><AccessTier>ARCHIVE_ACCESS</AccessTier></Tiering></IntelligentTieringConfiguration>
            <IntelligentTieringConfiguration><Id>off</Id><Status>Disabled</Status><Tiering><Days>90</Days>
              <AccessTier>ARCHIVE_ACCESS</AccessTier></Tiering></IntelligentTieringConfiguration>
            <IsTruncated>false</IsTruncated></ListBucketIntelligentTieringConfigurationsOutput>"#,
        )
        .unwrap();
        let rules: Vec<TieringRule> = page.configurations.into_iter().map(tiering_of).collect();
        assert_eq!(rules[0].archives, [(days(90), Storage::Flexible), (days(180), Storage::Deep)]);
        assert!(rules[0].is_narrowed && rules[0].is_for("nightly/") && !rules[0].is_for("weekly/"));
        assert!(!rules[1].is_for("nightly/"), "{rules:?}");
    }
}
