//! What the head of an archive of `pg_dump` must say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{ShortForm, Text, Zone, short_form};

/// What the head of an archive of `pg_dump` must say: the name of the database alone, or a mapping, which may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PgDump {
    /// The name of the database; `$NAME` is replaced by its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Text>,
    /// The time zone of the clock by which `pg_dump` ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Zone>,
}

/// What the head of an archive of `pg_dump` must say, written out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PgDumpLong")]
pub struct Long {
    /// The name of the database that was dumped; `$NAME` is replaced by its value.
    database: Option<Text>,
    /// The time zone of the clock by which `pg_dump` ran, such as `Europe/Zagreb`; UTC if nothing is said. The head holds
    /// local time, and not of which zone.
    timezone: Option<Zone>,
}

impl ShortForm for PgDump {
    type Long = Long;
    type Short = Text;
    const EXPECTED: &'static str = "the name of a database, or a mapping with `database` and `timezone`";
    const NAME: &'static str = "PgDump";

    fn from_long(Long { database, timezone }: Long) -> Result<Self, String> {
        Ok(Self { database, timezone })
    }

    fn from_short(database: Text) -> Result<Self, String> {
        Ok(Self { database: Some(database), timezone: None })
    }
}

short_form!(PgDump);
