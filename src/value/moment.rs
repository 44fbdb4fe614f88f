//! Points in time; the one file that knows the time crate.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use arcstr::ArcStr;
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Length;

/// A point in time, in UTC, to the millisecond; written as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(Timestamp);

impl Moment {
    /// Makes a moment from milliseconds since 1970; what lies outside the calendar becomes its edge.
    pub fn from_unix_millis(millis: i64) -> Self {
        let edge = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(Timestamp::from_millisecond(millis).unwrap_or(edge))
    }

    /// Returns the milliseconds since 1970.
    pub fn as_unix_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Returns how long after `earlier` this moment is; nothing if it is before.
    pub fn since(self, earlier: Self) -> Option<Length> {
        u64::try_from(self.as_unix_millis() - earlier.as_unix_millis()).ok().map(Length::from_millis)
    }

    /// Returns the moment that is `length` later.
    #[must_use]
    pub fn plus(self, length: Length) -> Self {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.as_unix_millis().saturating_add(millis))
    }

    /// Returns the moment this long before.
    #[must_use]
    pub fn minus(self, length: Length) -> Self {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.as_unix_millis().saturating_sub(millis))
    }

    /// Reads the time that HTTP says: `Sun, 22 Nov 2026 14:05:09 GMT`.
    pub fn of_http(text: &str) -> Option<Self> {
        let time = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(Self::from_unix_millis(time.as_millisecond()))
    }

    /// Returns the moment as it stands in the names of files: `20261122T140509Z`.
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Returns the moment for people, to the second: `2026-11-22 14:05:09 UTC`.
    pub fn for_people(self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// Returns the time of day for people: `14:05:09`.
    pub fn time_of_day(self) -> String {
        self.0.strftime("%H:%M:%S").to_string()
    }

    /// Finds the first UTC time inside a text such as the name of a file.
    ///
    /// Understood are `20261122T140509Z`, `2026-11-22T14:05:09Z` and the same with `-` or `_` in
    /// place of `:` and `T`, always with the `Z` that says UTC: a label without a zone is no time.
    pub fn find_in(text: &str) -> Option<Self> {
        let digits_at = |from: usize| {
            let mut digits = String::with_capacity(14);
            for (offset, byte) in text.as_bytes()[from..].iter().enumerate() {
                match byte {
                    b'0'..=b'9' if digits.len() < 14 => digits.push(char::from(*byte)),
                    b'-' | b':' | b'_' | b'T' | b't' if !digits.is_empty() && digits.len() < 14 => {}
                    b'Z' | b'z' if digits.len() == 14 => return Some((digits, from + offset)),
                    _ => return None,
                }
            }
            None
        };
        let starts = (0..text.len()).filter(|at| {
            text.as_bytes()[*at].is_ascii_digit() && (*at == 0 || !text.as_bytes()[*at - 1].is_ascii_digit())
        });
        for start in starts {
            if let Some((digits, _)) = digits_at(start) {
                let iso = format!(
                    "{}-{}-{}T{}:{}:{}Z",
                    &digits[..4],
                    &digits[4..6],
                    &digits[6..8],
                    &digits[8..10],
                    &digits[10..12],
                    &digits[12..]
                );
                if let Ok(moment) = iso.parse() {
                    return Some(moment);
                }
            }
        }
        None
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse::<Timestamp>().map(|stamp| Self::from_unix_millis(stamp.as_millisecond())).map_err(
            |_| format!("`{}` is not a moment; write it like 2026-11-22T14:05:00Z", text.escape_debug()),
        )
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "A point in time in UTC, as RFC 3339.",
        })
    }
}

/// When something happened, by two clocks: the calendar's, and the one that no change of the calendar moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// The calendar's time, in UTC.
    pub at: Moment,
    /// Milliseconds since the machine's start, suspended time included (`CLOCK_BOOTTIME`).
    pub boot_ms: u64,
    /// Which start of the machine `boot_ms` counts from (`/proc/sys/kernel/random/boot_id`).
    #[schemars(with = "String")]
    pub boot_id: ArcStr,
}

impl Stamp {
    /// Returns the time since `earlier`, by the boot clock where both are of one boot, else by the calendar.
    pub fn since(&self, earlier: &Self) -> Length {
        if self.boot_id == earlier.boot_id {
            Length::from_millis(self.boot_ms.saturating_sub(earlier.boot_ms))
        } else {
            self.at.since(earlier.at).unwrap_or(Length::ZERO)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_time_in_a_name() {
        let expected = Some("2026-11-22T14:05:09Z".parse().unwrap());
        for name in [
            "db-20261122T140509Z.dump",
            "backup_2026-11-22T14:05:09Z.tar.gz",
            "v2-2026-11-22_14-05-09Z",
            "20261122140509Z",
        ] {
            assert_eq!(Moment::find_in(name), expected, "{name}");
        }
        for name in ["db.dump", "20261122T140509", "20261322T140509Z", "2026-11-22", "9"] {
            assert_eq!(Moment::find_in(name), None, "{name}");
        }
    }

    #[test]
    fn reads_the_time_of_http() {
        let expected = Some("2026-11-22T14:05:09Z".parse().unwrap());
        assert_eq!(Moment::of_http("Sun, 22 Nov 2026 14:05:09 GMT"), expected);
        assert_eq!(Moment::of_http("yesterday"), None);
    }

    #[test]
    fn durations_follow_the_boot_clock() {
        let stamp = |at: &str, boot_ms, boot_id: &str| Stamp {
            at: at.parse().unwrap(),
            boot_ms,
            boot_id: boot_id.into(),
        };
        let start = stamp("2026-11-22T14:00:00Z", 1000, "a");
        let jumped = stamp("2026-11-22T09:00:00Z", 61_000, "a");
        let rebooted = stamp("2026-11-22T14:00:05Z", 9, "b");
        assert_eq!(jumped.since(&start), Length::from_secs(60));
        assert_eq!(rebooted.since(&start), Length::from_secs(5));
    }
}
