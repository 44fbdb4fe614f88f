//! What an earlier `drplan verify --record` has seen, for who asks later.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{CopySeen, PlanSeen, Severity, Verification};
use crate::effect::Judged;
use crate::value::Id;

/// What was seen before.
#[derive(Clone, Debug, Default)]
pub struct Known(Option<Verification>);

/// Returns the file in which `--record` keeps what it has seen, below the folder of runs and locks.
pub fn known_file(state: &Path) -> PathBuf {
    state.join("verification.json")
}

impl Known {
    /// Reads what was recorded; what is not there, or of another version, is as if it had never been.
    pub fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let verification = serde_json::from_str::<Verification>(&text).ok();
        let mut verification =
            verification.filter(|verification| verification.version == Verification::VERSION);
        // What an older drplan has recorded has one moment for all.
        if let Some(Verification { as_of, plans, .. }) = &mut verification {
            for copy in plans.iter_mut().flat_map(|plan| &mut plan.copies) {
                copy.as_of.get_or_insert(*as_of);
            }
        }
        Self(verification)
    }

    /// Keeps what was seen now for those who ask later; what was not looked at this time stays as it was.
    ///
    /// A reader finds the old or the new, never a part.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn record(self, file: &Path, seen: &Verification) -> std::io::Result<()> {
        let mut all = seen.clone();
        for mut old in self.0.into_iter().flat_map(|known| known.plans) {
            match all.plans.iter_mut().find(|plan| plan.plan == old.plan) {
                Some(plan) => {
                    let is_new = |copy: &CopySeen| plan.copies.iter().all(|other| other.copy != copy.copy);
                    old.copies.retain(is_new);
                    plan.copies.extend(old.copies);
                }
                None => all.plans.push(old),
            }
        }
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut new, &all)?;
        new.as_file().sync_all()?;
        new.persist(file)?;
        Ok(())
    }

    /// Returns what was seen, if anything was.
    pub const fn verification(&self) -> Option<&Verification> {
        self.0.as_ref()
    }

    /// Returns what was found of each point of a plan that was looked into, for who chooses one to restore from.
    pub fn judged(&self, plan: &Id) -> Vec<Judged> {
        let Some(seen) = &self.0 else { return Vec::new() };
        let copies = seen.plans.iter().filter(|known| known.plan == *plan).flat_map(|known| &known.copies);
        let judged = copies.flat_map(|copy| {
            let at = copy.as_of.unwrap_or(seen.as_of).for_people();
            copy.looked_into.iter().map(move |point| {
                let is_good = point.verdict != Some(Severity::Failure);
                let why = copy.problems.iter().find(|problem| {
                    problem.severity == Severity::Failure && problem.point.as_deref() == Some(&point.name)
                });
                let said = match (is_good, why) {
                    (true, _) => format!("looked into as far as `{}` at {at}", point.integrity),
                    (false, Some(problem)) => format!("{} (seen at {at})", problem.what),
                    (false, None) => format!("found bad at {at}"),
                };
                Judged {
                    copy: copy.copy.clone(),
                    path: point.path.clone(),
                    bytes: point.bytes,
                    is_good,
                    said,
                }
            })
        });
        judged.collect()
    }

    /// Returns what was seen of a plan.
    pub fn plan(&self, plan: &Id) -> Option<&PlanSeen> {
        self.0.as_ref()?.plans.iter().find(|seen| seen.plan == *plan)
    }

    /// Returns what was seen of a copy.
    pub fn copy(&self, plan: &Id, copy: &Id) -> Option<&CopySeen> {
        self.plan(plan)?.copies.iter().find(|seen| seen.copy == *copy)
    }
}
