//! What a step has written to `$DRPLAN_OUTPUT`.

use std::collections::BTreeMap;

use crate::value::Name;

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
        if value.len() > LONGEST {
            return Err(format!("`{name}` is longer than {LONGEST} bytes"));
        }
        if value.contains('\0') {
            return Err(format!("`{name}` holds a zero byte"));
        }
        outputs.insert(name.clone(), value.to_owned());
    }
    match declared.iter().find(|name| !outputs.contains_key(*name)) {
        Some(missing) => Err(format!("`{missing}` is declared but was not written to $DRPLAN_OUTPUT")),
        None => Ok(outputs),
    }
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
}
