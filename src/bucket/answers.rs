//! The XML of answers, as types.
//!
//! Formats: the "Response Syntax" of each call in the Amazon S3 API Reference (2006-03-01). Elements that are not read
//! here are passed over, so that what servers add does no harm.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Fault;

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::Malformed("it is not UTF-8".to_owned()))?;
    // A server of another kind (a login page, a proxy) answers with 200 too.
    quick_xml::de::from_str(text)
        .map_err(|_| Fault::Malformed("its XML is not what was asked for".to_owned()))
}

/// Why the server refused.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) region: Option<String>,
}

/// A page of `ListObjectVersions`.
#[derive(Debug, Deserialize)]
#[serde(rename = "ListVersionsResult", rename_all = "PascalCase")]
pub(super) struct VersionPage {
    /// No answer to this question is without it.
    pub(super) name: String,
    #[serde(default)]
    pub(super) is_truncated: bool,
    #[serde(default)]
    pub(super) encoding_type: Option<String>,
    #[serde(default)]
    pub(super) next_key_marker: Option<String>,
    #[serde(default)]
    pub(super) next_version_id_marker: Option<String>,
    #[serde(default, rename = "Version")]
    pub(super) versions: Vec<ListedVersion>,
    #[serde(default, rename = "DeleteMarker")]
    pub(super) delete_markers: Vec<ListedVersion>,
}

/// A version, or a delete marker, which has no size.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedVersion {
    pub(super) key: String,
    #[serde(default)]
    pub(super) version_id: Option<String>,
    #[serde(default)]
    pub(super) is_latest: bool,
    pub(super) last_modified: String,
    #[serde(default)]
    pub(super) size: u64,
    #[serde(default, rename = "ETag")]
    pub(super) etag: Option<String>,
    #[serde(default)]
    pub(super) storage_class: Option<String>,
}

/// The answer of `GetBucketVersioning`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersioningConfiguration {
    #[serde(default)]
    pub(super) status: Option<String>,
}

/// The answer of `GetObjectLockConfiguration`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ObjectLockConfiguration {
    #[serde(default)]
    pub(super) object_lock_enabled: Option<String>,
    #[serde(default)]
    pub(super) rule: Option<LockRule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LockRule {
    #[serde(default)]
    pub(super) default_retention: Option<DefaultRetention>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DefaultRetention {
    pub(super) mode: String,
    #[serde(default)]
    pub(super) days: Option<u64>,
    #[serde(default)]
    pub(super) years: Option<u64>,
}

/// The answer of `GetObjectRetention`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ObjectRetention {
    #[serde(default)]
    pub(super) mode: Option<String>,
    #[serde(default)]
    pub(super) retain_until_date: Option<String>,
}

/// The answer of `GetObjectLegalHold`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LegalHold {
    #[serde(default)]
    pub(super) status: Option<String>,
}

/// The answer of `GetBucketLifecycleConfiguration`.
#[derive(Debug, Deserialize)]
pub(super) struct LifecycleConfiguration {
    #[serde(default, rename = "Rule")]
    pub(super) rules: Vec<LifecycleXml>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LifecycleXml {
    #[serde(default, rename = "ID")]
    pub(super) id: String,
    pub(super) status: String,
    /// Where rules of the first kind have it.
    #[serde(default)]
    pub(super) prefix: Option<String>,
    #[serde(default)]
    pub(super) filter: Option<LifecycleFilter>,
    #[serde(default)]
    pub(super) expiration: Option<Expiration>,
    #[serde(default, rename = "Transition")]
    pub(super) transitions: Vec<Transition>,
    #[serde(default)]
    pub(super) noncurrent_version_expiration: Option<NoncurrentExpiration>,
    #[serde(default, rename = "NoncurrentVersionTransition")]
    pub(super) noncurrent_version_transitions: Vec<NoncurrentTransition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LifecycleFilter {
    #[serde(default)]
    pub(super) prefix: Option<String>,
    #[serde(default)]
    pub(super) and: Option<Box<Self>>,
    #[serde(default, rename = "Tag")]
    pub(super) tags: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(super) object_size_greater_than: Option<u64>,
    #[serde(default)]
    pub(super) object_size_less_than: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Expiration {
    #[serde(default)]
    pub(super) days: Option<u64>,
    #[serde(default)]
    pub(super) date: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Transition {
    #[serde(default)]
    pub(super) days: Option<u64>,
    #[serde(default)]
    pub(super) date: Option<String>,
    pub(super) storage_class: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NoncurrentExpiration {
    #[serde(default)]
    pub(super) noncurrent_days: Option<u64>,
    #[serde(default)]
    pub(super) newer_noncurrent_versions: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NoncurrentTransition {
    #[serde(default)]
    pub(super) noncurrent_days: Option<u64>,
    #[serde(default)]
    pub(super) newer_noncurrent_versions: Option<u64>,
    pub(super) storage_class: String,
}

/// A page of `ListBucketIntelligentTieringConfigurations`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TieringPage {
    /// A server that does not know the question lists the bucket, which it names.
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) is_truncated: bool,
    #[serde(default)]
    pub(super) next_continuation_token: Option<String>,
    #[serde(default, rename = "IntelligentTieringConfiguration")]
    pub(super) configurations: Vec<TieringXml>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TieringXml {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) filter: Option<LifecycleFilter>,
    #[serde(default, rename = "Tiering")]
    pub(super) tierings: Vec<Tiering>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tiering {
    pub(super) access_tier: String,
    pub(super) days: u64,
}
