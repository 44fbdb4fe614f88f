//! What the records say, sorted for those who ask.

use std::collections::{BTreeMap, BTreeSet};

use super::Seen;
use crate::report::{Record, Standing, TestType};
use crate::value::{Id, Length, Moment, RunId};

/// A drill that went well, or a disaster that did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// The run.
    pub id: RunId,
    /// The scenario; none for a plan without scenarios.
    pub scenario: Option<Id>,
    /// When it was over.
    pub on: Moment,
}

/// What earlier drills and disasters have shown. What was only asked or walked through shows nothing of this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    plans: BTreeMap<Id, OfPlan>,
    runs: BTreeSet<String>,
    /// What `drplan verify` has last seen; nothing if nobody asks for that.
    pub seen: Option<Seen>,
}

/// What is known of one plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfPlan {
    durations: BTreeMap<Id, Vec<Length>>,
    good: Vec<Drill>,
    restored: BTreeMap<Id, Moment>,
}

impl History {
    /// Makes a history without any drills.
    pub const fn new() -> Self {
        Self { plans: BTreeMap::new(), runs: BTreeSet::new(), seen: None }
    }

    /// Makes a history of records; a run of which there are several records counts once.
    pub fn of(mut records: Vec<Record>) -> Self {
        records.sort_by(|a, b| (a.started, a.id.as_str()).cmp(&(b.started, b.id.as_str())));
        let mut history = Self::new();
        for record in records {
            history.add(record);
        }
        history
    }

    fn add(&mut self, record: Record) {
        let was_real = matches!(record.test_type, TestType::Parallel | TestType::RealEvent);
        if !was_real || !self.runs.insert(record.id.as_str().to_owned()) {
            return;
        }
        let plan = self.plans.entry(record.plan).or_default();
        for step in record.steps {
            if let (Standing::Done, Some(duration)) = (step.state, step.duration) {
                plan.durations.entry(step.id).or_default().push(duration);
            }
        }
        // Going back to the first home is no answer to a disaster.
        if record.passed == Some(true) && record.operation == "recover" {
            let on = record.ended.unwrap_or(record.started);
            for point in record.restored_from {
                let last = plan.restored.entry(point.copy).or_insert(on);
                *last = on.max(*last);
            }
            plan.good.push(Drill { id: record.id, scenario: record.scenario, on });
        }
    }

    /// Whether any run of a plan is on record.
    pub fn knows(&self, plan: &Id) -> bool {
        self.plans.contains_key(plan)
    }

    /// Returns how long a step really took each time that it was carried out, the oldest first.
    ///
    /// For an asset it is how long it took until its health probes were content.
    pub fn durations(&self, plan: &Id, step: &Id) -> &[Length] {
        let durations = self.plans.get(plan).and_then(|plan| plan.durations.get(step));
        durations.map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns when a drill or disaster in which everything went well has last restored from a copy.
    pub fn last_restored_from(&self, plan: &Id, copy: &Id) -> Option<Moment> {
        self.plans.get(plan)?.restored.get(copy).copied()
    }

    /// Returns the last drill or disaster of a scenario in which everything was carried out and every target met.
    ///
    /// Without a scenario: of a plan that has none.
    pub fn last_good_drill(&self, plan: &Id, scenario: Option<&Id>) -> Option<&Drill> {
        let good = &self.plans.get(plan)?.good;
        good.iter().filter(|drill| drill.scenario.as_ref() == scenario).max_by_key(|drill| drill.on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample::{Sample, id, start};
    use crate::event::{Mode, RunResult};
    use crate::report::Report;

    fn record(run: &str, started: &str) -> Record {
        let mut sample = Sample::begin(start());
        sample.until_good_end();
        let mut record = Record::of(&Report::of(&sample.events).unwrap(), "");
        record.id = run.parse().unwrap();
        record.started = started.parse().unwrap();
        record.ended = Some(started.parse::<Moment>().unwrap().plus(Length::from_secs(3600)));
        record
    }

    fn lasting(mut record: Record, secs: u64) -> Record {
        let step = record.steps.iter_mut().find(|step| step.id == id("restore-db")).unwrap();
        step.duration = Some(Length::from_secs(secs));
        record
    }

    #[test]
    fn durations_come_oldest_first_and_each_run_counts_once() {
        let (may, june) = (
            lasting(record("20260501T140000Z-aaaa", "2026-05-01T14:00:00Z"), 90),
            lasting(record("20260601T140000Z-aaaa", "2026-06-01T14:00:00Z"), 60),
        );
        let history = History::of(vec![june.clone(), may, june]);
        let secs: Vec<u64> = history
            .durations(&id("web-shop"), &id("restore-db"))
            .iter()
            .map(|length| length.as_millis() / 1000)
            .collect();
        assert_eq!(secs, [90, 60]);
        assert!(history.durations(&id("web-shop"), &id("restore")).is_empty());
        assert!(history.durations(&id("shop"), &id("restore-db")).is_empty());
    }

    #[test]
    fn a_drill_is_good_if_it_was_real_and_passed() {
        let old = record("20260501T140000Z-aaaa", "2026-05-01T14:00:00Z");
        let scenario = old.scenario.clone();
        let mut failed = record("20260601T140000Z-aaaa", "2026-06-01T14:00:00Z");
        failed.passed = Some(false);
        let mut unknown = record("20260602T140000Z-aaaa", "2026-06-02T14:00:00Z");
        unknown.passed = None;
        let mut other = record("20260603T140000Z-aaaa", "2026-06-03T14:00:00Z");
        other.scenario = Some(id("site-loss"));
        let mut walked = record("20260604T140000Z-aaaa", "2026-06-04T14:00:00Z");
        walked.test_type = TestType::Walkthrough;
        let mut back = record("20260605T140000Z-aaaa", "2026-06-05T14:00:00Z");
        back.operation = "failback".into();
        let history = History::of(vec![other, walked, failed, unknown, old, back]);
        let last = history.last_good_drill(&id("web-shop"), scenario.as_ref()).unwrap();
        assert_eq!(last.id.as_str(), "20260501T140000Z-aaaa");
        assert_eq!(last.on.to_string(), "2026-05-01T15:00:00Z");
        assert_eq!(history.last_good_drill(&id("web-shop"), None), None);
    }

    #[test]
    fn a_dry_run_shows_nothing() {
        let mut begun = start();
        begun.mode = Mode::DryRun;
        let mut sample = Sample::begin(begun);
        sample.until_restore().over(RunResult::Possible);
        let record = Record::of(&Report::of(&sample.events).unwrap(), "");
        assert_eq!(History::of(vec![record]), History::new());
    }
}
