//! Reads the head of an archive that `pg_dump` has written, without a tool of PostgreSQL.
//!
//! The custom format begins with it; so does `toc.dat`, which lies in the folder of the directory format, and comes first in
//! an archive of tar. It is the same head from PostgreSQL 9.0 (archive version 1.12) to 18 (1.16); since 16 (1.15) it
//! names the kind of compression by one byte instead of its level.

use super::inspect::{Inspection, Verdict};
use super::words::short;
use crate::probe::{Facts, PgDump};
use crate::value::{NeverShown, WallTime, Zone};

/// No head is longer: three names of at most [`LONGEST`] bytes, eleven numbers, and the block of tar before them.
pub(super) const MOST: usize = 4096;

/// The name of the file that holds the head in the formats of many files.
pub(super) const TOC: &str = "toc.dat";

/// Longer names are no names: PostgreSQL's own have 63 bytes, its versions not many more.
const LONGEST: usize = 512;

/// A block of tar.
const BLOCK: usize = 512;

const MAGIC: &[u8] = b"PGDMP";
const OLDEST: u8 = 12;
const NEWEST: u8 = 16;
const NAMES_COMPRESSION: u8 = 15;

/// What the head of an archive says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    version: u8,
    format: &'static str,
    compression: String,
    made: WallTime,
    database: String,
    server: String,
    dumper: String,
}

/// Why there is no head to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unread {
    /// It is no archive, or a damaged one.
    Bad(String),
    /// Nobody can know from here.
    Unknown(String),
}

/// Judges what begins with these bytes; fewer than [`MOST`] of them are all that there is.
pub(super) fn judge(shown: &str, bytes: &[u8], expect: &PgDump) -> Inspection {
    let head = match read(bytes) {
        Ok(head) => head,
        Err(Unread::Bad(why)) => return Inspection::bad(format!("{shown} {why}")),
        Err(Unread::Unknown(why)) => return Inspection::unknown(format!("{shown} {why}")),
    };
    let Head { version, format, compression, made, database, server, dumper } = head;
    if let Some(wanted) = &expect.database
        && wanted.as_str() != database
    {
        let (database, wanted) = (short(&database), wanted.as_str());
        return Inspection::bad(format!("{shown} is a dump of the database {database}, not of {wanted}"));
    }
    let zone = expect.timezone.clone().unwrap_or(Zone::UTC);
    let time = match zone.moment_of(made) {
        Ok(time) => time,
        Err(NeverShown::InNoZone) => {
            return Inspection::bad(format!("{shown} is damaged: its head says a time that no calendar has"));
        }
        Err(NeverShown::InAnotherZone) => {
            let summer = if made.is_summer { "" } else { "not " };
            return Inspection::unknown(format!(
                "{shown} was made where summer time was {summer}in force, which does not fit {zone}: say in `timezone` by \
                 which clock pg_dump ran"
            ));
        }
    };
    let note = format!(
        "a dump of {} of {time}, by pg_dump {}, of PostgreSQL {} ({format} format 1.{version}, {compression})",
        short(&database),
        short(&dumper),
        short(&server)
    );
    let facts = Facts { time: Some(time), version: Some(server), ..Facts::default() };
    Inspection { verdict: Verdict::Good, note, facts }
}

fn read(bytes: &[u8]) -> Result<Head, Unread> {
    let bad = |why: &str| Err(Unread::Bad(why.to_owned()));
    let unknown = |why: &str| Err(Unread::Unknown(format!("{why}; `pg-dump/verify` reads it")));
    match bytes {
        [] => bad("is empty"),
        [0x1f, 0x8b, ..] => unknown("is packed with gzip, and its head in it"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => unknown("is packed with zstd, and its head in it"),
        _ if bytes.starts_with(MAGIC) => Reader { left: bytes, read: 0, size: 4 }.head(None),
        _ if MAGIC.starts_with(bytes) => bad(&ends_after(bytes.len())),
        _ if bytes.starts_with(TOC.as_bytes()) => in_tar(bytes),
        _ if begins_sql(bytes) => unknown("is plain SQL, which has no head"),
        _ => bad("is nothing that pg_dump has written"),
    }
}

/// Whether these bytes begin a dump in plain SQL.
fn begins_sql(bytes: &[u8]) -> bool {
    const OPENS: &[u8] = b"--\n-- PostgreSQL database";
    bytes.starts_with(OPENS)
}

fn ends_after(count: usize) -> String {
    format!("ends after {count} bytes, in the middle of its head")
}

/// Reads the head from an archive of tar, whose first file has it.
fn in_tar(bytes: &[u8]) -> Result<Head, Unread> {
    let (Some(block), Some(content)) = (bytes.get(..BLOCK), bytes.get(BLOCK..)) else {
        return Err(Unread::Bad(ends_after(bytes.len())));
    };
    let damaged =
        || Unread::Bad(format!("is damaged: its first block is none of tar that begins with {TOC}"));
    let octal = |from: usize, to: usize| {
        let text = block.get(from..to).and_then(|field| std::str::from_utf8(field).ok())?;
        usize::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
    };
    // The sum of all bytes, its own eight taken for blanks.
    let blanks = 8 * usize::from(b' ');
    let sum: usize = block
        .iter()
        .enumerate()
        .filter(|(at, _)| !(148..156).contains(at))
        .map(|(_, byte)| usize::from(*byte))
        .sum();
    let is_named =
        block.get(..100).is_some_and(|name| name.split(|byte| *byte == 0).next() == Some(TOC.as_bytes()));
    if !is_named || octal(148, 156) != Some(sum + blanks) {
        return Err(damaged());
    }
    let size = octal(124, 136).ok_or_else(damaged)?;
    Reader { left: content, read: BLOCK, size: 4 }.head(Some(size))
}

/// Takes one after the other what `pg_dump` has written.
struct Reader<'b> {
    left: &'b [u8],
    /// How many bytes came before, for messages.
    read: usize,
    /// How many bytes a number has.
    size: usize,
}

impl<'b> Reader<'b> {
    /// Reads the head; `most` is how long the file is in which it lies, if it lies in one among others.
    fn head(mut self, most: Option<usize>) -> Result<Head, Unread> {
        if let Some(most) = most {
            self.left = self.left.get(..most).unwrap_or(self.left);
        }
        if self.take(MAGIC.len())? != MAGIC {
            return Err(Unread::Bad(format!("is damaged: {TOC} does not begin as pg_dump begins it")));
        }
        let (major, version, revision) = (self.byte()?, self.byte()?, self.byte()?);
        if major != 1 || version > NEWEST {
            return Err(Unread::Unknown(format!(
                "is of the archive format {major}.{version}, and this drplan knows it up to 1.{NEWEST} (PostgreSQL 18): use a newer \
                 drplan, or `pg-dump/verify` with the pg_restore that will restore it"
            )));
        }
        if version < OLDEST {
            return Err(Unread::Unknown(format!(
                "is of the archive format {major}.{version}.{revision}, older than PostgreSQL 9.0; `pg-dump/verify` reads it"
            )));
        }
        self.size = usize::from(self.byte()?);
        let offset = self.byte()?;
        if !(1..=8).contains(&self.size) || !(1..=8).contains(&offset) {
            return self.damaged("it says a size of its numbers that pg_dump never writes");
        }
        let format = match (self.byte()?, most) {
            (1, None) => "custom",
            (3, Some(_)) => "tar",
            // The file of the directory format says that it is of tar.
            (3 | 5, None) => "directory",
            _ => return self.damaged("it says of itself to be of another format"),
        };
        let compression = if version >= NAMES_COMPRESSION {
            let kind = self.byte()?;
            let Some(kind) = ["none", "gzip", "lz4", "zstd"].get(usize::from(kind)) else {
                return self.damaged("nobody knows its compression");
            };
            format!("compression {kind}")
        } else {
            match self.number()? {
                0 => "compression none".to_owned(),
                -1 => "compression gzip".to_owned(),
                level @ 1..=9 => format!("compression gzip {level}"),
                _ => return self.damaged("nobody knows its compression"),
            }
        };
        let [second, minute, hour, day, month, year, summer] = {
            let mut numbers = [0; 7];
            for number in &mut numbers {
                *number = self.number()?;
            }
            numbers
        };
        let small = |number: i64| i8::try_from(number).unwrap_or(-1);
        let made = WallTime {
            year: i16::try_from(year.saturating_add(1900)).unwrap_or(-1),
            month: small(month.saturating_add(1)),
            day: small(day),
            // A second that is put in between has no moment of its own.
            time: [small(hour), small(minute), small(if second == 60 { 59 } else { second })],
            is_summer: summer > 0,
        };
        let database = self.name()?;
        let (server, dumper) = (self.name()?, self.name()?);
        Ok(Head { version, format, compression, made, database, server, dumper })
    }

    fn damaged<T>(&self, why: &str) -> Result<T, Unread> {
        Err(Unread::Bad(format!("is damaged before byte {}: {why}", self.read)))
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], Unread> {
        let Some((taken, left)) = self.left.split_at_checked(count) else {
            return Err(Unread::Bad(ends_after(self.read + self.left.len())));
        };
        (self.left, self.read) = (left, self.read + count);
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Unread> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    /// A byte that says whether it is negative, and then its bytes, the lowest first.
    fn number(&mut self) -> Result<i64, Unread> {
        let sign = self.byte()?;
        let bytes = self.take(self.size)?;
        let value = bytes.iter().rev().try_fold(0_i64, |value, byte| {
            value.checked_mul(256).and_then(|value| value.checked_add(i64::from(*byte)))
        });
        match (sign, value) {
            (0, Some(value)) => Ok(value),
            (1, Some(value)) => Ok(-value),
            _ => self.damaged("what should be a number is none"),
        }
    }

    /// A number of bytes, and then these.
    fn name(&mut self) -> Result<String, Unread> {
        let length = usize::try_from(self.number()?).ok().filter(|length| (1..=LONGEST).contains(length));
        let Some(length) = length else {
            return self.damaged("a name in its head has no length that a name can have");
        };
        let name = self.take(length)?;
        if name.contains(&0) {
            return self.damaged("a name in its head holds bytes that no name holds");
        }
        Ok(String::from_utf8_lossy(name).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::Text;

    const NAMES: [&str; 3] = ["shop", "15.8 (Debian 15.8-0+deb12u1)", "18.0"];

    /// Returns the head that `pg_dump` writes.
    fn head(version: u8, format: u8, month: i32, is_summer: bool) -> Vec<u8> {
        let mut bytes = [MAGIC, &[1, version, 0, 4, 8, format]].concat();
        let number = |number: i32| {
            let size = number.unsigned_abs().to_le_bytes();
            [&[u8::from(number < 0)], &size[..]].concat()
        };
        match version {
            NAMES_COMPRESSION.. => bytes.push(1),
            _ => bytes.extend(number(-1)),
        }
        for part in [4, 30, 3, 10, month - 1, 126, i32::from(is_summer)] {
            bytes.extend(number(part));
        }
        for name in NAMES {
            bytes.extend(number(i32::try_from(name.len()).unwrap()));
            bytes.extend(name.as_bytes());
        }
        bytes
    }

    /// Puts a file into an archive of tar, as its first.
    fn packed(name: &str, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        block[154] = 0;
        [block, content.to_vec(), vec![0; BLOCK]].concat()
    }

    fn said(bytes: &[u8], expect: &PgDump) -> (Verdict, String) {
        let Inspection { verdict, note, .. } = judge("it", bytes, expect);
        (verdict, note)
    }

    fn of(timezone: &str) -> PgDump {
        serde_json::from_value(serde_json::json!({ "timezone": timezone })).unwrap()
    }

    #[test]
    fn the_head_of_every_version_and_format_is_read() {
        for (bytes, shape) in [
            (head(12, 1, 6, false), "custom format 1.12, compression gzip"),
            (head(14, 1, 6, false), "custom format 1.14, compression gzip"),
            (head(16, 1, 6, false), "custom format 1.16, compression gzip"),
            (head(16, 3, 6, false), "directory format 1.16"),
            (packed(TOC, &head(15, 3, 6, false)), "tar format 1.15"),
        ] {
            let Inspection { verdict, note, facts } = judge("it", &bytes, &PgDump::default());
            assert_eq!(verdict, Verdict::Good, "{note}");
            assert!(
                note.contains(shape) && note.contains("a dump of shop of 2026-06-10T03:30:04Z"),
                "{note}"
            );
            assert_eq!(facts.time.unwrap().to_string(), "2026-06-10T03:30:04Z");
            assert_eq!(facts.version.as_deref(), Some(NAMES[1]));
        }
    }

    #[test]
    fn a_head_that_was_cut_off_is_bad_at_every_byte() {
        for whole in [head(14, 1, 6, false), head(16, 1, 6, false), packed(TOC, &head(16, 3, 6, false))] {
            let length = whole.len() - if whole.starts_with(MAGIC) { 0 } else { BLOCK };
            for count in 0..length {
                let (verdict, why) = said(&whole[..count], &PgDump::default());
                assert_eq!(verdict, Verdict::Bad, "{count} bytes: {why}");
                let is_told = match count {
                    0 => why == "it is empty",
                    // Less than its name is nothing that anybody knows.
                    _ if whole.starts_with(TOC.as_bytes()) && count < TOC.len() => {
                        why.contains("nothing that pg_dump")
                    }
                    _ => why == format!("it ends after {count} bytes, in the middle of its head"),
                };
                assert!(is_told, "{count} bytes: {why}");
            }
            assert_eq!(said(&whole[..length], &PgDump::default()).0, Verdict::Good);
        }
    }

    #[test]
    fn a_length_that_nobody_can_have_is_damage() {
        let whole = head(14, 1, 6, false);
        let at = whole.windows(4).position(|bytes| bytes == b"shop").unwrap() - 4;
        for length in [u32::MAX, 0x7fff_ffff, 0x0100_0000, 513, 0] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            let (verdict, why) = said(&bytes, &PgDump::default());
            assert!(
                verdict == Verdict::Bad && why.contains("has no length that a name can have"),
                "{length}: {why}"
            );
        }
        // Numbers of eight bytes that no number holds.
        let mut bytes = whole;
        bytes[8] = 8;
        bytes[11..].fill(0xff);
        assert_eq!(said(&bytes, &PgDump::default()).0, Verdict::Bad);
    }

    #[test]
    fn what_is_no_head_is_told_as_what_it_is() {
        let changed = |at: usize, byte: u8| {
            let mut bytes = head(16, 1, 6, false);
            bytes[at] = byte;
            bytes
        };
        let mut swapped = packed(TOC, &head(16, 3, 6, false));
        swapped[1] = b'a';
        let mut summed = packed(TOC, &head(16, 3, 6, false));
        summed[300] ^= 1;
        for (bytes, verdict, why) in [
            (b"<html>404</html>".to_vec(), Verdict::Bad, "it is nothing that pg_dump has written"),
            (vec![0; MOST], Verdict::Bad, "it is nothing that pg_dump has written"),
            (b"\x1f\x8b\x08".to_vec(), Verdict::Unknown, "it is packed with gzip"),
            (b"\x28\xb5\x2f\xfd".to_vec(), Verdict::Unknown, "it is packed with zstd"),
            (b"--\n-- PostgreSQL database dump\n--".to_vec(), Verdict::Unknown, "it is plain SQL"),
            (
                changed(6, 17),
                Verdict::Unknown,
                "of the archive format 1.17, and this drplan knows it up to 1.16",
            ),
            (changed(5, 2), Verdict::Unknown, "of the archive format 2.16"),
            (changed(6, 11), Verdict::Unknown, "older than PostgreSQL 9.0"),
            (changed(8, 0), Verdict::Bad, "a size of its numbers that pg_dump never writes"),
            (changed(9, 33), Verdict::Bad, "a size of its numbers that pg_dump never writes"),
            (changed(10, 2), Verdict::Bad, "of another format"),
            (changed(11, 4), Verdict::Bad, "nobody knows its compression"),
            (changed(12, 2), Verdict::Bad, "what should be a number is none"),
            (changed(13, 61), Verdict::Bad, "a time that no calendar has"),
            (head(16, 1, 13, false), Verdict::Bad, "a time that no calendar has"),
            (packed(TOC, &head(16, 1, 6, false)), Verdict::Bad, "of another format"),
            (packed(TOC, b"PGDMQ and more"), Verdict::Bad, "does not begin as pg_dump begins it"),
            (packed("other.dat", &head(16, 3, 6, false)), Verdict::Bad, "nothing that pg_dump has written"),
            (packed("toc.dat.gz", &head(16, 3, 6, false)), Verdict::Bad, "its first block is none of tar"),
            (swapped, Verdict::Bad, "nothing that pg_dump has written"),
            (summed, Verdict::Bad, "its first block is none of tar"),
        ] {
            let (found, told) = said(&bytes, &PgDump::default());
            assert!(found == verdict && told.contains(why), "not {verdict:?} `{why}` but {found:?} `{told}`");
        }
    }

    #[test]
    fn the_database_and_the_clock_are_those_that_are_meant() {
        let shop = PgDump { database: Some(Text::new("shop")), timezone: None };
        assert_eq!(said(&head(16, 1, 6, false), &shop).0, Verdict::Good);
        let other = PgDump { database: Some(Text::new("blog")), timezone: None };
        assert_eq!(
            said(&head(16, 1, 6, false), &other),
            (Verdict::Bad, "it is a dump of the database shop, not of blog".to_owned())
        );
        let time =
            |bytes: &[u8], zone: &str| judge("it", bytes, &of(zone)).facts.time.map(|time| time.to_string());
        assert_eq!(time(&head(16, 1, 6, true), "Europe/Zagreb").as_deref(), Some("2026-06-10T01:30:04Z"));
        assert_eq!(time(&head(16, 1, 1, false), "Europe/Zagreb").as_deref(), Some("2026-01-10T02:30:04Z"));
        assert_eq!(time(&head(16, 1, 1, false), "Asia/Kolkata").as_deref(), Some("2026-01-09T22:00:04Z"));
        for (bytes, expect, why) in [
            (head(16, 1, 6, true), PgDump::default(), "summer time was in force, which does not fit UTC"),
            (
                head(16, 1, 6, false),
                of("Europe/Zagreb"),
                "summer time was not in force, which does not fit Europe/Zagreb",
            ),
        ] {
            let (verdict, told) = said(&bytes, &expect);
            assert!(verdict == Verdict::Unknown && told.contains(why), "{told}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            at in 0_usize..120,
            version in 12_u8..=16,
            is_tar in any::<bool>(),
        ) {
            let _ = judge("it", &bytes, &PgDump::default());
            // What follows after a part that is right is where damage is met.
            let whole = if is_tar { packed(TOC, &head(version, 3, 6, false)) } else { head(version, 1, 6, false) };
            let at = if is_tar { BLOCK + at } else { at };
            let mut mixed = whole.get(..at).unwrap_or(&whole).to_vec();
            mixed.extend(&bytes);
            let Inspection { verdict, note, .. } = judge("it", &mixed, &PgDump::default());
            prop_assert!(note.len() < 2000);
            prop_assert!(verdict == Verdict::Good || !note.is_empty());
        }
    }
}
