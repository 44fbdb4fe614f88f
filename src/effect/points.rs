//! Finds the newest recovery point in a folder, by the times in the names.

use std::fs;
use std::path::{Path, PathBuf};

use super::listing::{is_companion, is_unfinished};
use super::words::short;
use super::{Folder, FoundPoint, Judged, afar};
use crate::value::Moment;

/// Looks for the newest recovery point, unless it is already known that this makes no sense.
pub(super) async fn look(at: Option<Folder>, moot: Option<String>, judged: Vec<Judged>) -> FoundPoint {
    if let Some(why) = moot {
        return FoundPoint::Unasked(why);
    }
    let at = match at {
        Some(Folder::Afar(afar, folder)) => {
            let shown = format!("{folder} on {}", afar.host.place);
            let path_of = |name: &str| Some(format!("{}/{name}", folder.trim_end_matches('/')));
            // What lies on another host was not looked into from here.
            return match afar::names(&afar, &folder).await {
                Ok(names) => newest_of(names, &shown, path_of, |_| None),
                Err(why) => FoundPoint::Nothing(why),
            };
        }
        Some(Folder::Here(at)) => Some(at),
        None => None,
    };
    let looked = tokio::task::spawn_blocking(move || find_newest(at.as_deref(), &judged));
    looked.await.unwrap_or_else(|error| FoundPoint::CannotLook(error.to_string()))
}

/// Looks for the newest recovery point; says nothing of folders that this version cannot see.
fn find_newest(at: Option<&Path>, judged: &[Judged]) -> FoundPoint {
    let Some(folder) = at else {
        return FoundPoint::CannotLook("this version looks only into folders".to_owned());
    };
    // The path as the system knows it reads better than one with `..` in it.
    let real = fs::canonicalize(folder);
    let folder = real.as_deref().unwrap_or(folder);
    let shown = folder.display();
    let entries = match fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return FoundPoint::Nothing(format!("{shown} is not there"));
        }
        Err(error) => {
            return FoundPoint::Nothing(format!("cannot look into {shown}: {}", short(&error.to_string())));
        }
    };
    let names = entries.iter().filter_map(|entry| entry.file_name().to_str().map(str::to_owned)).collect();
    // A judgement holds as long as the point is still what was looked at.
    let judgement = |name: &str| {
        let path = absolute(&folder.join(name))?;
        let known = judged.iter().find(|judged| judged.path == path)?;
        let size = folder.join(name).metadata().ok().filter(fs::Metadata::is_file).map(|m| m.len());
        (known.bytes.is_none() || size.is_none() || known.bytes == size).then_some(known)
    };
    newest_of(names, &shown.to_string(), |name| absolute(&folder.join(name)), judgement)
}

/// Takes the newest of the names of points; what a look has found bad is passed over.
fn newest_of<'j>(
    names: Vec<String>,
    shown: &str,
    path_of: impl FnOnce(&str) -> Option<String>,
    judgement: impl Fn(&str) -> Option<&'j Judged>,
) -> FoundPoint {
    let mut points = Vec::new();
    for name in names {
        if is_unfinished(&name) || is_companion(&name) {
            continue;
        }
        if let Some(time) = Moment::find_in(&name) {
            points.push((time, name));
        }
    }
    let count = points.len();
    let mut passed_over = String::new();
    points.retain(|(_, name)| match judgement(name) {
        Some(known) if !known.is_good => {
            passed_over = format!("; {name} was passed over: {}", known.said);
            false
        }
        _ => true,
    });
    if count > 0 && points.is_empty() {
        return FoundPoint::Nothing(format!(
            "none of the {count} points in {shown} is good{passed_over}; without .drplan/verification.json they are taken all the same"
        ));
    }
    // Of two with one time the name decides, so that the choice is the same every time.
    let Some((time, name)) = points.into_iter().max() else {
        return FoundPoint::Nothing(format!(
            "no entry of {shown} has a UTC time such as 20261122T140509Z in its name"
        ));
    };
    match path_of(&name) {
        Some(path) => {
            let said = judgement(&name).map(|known| format!(", {}", known.said)).unwrap_or_default();
            let why = format!("the newest of {count} in {shown}{said}{passed_over}");
            FoundPoint::Newest { path, time: Some(time), why }
        }
        None => FoundPoint::Nothing(format!("the path of {shown} is not UTF-8")),
    }
}

fn absolute(path: &Path) -> Option<String> {
    // Symbolic links stay as they are: `latest` may be the name that people know.
    let path: PathBuf = std::path::absolute(path).ok()?;
    path.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_newest_that_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let look = || find_newest(Some(dir.path()), &[]);
        let FoundPoint::Nothing(why) = look() else { panic!("an empty folder") };
        assert!(why.contains("no entry of"), "{why}");
        for name in [
            "db-20261122T140509Z.dump",
            "a-2026-11-22T15-05-09Z",
            "a-2026-11-22T15-05-09Z.sha256",
            "z-20261101T000000Z",
            ".db-20261123T000000Z",
            "db-20261124T000000Z.tmp",
            "db-20261124T000000Z.PARTIAL",
            "notes.txt",
        ] {
            fs::File::create(dir.path().join(name)).unwrap();
        }
        let newest = dir.path().join("a-2026-11-22T15-05-09Z");
        assert_eq!(
            look(),
            FoundPoint::Newest {
                path: newest.to_str().unwrap().to_owned(),
                time: Some("2026-11-22T15:05:09Z".parse().unwrap()),
                why: format!("the newest of 3 in {}", dir.path().display()),
            }
        );
    }

    #[test]
    fn says_where_nothing_can_be_found() {
        let missing = Path::new("/nowhere/at/all");
        assert_eq!(
            find_newest(Some(missing), &[]),
            FoundPoint::Nothing("/nowhere/at/all is not there".to_owned())
        );
        assert!(matches!(find_newest(None, &[]), FoundPoint::CannotLook(_)));
    }
}
