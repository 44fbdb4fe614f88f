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

/// Returns the known name of which `wrong` is one slip of the pen, if there is exactly one such name.
///
/// A slip is a letter too many, too few, wrong, or in the place of its neighbour; or another use of
/// capitals, `-` and `_`. What tells names from each other on purpose is none: digits (`vps-00`, `vps-01`)
/// and parts of one or two letters (`zone-a`, `zone-b`; `shop-eu`, `shop-us`).
pub fn slip_of<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut close = known.into_iter().filter(|name| is_slip(wrong, name));
    let first = close.next()?;
    close.all(|other| other == first).then_some(first)
}

fn is_slip(wrong: &str, name: &str) -> bool {
    if wrong == name {
        return false;
    }
    if folded(wrong) == folded(name) {
        return true;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (given, wanted) = (parts(wrong), parts(name));
    strsim::osa_distance(wrong, name) == 1
        && digits(wrong) == digits(name)
        && given.len() == wanted.len()
        && given.iter().zip(&wanted).all(|(given, wanted)| given == wanted || are_words(given, wanted))
}

/// Whether two parts of names are long enough for one to be the other misspelt.
fn are_words(one: &str, other: &str) -> bool {
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    let (one, other) = (sorted(one), sorted(other));
    // `api` and `app` are two names; `api` and `aip`, or `apii`, are one.
    let shortest = if one.len() == other.len() && one != other { 4 } else { 3 };
    one.len().min(other.len()) >= shortest
}

fn parts(name: &str) -> Vec<&str> {
    name.split(['-', '_', '.', '/']).collect()
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_of_one_name_is_a_slip() {
        let known =
            ["restore-db", "freeze-traffic", "api", "vps-00", "zone-a", "on_failure", "needs", "step-alpha"];
        for (wrong, right) in [
            ("restroe-db", "restore-db"),
            ("freeze-trafic", "freeze-traffic"),
            ("apii", "api"),
            ("on-failure", "on_failure"),
            ("onFailure", "on_failure"),
            ("Needs", "needs"),
            ("nedes", "needs"),
            ("step_alpha", "step-alpha"),
        ] {
            assert_eq!(slip_of(wrong, known), Some(right), "{wrong}");
        }
        for wrong in [
            "ap",
            "vps-01",
            "vps-0",
            "vps-000",
            "zone-b",
            "restore-dv",
            "freeze",
            "needs",
            "step",
            "restore",
            "app",
        ] {
            assert_eq!(slip_of(wrong, known), None, "{wrong}");
        }
        assert_eq!(slip_of("waxt", ["want", "wait", "other"]), None, "two are equally close");
    }

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
