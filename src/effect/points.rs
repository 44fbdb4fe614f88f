//! Finds the newest recovery point of a copy that may be taken and is good.

use std::path::PathBuf;

use futures_util::future::join_all;

use super::proof::{Proof, Prove, Prover};
use super::stock::{Lack, Stock};
use super::{Folder, FoundPoint, Judged};
use crate::value::{Length, Moment};

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
    /// What must be of one moment with it, and is not chosen yet.
    pub beside: Vec<Group>,
}

/// Recovery points that must lie near to each other.
#[derive(Clone, Debug)]
pub struct Group {
    /// How far from each other they may be.
    pub within: Length,
    /// For each of the others, what is wanted of the copies from which it may come.
    pub others: Vec<Vec<Search>>,
}

/// Looks for recovery points.
#[derive(Clone, Debug)]
pub(super) struct Seeker(Prover);

/// A copy that was found, with what is wanted of it.
struct Lot<'s> {
    search: &'s Search,
    stock: Stock,
}

/// A point that may be taken.
struct Candidate {
    path: String,
    time: Moment,
    /// What is known of it, to be added to why it was chosen.
    said: String,
}

impl Seeker {
    /// Makes one; `judged` is what earlier looks have found.
    pub(super) fn new(exe: PathBuf, tmp: PathBuf, confines: bool, judged: Vec<Judged>) -> Self {
        Self(Prover::new(exe, tmp, confines, judged))
    }

    /// Looks for the newest recovery point that is good, unless it is already known that this makes no sense.
    pub(super) async fn look(&self, search: Search) -> FoundPoint {
        if let Some(why) = &search.moot {
            return FoundPoint::Unasked(why.clone());
        }
        if let Some(Folder::Repository(at)) = &search.at {
            return of_repository(at, &search);
        }
        let lot = match take_stock(&search).await {
            Ok(lot) => lot,
            Err(Lack::Nothing(why)) => return FoundPoint::Nothing(why),
            Err(Lack::CannotLook(why)) => return FoundPoint::CannotLook(why),
        };
        let mut groups = Vec::new();
        for Group { within, others } in &search.beside {
            let lots = join_all(others.iter().map(|copies| join_all(copies.iter().map(take_stock)))).await;
            // What cannot be looked at yet, or holds nothing at all, says nothing against a point here.
            let seen = lots.into_iter().map(|copies| copies.into_iter().filter_map(Result::ok).collect());
            groups.push((*within, seen.filter(|copies: &Vec<Lot<'_>>| !copies.is_empty()).collect()));
        }
        self.choose(&lot, &groups).await
    }

    /// Takes the newest of the points that may be taken and with which nothing is wrong.
    async fn choose(&self, lot: &Lot<'_>, groups: &[(Length, Vec<Vec<Lot<'_>>>)]) -> FoundPoint {
        let Lot { search, stock } = lot;
        let (count, shown) = (stock.points.len(), &stock.shown);
        if count == 0 {
            return FoundPoint::Nothing(format!(
                "no entry of {shown} has a UTC time such as 20261122T140509Z in its name; if it is a repository, such as restic's, \
                 give the copy a probe `of: copy` under `verify`"
            ));
        }
        let limit = limit_of(search);
        let mut passed_over = String::new();
        let mut pass =
            |name: &str, why: &str| passed_over.push_str(&format!("; {name} was passed over: {why}"));
        let mut too_young = 0;
        for (listed, name) in &stock.points {
            if search.before.is_some_and(|before| *listed >= before) {
                too_young += 1;
                continue;
            }
            if search.not_before.is_some_and(|not_before| *listed < not_before) {
                break;
            }
            // What is dated too far from everything else need not be looked into.
            if let Some(why) = groups.iter().find_map(|(within, others)| stray(*listed, *within, others)) {
                pass(name, &why);
                continue;
            }
            let candidate = match self.weigh(lot, name, *listed).await {
                Ok(candidate) => candidate,
                Err(why) => {
                    pass(name, &why);
                    continue;
                }
            };
            let mut alone = None;
            for (within, others) in groups {
                if alone.is_none() {
                    alone = self.lonely(&[candidate.time], *within, others).await;
                }
            }
            if let Some(why) = alone {
                pass(name, &why);
                continue;
            }
            let young = if too_young > 0 { format!(" ({too_young} younger)") } else { String::new() };
            let Candidate { path, time, said } = candidate;
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

    /// Says why the points at these moments cannot be restored together with others of their group, if they cannot: for each
    /// of the others there must be a good point that is near to all of them.
    async fn lonely(&self, picked: &[Moment], within: Length, others: &[Vec<Lot<'_>>]) -> Option<String> {
        let (copies, rest) = others.split_first()?;
        let is_near = |time: Moment| picked.iter().all(|other| is_within(within, time, *other));
        for lot in copies {
            for (listed, name) in &lot.stock.points {
                if !is_wanted(lot.search, *listed) || !is_near(*listed) {
                    continue;
                }
                let Ok(candidate) = self.weigh(lot, name, *listed).await else { continue };
                if !is_near(candidate.time) {
                    continue;
                }
                let picked: Vec<Moment> = picked.iter().copied().chain([candidate.time]).collect();
                // Nothing said against the rest is nothing said against these.
                Box::pin(self.lonely(&picked, within, rest)).await?;
            }
        }
        Some(no_neighbour(within, copies))
    }

    /// Returns a point if nothing speaks against it; else what does.
    async fn weigh(&self, lot: &Lot<'_>, name: &str, listed: Moment) -> Result<Candidate, String> {
        let Lot { search, stock } = lot;
        let path = stock.path_of(name).ok_or("its path is not UTF-8")?;
        if let Some((_, why)) = search.refused.iter().find(|(refused, _)| *refused == path) {
            return Err(why.clone());
        }
        let proof = match &search.proof {
            Some(prove) => self.0.prove(stock, prove, &path, name, listed).await,
            None => Proof::Unknown(String::new()),
        };
        let (said, time) = match proof {
            Proof::Bad(why) => return Err(why),
            Proof::Good(_, Some(inside)) if search.before.is_some_and(|before| inside >= before) => {
                return Err(format!("it holds {}, and is not{}", inside.for_people(), limit_of(search)));
            }
            Proof::Good(said, inside) => (format!(", {said}"), inside.unwrap_or(listed)),
            Proof::Unknown(why) if why.is_empty() => (String::new(), listed),
            Proof::Unknown(why) => (format!(", not verified: {why}"), listed),
        };
        Ok(Candidate { path, time, said })
    }
}

/// Lists the points of a copy.
async fn take_stock(search: &Search) -> Result<Lot<'_>, Lack> {
    if let Some(why) = &search.moot {
        return Err(Lack::CannotLook(why.clone()));
    }
    let stock = match &search.at {
        None => Err(Lack::CannotLook("the plan does not say where it lies".to_owned())),
        Some(Folder::Unseen(why)) => Err(Lack::CannotLook(why.clone())),
        Some(Folder::Repository(at)) => Err(Lack::CannotLook(format!("{at} is a repository"))),
        Some(Folder::Here(folder)) => Stock::here(folder.clone()).await,
        Some(Folder::Afar(afar, folder)) => Stock::afar(afar, folder).await,
        Some(Folder::Bucket(vault)) => Stock::bucket(vault, search.before).await,
    }?;
    Ok(Lot { search, stock })
}

/// Whether a point of this moment may be taken.
fn is_wanted(search: &Search, time: Moment) -> bool {
    search.before.is_none_or(|before| time < before)
        && search.not_before.is_none_or(|not_before| time >= not_before)
}

fn limit_of(search: &Search) -> String {
    search.before.map(|before| format!(" from before {}", before.for_people())).unwrap_or_default()
}

fn is_within(within: Length, one: Moment, other: Moment) -> bool {
    one.max(other).since(one.min(other)).is_some_and(|distance| distance <= within)
}

/// Says that the names of the points of some copy of a group are all too far from a moment, if they are.
fn stray(time: Moment, within: Length, others: &[Vec<Lot<'_>>]) -> Option<String> {
    let is_near = |lot: &Lot<'_>| {
        let mut times = lot.stock.points.iter().map(|(listed, _)| *listed);
        times.any(|listed| is_wanted(lot.search, listed) && is_within(within, listed, time))
    };
    let far = others.iter().find(|copies| !copies.iter().any(is_near))?;
    Some(no_neighbour(within, far))
}

fn no_neighbour(within: Length, copies: &[Lot<'_>]) -> String {
    let shown: Vec<&str> = copies.iter().map(|lot| lot.stock.shown.as_str()).collect();
    format!("no good point within {within} of it in {}", shown.join(" or "))
}

/// Returns a repository as the point of which its own tool takes what is wanted.
fn of_repository(at: &str, search: &Search) -> FoundPoint {
    if let Some((_, why)) = search.refused.iter().find(|(refused, _)| refused == at) {
        return FoundPoint::Nothing(format!("the repository {at} has none that is good: {why}"));
    }
    let why = format!("a repository: its tool takes the newest in it{}", limit_of(search));
    FoundPoint::Newest { path: at.to_owned(), time: None, why }
}

#[cfg(test)]
mod tests {
    use std::fs;
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
