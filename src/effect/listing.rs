//! Lists the recovery points of a folder: what is in it, by the times in the names, never by what the disk says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::words::short;
use crate::bucket::StoredPoint;
use crate::value::Moment;

/// More files than these of one point are not looked at.
const MOST_FILES: u64 = 1_000_000;

/// A recovery point as it lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the folder.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The moment that its name says.
    pub time: Moment,
    /// What it measures.
    pub measure: Measure,
}

/// What can be told of a point without reading it; nothing of it if not all of its files could be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// How many bytes it has, all of its files together.
    pub bytes: Option<u64>,
    /// How many files it has, if it is a folder.
    pub files: Option<u64>,
    /// When something of it was last changed, by the system on which it lies: not the time of a file, which whoever copies may set
    /// back. Nothing on another host.
    pub changed: Option<Moment>,
}

impl Measure {
    /// Returns what a bucket tells of a point.
    pub fn of_stored(point: &StoredPoint) -> Self {
        Self { bytes: Some(point.size()), files: None, changed: point.stored() }
    }
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The folder as the system knows it.
    pub folder: PathBuf,
    /// The recovery points, the oldest first.
    pub points: Vec<Listed>,
    /// What somebody is still writing, or has given up writing.
    pub unfinished: Vec<String>,
    /// Entries without a time in their name.
    pub others: usize,
}

/// What lies at a path of another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// A folder with recovery points.
    Folder(Listing),
    /// A file, with its bytes.
    File(u64),
}

/// Why a folder cannot be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// It is not there.
    Missing(String),
    /// It is there, and cannot be read.
    Unreadable(String),
}

/// Lists the recovery points of a folder.
pub(super) fn list(folder: &Path) -> Result<Listing, Unlisted> {
    // The path as the system knows it reads better than one with `..` in it.
    let real = fs::canonicalize(folder);
    let folder = real.as_deref().unwrap_or(folder);
    let shown = folder.display();
    let entries = match fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Unlisted::Missing(format!("{shown} is not there")));
        }
        Err(error) => {
            let why = format!("cannot look into {shown}: {}", short(&error.to_string()));
            return Err(Unlisted::Unreadable(why));
        }
    };
    let names = entries.into_iter().map(|entry| entry.file_name().into_string().ok());
    Ok(sorted(folder, names, measure))
}

/// Sorts what lies in a folder; a name that is not UTF-8 is none.
fn sorted(
    folder: &Path,
    names: impl Iterator<Item = Option<String>>,
    measure: impl Fn(&Path) -> Measure,
) -> Listing {
    let mut listing = Listing { folder: folder.to_owned(), ..Listing::default() };
    let mut by_time: BTreeSet<(Moment, String)> = BTreeSet::new();
    for name in names {
        let Some(name) = name else {
            listing.others += 1;
            continue;
        };
        match Moment::find_in(&name) {
            _ if is_unfinished(&name) => listing.unfinished.push(name),
            _ if is_companion(&name) => {}
            Some(time) => {
                by_time.insert((time, name));
            }
            None => listing.others += 1,
        }
    }
    listing.unfinished.sort();
    for (time, name) in by_time {
        let path = folder.join(&name);
        let measure = measure(&path);
        listing.points.push(Listed { name, path, time, measure });
    }
    listing
}

/// The text that tells what lies at `$DRPLAN_FOLDER`, in words that every host has: `none`, `file BYTES`, or `folder` and for each
/// entry `BYTES FILES NAME`, with `-` for what nobody knows and for the files of a file.
pub(super) const TELL: &str = r#"
size() { wc -c <"$1"; }
if [ -f "$DRPLAN_FOLDER" ]; then
  printf 'file %s\n' "$(size "$DRPLAN_FOLDER")"
  exit 0
fi
if [ ! -d "$DRPLAN_FOLDER" ]; then
  folder=$(dirname "$DRPLAN_FOLDER")
  [ ! -e "$folder" ] || [ -x "$folder" ] || { echo "cannot look into $folder" >&2; exit 1; }
  echo none
  exit 0
fi
cd "$DRPLAN_FOLDER" && ls >/dev/null || exit 1
echo folder
for name in * .[!.]*; do
  if [ -d "$name" ]; then
    told=$(find "./$name/" ! -type d -exec ls -ldn {} + 2>/dev/null) && told=$(
      printf '%s\n' "$told" | awk 'NF { files++; if (/^-/) bytes += $5 } END { printf "%.0f %d", bytes, files }'
    ) || told='- -'
    printf '%s %s\n' "$told" "$name"
  elif [ -e "$name" ]; then
    bytes=$(size "$name" 2>/dev/null) || bytes=-
    printf '%s - %s\n' "$((bytes))" "$name"
  fi
done
"#;

/// Reads what [`TELL`] has told; nothing if it makes no sense.
pub(super) fn read_told(folder: &str, told: &str) -> Option<Stored> {
    let mut lines = told.lines();
    let first = lines.next()?;
    if let Some(bytes) = first.strip_prefix("file ") {
        return Some(Stored::File(bytes.trim().parse().ok()?));
    }
    if first != "folder" {
        return None;
    }
    let mut sizes = BTreeMap::new();
    for line in lines {
        // The second line of a name with two, or anything else that no point is called.
        let Some((bytes, rest)) = line.split_once(' ') else { continue };
        let Some((files, name)) = rest.split_once(' ') else { continue };
        let measure = Measure { bytes: bytes.parse().ok(), files: files.parse().ok(), changed: None };
        sizes.insert(name.to_owned(), measure);
    }
    let names = sizes.keys().cloned().map(Some);
    let of = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| sizes.get(name)).copied().unwrap_or_default()
    };
    Some(Stored::Folder(sorted(Path::new(folder), names, of)))
}

/// Whether a name says that somebody is still writing it.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.starts_with('.') || ends_with_any(name, &[".tmp", ".partial", ".part", ".incomplete"])
}

/// Whether a name says that the file only belongs to a point: its digest, its signature, what was printed when it was made.
pub(super) fn is_companion(name: &str) -> bool {
    ends_with_any(name, &[".sha256", ".sha256sum", ".sha512", ".md5", ".asc", ".sig", ".minisig", ".log"])
}

fn ends_with_any(name: &str, ends: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    ends.iter().any(|end| name.ends_with(end))
}

/// Measures a point. Links are not followed inside of it.
pub(super) fn measure(path: &Path) -> Measure {
    measured(path).unwrap_or_default()
}

fn measured(path: &Path) -> Option<Measure> {
    let metadata = fs::metadata(path).ok()?;
    let mut changed = changed_at(&metadata);
    if !metadata.is_dir() {
        return Some(Measure { bytes: Some(metadata.len()), files: None, changed: Some(changed) });
    }
    let (mut bytes, mut files) = (0_u64, 0_u64);
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).ok()? {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            changed = changed.max(changed_at(&metadata));
            if metadata.is_dir() {
                open.push(entry.path());
                continue;
            }
            files += 1;
            bytes = bytes.saturating_add(size_of(&metadata));
            if files > MOST_FILES {
                return None;
            }
        }
    }
    Some(Measure { bytes: Some(bytes), files: Some(files), changed: Some(changed) })
}

fn changed_at(metadata: &Metadata) -> Moment {
    let millis = metadata.ctime().saturating_mul(1000).saturating_add(metadata.ctime_nsec() / 1_000_000);
    Moment::from_unix_millis(millis)
}

fn size_of(metadata: &Metadata) -> u64 {
    if metadata.is_file() { metadata.len() } else { 0 }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// Writes a file.
    pub(in crate::effect) fn put(path: &Path, text: &str) {
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn points_are_told_from_what_lies_beside_them() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| put(&dir.path().join(name), text);
        write("db-20261122T140509Z.dump", "12345");
        write("db-20261122T140509Z.dump.sha256", "x");
        write("db-20261123T000000Z.dump.partial", "x");
        write("README", "x");
        fs::create_dir_all(dir.path().join("20261121T000000Z/sub")).unwrap();
        write("20261121T000000Z/a", "123");
        write("20261121T000000Z/sub/b", "4567");
        let listing = list(dir.path()).unwrap();
        let points: Vec<(&str, Option<u64>, Option<u64>)> = listing
            .points
            .iter()
            .map(|point| (point.name.as_str(), point.measure.bytes, point.measure.files))
            .collect();
        assert_eq!(
            points,
            [("20261121T000000Z", Some(7), Some(2)), ("db-20261122T140509Z.dump", Some(5), None)]
        );
        assert_eq!((listing.unfinished.len(), listing.others), (1, 1));
        assert!(matches!(list(&dir.path().join("none")), Err(Unlisted::Missing(_))));
    }

    #[test]
    fn a_host_tells_of_a_folder_what_is_seen_here() {
        use std::process::Command;

        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| put(&dir.path().join(name), text);
        let told = |path: &Path| {
            #[expect(clippy::disallowed_methods, reason = "the shell that a host would have")]
            let mut shell = Command::new("sh");
            let told = shell.args(["-c", TELL]).env("DRPLAN_FOLDER", path).output().unwrap();
            assert!(told.status.success(), "{told:?}");
            String::from_utf8(told.stdout).unwrap()
        };
        let path = dir.path().to_str().unwrap();
        // When something was last changed no word tells that every host has.
        let seen = || {
            let mut listing = list(dir.path()).unwrap();
            listing.points.iter_mut().for_each(|point| point.measure.changed = None);
            Some(Stored::Folder(listing))
        };
        assert_eq!(read_told(path, &told(dir.path())), seen());
        write("db's  20261122T140509Z.dump", "12345");
        write("db-20261122T140509Z.dump.sha256", "x");
        write(".db-20261123T000000Z.dump", "x");
        write("README", "x");
        fs::create_dir_all(dir.path().join("20261121T000000Z/sub")).unwrap();
        write("20261121T000000Z/a", "123");
        write("20261121T000000Z/sub/b", "4567");
        fs::create_dir_all(dir.path().join("20261120T000000Z")).unwrap();
        assert_eq!(read_told(path, &told(dir.path())), seen());
        assert_eq!(read_told("x", &told(&dir.path().join("README"))), Some(Stored::File(1)));
        assert_eq!(told(&dir.path().join("none")), "none\n");
    }
}
