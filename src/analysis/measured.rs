//! What drills have measured.

use std::collections::BTreeMap;

use super::estimate::measured_with;
use crate::history::History;
use crate::resolve::ResolvedPlan;
use crate::value::{Id, Length};

/// How long steps really took in drills, by the id that a person wrote; the parts of a recipe count to the step that uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// For each step, what each drill has measured, in any order.
    pub steps: BTreeMap<Id, Vec<Length>>,
}

impl Measured {
    /// Takes what drills and disasters have shown of a plan's steps.
    ///
    /// A step that uses a recipe took as long as its parts and what closes it, in each drill in which all of them were done.
    pub fn of(history: &History, plan: &ResolvedPlan) -> Self {
        let mut steps: BTreeMap<Id, Vec<Length>> = BTreeMap::new();
        if !history.knows(&plan.plan) {
            return Self { steps };
        }
        for (at, step) in plan.steps.iter().enumerate() {
            let measured = history.durations(&plan.plan, &step.id);
            let whole = measured_with(plan, at).map_or(&step.id, |whole| &whole.id);
            match steps.get_mut(whole) {
                None => {
                    steps.insert(whole.clone(), measured.to_vec());
                }
                Some(sums) if sums.len() == measured.len() => {
                    for (sum, part) in sums.iter_mut().zip(measured) {
                        *sum = sum.saturating_add(*part);
                    }
                }
                Some(sums) => sums.clear(),
            }
        }
        steps.retain(|_, measured| !measured.is_empty());
        Self { steps }
    }

    /// Returns what drills have measured of a step; nothing if no drill has.
    pub fn samples(&self, step: &str) -> &[Length] {
        self.steps.get(step).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the median of what drills have measured; of an even number, the mean of the two in the middle.
    pub fn median(&self, step: &str) -> Option<Length> {
        let mut sorted = self.samples(step).to_vec();
        sorted.sort_unstable();
        let upper = sorted.get(sorted.len() / 2)?.as_millis();
        let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?.as_millis();
        Some(Length::from_millis(lower.midpoint(upper)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let median = |minutes: &[u64]| {
            let samples = minutes.iter().map(|minutes| Length::from_secs(minutes * 60)).collect();
            let measured = Measured { steps: BTreeMap::from([(Id::trusted("a"), samples)]) };
            measured.median("a").map(|length| length.to_string())
        };
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[5]).as_deref(), Some("5m"));
        assert_eq!(median(&[30, 10]).as_deref(), Some("20m"));
        assert_eq!(median(&[90, 10, 20]).as_deref(), Some("20m"));
    }
}
