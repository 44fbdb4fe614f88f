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
}
