//! Sizes and shares as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes: `500B`, `10kB`, `10MB`, `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// The units: as disks are sold, and as memory is.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const SIZE_PATTERN: &str = "^[0-9]+(\\.[0-9]+)?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$";

impl Size {
    /// Makes a size from bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = UNITS[..5].iter().rev().find(|(_, size)| self.0 >= *size).unwrap_or(&UNITS[0]);
        let tenths = u128::from(self.0) * 10 / u128::from(*size);
        if *size == 1 || tenths >= 1000 || tenths.is_multiple_of(10) {
            f.pad(&format!("{}{unit}", tenths / 10))
        } else {
            f.pad(&format!("{}.{}{unit}", tenths / 10, tenths % 10))
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not a size; write it like 500kB, 10MB or 1GiB", text.escape_debug());
        let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let size = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || part.len() > 9 || number.ends_with('.') {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let mut bytes = whole.checked_mul(size).ok_or_else(wrong)?;
        if !part.is_empty() {
            let scale = 10_u128.pow(u32::try_from(part.len()).unwrap_or(9));
            let part: u128 = part.parse().map_err(|_| wrong())?;
            let part = u64::try_from(part * u128::from(size) / scale).map_err(|_| wrong())?;
            bytes = bytes.checked_add(part).ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }
}

/// A share in hundredths: `20%`; at most all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

const PERCENT_PATTERN: &str = "^(100|[0-9]{1,2})%$";

impl Percent {
    /// Returns the number of hundredths, 0 to 100.
    pub const fn hundredths(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
        number
            .filter(|number| *number <= 100)
            .map(Self)
            .ok_or_else(|| format!("`{}` is not a share; write it like 20%", text.escape_debug()))
    }
}

/// Both are texts outside.
macro_rules! as_text {
    ($name:ident, $what:literal, $description:literal, $pattern:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $what.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description, "pattern": $pattern })
            }
        }
    };
}

as_text!(Size, "Size", "A number of bytes: `500kB`, `10MB`, `1GiB`.", SIZE_PATTERN);
as_text!(Percent, "Percent", "A share: `20%`.", PERCENT_PATTERN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("0B", 0),
            ("500B", 500),
            ("10kB", 10_000),
            ("1.5MB", 1_500_000),
            ("1GiB", 1 << 30),
            ("0.5KiB", 512),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "10", "10 MB", "10mb", "-1B", "1.MB", ".5MB", "99999999999TB", "1.0000000001MB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        for (bytes, text) in
            [(0, "0B"), (999, "999B"), (1000, "1kB"), (1_540_000, "1.5MB"), (250_000_000, "250MB")]
        {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn shares_are_read() {
        assert_eq!("20%".parse(), Ok(Percent(20)));
        for text in ["20", "101%", "-1%", "%", "2.5%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}
