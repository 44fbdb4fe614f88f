//! What something needs: an id, or enough of several.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Id, NonEmpty, ShortForm, short_form};

/// Something that must be there: one id, or at least some of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// This one.
    One(Id),
    /// At least `at_least` of these.
    Any(Box<Redundant>),
}

/// At least some of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redundant {
    /// The ids of which some are needed.
    pub any: NonEmpty<Id>,
    /// How many are needed; 1 if nothing is said.
    #[serde(default = "one")]
    pub at_least: NonZeroUsize,
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

impl Need {
    /// Returns every id that is named.
    pub fn ids(&self) -> &[Id] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Any(redundant) => &redundant.any,
        }
    }

    /// Returns how many of the ids are needed.
    pub const fn at_least(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Any(redundant) => redundant.at_least.get(),
        }
    }

    /// Whether enough of the ids hold.
    pub fn is_met(&self, mut holds: impl FnMut(&Id) -> bool) -> bool {
        self.ids().iter().filter(|id| holds(id)).count() >= self.at_least()
    }
}

impl Serialize for Need {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(id) => id.serialize(serializer),
            Self::Any(redundant) => redundant.serialize(serializer),
        }
    }
}

impl ShortForm for Need {
    type Long = Redundant;
    type Short = Id;
    const EXPECTED: &'static str = "an id, or a mapping with `any`";
    const NAME: &'static str = "Need";

    fn from_long(long: Redundant) -> Result<Self, String> {
        let (count, at_least) = (long.any.len(), long.at_least.get());
        if at_least > count {
            return Err(format!("`at_least` is {at_least}, but `any` names {count}"));
        }
        Ok(Self::Any(Box::new(long)))
    }

    fn from_short(id: Id) -> Result<Self, String> {
        Ok(Self::One(id))
    }
}

short_form!(Need);
