//! Backups and their copies.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Floor, Job, Need};
use crate::probe::Probe;
use crate::value::{Id, Length, Name, NonEmpty, ShortForm, Table, short_form};

/// A backup: one recovery point for all that it covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The assets that it covers.
    pub of: NonEmpty<Id>,
    /// How it is made, such as `pg_dump`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// When its recovery points are captured.
    pub points: Points,
    /// How long capturing one takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<Length>,
    /// What makes it, so that `drplan verify` can see whether that is installed, and whether it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// Where its recovery points are kept.
    pub copies: Table<Id, Copy>,
}

/// When recovery points are captured: exactly one of `cron`, `every` and `continuous`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Points")]
pub struct RawPoints {
    /// A cron expression of five fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    /// The time zone of `cron`, such as `Europe/Zagreb`; UTC if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    /// Again and again, this long apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<Length>,
    /// All the time, as a replica or an archive of logs does.
    #[serde(skip_serializing_if = "Option::is_none")]
    continuous: Option<Continuous>,
}

/// `true`: what is not continuous says how often it is captured instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Continuous(bool);

impl<'de> Deserialize<'de> for Continuous {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self(true))
        } else {
            Err(serde::de::Error::custom("`continuous` can only be true; else say `cron` or `every`"))
        }
    }
}

impl JsonSchema for Continuous {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Continuous".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": true })
    }
}

/// When recovery points are captured.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawPoints", into = "RawPoints")]
pub enum Points {
    /// By a cron expression of five fields, in a time zone (UTC if none is given).
    Cron {
        /// The expression.
        expression: String,
        /// The time zone.
        timezone: Option<String>,
    },
    /// Again and again, this long apart.
    Every(Length),
    /// All the time, as a replica or an archive of logs does.
    Continuous,
}

impl Points {
    /// The keys of which a schedule has exactly one.
    pub const SCHEDULES: [&'static str; 3] = ["cron", "every", "continuous"];
}

impl TryFrom<RawPoints> for Points {
    type Error = String;

    fn try_from(raw: RawPoints) -> Result<Self, String> {
        match raw {
            RawPoints { cron: Some(expression), timezone, every: None, continuous: None } => {
                Ok(Self::Cron { expression, timezone })
            }
            RawPoints { timezone: Some(_), .. } => Err("`timezone` belongs to `cron`".into()),
            RawPoints { cron: None, every: Some(every), continuous: None, .. } => Ok(Self::Every(every)),
            RawPoints { cron: None, every: None, continuous: Some(_), .. } => Ok(Self::Continuous),
            _ => Err(format!("points have exactly one of {}", Self::SCHEDULES.join(", "))),
        }
    }
}

impl From<Points> for RawPoints {
    fn from(points: Points) -> Self {
        match points {
            Points::Cron { expression, timezone } => {
                Self { cron: Some(expression), timezone, ..Self::default() }
            }
            Points::Every(every) => Self { every: Some(every), ..Self::default() },
            Points::Continuous => Self { continuous: Some(Continuous(true)), ..Self::default() },
        }
    }
}

impl JsonSchema for Points {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        RawPoints::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RawPoints::json_schema(generator)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron { expression, timezone } => {
                write!(f, "cron `{expression}` {}", timezone.as_deref().unwrap_or("UTC"))
            }
            Self::Every(every) => write!(f, "every {every}"),
            Self::Continuous => f.write_str("all the time"),
        }
    }
}

/// One place where a backup's recovery points are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// The copy that this one is made from; without it, it holds what was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Id>,
    /// The place where it lies; without it, at the assets' home.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub in_: Option<Id>,
    /// Where in that place: a folder, a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// When it is made, if not with every point that it is made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    /// How long making it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<Length>,
    /// How long getting it back takes, such as from tape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<Length>,
    /// How long points are kept.
    pub keep: Keep,
    /// How long nobody can destroy a point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub immutable: Option<Immutable>,
    /// Who may destroy it: a list of places whose login can; by default the home of the assets and all that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erasable_by: Option<Vec<Id>>,
    /// The secret that reading it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
    /// What else reading it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// How to see that it is good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<Arc<Probe>>,
    /// What every point must hold at least; `drplan verify` looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<Floor>,
    /// The kind of medium, such as `disk`, `object`, `tape`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<Id>,
    /// True if it is made only where somebody has switched it on; such a copy does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    /// How long points must be kept by law or contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<Length>,
    /// True while nothing of it may be destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<bool>,
}

impl Copy {
    /// Whether a tool keeps its points in a way of its own, which a probe of the whole copy knows: then all of it is the point.
    pub fn is_repository(&self) -> bool {
        self.verify.iter().any(|probe| probe.is_of_copy())
    }
}

/// How long points are kept: a length of time, `latest` (no history), or generations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// Each point for this long.
    For(Length),
    /// The newest state alone, as a replica or a mirror does.
    Latest,
    /// So many of each generation.
    Generations(Generations),
}

/// So many points of each generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Generations {
    /// The last so many, whatever their age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    /// One an hour, so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly: Option<u32>,
    /// One a day, so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
    /// One a week, so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<u32>,
    /// One a month, so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u32>,
    /// One a year, so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yearly: Option<u32>,
}

impl Keep {
    /// Returns how far back the copy reaches as people count it: seven yearly points stand for seven years. Nothing if
    /// that cannot be said, as of `last` alone.
    ///
    /// What is there for sure at any moment is less: `resolve::clean_reach` counts with that.
    pub fn reaches_back(&self) -> Option<Length> {
        const DAY: u64 = 86_400;
        match self {
            Self::For(length) => Some(*length),
            Self::Latest => Some(Length::ZERO),
            Self::Generations(generations) => [
                (generations.hourly, 3_600),
                (generations.daily, DAY),
                (generations.weekly, 7 * DAY),
                (generations.monthly, 28 * DAY),
                (generations.yearly, 365 * DAY),
            ]
            .into_iter()
            .filter_map(|(count, secs)| count.map(|count| Length::from_secs(u64::from(count) * secs)))
            .max(),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(length) => length.fmt(f),
            Self::Latest => f.write_str("latest"),
            Self::Generations(generations) => {
                let parts: Vec<String> = [
                    ("last", generations.last),
                    ("hourly", generations.hourly),
                    ("daily", generations.daily),
                    ("weekly", generations.weekly),
                    ("monthly", generations.monthly),
                    ("yearly", generations.yearly),
                ]
                .into_iter()
                .filter_map(|(name, count)| count.map(|count| format!("{count} {name}")))
                .collect();
                f.write_str(&parts.join(", "))
            }
        }
    }
}

impl Serialize for Keep {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::For(_) | Self::Latest => serializer.collect_str(self),
            Self::Generations(generations) => generations.serialize(serializer),
        }
    }
}

/// A length of time, or `latest`.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct KeepShort(String);

impl JsonSchema for KeepShort {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeepShort".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let length = generator.subschema_for::<Length>();
        schemars::json_schema!({ "anyOf": [{ "const": "latest" }, length] })
    }
}

impl ShortForm for Keep {
    type Long = Generations;
    type Short = KeepShort;
    const EXPECTED: &'static str =
        "a length of time such as 30d, `latest`, or a mapping with `daily`, `monthly` and so on";
    const NAME: &'static str = "Keep";

    fn from_long(generations: Generations) -> Result<Self, String> {
        if generations == Generations::default() {
            return Err("say how many of which generation are kept".into());
        }
        Ok(Self::Generations(generations))
    }

    fn from_short(KeepShort(text): KeepShort) -> Result<Self, String> {
        match text.as_str() {
            "latest" => Ok(Self::Latest),
            _ => text.parse().map(Self::For),
        }
    }
}

short_form!(Keep);

/// How long nobody can destroy a point: a length of time, or a mapping that says who still may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Immutable {
    /// How long.
    #[serde(rename = "for")]
    pub for_: Length,
    /// The places whose login may lift it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Id>,
}

/// How long nobody but some can destroy a point.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ImmutableLong")]
pub struct ImmutableLong {
    /// How long.
    #[serde(rename = "for")]
    for_: Length,
    /// The places whose login may lift it.
    #[serde(default)]
    except: Vec<Id>,
}

impl ShortForm for Immutable {
    type Long = ImmutableLong;
    type Short = Length;
    const EXPECTED: &'static str = "a length of time such as 30d, or a mapping with `for`";
    const NAME: &'static str = "Immutable";

    fn from_long(long: ImmutableLong) -> Result<Self, String> {
        Ok(Self { for_: long.for_, except: long.except })
    }

    fn from_short(for_: Length) -> Result<Self, String> {
        Ok(Self { for_, except: Vec::new() })
    }
}

short_form!(Immutable);
