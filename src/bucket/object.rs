//! Reads an object as a stream, and holds what comes to what was stored.

use std::fmt::Write as _;
use std::io::{self, Read};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use md5::Md5;
use sha2::{Digest, Sha256};
use ureq::BodyReader;
use ureq::http::HeaderMap;

use super::client::{Question, from_transport};
use super::{Bucket, Fault, Version};
use crate::value::Moment;

/// What an object was held to when all of it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its length alone.
    Length,
    /// The MD5 that the server keeps of what came in one piece.
    Md5,
    /// The SHA-256 that the server keeps.
    ServerSha256,
    /// The SHA-256 that whoever stored the object wrote beside it, as `x-amz-meta-sha256`.
    ProducerSha256,
}

/// An object that is being read. The end of it comes only if it is what was stored; else there is an error
/// of the kind [`io::ErrorKind::InvalidData`].
pub struct Reading {
    body: BodyReader<'static>,
    read: u64,
    length: Option<u64>,
    expected: Option<String>,
    digest: Running,
    proof: Proof,
}

/// How an object begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Its first bytes; fewer than were asked for are all that it has.
    pub bytes: Vec<u8>,
    /// How many bytes it has.
    pub size: u64,
    /// When it was stored.
    pub stored: Moment,
}

enum Running {
    None,
    Md5(Md5),
    Sha256(Sha256),
}

impl Bucket {
    /// Begins to read a version of an object.
    ///
    /// # Errors
    ///
    /// As every question.
    pub fn read(&self, version: &Version) -> Result<Reading, Fault> {
        let question = Question::of_object(&version.key, version.id.as_deref(), None).with_digest();
        let (head, body) = self.start(&question)?;
        let (proof, expected) = proof_of(&head);
        let digest = match proof {
            Proof::Length => Running::None,
            Proof::Md5 => Running::Md5(Md5::new()),
            Proof::ServerSha256 | Proof::ProducerSha256 => Running::Sha256(Sha256::new()),
        };
        let length =
            text_of(&head, "content-length").and_then(|length| length.parse().ok()).or(Some(version.size));
        Ok(Reading { body: body.into_reader(), read: 0, length, expected, digest, proof })
    }

    /// Reads the first bytes of an object as a plain read meets it, and no more of it.
    ///
    /// # Errors
    ///
    /// As every question.
    pub fn beginning(&self, key: &str, most: usize) -> Result<Beginning, Fault> {
        let range = format!("bytes=0-{}", most.saturating_sub(1));
        let (head, body) = match self.start(&Question::of_object(key, None, None).of_range(&range)) {
            // There is no first byte of what is empty.
            Err(Fault::Refused { status: 416, .. }) => self.start(&Question::of_object(key, None, None))?,
            started => started?,
        };
        let mut bytes = Vec::with_capacity(most);
        let mut body = body.into_reader().take(most as u64);
        body.read_to_end(&mut bytes).map_err(|error| fault_of(key, error))?;
        // A server that does not know of ranges sends all of it, and says how long that is.
        let whole =
            text_of(&head, "content-range").and_then(|range| range.rsplit_once('/')).map(|(_, size)| size);
        let size = whole.or_else(|| text_of(&head, "content-length")).and_then(|size| size.parse().ok());
        let size =
            size.ok_or_else(|| Fault::Malformed("it does not say how long the object is".to_owned()))?;
        let stored = text_of(&head, "last-modified").and_then(Moment::of_http);
        let stored = stored
            .ok_or_else(|| Fault::Malformed("it does not say when the object was stored".to_owned()))?;
        Ok(Beginning { bytes, size, stored })
    }

    /// Reads all of an object as a plain read meets it, and returns its SHA-256 in hexadecimal.
    ///
    /// # Errors
    ///
    /// As every question; [`Fault::Unreachable`] if it breaks off.
    pub fn sha256(&self, key: &str) -> Result<String, Fault> {
        let (_, body) = self.start(&Question::of_object(key, None, None))?;
        let (mut body, mut sum, mut part) = (body.into_reader(), Sha256::new(), vec![0; 128 << 10]);
        loop {
            match body.read(&mut part).map_err(|error| fault_of(key, error))? {
                0 => return Ok(hex(&sum.finalize())),
                count => sum.update(part.get(..count).unwrap_or_default()),
            }
        }
    }

    /// Reads all of a version and throws it away; returns what it was held to.
    ///
    /// # Errors
    ///
    /// As every question; [`Fault::Rotten`] if what comes is not what was stored.
    pub fn check(&self, version: &Version) -> Result<Proof, Fault> {
        let mut reading = self.read(version)?;
        io::copy(&mut reading, &mut io::sink()).map_err(|error| fault_of(&version.key, error))?;
        Ok(reading.proof)
    }
}

/// Says why an object could not be read to its end.
pub(super) fn fault_of(key: &str, error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::InvalidData => Fault::Rotten(format!("{key}: {error}")),
        _ => from_transport(&ureq::Error::from(error)),
    }
}

impl Reading {
    /// Returns what it is held to.
    pub const fn proof(&self) -> Proof {
        self.proof
    }

    fn judge(&mut self) -> io::Result<()> {
        let wrong = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        if let Some(length) = self.length
            && length != self.read
        {
            return wrong(format!("{} bytes came of {length}", self.read));
        }
        let (name, found) = match std::mem::replace(&mut self.digest, Running::None) {
            Running::None => return Ok(()),
            Running::Md5(digest) => ("MD5", hex(&digest.finalize())),
            Running::Sha256(digest) => ("SHA-256", hex(&digest.finalize())),
        };
        match &self.expected {
            Some(expected) if *expected != found => {
                wrong(format!("its {name} is not that of what was stored"))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer)?;
        self.read += count as u64;
        let part = buffer.get(..count).unwrap_or_default();
        match &mut self.digest {
            Running::None => {}
            Running::Md5(digest) => digest.update(part),
            Running::Sha256(digest) => digest.update(part),
        }
        if count == 0 && !buffer.is_empty() {
            self.judge()?;
        }
        Ok(count)
    }
}

fn text_of<'a>(head: &'a HeaderMap, name: &str) -> Option<&'a str> {
    head.get(name)?.to_str().ok()
}

/// Chooses the best digest that came with an object, in hexadecimal.
fn proof_of(head: &HeaderMap) -> (Proof, Option<String>) {
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(digest) = text_of(head, "x-amz-meta-sha256").filter(|digest| is_hex(digest, 64)) {
        return (Proof::ProducerSha256, Some(digest.to_ascii_lowercase()));
    }
    // Of what came in parts it is a digest of digests, with `-` and the number of parts behind it.
    let is_whole = text_of(head, "x-amz-checksum-type").is_none_or(|kind| kind == "FULL_OBJECT");
    let stored = text_of(head, "x-amz-checksum-sha256")
        .filter(|_| is_whole)
        .and_then(|text| BASE64_STANDARD.decode(text).ok());
    if let Some(digest) = stored.filter(|digest| digest.len() == 32) {
        return (Proof::ServerSha256, Some(hex(&digest)));
    }
    // With keys of KMS or of the customer the ETag is no MD5.
    let sse = text_of(head, "x-amz-server-side-encryption");
    let is_md5 = sse.is_none_or(|kind| kind == "AES256")
        && !head.contains_key("x-amz-server-side-encryption-customer-algorithm");
    let etag =
        text_of(head, "etag").map(|etag| etag.trim_matches('"')).filter(|etag| is_md5 && is_hex(etag, 32));
    match etag {
        Some(etag) => (Proof::Md5, Some(etag.to_ascii_lowercase())),
        None => (Proof::Length, None),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn takes_the_best_digest_and_no_false_one() {
        let md5 = ("etag", "\"5D41402abc4b2a76b9719d911017c592\"");
        let sha = ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
        let own = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(
            proof_of(&head(&[md5])),
            (Proof::Md5, Some("5d41402abc4b2a76b9719d911017c592".to_owned()))
        );
        assert_eq!(proof_of(&head(&[md5, sha])), (Proof::ServerSha256, Some(own.to_owned())));
        assert_eq!(proof_of(&head(&[md5, sha, ("x-amz-meta-sha256", own)])).0, Proof::ProducerSha256);
        assert_eq!(proof_of(&head(&[md5, ("x-amz-server-side-encryption", "aws:kms")])).0, Proof::Length);
        assert_eq!(proof_of(&head(&[("etag", "\"5d41402abc4b2a76b9719d911017c592-3\"")])).0, Proof::Length);
        assert_eq!(proof_of(&head(&[sha, ("x-amz-checksum-type", "COMPOSITE")])).0, Proof::Length);
        assert_eq!(proof_of(&head(&[("x-amz-meta-sha256", "no")])).0, Proof::Length);
    }
}
