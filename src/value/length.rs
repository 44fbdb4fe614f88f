//! A length of time as people write it.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time in whole milliseconds: `90s`, `15m`, `1h30m`, `2d`, `7y`.
///
/// A day has 24 hours and a year 365 days. At most 1000 years.
///
/// Kept as one more than the milliseconds, so that a length that may be missing takes no more room than one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Length(NonZeroU64);

/// The units, from the largest: letters and milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("y", 365 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const LONGEST_MS: u64 = 1000 * 365 * 24 * 3_600_000;
pub(super) const PATTERN: &str = "^([0-9]+y)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
const EXAMPLES: &str = "write it like 90s, 15m, 1h30m or 2d";

impl Length {
    /// No time at all.
    pub const ZERO: Self = Self::from_millis(0);

    /// Makes a length from milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(millis))
    }

    /// Makes a length from seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Returns the length in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0.get() - 1
    }

    /// Returns the length for the standard library.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.as_millis())
    }

    /// Adds, and stays at the largest length instead of overflowing.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self::from_millis(self.as_millis().saturating_add(other.as_millis()))
    }

    /// Subtracts, and stays at zero instead of going below.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self::from_millis(self.as_millis().saturating_sub(other.as_millis()))
    }

    /// Returns a measured length as people read it: below a second in milliseconds, below ten seconds with one
    /// decimal, else in at most two neighbouring units; the last place is rounded to the nearest.
    ///
    /// What a plan says is shown as [`fmt::Display`] has it, exactly.
    pub fn for_people(self) -> String {
        self.to_nearest(self.steps().next().unwrap_or(1)).spoken()
    }

    /// Returns a measured length as [`Self::for_people`], but never so coarse that it would read as on the other side
    /// of a limit than it is.
    pub fn for_people_against(self, limit: Self) -> String {
        let is_over = self > limit;
        let step = self.steps().find(|step| (self.to_nearest(*step) > limit) == is_over);
        self.to_nearest(step.unwrap_or(1)).spoken()
    }

    /// The steps to which it may be rounded, from the one that people need on to finer ones.
    fn steps(self) -> impl Iterator<Item = u64> {
        const STEPS: [(u64, u64); 6] = [
            (365 * 24 * 3_600_000, 24 * 3_600_000),
            (24 * 3_600_000, 3_600_000),
            (3_600_000, 60_000),
            (10_000, 1_000),
            (1_000, 100),
            (0, 1),
        ];
        STEPS.into_iter().filter(move |(from, _)| self.as_millis() >= *from).map(|(_, step)| step)
    }

    const fn to_nearest(self, step: u64) -> Self {
        let millis = self.as_millis().saturating_add(step / 2);
        Self::from_millis(millis - millis % step)
    }

    /// Writes what is below a second as decimals of the seconds: `1m2ms` is read as two minutes, `1m0.002s` is not.
    fn spoken(self) -> String {
        let (millis, below) = (self.as_millis(), self.as_millis() % 1_000);
        if below == 0 || millis < 1_000 {
            return self.to_string();
        }
        let above = Self::from_millis(millis - millis % 60_000);
        let above = if above == Self::ZERO { String::new() } else { above.to_string() };
        let decimals = format!("{below:03}");
        format!("{above}{}.{}s", millis % 60_000 / 1_000, decimals.trim_end_matches('0'))
    }
}

impl Default for Length {
    fn default() -> Self {
        Self::ZERO
    }
}

impl From<Duration> for Length {
    fn from(duration: Duration) -> Self {
        Self::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.as_millis();
        if rest == 0 {
            return f.pad("0s");
        }
        let mut text = String::new();
        for (unit, size) in UNITS {
            if rest >= size {
                text.push_str(&format!("{}{unit}", rest / size));
                rest %= size;
            }
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = text.escape_debug();
        if text.starts_with('-') {
            return Err(format!("`{shown}` is negative; a length of time cannot be"));
        }
        if text.contains(':') {
            return Err(format!("`{shown}` could be hours or minutes; {EXAMPLES}"));
        }
        if text.ends_with('M') {
            return Err(format!(
                "`{shown}` could be minutes or months; write `m` for minutes and `d` for days"
            ));
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("`{shown}` has no unit; {EXAMPLES}"));
        }
        let bad = || format!("`{shown}` is not a length of time; {EXAMPLES}");
        let too_long = || format!("`{shown}` is longer than 1000y, the longest length of time");
        let mut total = 0u64;
        let mut rest = text;
        let mut units = UNITS.iter();
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let (number, tail) = rest.split_at(digits);
            let (unit, tail) = tail.split_at(letters);
            // Each unit at most once and from the largest down: going on with the same iterator sees to it.
            let size = units.find(|(name, _)| *name == unit).ok_or_else(bad)?.1;
            if number.is_empty() {
                return Err(bad());
            }
            let number: u64 = number.parse().map_err(|_| too_long())?;
            total = number
                .checked_mul(size)
                .and_then(|part| total.checked_add(part))
                .filter(|sum| *sum <= LONGEST_MS)
                .ok_or_else(too_long)?;
            rest = tail;
        }
        Ok(Self::from_millis(total))
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Length;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as 90s, 15m, 1h30m or 2d")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time: `90s`, `15m`, `1h30m`, `2d`, `7y` (a day has 24 hours, a year 365 days).",
            "pattern": PATTERN,
            "minLength": 2,
            "examples": ["90s", "15m", "1h30m", "2d", "7y"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, millis) in [
            ("90s", 90_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("7y", 7 * 365 * 86_400_000),
            ("250ms", 250),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Length::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_mean_two_things() {
        for (text, part) in [
            ("12:30", "hours or minutes"),
            ("1M", "minutes or months"),
            ("-5m", "negative"),
            ("99999999999h", "longer than 1000y"),
            ("15", "no unit"),
            ("", "not a length"),
            ("m", "not a length"),
            ("30m1h", "not a length"),
            ("1h1h", "not a length"),
            ("1 h", "not a length"),
            ("1.5h", "not a length"),
            ("PT15M", "minutes or months"),
            ("1w", "not a length"),
        ] {
            let error = text.parse::<Length>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn one_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<Length>>(), size_of::<Length>());
        assert_eq!(
            Length::from(Duration::MAX).saturating_add(Length::from_millis(1)),
            Length::from(Duration::MAX)
        );
        assert_eq!(Length::ZERO.saturating_sub(Length::from_millis(1)).as_millis(), 0);
    }

    #[test]
    fn people_read_at_most_two_units_and_never_the_wrong_side_of_a_limit() {
        for (millis, text) in [
            (0, "0s"),
            (98, "98ms"),
            (1_000, "1s"),
            (1_098, "1.1s"),
            (9_949, "9.9s"),
            (9_960, "10s"),
            (12_499, "12s"),
            (125_700, "2m6s"),
            (3_599_600, "1h"),
            (5_371_234, "1h30m"),
            (86_400_000 + 2 * 3_600_000 + 29 * 60_000, "1d2h"),
            (400 * 86_400_000 + 3_600_000, "1y35d"),
        ] {
            assert_eq!(Length::from_millis(millis).for_people(), text, "{millis}");
        }
        let limit = Length::from_secs(600);
        for (millis, text) in [
            (540_000, "9m"),
            (599_900, "10m"),
            (600_000, "10m"),
            (600_002, "10m0.002s"),
            (600_060, "10m0.1s"),
            (600_700, "10m1s"),
            (3_600_000, "1h"),
        ] {
            assert_eq!(Length::from_millis(millis).for_people_against(limit), text, "{millis}");
        }
        let rpo: Length = "1d1h5m".parse().unwrap();
        let old = |text: &str| text.parse::<Length>().unwrap().for_people_against(rpo);
        assert_eq!(
            ["1d1h4m", "1d1h5m20s", "1d1h7m", "1d2h10m"].map(old),
            ["1d1h", "1d1h5m20s", "1d1h7m", "1d2h"]
        );
    }

    proptest! {
        #[test]
        fn people_see_on_which_side_of_a_limit_it_is(millis in 0..LONGEST_MS, limit in 0..LONGEST_MS, near in 0..70_000u64) {
            for limit in [limit, millis.saturating_sub(near), millis + near].map(Length::from_millis) {
                let length = Length::from_millis(millis);
                let text = length.for_people_against(limit);
                let exact = match text.strip_suffix('s').and_then(|rest| rest.split_once('.')) {
                    None => text.parse().unwrap(),
                    Some((whole, decimals)) => {
                        let whole: Length = format!("{whole}s").parse().unwrap();
                        whole.saturating_add(Length::from_millis(format!("{decimals:0<3}").parse().unwrap()))
                    }
                };
                prop_assert_eq!(exact > limit, length > limit, "{} against {}", text, limit);
            }
        }

        #[test]
        fn text_and_back(millis in 0..LONGEST_MS) {
            let length = Length::from_millis(millis);
            prop_assert_eq!(length.to_string().parse(), Ok(length));
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = text.parse::<Length>();
        }
    }
}
