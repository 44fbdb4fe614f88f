//! What there is to know of a file, and whether it is as it should be.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::words::short;
use crate::keeper;
use crate::probe::Expect;
use crate::value::{Length, Moment};

/// What there is to know of a file.
#[derive(Debug)]
struct Facts {
    is_file: bool,
    bytes: u64,
    /// How long ago it was written, by the clock of its own machine.
    age: Length,
}

/// Looks at a file of this machine, within a time limit.
pub(super) fn look(path: &Path, expect: &Expect, limit: Length) -> Result<String, String> {
    let shown = path.display();
    let facts = match path.metadata() {
        Ok(metadata) => {
            let written = metadata.mtime().saturating_mul(1000);
            let written = Moment::from_unix_millis(written.saturating_add(metadata.mtime_nsec() / 1_000_000));
            // What another machine's clock dates a moment ahead is new.
            let age = keeper::stamp().at.since(written).unwrap_or(Length::ZERO);
            Some(Facts { is_file: metadata.is_file(), bytes: metadata.len(), age })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot_look(shown, &error.to_string())),
    };
    judge(shown, facts, expect, || sha256(path, limit))
}

/// The text that tells what there is to know of the file `$DRPLAN_FILE`, in words that every host has.
pub(super) const TELL: &str = r#"
if [ ! -e "$DRPLAN_FILE" ]; then
  folder=$(dirname "$DRPLAN_FILE")
  [ ! -e "$folder" ] || [ -x "$folder" ] || { echo "cannot look into $folder" >&2; exit 1; }
  echo none
  exit 0
fi
kind=other bytes=0
if [ -f "$DRPLAN_FILE" ]; then
  kind=file
  bytes=$(stat -L -c %s "$DRPLAN_FILE" 2>/dev/null || stat -L -f %z "$DRPLAN_FILE") || exit 1
fi
written=$(stat -L -c %Y "$DRPLAN_FILE" 2>/dev/null || stat -L -f %m "$DRPLAN_FILE") || exit 1
sum=-
if [ "$DRPLAN_SUM" = yes ] && [ "$kind" = file ]; then
  sum=$(sha256sum <"$DRPLAN_FILE" 2>/dev/null || shasum -a 256 <"$DRPLAN_FILE") || exit 1
fi
echo "$kind $bytes $(($(date +%s) - written)) ${sum%% *}"
"#;

/// Judges what a host has told of a file; the age is by the host's own clock.
pub(super) fn judge_told(shown: &str, told: &str, expect: &Expect) -> Result<String, String> {
    let words: Vec<&str> = told.split_whitespace().collect();
    let (facts, sum) = match words[..] {
        ["none"] => (None, ""),
        [kind, bytes, age, sum] => {
            let number =
                |text: &str| text.parse::<i64>().ok().map(|number| u64::try_from(number).unwrap_or(0));
            let (Some(bytes), Some(age)) = (number(bytes), number(age)) else {
                return Err(cannot_look(shown, "the host's answer makes no sense"));
            };
            (Some(Facts { is_file: kind == "file", bytes, age: Length::from_secs(age) }), sum)
        }
        _ => return Err(cannot_look(shown, "the host's answer makes no sense")),
    };
    judge(shown, facts, expect, || Ok(sum.to_owned()))
}

fn judge(
    shown: impl Display,
    facts: Option<Facts>,
    expect: &Expect,
    sum: impl FnOnce() -> Result<String, String>,
) -> Result<String, String> {
    let wanted = expect.exists.unwrap_or(true);
    let facts = match (facts, wanted) {
        (Some(facts), true) => facts,
        (None, false) => return Ok(format!("{shown} is not there")),
        (Some(_), false) => return Err(format!("{shown} is there")),
        (None, true) => return Err(format!("{shown} is not there")),
    };
    let mut found = format!("{shown} is there");
    let looks_inside = expect.min_bytes.is_some() || expect.sha256.is_some();
    if looks_inside && !facts.is_file {
        return Err(format!("{shown} is not a file"));
    }
    if let Some(least) = expect.min_bytes {
        let size = facts.bytes;
        if size < least {
            return Err(format!("{shown} has {size} bytes, fewer than {least}"));
        }
        found.push_str(&format!(", has {size} bytes"));
    }
    if let Some(oldest) = expect.max_age {
        let age = facts.age;
        if age > oldest {
            return Err(format!("{shown} was written {} ago, longer than {oldest}", age.rounded()));
        }
        found.push_str(&format!(", was written {} ago", age.rounded()));
    }
    if let Some(wanted) = &expect.sha256 {
        let sum = sum()?;
        if sum != wanted.as_str() {
            return Err(format!("{shown} has the SHA-256 {sum}"));
        }
        found.push_str(", has the expected SHA-256");
    }
    Ok(found)
}

fn cannot_look(shown: impl Display, why: &str) -> String {
    format!("cannot look at {shown}: {}", short(why))
}

/// Says that there was no answer in time.
pub(super) fn late(limit: Length) -> String {
    format!("no answer within {limit}")
}

fn sha256(path: &Path, limit: Length) -> Result<String, String> {
    let failed = |error: std::io::Error| cannot_look(path.display(), &error.to_string());
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 128 * 1024];
    let end = Duration::from_millis(keeper::boot_ms()) + limit.as_duration();
    loop {
        // Nobody waits for the sum any more once the time is up.
        if Duration::from_millis(keeper::boot_ms()) > end {
            return Err(late(limit));
        }
        match file.read(&mut part) {
            Ok(0) => break,
            Ok(count) => hash.update(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let mut sum = String::with_capacity(64);
    for byte in hash.finalize() {
        sum.push_str(&format!("{byte:02x}"));
    }
    Ok(sum)
}
