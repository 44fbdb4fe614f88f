//! "Did you mean" for names that nobody knows.

/// Returns the known name that is closest to `wrong`, if one is close enough to be a slip of the pen.
pub fn closest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Any two letters are one slip apart; a guess from them would be one at random.
    let limit = wrong.chars().count() / 3;
    known
        .into_iter()
        .filter(|name| *name != wrong)
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= limit || is_part(wrong, name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Whether one name is the beginning of the other, and long enough to mean something.
fn is_part(one: &str, other: &str) -> bool {
    one.len().min(other.len()) > 2 && (one.starts_with(other) || other.starts_with(one))
}

/// Returns "did you mean `x`?" for the closest known name.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(wrong, known).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_leaves_strangers() {
        let known = ["restore-db", "freeze-traffic", "api"];
        assert_eq!(closest("restore-dv", known), Some("restore-db"));
        assert_eq!(closest("freeze-trafic", known), Some("freeze-traffic"));
        assert_eq!(closest("restore", known), Some("restore-db"));
        assert_eq!(closest("uploads", known), None);
        assert_eq!(closest("cache", ["c"]), None);
    }
}
