//! What a step gives to those that need it: what a command has written to `$DRPLAN_OUTPUT`, and what a person says.

use std::collections::BTreeMap;

use crate::event::HARMED_AT;
use crate::value::{Moment, Name};

/// The longest value, in bytes.
const LONGEST: usize = 4096;

/// Reads `NAME=value` lines and holds them to what the step declares.
///
/// # Errors
///
/// The first line that is no such line or is not declared, or the first output that is missing.
pub(super) fn read(text: &str, declared: &[Name]) -> Result<BTreeMap<Name, String>, String> {
    let mut outputs = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Some((name, value)) = line.split_once('=') else {
            let shown: String = line.chars().take(40).collect();
            return Err(format!("`{}` is not a NAME=value line", shown.escape_debug()));
        };
        let Some(name) = declared.iter().find(|known| known.as_str() == name) else {
            return Err(format!("`{}` is written but not declared under `outputs`", name.escape_debug()));
        };
        check(name, value)?;
        outputs.insert(name.clone(), value.to_owned());
    }
    match declared.iter().find(|name| !outputs.contains_key(*name)) {
        Some(missing) => Err(format!("`{missing}` is declared but was not written to $DRPLAN_OUTPUT")),
        None => Ok(outputs),
    }
}

fn check(name: &Name, value: &str) -> Result<(), String> {
    if value.len() > LONGEST {
        return Err(format!("`{name}` is longer than {LONGEST} bytes"));
    }
    if value.contains('\0') {
        return Err(format!("`{name}` holds a zero byte"));
    }
    if name.as_str() == HARMED_AT {
        let moment = value.parse::<Moment>();
        moment.map_err(|why| format!("`{name}` must be the moment when the harm began: {why}"))?;
    }
    Ok(())
}

/// Finds `NAME=value` for each output in what a person says, at the beginning of a line or after a space. The value goes to
/// the next space, or it is a JSON string.
///
/// # Errors
///
/// The first output that is missing, stands there twice, or has no fitting value.
pub(super) fn find(words: &str, declared: &[Name]) -> Result<BTreeMap<Name, String>, String> {
    let mut outputs = BTreeMap::new();
    for name in declared {
        let mark = format!("{name}=");
        let is_apart = |at: &usize| words[..*at].chars().next_back().is_none_or(char::is_whitespace);
        let mut found = words.match_indices(&mark).map(|(at, _)| at).filter(is_apart);
        let Some(at) = found.next() else { return Err(format!("it must say `{mark}…`")) };
        if found.next().is_some() {
            return Err(format!("it says `{mark}…` twice"));
        }
        let rest = &words[at + mark.len()..];
        let value = if rest.starts_with('"') {
            let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            texts.next().and_then(Result::ok).ok_or_else(|| format!("`{mark}\"…\"` has no end"))?
        } else {
            rest.split(char::is_whitespace).next().unwrap_or_default().to_owned()
        };
        if value.is_empty() {
            return Err(format!("`{mark}` has no value"));
        }
        check(name, &value)?;
        outputs.insert(name.clone(), value);
    }
    Ok(outputs)
}

/// Says that a moment of harm lies ahead, if it does: nothing would be too young for it.
pub(super) fn ahead(outputs: &BTreeMap<Name, String>, now: Moment) -> Option<String> {
    let harmed: Moment = outputs.iter().find(|(name, _)| name.as_str() == HARMED_AT)?.1.parse().ok()?;
    (harmed > now).then(|| format!("`{HARMED_AT}` lies ahead: now it is {}", now.for_people()))
}

/// Reads what is well formed and declared, of a step that may not have come to the end of it.
pub(super) fn read_what_is_there(text: &str, declared: &[Name]) -> BTreeMap<Name, String> {
    // A last line without its end may be half of one.
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let named = whole.filter_map(|line| line.trim_end_matches(['\n', '\r']).split_once('='));
    let fit = named.filter(|(_, value)| value.len() <= LONGEST && !value.contains('\0'));
    fit.filter_map(|(name, value)| {
        let name = declared.iter().find(|known| known.as_str() == name)?;
        Some((name.clone(), value.to_owned()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_held_to_what_is_declared() {
        let declared: Vec<Name> = ["HOST_IP", "PORT"].map(|name| name.parse().unwrap()).to_vec();
        let read =
            |text: &str| read(text, &declared).map(|outputs| outputs.into_values().collect::<Vec<_>>());
        assert_eq!(read("HOST_IP=10.0.0.7\n\nPORT=a=b\n"), Ok(vec!["10.0.0.7".into(), "a=b".into()]));
        for (text, part) in [
            ("HOST_IP=1\n", "`PORT` is declared but"),
            ("HOST_IP=1\nPORT=2\nOTHER=3\n", "`OTHER` is written but"),
            ("HOST_IP\n", "not a NAME=value line"),
            (&format!("HOST_IP={}\n", "x".repeat(5000)), "longer than 4096"),
        ] {
            assert!(read(text).unwrap_err().contains(part), "{text:.30}");
        }
    }
    #[test]
    fn what_a_person_says_is_found_in_their_words() {
        let declared: Vec<Name> = ["HOST_IP", "HARMED_AT"].map(|name| name.parse().unwrap()).to_vec();
        let find =
            |text: &str| find(text, &declared).map(|outputs| outputs.into_values().collect::<Vec<_>>());
        let both = Ok(vec!["2026-11-22T14:05:00Z".to_owned(), "10.0.0.7".to_owned()]);
        assert_eq!(find("HOST_IP=10.0.0.7 by the console, HARMED_AT=2026-11-22T14:05:00Z"), both);
        assert_eq!(find("see the log\nHARMED_AT=2026-11-22T14:05:00Z\nHOST_IP=\"10.0.0.7\""), both);
        for (text, part) in [
            ("HOST_IP=1", "it must say `HARMED_AT=…`"),
            ("OLD_HOST_IP=1 HARMED_AT=2026-11-22T14:05:00Z", "it must say `HOST_IP=…`"),
            ("HOST_IP= HARMED_AT=2026-11-22T14:05:00Z", "`HOST_IP=` has no value"),
            ("HOST_IP=1 HOST_IP=2 HARMED_AT=2026-11-22T14:05:00Z", "twice"),
            ("HOST_IP=\"1 HARMED_AT=2026-11-22T14:05:00Z", "has no end"),
            ("HOST_IP=1 HARMED_AT=yesterday", "the moment when the harm began"),
        ] {
            assert!(find(text).unwrap_err().contains(part), "{text}");
        }
    }
}
