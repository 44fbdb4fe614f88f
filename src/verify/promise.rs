//! What the plan promises of a copy at a moment.

use crate::history::History;
use crate::plan::{Floor, Keep};
use crate::probe::Integrity;
use crate::resolve::{Expected, ResolvedPlan, moments_between, newest_expected};
use crate::value::{Id, Length, Moment};

use super::Subject;

/// A drill of longer ago shows nothing of today.
const YEAR: Length = Length::from_secs(365 * 86_400);

/// What the plan promises of a copy at a moment.
#[derive(Clone, Debug)]
pub(super) struct Promise<'a> {
    /// The newest point that the schedule asks for by now.
    pub(super) expected: Result<Expected, String>,
    /// The strictest `rpo` of its assets, if the schedule of the copy is made to keep it.
    pub(super) rpo: Option<(Id, Length)>,
    pub(super) keep: &'a Keep,
    /// The longest time for which points must be there: the longer of `keep` and `archive`.
    pub(super) kept_for: Length,
    pub(super) floor: Option<&'a Floor>,
    pub(super) wanted: Option<Integrity>,
    pub(super) is_optional: bool,
    /// When a good drill has last restored from it.
    pub(super) restored: Option<Moment>,
    /// For how long that counts.
    pub(super) drills_every: Length,
    plan: &'a ResolvedPlan,
    reference: Id,
}

impl<'a> Promise<'a> {
    pub(super) fn of(
        plan: &'a ResolvedPlan,
        subject: &Subject<'a>,
        history: &History,
        as_of: Moment,
    ) -> Self {
        let expected = newest_expected(plan, subject.reference.as_str(), as_of);
        let reach = match subject.copy.keep {
            Keep::For(length) => length,
            Keep::Latest | Keep::Generations(_) => Length::ZERO,
        };
        let mut promise = Self {
            expected,
            rpo: None,
            keep: &subject.copy.keep,
            kept_for: reach.max(subject.copy.archive.unwrap_or_default()),
            floor: subject.copy.floor.as_ref(),
            wanted: plan.policy.integrity.of(&subject.backup.of),
            is_optional: subject.copy.optional == Some(true),
            restored: history.last_restored_from(&plan.plan, &subject.reference),
            drills_every: plan.policy.drills.as_ref().map_or(YEAR, |drills| drills.every),
            plan,
            reference: subject.reference.clone(),
        };
        // A yearly copy is not made for an `rpo` of a day; the asset as a whole is held to it as well.
        let usual_age = promise.expected.as_ref().ok().and_then(|expected| as_of.since(expected.newest));
        let rpos = subject.backup.of.iter().filter_map(|asset| {
            let rpo = plan.assets.get(asset)?.rpo?.length()?;
            Some((asset.clone(), rpo))
        });
        promise.rpo =
            rpos.filter(|(_, rpo)| usual_age.is_some_and(|age| age <= *rpo)).min_by_key(|(_, rpo)| *rpo);
        promise
    }

    /// Returns the moments of the schedule in a stretch of time, if they can be told one by one.
    pub(super) fn moments(&self, from: Moment, until: Moment) -> Option<Vec<Moment>> {
        moments_between(self.plan, self.reference.as_str(), from, until)
    }
}
