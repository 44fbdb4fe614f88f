//! Compares recovery points with the digests that their producers have left, as `sha256sum -c` would.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::words::short;

/// So much is read at a time: memory stays flat however large the artifact is.
const PART: usize = 128 * 1024;

/// A list of digests is a short text.
const MOST_BYTES: u64 = 64 << 20;

/// What the digests say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digests {
    /// There are none.
    None,
    /// Every file is what it was when its digest was taken; so many.
    Same(usize),
    /// Some are not; what is wrong, for people.
    Differ(String),
    /// Files that no digest covers, though others are covered.
    Uncovered(String),
    /// They cannot be read.
    Unknown(String),
}

/// The text that tells of the digests of the point `$DRPLAN_POINT`, in words that every host has: `list NAME` and the lines of
/// a list with `=` before them, and the lines of `sha256sum` for each file of a point that has a list.
pub(super) const TELL: &str = r#"
tell() {
  [ -f "$1" ] || return 1
  printf 'list %s\n' "$1"
  sed 's/^/=/' "$1" || exit 1
  echo
}
[ -e "$DRPLAN_POINT" ] || { echo "$DRPLAN_POINT is not there" >&2; exit 1; }
if [ -d "$DRPLAN_POINT" ]; then
  cd "$DRPLAN_POINT" || exit 1
  for list in SHA256SUMS .SHA256SUMS sha256sums.txt; do
    if tell "$list"; then
      find . -type f -exec sh -c 'sha256sum "$@" 2>/dev/null || shasum -a 256 "$@"' sh {} + || exit 1
      break
    fi
  done
else
  cd "$(dirname "$DRPLAN_POINT")" || exit 1
  name=$(basename "$DRPLAN_POINT")
  echo "file"
  has=
  for list in "$name.sha256" "$name.sha256sum" SHA256SUMS sha256sums.txt; do
    if tell "$list"; then has=yes; fi
  done
  [ -z "$has" ] || sha256sum "./$name" 2>/dev/null || shasum -a 256 "./$name" || exit 1
fi
"#;

/// Where a point lies: paths are below the folder that it is, or that it lies in.
trait Shelf {
    /// Returns the text of a list of digests; nothing if it is not there.
    fn list(&self, name: &str) -> Result<Option<String>, String>;

    /// Returns the SHA-256 of a file, in hexadecimal; nothing if it is not there.
    fn sum(&self, path: &Path) -> Result<Option<String>, String>;

    /// Returns all files of a point that is a folder.
    fn files(&self) -> Result<Vec<PathBuf>, String>;
}

/// A folder of this machine.
struct Here<'p>(&'p Path);

/// A folder of another host, as far as it has told of it.
#[derive(Default)]
struct Told {
    lists: BTreeMap<String, String>,
    sums: BTreeMap<PathBuf, String>,
}

/// Compares a point with its digests: `NAME.sha256` or `SHA256SUMS` beside a file, `SHA256SUMS` in a folder.
pub(super) fn check(point: &Path) -> Digests {
    let beside = point.parent().zip(point.file_name().and_then(|name| name.to_str()));
    let checked = match (fs::metadata(point), beside) {
        (Err(error), _) => Err(format!("{}: {}", point.display(), short(&error.to_string()))),
        (Ok(metadata), _) if metadata.is_dir() => of_folder(&Here(point)),
        (Ok(_), Some((folder, name))) => of_file(&Here(folder), name),
        (Ok(_), None) => Ok(Digests::None),
    };
    checked.unwrap_or_else(Digests::Unknown)
}

/// Compares a point of another host with its digests, by what [`TELL`] has told of it there.
pub(super) fn check_told(point: &str, told: &str) -> Digests {
    let is_file = told.lines().next() == Some("file");
    let mut shelf = Told::default();
    let mut list = None;
    for line in told.lines().skip(usize::from(is_file)) {
        if let Some(name) = line.strip_prefix("list ") {
            list = Some(shelf.lists.entry(name.to_owned()).or_default());
        } else if let (Some(line), Some(list)) = (line.strip_prefix('='), &mut list) {
            list.push_str(line);
            list.push('\n');
        } else if !line.is_empty() {
            match read_line(line) {
                Some((path, sum)) => drop(shelf.sums.insert(path, sum)),
                None => {
                    return Digests::Unknown(format!("what the host tells makes no sense: {}", short(line)));
                }
            }
        }
    }
    let name = point.trim_end_matches('/').rsplit('/').next().unwrap_or(point);
    let checked = if is_file { of_file(&shelf, name) } else { of_folder(&shelf) };
    checked.unwrap_or_else(Digests::Unknown)
}

impl Shelf for Here<'_> {
    fn list(&self, name: &str) -> Result<Option<String>, String> {
        let path = self.0.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let failed = |error: io::Error| format!("{}: {}", path.display(), short(&error.to_string()));
        let mut text = String::new();
        File::open(&path).map_err(failed)?.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
        Ok(Some(text))
    }

    fn sum(&self, path: &Path) -> Result<Option<String>, String> {
        let failed = |error: io::Error| format!("{}: {}", path.display(), short(&error.to_string()));
        let mut file = match File::open(self.0.join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut hash = Sha256::new();
        let mut part = vec![0; PART];
        loop {
            match file.read(&mut part) {
                Ok(0) => break,
                Ok(count) => hash.update(part.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    fn files(&self) -> Result<Vec<PathBuf>, String> {
        let (mut files, mut open) = (Vec::new(), vec![self.0.to_owned()]);
        while let Some(folder) = open.pop() {
            let failed = |error: io::Error| format!("{}: {error}", folder.display());
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                if path.is_dir() && !path.is_symlink() {
                    open.push(path);
                } else {
                    files.push(path.strip_prefix(self.0).unwrap_or(&path).to_owned());
                }
            }
        }
        Ok(files)
    }
}

impl Shelf for Told {
    fn list(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.lists.get(name).cloned())
    }

    fn sum(&self, path: &Path) -> Result<Option<String>, String> {
        Ok(self.sums.get(path).cloned())
    }

    fn files(&self) -> Result<Vec<PathBuf>, String> {
        Ok(self.sums.keys().cloned().collect())
    }
}

fn of_file(shelf: &impl Shelf, name: &str) -> Result<Digests, String> {
    for list in [format!("{name}.sha256"), format!("{name}.sha256sum")] {
        if let Some(text) = shelf.list(&list)? {
            // Whatever path the producer had, the digest beside an artifact is the artifact's.
            let digests = read_list(&list, &text)?;
            let by_name = digests.iter().find(|(path, _)| path.ends_with(name)).or(digests.first());
            return match by_name {
                Some((_, wanted)) => {
                    compare(shelf, Path::new(name), wanted).map(|wrong| told(1, wrong.as_slice()))
                }
                None => Err(format!("{list} holds no digest")),
            };
        }
    }
    for list in ["SHA256SUMS", "sha256sums.txt"] {
        if let Some(text) = shelf.list(list)?
            && let Some((_, wanted)) =
                read_list(list, &text)?.iter().find(|(path, _)| path == Path::new(name))
        {
            return compare(shelf, Path::new(name), wanted).map(|wrong| told(1, wrong.as_slice()));
        }
    }
    Ok(Digests::None)
}

fn of_folder(shelf: &impl Shelf) -> Result<Digests, String> {
    let mut found = None;
    for list in ["SHA256SUMS", ".SHA256SUMS", "sha256sums.txt"] {
        if found.is_none() {
            found = shelf.list(list)?.map(|text| (list, text));
        }
    }
    let Some((list, text)) = found else { return Ok(Digests::None) };
    let digests: BTreeMap<PathBuf, String> = read_list(list, &text)?.into_iter().collect();
    if digests.is_empty() {
        return Err(format!("{list} holds no digest"));
    }
    let mut wrong = Vec::new();
    for (name, wanted) in &digests {
        let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(format!("{list} names {}, which lies elsewhere", name.display()));
        }
        wrong.extend(compare(shelf, name, wanted)?);
    }
    if !wrong.is_empty() {
        return Ok(told(digests.len(), &wrong));
    }
    let is_covered =
        |path: &PathBuf| path == Path::new(list) || digests.contains_key(path) || is_about_others(path);
    match shelf.files()?.iter().find(|path| !is_covered(path)) {
        Some(path) => Ok(Digests::Uncovered(format!("{} has no digest in {list}", path.display()))),
        None => Ok(told(digests.len(), &wrong)),
    }
}

/// Logs and signatures are written after the digests.
fn is_about_others(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(super::listing::is_companion)
}

fn told(count: usize, wrong: &[String]) -> Digests {
    match wrong {
        [] => Digests::Same(count),
        [one] => Digests::Differ(one.clone()),
        [first, rest @ ..] => Digests::Differ(format!("{first} (and {} more)", rest.len())),
    }
}

/// Reads the lines of `sha256sum`: `DIGEST  NAME`, `DIGEST *NAME`, `SHA256 (NAME) = DIGEST`, or a digest alone.
fn read_list(list: &str, text: &str) -> Result<Vec<(PathBuf, String)>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            read_line(line).ok_or_else(|| format!("{list} has a line that is no digest: {}", short(line)))
        })
        .collect()
}

fn read_line(line: &str) -> Option<(PathBuf, String)> {
    let tagged = line.strip_prefix("SHA256 (").and_then(|rest| rest.rsplit_once(") = "));
    let (name, digest) = match tagged {
        Some((name, digest)) => (name, digest),
        None => {
            let (digest, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            (name.trim_start().trim_start_matches('*'), digest)
        }
    };
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| (PathBuf::from(name.trim_start_matches("./")), digest.to_ascii_lowercase()))
}

/// Says what is wrong with a file; nothing if it is what the digest says.
fn compare(shelf: &impl Shelf, path: &Path, wanted: &str) -> Result<Option<String>, String> {
    let name = path.display();
    Ok(match shelf.sum(path)? {
        None => Some(format!("{name} is missing, and its digest is there")),
        Some(sum) if sum != wanted => {
            Some(format!("{name} is not what its producer wrote: the SHA-256 differs"))
        }
        Some(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::listing::tests::put;

    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_file_is_held_to_the_digest_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db.dump");
        let write = |name: &str, text: &str| put(&dir.path().join(name), text);
        write("db.dump", "abc");
        assert_eq!(check(&file), Digests::None);
        for line in [
            format!("{OF_ABC}  db.dump\n"),
            format!("{OF_ABC} */var/tmp/db.dump\n"),
            format!("SHA256 (db.dump) = {OF_ABC}\n"),
            format!("{OF_ABC}\n"),
        ] {
            write("db.dump.sha256", &line);
            assert_eq!(check(&file), Digests::Same(1), "{line}");
        }
        write("db.dump", "abd");
        assert!(matches!(check(&file), Digests::Differ(_)));
        write("db.dump.sha256", "");
        assert!(matches!(check(&file), Digests::Unknown(_)));
        write("db.dump.sha256", "not a digest");
        assert!(matches!(check(&file), Digests::Unknown(_)));
    }

    #[test]
    fn a_folder_is_held_to_all_its_digests() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| put(&dir.path().join(name), text);
        write("a", "abc");
        write("SHA256SUMS", &format!("{OF_ABC}  ./a\n"));
        assert_eq!(check(dir.path()), Digests::Same(1));
        write("backup.log", "done");
        assert_eq!(check(dir.path()), Digests::Same(1));
        write("b", "left out");
        assert!(matches!(check(dir.path()), Digests::Uncovered(_)));
        write("SHA256SUMS", &format!("{OF_ABC}  a\n{OF_ABC}  c\n"));
        assert!(matches!(check(dir.path()), Digests::Differ(why) if why.contains("c is missing")));
        write("SHA256SUMS", &format!("{OF_ABC}  ../../etc/passwd\n"));
        assert!(matches!(check(dir.path()), Digests::Unknown(_)));
    }
    #[test]
    fn what_a_host_tells_is_judged_as_what_lies_here() {
        use std::process::Command;

        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| put(&dir.path().join(name), text);
        let told = |point: &Path| {
            #[expect(clippy::disallowed_methods, reason = "the shell that a host would have")]
            let mut shell = Command::new("sh");
            let told = shell.args(["-c", TELL]).env("DRPLAN_POINT", point).output().unwrap();
            assert!(told.status.success(), "{told:?}");
            check_told(point.to_str().unwrap(), &String::from_utf8_lossy(&told.stdout))
        };
        fs::create_dir_all(dir.path().join("folder/sub")).unwrap();
        let (file, folder) = (dir.path().join("it's.dump"), dir.path().join("folder"));
        let same = |point: &Path| assert_eq!(told(point), check(point));
        write("it's.dump", "abc");
        write("folder/sub/a b", "abc");
        same(&file);
        same(&folder);
        for line in
            [format!("{OF_ABC}  it's.dump"), format!("SHA256 (it's.dump) = {OF_ABC}\n"), "x\n".to_owned()]
        {
            write("it's.dump.sha256", &line);
            write("folder/SHA256SUMS", &line.replace("it's.dump", "./sub/a b"));
            same(&file);
            same(&folder);
        }
        write("it's.dump.sha256", &format!("{OF_ABC}  it's.dump"));
        assert_eq!(told(&file), Digests::Same(1));
        write("folder/SHA256SUMS", &format!("{OF_ABC}  sub/a b\n"));
        assert_eq!(told(&folder), Digests::Same(1));
        write("folder/more", "left out");
        assert!(matches!(told(&folder), Digests::Uncovered(_)));
        write("folder/sub/a b", "abd");
        write("it's.dump", "abd");
        assert!(matches!(told(&folder), Digests::Differ(_)) && matches!(told(&file), Digests::Differ(_)));
        same(&file);
        same(&folder);
    }
}
