//! How soon what lies in a bucket can be read.

use crate::value::Length;

/// How soon what lies in a class of storage can be read.
///
/// The times are those of the "Standard" retrieval in the guide of Amazon S3; "Bulk" takes longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Storage {
    /// At once.
    Quick,
    /// At once, until the bucket archives what nobody has read for long, if it is set up to (Intelligent-Tiering).
    Tiering,
    /// After 3 to 5 hours, or within minutes where that was paid for (Glacier Flexible Retrieval).
    Flexible,
    /// After up to 12 hours, and never sooner for money (Glacier Deep Archive).
    Deep,
}

impl Storage {
    /// Reads the name of a class of storage, or of an access tier of Intelligent-Tiering.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "INTELLIGENT_TIERING" => Self::Tiering,
            "GLACIER" | "ARCHIVE_ACCESS" => Self::Flexible,
            "DEEP_ARCHIVE" | "DEEP_ARCHIVE_ACCESS" => Self::Deep,
            _ => Self::Quick,
        }
    }

    /// How long it takes at worst until a plain read gets what lies there; nothing where one does at once.
    pub(super) const fn takes(self) -> Option<Length> {
        match self {
            Self::Quick | Self::Tiering => None,
            Self::Flexible => Some(Length::from_secs(5 * 3600)),
            Self::Deep => Some(Length::from_secs(12 * 3600)),
        }
    }
}
