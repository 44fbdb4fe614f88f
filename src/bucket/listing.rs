//! What lies in a bucket, version by version.

use percent_encoding::percent_decode_str;

use super::answers::{ListedVersion, VersionPage, read};
use super::client::Question;
use super::{Bucket, Fault, Storage};
use crate::value::Moment;

/// More versions than this are not held in memory.
const MOST: usize = 500_000;

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The object's key.
    pub key: String,
    /// The version; nothing where the bucket has never kept versions.
    pub id: Option<String>,
    /// Whether a plain read of the key meets this version.
    pub is_newest: bool,
    /// Whether it says "deleted": what lies below is still there.
    pub is_delete_marker: bool,
    /// In bytes.
    pub size: u64,
    /// When the server stored it.
    pub stored: Moment,
    /// The server's digest: MD5 where the object came in one piece without KMS.
    pub etag: Option<String>,
    /// How soon it can be read.
    pub storage: Storage,
}

impl Bucket {
    /// Lists all versions and delete markers under the address, in the order of the keys, the newest of each key first.
    ///
    /// # Errors
    ///
    /// As every question; and if there are more than 500,000.
    pub fn versions(&self) -> Result<Vec<Version>, Fault> {
        self.versions_in_pages(1000)
    }

    /// As [`Bucket::versions`], with another size of page.
    ///
    /// # Errors
    ///
    /// As [`Bucket::versions`].
    pub fn versions_in_pages(&self, page: u16) -> Result<Vec<Version>, Fault> {
        let mut found = Vec::new();
        let mut marker: Option<(String, String)> = None;
        loop {
            let mut question = Question::of_bucket("versions")
                .with("encoding-type", "url")
                .with("max-keys", page.to_string())
                .with("prefix", self.address().prefix.as_str());
            if let Some((key, id)) = &marker {
                question = question.with("key-marker", key.as_str());
                if !id.is_empty() {
                    question = question.with("version-id-marker", id.as_str());
                }
            }
            let page: VersionPage = read(&self.ask(&question)?)?;
            if page.name != self.address().bucket {
                return Err(Fault::Malformed("it lists another bucket".to_owned()));
            }
            let is_encoded = page.encoding_type.as_deref() == Some("url");
            let key_of = |text: String| if is_encoded { decoded(&text) } else { Ok(text) };
            let listed = page.versions.into_iter().map(|version| (version, false));
            for (version, is_delete_marker) in
                listed.chain(page.delete_markers.into_iter().map(|version| (version, true)))
            {
                let key = key_of(version.key.clone())?;
                // A server that passes over the prefix would show the points of others.
                if key.starts_with(&self.address().prefix) {
                    found.push(version_of(version, key, is_delete_marker)?);
                }
            }
            if found.len() > MOST {
                return Err(Fault::TooMuch(format!("more than {MOST} versions lie there")));
            }
            if !page.is_truncated {
                break;
            }
            let next = (
                key_of(page.next_key_marker.unwrap_or_default())?,
                page.next_version_id_marker.unwrap_or_default(),
            );
            // Without this a faulty server could be asked for ever.
            if next.0.is_empty() || marker.as_ref() == Some(&next) {
                return Err(Fault::Malformed("its list does not go on where it says".to_owned()));
            }
            marker = Some(next);
        }
        found.sort_by(|a, b| {
            let rank = |version: &Version| (!version.is_newest, std::cmp::Reverse(version.stored));
            a.key.cmp(&b.key).then_with(|| rank(a).cmp(&rank(b)))
        });
        Ok(found)
    }
}

fn version_of(listed: ListedVersion, key: String, is_delete_marker: bool) -> Result<Version, Fault> {
    Ok(Version {
        key,
        // Servers say "null" for what was stored while no versions were kept.
        id: listed.version_id.filter(|id| !id.is_empty()),
        is_newest: listed.is_latest,
        is_delete_marker,
        size: listed.size,
        stored: listed.last_modified.parse().map_err(Fault::Malformed)?,
        etag: listed.etag.map(|etag| etag.trim_matches('"').to_owned()).filter(|etag| !etag.is_empty()),
        storage: listed.storage_class.as_deref().map_or(Storage::Quick, Storage::of),
    })
}

/// Undoes `encoding-type=url`: percent signs, and a plus for a space.
fn decoded(text: &str) -> Result<String, Fault> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Fault::Malformed("a key is not UTF-8".to_owned()))
}
