//! One record a line, each bound to the one before.
//!
//! ```text
//! {"v":1,"n":1,"at":"…","boot_ms":…,"boot_id":"…","event":{…},"prev":"<64 hex>","hash":"<64 hex>"}
//! ```
//!
//! `hash` is the SHA-256 of the line's exact bytes before `,"hash":"`; `prev` is the `hash` of the
//! record before, 64 zeros in the first. So every record checks itself and, through the chain, all
//! bytes before it: `head -c -76 | sha256sum` on one line is all that an auditor needs.
//!
//! # The rule for change
//!
//! Readers check bytes and not meaning, so an event may gain optional fields and variants may be
//! added while [`VERSION`] stays; a journal with one that this drplan does not know is refused in
//! words, never read past. Renaming, removing or giving a field another meaning raises the
//! version, and the reader keeps reading every version that was ever released.

use std::io::Read;
use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::event::Event;
use crate::value::Stamp;

/// The version of the journal's format.
pub const VERSION: u32 = 1;

/// What the first record holds in place of a hash.
pub const FIRST_PREV: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Between what is hashed and the hash.
const BEFORE_HASH: &[u8] = b",\"hash\":\"";
const HEX: usize = 64;
/// `,"hash":"` + 64 + `"}`.
const HASH_PART: usize = BEFORE_HASH.len() + HEX + 2;

/// A record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts from 1.
    pub n: u64,
    /// When it was recorded.
    pub stamp: Stamp,
    /// What happened.
    pub event: Event,
    /// The hash of the record before.
    pub prev: String,
    /// The hash of this record.
    pub hash: String,
}

#[derive(Serialize)]
struct Line<'r> {
    v: u32,
    n: u64,
    at: &'r crate::value::Moment,
    boot_ms: u64,
    boot_id: &'r str,
    event: &'r Event,
    prev: &'r str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLine<'l> {
    v: u32,
    n: u64,
    at: crate::value::Moment,
    boot_ms: u64,
    boot_id: ArcStr,
    #[serde(borrow)]
    event: &'l RawValue,
    prev: String,
    hash: String,
}

#[derive(Deserialize)]
struct ReadVersion {
    v: u32,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It does not look like a record at all.
    #[error("this is not a record of a journal")]
    Foreign,
    /// Its own hash does not fit its bytes.
    #[error("the record was changed: its hash does not fit its text")]
    Changed,
    /// It is whole, and does not follow the one before.
    #[error("a record is missing or out of order: the hash of the one before does not fit")]
    Unchained,
    /// It is whole and chained, and its number is wrong.
    #[error("the record has number {0}")]
    Misnumbered(u64),
    /// Another drplan wrote it.
    #[error("the record has version {0}; this drplan reads version {VERSION}")]
    OtherVersion(u32),
    /// It is whole, and this drplan does not know what it says.
    #[error("this drplan does not understand the record: {0}")]
    Unknown(String),
    /// It is longer than a record can be.
    #[error("the line is longer than any record")]
    TooLong,
}

fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    Sha256::digest(bytes).iter().flat_map(|byte| digits(*byte)).map(char::from).collect()
}

/// Reads an event.
///
/// What begins a run of a large plan is as long as the plan. Before serde looks at what it is, it copies an event into a tree
/// of ten times the size of its text; so the start is read from after the word that says that it is one.
fn event_of(text: &str) -> serde_json::Result<Event> {
    match text.strip_prefix(r#"{"type":"run_started","#) {
        Some(fields) => {
            serde_json::from_reader(b"{".chain(fields.as_bytes())).map(Arc::new).map(Event::RunStarted)
        }
        None => serde_json::from_str(text),
    }
}

impl Record {
    /// Makes the record that follows, and appends its line.
    pub(super) fn compose(
        n: u64,
        stamp: &Stamp,
        event: &Event,
        prev: &str,
        lines: &mut Vec<u8>,
    ) -> serde_json::Result<Self> {
        let start = lines.len();
        let line = Line {
            v: VERSION,
            n,
            at: &stamp.at,
            boot_ms: stamp.boot_ms,
            boot_id: &stamp.boot_id,
            event,
            prev,
        };
        serde_json::to_writer(&mut *lines, &line)?;
        // The hash stands inside the object that it seals: take its closing brace off.
        lines.pop();
        let hash = sha256_hex(&lines[start..]);
        lines.extend_from_slice(BEFORE_HASH);
        lines.extend_from_slice(hash.as_bytes());
        lines.extend_from_slice(b"\"}\n");
        Ok(Self { n, stamp: stamp.clone(), event: event.clone(), prev: prev.to_owned(), hash })
    }

    /// Reads a line without its end, as the record of number `n` that follows `prev`.
    pub(super) fn parse(line: &[u8], n: u64, prev: &str) -> Result<Self, Flaw> {
        let (sealed, rest) = line.split_at(line.len().saturating_sub(HASH_PART));
        let hash = rest
            .strip_prefix(BEFORE_HASH)
            .and_then(|rest| rest.strip_suffix(b"\"}"))
            .and_then(|hash| str::from_utf8(hash).ok());
        let Some(hash) = hash else {
            return Err(if line.starts_with(b"{\"v\":") { Flaw::Changed } else { Flaw::Foreign });
        };
        if hash != sha256_hex(sealed) {
            return Err(Flaw::Changed);
        }
        let read: ReadLine =
            serde_json::from_slice(line).map_err(|error| match serde_json::from_slice(line) {
                Ok(ReadVersion { v: VERSION }) => Flaw::Unknown(error.to_string()),
                Ok(ReadVersion { v }) => Flaw::OtherVersion(v),
                Err(_) => Flaw::Foreign,
            })?;
        if read.v != VERSION {
            return Err(Flaw::OtherVersion(read.v));
        }
        let event = event_of(read.event.get()).map_err(|error| Flaw::Unknown(error.to_string()))?;
        if read.prev != prev {
            return Err(Flaw::Unchained);
        }
        if read.n != n {
            return Err(Flaw::Misnumbered(read.n));
        }
        let stamp = Stamp { at: read.at, boot_ms: read.boot_ms, boot_id: read.boot_id };
        Ok(Self { n, stamp, event, prev: read.prev, hash: read.hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    #[test]
    fn a_start_is_read_where_it_lies_and_as_any_other_event() {
        let start = Event::RunStarted(Arc::new(sample::start()));
        let text = serde_json::to_string(&start).unwrap();
        assert_eq!(event_of(&text).unwrap(), start);
        let tag_last = text.replacen(r#""type":"run_started","#, "", 1);
        let tag_last = format!(r#"{},"type":"run_started"}}"#, tag_last.strip_suffix('}').unwrap());
        assert_eq!(event_of(&tag_last).unwrap(), start);
        for text in [text, tag_last] {
            let error = event_of(&text.replacen(r#""run":"#, r#""mood":"good","run":"#, 1)).unwrap_err();
            assert!(error.to_string().contains("unknown field `mood`"), "{error}");
            assert!(event_of(&format!("{text} more")).is_err());
        }
    }
}
