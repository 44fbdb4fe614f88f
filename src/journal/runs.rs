//! The folder of all runs.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::JOURNAL;
use super::lock::{Holder, Lock, LockError};
use super::store::sync_parent;
use crate::value::{Id, Moment, RunId, did_you_mean};

/// Letters that are not taken for one another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// What keeps a run from being found or made.
#[derive(Debug, thiserror::Error)]
pub enum RunsError {
    /// The system does not let us.
    #[error("use {path}: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There are no runs.
    #[error("find a run: there are none yet")]
    None,
    /// No run has this name.
    #[error("find the run `{name}`{}", hint.as_ref().map_or(String::new(), |hint| format!(": {hint}")))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// Several runs begin so.
    #[error("find the run `{name}`: it may be {}", those.iter().map(RunId::as_str).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The runs that begin so, the newest first.
        those: Vec<RunId>,
    },
}

/// The state folder, `.drplan`: all runs of a repository, and the locks of its plans.
#[derive(Clone, Debug)]
pub struct Runs {
    state: PathBuf,
}

impl Runs {
    /// Names the state folder; it is made when the first run is.
    pub fn new(state: impl Into<PathBuf>) -> Self {
        Self { state: state.into() }
    }

    /// Returns the folder of a run, whether it is there or not.
    pub fn dir(&self, run: &RunId) -> PathBuf {
        self.state.join("runs").join(run.as_str())
    }

    /// Makes the folder of a new run, for our eyes only.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, or no random letters can be had.
    pub fn create(&self, now: Moment) -> Result<(RunId, PathBuf), RunsError> {
        let runs = self.state.join("runs");
        create_private(&runs).map_err(|source| RunsError::Io { path: runs.clone(), source })?;
        loop {
            let random = random_letters().map_err(|source| RunsError::Io { path: runs.clone(), source })?;
            let run = RunId::trusted(format!("{}-{random}", short(now)));
            let dir = self.dir(&run);
            match DirBuilder::new().mode(0o700).create(&dir).and_then(|()| sync_parent(&dir)) {
                Ok(()) => return Ok((run, dir)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(RunsError::Io { path: dir, source }),
            }
        }
    }

    /// Returns all runs, the newest first.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read; that it is missing is no error.
    pub fn list(&self) -> Result<Vec<RunId>, RunsError> {
        let runs = self.state.join("runs");
        let failed = |source| RunsError::Io { path: runs.clone(), source };
        let entries = match fs::read_dir(&runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found: Vec<(String, Option<SystemTime>, RunId)> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let id = entry.file_name().to_str().and_then(|name| name.parse::<RunId>().ok());
            if let Some(id) = id
                && entry.file_type().map_err(failed)?.is_dir()
            {
                // Of several of one second, the folder knows which came first; the letters behind are thrown.
                let second =
                    id.as_str().rsplit_once('-').map_or(id.as_str(), |(second, _)| second).to_owned();
                let made = entry.metadata().and_then(|entry| entry.created()).ok();
                found.push((second, made, id));
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found.into_iter().map(|(_, _, id)| id).collect())
    }

    /// Finds a run by its id, by a beginning of it that no other has, or as `latest`.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub fn find(&self, name: &str) -> Result<RunId, RunsError> {
        let all = self.list()?;
        if name == "latest" {
            // A folder without a journal never was a run; it must not hide the last one that was.
            let has_journal = |run: &RunId| self.dir(run).join(JOURNAL).is_file();
            let last = all.iter().find(|run| has_journal(run)).or(all.first());
            return last.cloned().ok_or(RunsError::None);
        }
        if let Some(exact) = all.iter().find(|run| run.as_str() == name) {
            return Ok(exact.clone());
        }
        let those: Vec<_> =
            all.iter().filter(|run| !name.is_empty() && run.as_str().starts_with(name)).cloned().collect();
        match those.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(RunsError::Unknown {
                name: name.to_owned(),
                hint: did_you_mean(name, all.iter().map(RunId::as_str)),
            }),
            _ => Err(RunsError::Ambiguous { name: name.to_owned(), those }),
        }
    }

    /// Takes the lock of a plan, so that it is not carried out twice at once.
    ///
    /// # Errors
    ///
    /// When another run has it; the error tells who.
    pub fn lock_plan(&self, plan: &Id, holder: &Holder) -> Result<Lock, LockError> {
        let locks = self.state.join("locks");
        create_private(&locks).map_err(|source| LockError::Io { path: locks.clone(), source })?;
        // An imported plan has several parts in its id; the lock is one file.
        Lock::take(&locks.join(format!("{}.lock", plan.as_str().replace('/', "+"))), holder)
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Returns the UTC second as it stands in the id of a run: `20261122t210000`.
fn short(moment: Moment) -> String {
    moment.compact().trim_end_matches('Z').to_ascii_lowercase()
}

/// Returns four letters that nobody can foresee.
pub(super) fn random_letters() -> io::Result<String> {
    let mut random = [0u8; 4];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    Ok(random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn finds_runs() {
        let dir = tempfile::tempdir().unwrap();
        let runs = Runs::new(dir.path().join(".drplan"));
        assert!(matches!(runs.find("latest"), Err(RunsError::None)));
        let (first, path) = runs.create("2026-11-22T21:00:00Z".parse().unwrap()).unwrap();
        let (second, _) = runs.create("2026-11-23T21:00:00Z".parse().unwrap()).unwrap();
        assert!(first.as_str().starts_with("20261122t210000-"));
        assert_eq!(first.as_str().len(), 20);
        assert_eq!(runs.list().unwrap(), [second.clone(), first.clone()]);
        assert_eq!(runs.find("latest").unwrap(), second);
        assert_eq!(runs.find("20261122").unwrap(), first);
        assert_eq!(runs.find(first.as_str()).unwrap(), first);
        assert!(matches!(runs.find("2026"), Err(RunsError::Ambiguous { .. })));
        assert!(matches!(runs.find("../x"), Err(RunsError::Unknown { .. })));
        for path in [&path, &dir.path().join(".drplan"), &dir.path().join(".drplan/runs")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn runs_of_one_second_are_in_the_order_in_which_they_were_made() {
        let dir = tempfile::tempdir().unwrap();
        let runs = Runs::new(dir.path().join(".drplan"));
        let made = |run: &RunId| fs::metadata(runs.dir(run)).unwrap().created().unwrap();
        // The clock of a file system is a coarse one.
        let mut moments = std::collections::BTreeSet::new();
        while moments.len() < 5 {
            moments.insert(made(&runs.create("2026-11-22T21:00:00Z".parse().unwrap()).unwrap().0));
        }
        let list = runs.list().unwrap();
        assert!(list.is_sorted_by_key(|run| std::cmp::Reverse(made(run))), "{list:?}");
    }

    #[test]
    fn a_plan_is_locked_once() {
        let dir = tempfile::tempdir().unwrap();
        let runs = Runs::new(dir.path());
        let plan: Id = "network/dns".parse().unwrap();
        let mut holder = Holder::this_process("eve", "vps-00", "2026-11-22T21:00:00Z".parse().unwrap());
        holder.run = Some("r1".parse().unwrap());
        let lock = runs.lock_plan(&plan, &holder).unwrap();
        let other = Holder { run: Some("r2".parse().unwrap()), ..holder.clone() };
        let told = runs.lock_plan(&plan, &other).unwrap_err().to_string();
        assert!(told.contains("eve on vps-00") && told.contains("21:00:00") && told.contains("r1"), "{told}");
        drop(lock);
        runs.lock_plan(&plan, &holder).unwrap();
    }
}
