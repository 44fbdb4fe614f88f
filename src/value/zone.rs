//! Time zones, and what a clock on their walls means.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Moment;

/// A time zone by its name, such as `Europe/Zagreb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// What a clock on a wall has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime {
    /// The year, all of it.
    pub year: i16,
    /// The month, from 1.
    pub month: i8,
    /// The day of the month, from 1.
    pub day: i8,
    /// The hour, the minute and the second.
    pub time: [i8; 3],
    /// Whether summer time was in force.
    pub is_summer: bool,
}

/// Why a clock of a zone cannot have shown a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeverShown {
    /// No calendar has it.
    InNoZone,
    /// The zone has summer time then and the clock had not, or the other way round.
    InAnotherZone,
}

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Returns the moment at which a clock of this zone has shown a time.
    ///
    /// # Errors
    ///
    /// When none of its clocks ever shows it.
    pub fn moment_of(&self, wall: WallTime) -> Result<Moment, NeverShown> {
        let WallTime { year, month, day, time: [hour, minute, second], is_summer } = wall;
        let shown = DateTime::new(year, month, day, hour, minute, second, 0);
        let shown = shown.map_err(|_| NeverShown::InNoZone)?;
        // Where a time is shown twice, summer time tells which of the two it is.
        let offsets = match self.0.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => [offset, offset],
            AmbiguousOffset::Fold { before, after } => [before, after],
            AmbiguousOffset::Gap { .. } => return Err(NeverShown::InAnotherZone),
        };
        let stamps = offsets.into_iter().filter_map(|offset| offset.to_timestamp(shown).ok());
        let mut fitting = stamps.filter(|stamp| self.0.to_offset_info(*stamp).dst().is_dst() == is_summer);
        let stamp = fitting.next().ok_or(NeverShown::InAnotherZone)?;
        Ok(Moment::from_unix_millis(stamp.as_millisecond()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Zone;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a time zone, such as Europe/Zagreb")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Zone, E> {
                TimeZone::get(name)
                    .map(Zone)
                    .map_err(|_| E::custom(format!("`{}` is not a time zone", name.escape_debug())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Zone {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "examples": ["Europe/Zagreb"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        serde_json::from_value(name.into()).unwrap()
    }

    fn wall(month: i8, day: i8, hour: i8, is_summer: bool) -> WallTime {
        WallTime { year: 2026, month, day, time: [hour, 30, 0], is_summer }
    }

    #[test]
    fn a_clock_on_the_wall_has_one_meaning() {
        let zagreb = zone("Europe/Zagreb");
        let of = |zone: &Zone, wall| zone.moment_of(wall).map(|moment| moment.to_string());
        assert_eq!(of(&Zone::UTC, wall(6, 10, 3, false)), Ok("2026-06-10T03:30:00Z".to_owned()));
        assert_eq!(of(&zagreb, wall(6, 10, 3, true)), Ok("2026-06-10T01:30:00Z".to_owned()));
        assert_eq!(of(&zagreb, wall(1, 10, 3, false)), Ok("2026-01-10T02:30:00Z".to_owned()));
        // The hour that comes twice.
        assert_eq!(of(&zagreb, wall(10, 25, 2, true)), Ok("2026-10-25T00:30:00Z".to_owned()));
        assert_eq!(of(&zagreb, wall(10, 25, 2, false)), Ok("2026-10-25T01:30:00Z".to_owned()));
        // The hour that never comes, and clocks of another zone.
        assert_eq!(of(&zagreb, wall(3, 29, 2, false)), Err(NeverShown::InAnotherZone));
        assert_eq!(of(&zagreb, wall(6, 10, 3, false)), Err(NeverShown::InAnotherZone));
        assert_eq!(of(&Zone::UTC, wall(6, 10, 3, true)), Err(NeverShown::InAnotherZone));
        assert_eq!(of(&zagreb, wall(2, 30, 3, false)), Err(NeverShown::InNoZone));
        assert_eq!(of(&zagreb, wall(2, 3, 25, false)), Err(NeverShown::InNoZone));
    }

    #[test]
    fn a_zone_is_known_by_its_name() {
        assert_eq!(serde_json::to_value(zone("Europe/Zagreb")).unwrap(), "Europe/Zagreb");
        assert_eq!(serde_json::to_value(zone("UTC")).unwrap(), "UTC");
        let error = serde_json::from_value::<Zone>("Europe/Zagrab".into()).unwrap_err().to_string();
        assert_eq!(error, "`Europe/Zagrab` is not a time zone");
    }
}
