//! What a probe tells of a recovery point: `NAME=value` lines, and JSON.

use std::io::Read;
use std::path::Path;

use super::run::{Examined, MOST_OUTPUT};
use crate::approval::nonce;
use crate::probe::{Fact, Facts, Probe};

/// A probe tells names of tables and paths, not their content.
pub(super) const MOST: usize = 16 << 20;

/// Reads what a probe has written to `$DRPLAN_OUTPUT`.
pub(super) fn read(file: &Path) -> Result<Facts, String> {
    let mut text = String::new();
    let most = MOST as u64 + 1;
    let read = std::fs::File::open(file).and_then(|file| file.take(most).read_to_string(&mut text));
    read.map_err(|error| error.to_string())?;
    of(&text)
}

/// Reads what stood there.
pub(super) fn of(text: &str) -> Result<Facts, String> {
    if text.len() > MOST {
        return Err(format!("more than {} MiB", MOST >> 20));
    }
    Facts::read(text)
}

/// Returns a line that nothing prints by chance.
pub(super) fn mark() -> Result<String, String> {
    let nonce = nonce().map_err(|error| format!("no randomness: {error}"))?;
    Ok(format!("drplan-facts-{nonce}"))
}

/// Cuts what a command has printed where a mark stands in a line of its own, and returns what comes behind it.
pub(super) fn split_at(out: &mut Vec<u8>, mark: &str) -> Option<String> {
    let mark = format!("\n{mark}\n");
    let at = out.windows(mark.len()).rposition(|part| part == mark.as_bytes())?;
    let facts = String::from_utf8_lossy(out.get(at + mark.len()..)?).into_owned();
    out.truncate(at);
    Some(facts)
}

/// Takes facts from the JSON that a command has printed.
pub(super) fn add_json(probe: &Probe, examined: &Examined, facts: &mut Facts) -> Result<(), String> {
    let Some(asked) = &probe.facts else { return Ok(()) };
    if examined.is_cut {
        return Err(format!("it printed more than {} MiB", MOST_OUTPUT >> 20));
    }
    let json: serde_json::Value =
        serde_json::from_slice(&examined.out).map_err(|error| format!("its output is no JSON: {error}"))?;
    for (fact, path) in &**asked {
        let values = path.values(&json).map_err(|why| format!("{fact}: {why}"))?;
        if !fact.is_many() && values.len() != 1 {
            return Err(format!(
                "{fact}: {} has {} values in the output, not one",
                path.as_str(),
                values.len()
            ));
        }
        for value in values {
            facts.tell(*fact, &value)?;
        }
    }
    if asked.contains_key(&Fact::Point) && facts.points.is_empty() && facts.unknown.is_empty() {
        facts.problems.push("it lists no recovery point".to_owned());
    }
    Ok(())
}
