//! Says in words why a text does not match one of the language's patterns.

use super::id::{self, FIELD_PATTERN, ID_PATTERN, NAME_PATTERN, REFERENCE_PATTERN};
use super::{Id, Length, Name, Tool, length, tool};

/// Says why a text does not match a pattern of the schema; nothing if it does, or if the pattern is not one of ours.
pub fn explain_pattern(pattern: &str, text: &str) -> Option<String> {
    match pattern {
        length::PATTERN => text.parse::<Length>().err(),
        ID_PATTERN => id::check_id(text).err(),
        REFERENCE_PATTERN => text.parse::<Id>().err(),
        NAME_PATTERN => text.parse::<Name>().err(),
        FIELD_PATTERN => text.parse::<super::Field>().err(),
        tool::PATTERN => text.parse::<Tool>().err(),
        _ => None,
    }
}
