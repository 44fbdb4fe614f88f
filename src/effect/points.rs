//! Finds the newest recovery point of a copy that may be taken and is good.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use futures_util::future::join_all;
use secrecy::ExposeSecret;

use super::digest::Digests;
use super::inspect::{Inspection, Inspector, Verdict, give_time, scrub};
use super::stock::{Lack, Stock};
use super::{Env, Errand, Folder, FoundPoint, Judged, Question};
use crate::probe::{Integrity, Probe};
use crate::value::{Moment, Name};

/// What recovery point is wanted.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Where the copy lies, if this version can look there.
    pub at: Option<Folder>,
    /// Why it makes no sense to look, if that is known.
    pub moot: Option<String>,
    /// It must hold a moment before this one.
    pub before: Option<Moment>,
    /// It must hold a moment that is not before this one.
    pub not_before: Option<Moment>,
    /// Points that this run has found bad: where they lie, and why.
    pub refused: Vec<(String, String)>,
    /// How to look into one; nothing if none is looked into, nor is it asked what earlier looks have found.
    pub proof: Option<Box<Prove>>,
}

/// How to look into a recovery point before it is restored.
#[derive(Clone, Debug)]
pub struct Prove {
    /// The probes of its copy.
    pub probes: Vec<Probe>,
    /// The environment of these.
    pub env: Env,
    /// The key of the copy, and how it is fetched.
    pub key: Option<(Name, Errand)>,
    /// The folder in which they run.
    pub cwd: PathBuf,
    /// The shell for their texts.
    pub shell: Vec<String>,
}

/// Looks for recovery points.
#[derive(Clone, Debug)]
pub(super) struct Seeker {
    judged: Arc<Vec<Judged>>,
    /// The binary of drplan, the folder for temporary files of probes, and whether these are confined.
    inspects: Arc<(PathBuf, PathBuf, bool)>,
    inspector: Arc<OnceLock<Inspector>>,
}

/// What looking into a point has shown.
enum Proof {
    /// Nothing is wrong with it: how far it was looked into, and the moment that it says it holds.
    Good(String, Option<Moment>),
    Bad(String),
    /// Nobody knows; why.
    Unknown(String),
}

impl Seeker {
    pub(super) fn new(exe: PathBuf, tmp: PathBuf, confines: bool, judged: Vec<Judged>) -> Self {
        let inspects = Arc::new((exe, tmp, confines));
        Self { judged: Arc::new(judged), inspects, inspector: Arc::default() }
    }

    /// Looks for the newest recovery point that is good, unless it is already known that this makes no sense.
    pub(super) async fn look(&self, search: Search) -> FoundPoint {
        if let Some(why) = &search.moot {
            return FoundPoint::Unasked(why.clone());
        }
        let stock = match &search.at {
            None => return FoundPoint::CannotLook("the plan does not say where it lies".to_owned()),
            Some(Folder::Unseen(why)) => return FoundPoint::CannotLook(why.clone()),
            Some(Folder::Repository(at)) => return of_repository(at, &search),
            Some(Folder::Here(folder)) => Stock::here(folder.clone()).await,
            Some(Folder::Afar(afar, folder)) => Stock::afar(afar, folder).await,
            Some(Folder::Bucket(vault)) => Stock::bucket(vault, search.before).await,
        };
        match stock {
            Ok(stock) => self.choose(stock, &search).await,
            Err(Lack::Nothing(why)) => FoundPoint::Nothing(why),
            Err(Lack::CannotLook(why)) => FoundPoint::CannotLook(why),
        }
    }

    /// Takes the newest of the points that may be taken and with which nothing is wrong.
    async fn choose(&self, mut stock: Stock, search: &Search) -> FoundPoint {
        let mut points = std::mem::take(&mut stock.points);
        let (stock, shown) = (&stock, &stock.shown);
        // Of two with one time the name decides, so that the choice is the same every time.
        points.sort_unstable_by(|one, other| other.cmp(one));
        let count = points.len();
        if count == 0 {
            return FoundPoint::Nothing(format!(
                "no entry of {shown} has a UTC time such as 20261122T140509Z in its name; if it is a repository, such as restic's, \
                 give the copy a probe `of: copy` under `verify`"
            ));
        }
        let limit = search.before.map(|before| format!(" from before {}", before.for_people()));
        let limit = limit.unwrap_or_default();
        let mut passed_over = String::new();
        let mut pass =
            |name: &str, why: &str| passed_over.push_str(&format!("; {name} was passed over: {why}"));
        let mut too_young = 0;
        for (listed, name) in points {
            if search.before.is_some_and(|before| listed >= before) {
                too_young += 1;
                continue;
            }
            if search.not_before.is_some_and(|not_before| listed < not_before) {
                break;
            }
            let Some(path) = stock.path_of(&name) else {
                pass(&name, "its path is not UTF-8");
                continue;
            };
            if let Some((_, why)) = search.refused.iter().find(|(refused, _)| *refused == path) {
                pass(&name, why);
                continue;
            }
            // What lies elsewhere was looked at there, if at all.
            let proof = search.proof.as_ref().filter(|_| stock.is_within_sight());
            let known = proof.and_then(|_| judgement(&self.judged, &path));
            let proof = match (known, proof) {
                (Some(known), _) if known.is_good => Proof::Good(known.said.clone(), None),
                (Some(known), _) => Proof::Bad(known.said.clone()),
                (None, Some(prove)) => self.look_into(stock, prove, &path, &name, listed).await,
                (None, _) => Proof::Unknown(String::new()),
            };
            let (said, time) = match proof {
                Proof::Bad(why) => {
                    pass(&name, &why);
                    continue;
                }
                Proof::Good(_, Some(inside)) if search.before.is_some_and(|before| inside >= before) => {
                    pass(&name, &format!("it holds {}, and is not{limit}", inside.for_people()));
                    continue;
                }
                Proof::Good(said, inside) => (format!(", {said}"), inside.unwrap_or(listed)),
                Proof::Unknown(why) if why.is_empty() => (String::new(), listed),
                Proof::Unknown(why) => (format!(", not verified: {why}"), listed),
            };
            let young = if too_young > 0 { format!(" ({too_young} younger)") } else { String::new() };
            let why = format!("the newest{limit} of {count} in {shown}{young}{said}{passed_over}");
            return FoundPoint::Newest { path, time: Some(time), why };
        }
        let advice = if passed_over.is_empty() {
            ""
        } else {
            "; `--unverified` begins a run that takes them all the same"
        };
        FoundPoint::Nothing(format!(
            "none of the {count} points in {shown} is good{limit}{passed_over}{advice}"
        ))
    }

    /// Looks into a point: its producer's digest, and the probes of its copy.
    async fn look_into(&self, stock: &Stock, how: &Prove, path: &str, name: &str, time: Moment) -> Proof {
        // What is surely not whole need not be asked for more.
        match stock.lack(name).await {
            Ok(Some(why)) => return Proof::Bad(why),
            Err(why) => return Proof::Unknown(why),
            Ok(None) => {}
        }
        let inspector = match self.inspector.get() {
            Some(inspector) => inspector.clone(),
            None => {
                let inspects = self.inspects.clone();
                let made = tokio::task::spawn_blocking(move || {
                    let (exe, tmp, confines) = &*inspects;
                    Inspector::new(exe, tmp, *confines)
                });
                match made.await {
                    Ok(inspector) => self.inspector.get_or_init(|| inspector).clone(),
                    Err(error) => return Proof::Unknown(error.to_string()),
                }
            }
        };
        let mut env = how.env.clone();
        if let Some(opened) = stock.env() {
            env.values.extend(opened.values.clone());
            env.secret.extend(opened.secret.iter().cloned());
        }
        if let Some((key, errand)) = &how.key {
            match inspector.fetch(errand.clone()).await {
                Ok(fetched) => {
                    for (name, value) in fetched.known {
                        env.secret.push(name.in_commands().to_owned());
                        env.values.insert(name.in_commands().to_owned(), value.expose_secret().to_owned());
                    }
                }
                Err(_) => env.unknown.push(key.in_commands().to_owned()),
            }
        }
        scrub(&mut env);
        for (variable, value) in
            [("POINT_PATH", path), ("POINT_ID", name), ("POINT_TIME", time.to_string().as_str())]
        {
            env.values.insert(variable.to_owned(), value.to_owned());
        }
        let asks = how.probes.iter().map(|asked| {
            let mut probe = asked.clone();
            give_time(&mut probe);
            let (env, cwd, shell) = (env.clone(), how.cwd.clone(), how.shell.clone());
            inspector.ask(Question { probe, env, cwd, shell, moot: None, afar: None })
        });
        let digest = async {
            if stock.has_files() { inspector.digest(PathBuf::from(path)).await } else { Digests::None }
        };
        let (inspections, digests) = tokio::join!(join_all(asks), digest);
        together(&inspections, digests)
    }
}

/// Puts together what digests and probes say. What is surely bad counts before what is not known.
fn together(inspections: &[Inspection], digests: Digests) -> Proof {
    if let Digests::Differ(why) | Digests::Uncovered(why) = &digests {
        return Proof::Bad(why.clone());
    }
    let bad = inspections
        .iter()
        .find(|inspection| inspection.verdict == Verdict::Bad || !inspection.facts.problems.is_empty());
    if let Some(bad) = bad {
        return Proof::Bad(bad.facts.problems.first().unwrap_or(&bad.note).clone());
    }
    if let Some(unknown) = inspections.iter().find(|inspection| inspection.verdict == Verdict::Unknown) {
        return Proof::Unknown(unknown.note.clone());
    }
    let read = inspections.iter().map(|one| one.facts.integrity.unwrap_or(Integrity::Header)).max();
    let level = match digests {
        Digests::Same(_) => Some(Integrity::Digest.max(read.unwrap_or_default())),
        _ => read,
    };
    let time = inspections.iter().find_map(|inspection| inspection.facts.time);
    match (level, digests) {
        (Some(level), _) => Proof::Good(format!("verified just now as far as `{level}`"), time),
        (None, Digests::Unknown(why)) => Proof::Unknown(why),
        (None, _) => Proof::Unknown(String::new()),
    }
}

/// Returns a repository as the point of which its own tool takes what is wanted.
fn of_repository(at: &str, search: &Search) -> FoundPoint {
    if let Some((_, why)) = search.refused.iter().find(|(refused, _)| refused == at) {
        return FoundPoint::Nothing(format!("the repository {at} has none that is good: {why}"));
    }
    let limit = search.before.map(|before| format!(" from before {}", before.for_people()));
    let why = format!("a repository: its tool takes the newest in it{}", limit.unwrap_or_default());
    FoundPoint::Newest { path: at.to_owned(), time: None, why }
}

/// Returns what a look has found of a point, as long as it is still what was looked at.
fn judgement<'j>(judged: &'j [Judged], path: &str) -> Option<&'j Judged> {
    let known = judged.iter().find(|judged| judged.path == path)?;
    let size = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
    (known.bytes.is_none() || size.is_none() || known.bytes == size).then_some(known)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    async fn look(folder: &Path, before: Option<&str>) -> FoundPoint {
        let seeker = Seeker::new("drplan".into(), folder.join("tmp"), false, Vec::new());
        let before = before.map(|before| before.parse().unwrap());
        seeker.look(Search { at: Some(Folder::Here(folder.to_owned())), before, ..Search::default() }).await
    }

    #[tokio::test]
    async fn takes_the_newest_that_is_whole_and_early_enough() {
        let dir = tempfile::tempdir().unwrap();
        let FoundPoint::Nothing(why) = look(dir.path(), None).await else { panic!("an empty folder") };
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
            look(dir.path(), None).await,
            FoundPoint::Newest {
                path: newest.to_str().unwrap().to_owned(),
                time: Some("2026-11-22T15:05:09Z".parse().unwrap()),
                why: format!("the newest of 3 in {}", dir.path().display()),
            }
        );
        // What is of the very moment of the harm is not from before it.
        let FoundPoint::Newest { path, why, .. } = look(dir.path(), Some("2026-11-22T15:05:09Z")).await
        else {
            panic!("there are two")
        };
        assert!(path.ends_with("db-20261122T140509Z.dump"), "{path}");
        assert!(why.contains("(1 younger)"), "{why}");
        let FoundPoint::Nothing(why) = look(dir.path(), Some("2026-10-01T00:00:00Z")).await else {
            panic!("all are younger")
        };
        assert!(why.contains("none of the 3 points"), "{why}");
    }

    #[tokio::test]
    async fn says_where_nothing_can_be_found() {
        assert_eq!(
            look(Path::new("/nowhere/at/all"), None).await,
            FoundPoint::Nothing("/nowhere/at/all is not there".to_owned())
        );
        let seeker = Seeker::new("drplan".into(), "/nowhere".into(), false, Vec::new());
        assert!(matches!(seeker.look(Search::default()).await, FoundPoint::CannotLook(_)));
    }
}
