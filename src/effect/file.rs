//! What there is to know of a file, and whether it is as it should be.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::inspect::{Inspection, Verdict};
use super::words::{fill, short};
use super::{Afar, Env, afar, archive};
use crate::bucket::{Access, Address, Beginning, Bucket, Fault, Limits};
use crate::keeper::{self, Mask};
use crate::probe::{Expect, Integrity};
use crate::value::{Length, Moment, Text};

/// What looking at a file takes.
pub(super) struct Look<'l> {
    pub(super) expect: &'l Expect,
    pub(super) env: &'l Env,
    pub(super) cwd: &'l Path,
    pub(super) limit: Length,
    /// The host on which it lies.
    pub(super) afar: Option<&'l Afar>,
    pub(super) mask: Option<Mask>,
}

/// What there is to know of a file.
#[derive(Debug)]
struct Facts {
    kind: Kind,
    bytes: u64,
    /// How long ago it was written, by the clock of its own machine.
    age: Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Other,
}

/// The first bytes of a file, and its sum, for who asks for them.
trait Content {
    /// Returns as many of the first bytes as the head of an archive may have; of a folder, those of the file in it that has the
    /// head, if it is there.
    fn head(&mut self) -> Result<Option<Vec<u8>>, String>;

    /// Returns the SHA-256 of all that is in it.
    fn sha256(&mut self) -> Result<String, String>;
}

/// Looks at a file: of this machine, of a host, or in a bucket.
pub(super) async fn look(path: &str, look: Look<'_>) -> Inspection {
    let Look { expect, env, cwd, limit, afar, mask } = look;
    let mut expect = expect.clone();
    if let Some(database) = expect.pg_dump.as_mut().and_then(|archive| archive.database.as_mut()) {
        *database = match fill(database, env) {
            Ok(filled) => Text::new(filled),
            Err(reply) => return reply.into(),
        };
    }
    let looked = if Address::is_meant_by(path) {
        let (path, values) = (path.to_owned(), env.values.clone());
        spawn_blocking(move || in_bucket(&path, &values, &expect, limit))
    } else if let Some(afar) = afar {
        return match afar::file(afar, path, cwd, limit, mask, &expect).await {
            Ok(told) => judge_told(path, &told, &expect),
            Err(why) => Inspection::unknown(why),
        };
    } else {
        let path = cwd.join(path);
        spawn_blocking(move || here(&path, &expect, limit))
    };
    match timeout(limit.as_duration(), looked).await {
        Ok(Ok(inspection)) => inspection,
        Ok(Err(error)) => Inspection::unknown(error.to_string()),
        Err(_) => Inspection::unknown(late(limit)),
    }
}

/// Looks at a file of this machine.
fn here(path: &Path, expect: &Expect, limit: Length) -> Inspection {
    let shown = path.display();
    let facts = match path.metadata() {
        Ok(metadata) => {
            let written = metadata.mtime().saturating_mul(1000);
            let written = Moment::from_unix_millis(written.saturating_add(metadata.mtime_nsec() / 1_000_000));
            let kind = match () {
                () if metadata.is_file() => Kind::File,
                () if metadata.is_dir() => Kind::Folder,
                () => Kind::Other,
            };
            Some(Facts { kind, bytes: metadata.len(), age: age_of(written) })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Inspection::unknown(cannot_look(shown, &error.to_string())),
    };
    judge(&shown.to_string(), facts, expect, &mut Here { path, limit })
}

/// How long ago something was written; what another machine's clock dates a moment ahead is new.
fn age_of(written: Moment) -> Length {
    keeper::stamp().at.since(written).unwrap_or(Length::ZERO)
}

/// A file or folder of this machine.
struct Here<'p> {
    path: &'p Path,
    limit: Length,
}

impl Content for Here<'_> {
    fn head(&mut self) -> Result<Option<Vec<u8>>, String> {
        let toc = self.path.is_dir().then(|| self.path.join(archive::TOC));
        let path = toc.as_deref().unwrap_or(self.path);
        let read = || -> io::Result<Option<Vec<u8>>> {
            // Opening a pipe waits for somebody to write to it.
            if !path.metadata()?.is_file() {
                return Ok(None);
            }
            let mut head = Vec::with_capacity(archive::MOST);
            File::open(path)?.take(archive::MOST as u64).read_to_end(&mut head)?;
            Ok(Some(head))
        };
        match read() {
            Ok(head) => Ok(head),
            Err(error) if error.kind() == io::ErrorKind::NotFound && toc.is_some() => Ok(None),
            Err(error) => Err(cannot_look(path.display(), &error.to_string())),
        }
    }

    fn sha256(&mut self) -> Result<String, String> {
        sha256(self.path, self.limit)
    }
}

/// Looks at an object of a bucket, or at what lies under an address as in a folder.
fn in_bucket(path: &str, values: &BTreeMap<String, String>, expect: &Expect, limit: Length) -> Inspection {
    let cannot = |why: &dyn Display| Inspection::unknown(cannot_look(path, &why.to_string()));
    let opened = Address::read(path).and_then(|address| {
        let access = Access::from_values(|name| values.get(name).cloned())?;
        Ok((address, access))
    });
    let (mut address, access) = match opened {
        Ok(opened) => opened,
        Err(why) => return cannot(&why),
    };
    let key = std::mem::take(&mut address.prefix).trim_end_matches('/').to_owned();
    let limits = Limits { whole: limit.as_duration(), ..Limits::default() };
    let bucket = match Bucket::open(address, access, limits, keeper::stamp().at) {
        Ok(bucket) => bucket,
        Err(fault) => return cannot(&fault),
    };
    let begins = |key: &str| match bucket.beginning(key, archive::MOST) {
        Err(Fault::NoObject) => Ok(None),
        begins => begins.map(Some),
    };
    let mut beginning = match begins(&key) {
        Ok(beginning) => beginning,
        Err(fault) => return cannot(&fault),
    };
    let mut kind = Kind::File;
    if beginning.is_none() && expect.pg_dump.is_some() {
        kind = Kind::Folder;
        beginning = match begins(&format!("{key}/{}", archive::TOC)) {
            Ok(beginning) => beginning,
            Err(fault) => return cannot(&fault),
        };
    }
    let facts = beginning.as_ref().map(|Beginning { size, stored, .. }| Facts {
        kind,
        bytes: *size,
        age: age_of(*stored),
    });
    let head = beginning.map(|beginning| beginning.bytes);
    judge(path, facts, expect, &mut Stored { bucket: &bucket, key: &key, head })
}

/// An object of a bucket.
struct Stored<'b> {
    bucket: &'b Bucket,
    key: &'b str,
    head: Option<Vec<u8>>,
}

impl Content for Stored<'_> {
    fn head(&mut self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.head.take())
    }

    fn sha256(&mut self) -> Result<String, String> {
        self.bucket.sha256(self.key).map_err(|fault| cannot_look(self.key, &fault.to_string()))
    }
}

/// The text that tells what there is to know of the file `$DRPLAN_FILE`, in words that every host has. The first `$DRPLAN_HEAD`
/// bytes follow in hexadecimal; of a folder, those of the file in it that has the head of an archive.
pub(super) const TELL: &str = r#"
if [ ! -e "$DRPLAN_FILE" ]; then
  folder=$(dirname "$DRPLAN_FILE")
  [ ! -e "$folder" ] || [ -x "$folder" ] || { echo "cannot look into $folder" >&2; exit 1; }
  echo none
  exit 0
fi
kind=other bytes=0 head=$DRPLAN_FILE
if [ -d "$DRPLAN_FILE" ]; then
  kind=folder head=$DRPLAN_FILE/toc.dat
fi
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
if [ "$DRPLAN_HEAD" != 0 ] && [ "$kind" != other ] && [ -f "$head" ]; then
  [ -r "$head" ] || { echo "cannot read $head" >&2; exit 1; }
  echo head
  head -c "$DRPLAN_HEAD" "$head" | od -An -v -tx1
fi
"#;

/// Judges what a host has told of a file; the age is by the host's own clock.
pub(super) fn judge_told(shown: &str, told: &str, expect: &Expect) -> Inspection {
    let senseless = || Inspection::unknown(cannot_look(shown, "the host's answer makes no sense"));
    let (first, rest) = told.trim().split_once('\n').unwrap_or((told.trim(), ""));
    let words: Vec<&str> = first.split_whitespace().collect();
    let (facts, sum) = match words[..] {
        ["none"] => (None, ""),
        [kind, bytes, age, sum] => {
            let number =
                |text: &str| text.parse::<i64>().ok().map(|number| u64::try_from(number).unwrap_or(0));
            let (Some(bytes), Some(age)) = (number(bytes), number(age)) else { return senseless() };
            let kind = match kind {
                "file" => Kind::File,
                "folder" => Kind::Folder,
                _ => Kind::Other,
            };
            (Some(Facts { kind, bytes, age: Length::from_secs(age) }), sum)
        }
        _ => return senseless(),
    };
    let mut rest = rest.split_whitespace();
    let head = rest.next().map(|_| rest.map(|byte| u8::from_str_radix(byte, 16)).collect());
    let Ok(head) = head.transpose() else { return senseless() };
    judge(shown, facts, expect, &mut Told { head, sum })
}

/// What a host has told.
struct Told<'t> {
    head: Option<Vec<u8>>,
    sum: &'t str,
}

impl Content for Told<'_> {
    fn head(&mut self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.head.take())
    }

    fn sha256(&mut self) -> Result<String, String> {
        Ok(self.sum.to_owned())
    }
}

fn judge(shown: &str, facts: Option<Facts>, expect: &Expect, content: &mut dyn Content) -> Inspection {
    let wanted = expect.exists.unwrap_or(true);
    let facts = match (facts, wanted) {
        (Some(facts), true) => facts,
        (None, false) => return Inspection::good(format!("{shown} is not there")),
        (Some(_), false) => return Inspection::bad(format!("{shown} is there")),
        (None, true) => return Inspection::bad(format!("{shown} is not there")),
    };
    let mut found = format!("{shown} is there");
    let looks_inside = expect.min_bytes.is_some() || expect.sha256.is_some();
    if looks_inside && facts.kind != Kind::File {
        return Inspection::bad(format!("{shown} is not a file"));
    }
    if let Some(least) = expect.min_bytes {
        let size = facts.bytes;
        if size < least {
            return Inspection::bad(format!("{shown} has {size} bytes, fewer than {least}"));
        }
        found.push_str(&format!(", has {size} bytes"));
    }
    if let Some(oldest) = expect.max_age {
        let age = facts.age;
        if age > oldest {
            return Inspection::bad(format!(
                "{shown} was written {} ago, longer than {oldest}",
                age.for_people_against(oldest)
            ));
        }
        found.push_str(&format!(", was written {} ago", age.for_people_against(oldest)));
    }
    if let Some(wanted) = &expect.sha256 {
        match content.sha256() {
            Ok(sum) if sum == wanted.as_str() => found.push_str(", has the expected SHA-256"),
            Ok(sum) => return Inspection::bad(format!("{shown} has the SHA-256 {sum}")),
            Err(why) => return Inspection::unknown(why),
        }
    }
    // The plan knows the sum of all of it.
    let level = if expect.sha256.is_some() { Integrity::Digest } else { Integrity::Listed };
    let Some(wanted) = &expect.pg_dump else { return Inspection::good(found).reaching(level) };
    match content.head() {
        Ok(Some(head)) => {
            let inspection = archive::judge(shown, &head, wanted);
            match inspection.verdict {
                Verdict::Good => {
                    Inspection { note: format!("{found}, is {}", inspection.note), ..inspection }
                }
                _ => inspection,
            }
        }
        Ok(None) if facts.kind == Kind::Folder => Inspection::bad(format!(
            "{shown} is a folder without {}: no dump in the directory format",
            archive::TOC
        )),
        Ok(None) => Inspection::bad(format!("{shown} is not a file")),
        Err(why) => Inspection::unknown(why),
    }
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
