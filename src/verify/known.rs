//! What an earlier `drplan verify --record` has seen, for who asks later.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{AssetSeen, CopySeen, JobSeen, PlanSeen, RestoreSeen, Severity, Verification};
use crate::effect::Judged;
use crate::resolve::ResolvedPlan;
use crate::value::Id;

/// What was seen before.
#[derive(Clone, Debug, Default)]
pub struct Known(Option<Verification>);

/// What a look was at.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The plan.
    pub plan: &'a ResolvedPlan,
    /// If it was asked what restores need: for which assets, or for all where none are named.
    pub restores: Option<&'a Vec<String>>,
}

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
        if let Some(verification) = &mut verification {
            date(verification);
        }
        Self(verification)
    }

    /// Keeps what was seen now for those who ask later; what was not looked at this time stays as it was, as long as the plan
    /// still has it.
    ///
    /// A reader finds the old or the new, never a part.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn record(self, file: &Path, seen: &Verification, looks: &[Look<'_>]) -> std::io::Result<()> {
        let mut all = seen.clone();
        date(&mut all);
        for old in self.0.into_iter().flat_map(|known| known.plans) {
            let is_it = |plan: &PlanSeen| (&plan.plan, &plan.environment) == (&old.plan, &old.environment);
            match all.plans.iter_mut().zip(looks).find(|(plan, _)| is_it(plan)) {
                Some((plan, look)) => look.keep(old, plan),
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
    pub fn judged(&self, plan: &Id, environment: Option<&Id>) -> Vec<Judged> {
        let Some(seen) = &self.0 else { return Vec::new() };
        // What an environment does not put elsewhere is what a look without it has seen.
        let is_of = |of: Option<&Id>| of.is_none() || of == environment;
        let plans =
            seen.plans.iter().filter(|known| known.plan == *plan && is_of(known.environment.as_ref()));
        let copies = plans.flat_map(|known| &known.copies);
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
                    changed: point.changed,
                    is_good,
                    time: point.facts.time,
                    said,
                }
            })
        });
        judged.collect()
    }

    /// Returns what was seen of a plan under an environment, or under none.
    pub fn plan(&self, plan: &Id, environment: Option<&Id>) -> Option<&PlanSeen> {
        let is_it = |seen: &&PlanSeen| seen.plan == *plan && seen.environment.as_ref() == environment;
        self.0.as_ref()?.plans.iter().find(is_it)
    }

    /// Returns what was seen of a copy.
    pub fn copy(&self, plan: &Id, environment: Option<&Id>, copy: &Id) -> Option<&CopySeen> {
        self.plan(plan, environment)?.copies.iter().find(|seen| seen.copy == *copy)
    }
}

impl Look<'_> {
    /// Keeps of an earlier look what this one was not at.
    fn keep(self, old: PlanSeen, new: &mut PlanSeen) {
        let plan = self.plan;
        let has_copy = |reference: &Id| {
            let (backup, copy) = reference.as_str().rsplit_once('.').unwrap_or_default();
            plan.backups.get(backup).is_some_and(|backup| backup.copies.contains_key(copy))
        };
        let has_job = |backup: &Id| plan.backups.get(backup).is_some_and(|backup| backup.job.is_some());
        let has_step = |id: &Id| {
            plan.assets.contains_key(id) || plan.steps.iter().any(|step| step.written_as() == id.as_str())
        };
        let PlanSeen { copies, jobs, restores, assets, .. } = old;
        let is_new = |copy: &CopySeen| new.copies.iter().all(|other| other.copy != copy.copy);
        let copies: Vec<_> = copies.into_iter().filter(|copy| is_new(copy) && has_copy(&copy.copy)).collect();
        new.copies.extend(copies);
        let is_new = |job: &JobSeen| new.jobs.iter().all(|other| other.backup != job.backup);
        let jobs: Vec<_> = jobs.into_iter().filter(|job| is_new(job) && has_job(&job.backup)).collect();
        new.jobs.extend(jobs);
        let is_new = |asset: &AssetSeen| new.assets.iter().all(|other| other.asset != asset.asset);
        let assets: Vec<_> = assets
            .into_iter()
            .filter(|asset| is_new(asset) && plan.assets.contains_key(&asset.asset))
            .collect();
        new.assets.extend(assets);
        // A look at all restores has seen that a step needs nothing any more.
        if self.restores.is_some_and(Vec::is_empty) {
            return;
        }
        for mut seen in restores.into_iter().filter(|seen| has_step(&seen.step)) {
            let same: Vec<&RestoreSeen> = new.restores.iter().filter(|new| new.step == seen.step).collect();
            let was_without = seen.scenarios.is_empty();
            seen.scenarios.retain(|scenario| {
                plan.scenarios.contains_key(scenario)
                    && !same.iter().any(|new| new.scenarios.contains(scenario))
            });
            let stays = if was_without {
                plan.scenarios.is_empty() && same.is_empty()
            } else {
                !seen.scenarios.is_empty()
            };
            if stays {
                new.restores.push(seen);
            }
        }
    }
}

/// Says of each thing when it was looked at.
fn date(verification: &mut Verification) {
    let as_of = verification.as_of;
    for plan in &mut verification.plans {
        let copies = plan.copies.iter_mut().map(|copy| &mut copy.as_of);
        let jobs = plan.jobs.iter_mut().map(|job| &mut job.as_of);
        let restores = plan.restores.iter_mut().map(|restore| &mut restore.as_of);
        let assets = plan.assets.iter_mut().map(|asset| &mut asset.as_of);
        for moment in copies.chain(jobs).chain(restores).chain(assets) {
            moment.get_or_insert(as_of);
        }
    }
}
