//! Compares recovery points with the digests that their producers have left, as `sha256sum -c` would.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
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

/// Compares a point with its digests: `NAME.sha256` or `SHA256SUMS` beside a file, `SHA256SUMS` in a folder.
pub(super) fn check(point: &Path) -> Digests {
    match try_check(point) {
        Ok(digests) => digests,
        Err(why) => Digests::Unknown(why),
    }
}

fn try_check(point: &Path) -> Result<Digests, String> {
    let failed = |error: std::io::Error| format!("{}: {}", point.display(), short(&error.to_string()));
    if fs::metadata(point).map_err(failed)?.is_dir() { of_folder(point) } else { of_file(point) }
}

fn of_file(point: &Path) -> Result<Digests, String> {
    let Some((folder, name)) = point.parent().zip(point.file_name().and_then(|name| name.to_str())) else {
        return Ok(Digests::None);
    };
    for beside in [format!("{name}.sha256"), format!("{name}.sha256sum")] {
        let list = folder.join(beside);
        if list.is_file() {
            // Whatever path the producer had, the digest beside an artifact is the artifact's.
            let digests = read_list(&list)?;
            let by_name = digests.iter().find(|(path, _)| path.ends_with(name)).or(digests.first());
            return match by_name {
                Some((_, wanted)) => compare(point, name, wanted).map(|wrong| told(1, &wrong)),
                None => Err(format!("{} holds no digest", list.display())),
            };
        }
    }
    for list in ["SHA256SUMS", "sha256sums.txt"].map(|list| folder.join(list)) {
        if list.is_file()
            && let Some((_, wanted)) = read_list(&list)?.iter().find(|(path, _)| path == Path::new(name))
        {
            return compare(point, name, wanted).map(|wrong| told(1, &wrong));
        }
    }
    Ok(Digests::None)
}

fn of_folder(point: &Path) -> Result<Digests, String> {
    let Some(list) = ["SHA256SUMS", ".SHA256SUMS", "sha256sums.txt"]
        .map(|list| point.join(list))
        .into_iter()
        .find(|list| list.is_file())
    else {
        return Ok(Digests::None);
    };
    let digests: BTreeMap<PathBuf, String> = read_list(&list)?.into_iter().collect();
    if digests.is_empty() {
        return Err(format!("{} holds no digest", list.display()));
    }
    let mut wrong = Vec::new();
    for (name, wanted) in &digests {
        let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(format!("{} names {}, which lies elsewhere", list.display(), name.display()));
        }
        wrong.extend(compare(&point.join(name), &name.display().to_string(), wanted)?);
    }
    if !wrong.is_empty() {
        return Ok(told(digests.len(), &wrong));
    }
    let covered: BTreeSet<PathBuf> = digests.keys().map(|name| point.join(name)).collect();
    let mut open = vec![point.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if path != list && !covered.contains(&path) && !is_about_others(&path) {
                let name = path.strip_prefix(point).unwrap_or(&path);
                return Ok(Digests::Uncovered(format!(
                    "{} has no digest in {}",
                    name.display(),
                    shown(&list)
                )));
            }
        }
    }
    Ok(told(digests.len(), &wrong))
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
fn read_list(list: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let failed = |error: std::io::Error| format!("{}: {}", list.display(), short(&error.to_string()));
    let mut text = String::new();
    File::open(list).map_err(failed)?.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
    let mut digests = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let tagged = line.strip_prefix("SHA256 (").and_then(|rest| rest.rsplit_once(") = "));
        let (name, digest) = match tagged {
            Some((name, digest)) => (name, digest),
            None => {
                let (digest, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                (name.trim_start().trim_start_matches('*'), digest)
            }
        };
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest {
            return Err(format!("{} has a line that is no digest: {}", shown(list), short(line)));
        }
        digests.push((PathBuf::from(name.trim_start_matches("./")), digest.to_ascii_lowercase()));
    }
    Ok(digests)
}

/// Reads a file and says what is wrong with it; nothing if it is what the digest says.
fn compare(path: &Path, name: &str, wanted: &str) -> Result<Vec<String>, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(vec![format!("{name} is missing, and its digest is there")]);
        }
        Err(error) => return Err(format!("{name}: {}", short(&error.to_string()))),
    };
    let mut hash = Sha256::new();
    let mut part = vec![0; PART];
    loop {
        match file.read(&mut part) {
            Ok(0) => break,
            Ok(count) => hash.update(part.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("{name}: {}", short(&error.to_string()))),
        }
    }
    let sum: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let wrong =
        (sum != wanted).then(|| format!("{name} is not what its producer wrote: the SHA-256 differs"));
    Ok(wrong.into_iter().collect())
}

fn shown(list: &Path) -> String {
    list.file_name().unwrap_or_default().to_string_lossy().into_owned()
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
}
