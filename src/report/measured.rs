//! The recovery time and the recovery point that were reached, against the targets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{Mode, OutlineKind, Point, Prediction, RunState, StepRecord, StepState, Target};
use crate::value::{Id, Length, Moment, Stamp};

/// Whether a target was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// It was.
    Met,
    /// It was not.
    Missed,
    /// Nobody can say; `why` says why not.
    Unknown,
    /// Nothing was promised.
    NoTarget,
}

impl Reached {
    /// Returns the word for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Unknown => "unknown",
            Self::NoTarget => "no target",
        }
    }
}

/// A target beside what was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// What was promised.
    pub target: Option<Length>,
    /// What was reached.
    pub achieved: Option<Length>,
    /// How much of `achieved` was not measured but taken from the plan (`detect` and `decide`).
    pub assumed: Option<Length>,
    /// Whether that is good enough.
    pub verdict: Reached,
    /// Why it is unknown or missed, or where the number comes from.
    pub why: Option<String>,
}

impl Compared {
    /// Returns what was reached, for people.
    pub(super) fn reached(&self) -> Option<String> {
        let achieved = self.achieved?;
        Some(self.target.map_or_else(|| achieved.for_people(), |target| achieved.for_people_against(target)))
    }
}

/// What was reached for an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The asset.
    pub asset: Id,
    /// What the route does with it.
    pub why: String,
    /// When the first step that restores it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Moment>,
    /// When the last step that restores it ended.
    pub restored: Option<Moment>,
    /// When it was found healthy.
    pub healthy: Option<Moment>,
    /// Time from the incident until it was healthy.
    pub rto: Compared,
    /// What that time was predicted to be before the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Prediction>,
    /// Stretch of data that was lost.
    pub rpo: Compared,
}

/// What was reached, or why that is not known and whether that alone is a miss.
enum Found {
    Length(Length, Option<String>),
    Never(String),
    Unknown(String),
}

/// Measures each target asset of a run.
///
/// `newest` is the newest moment of the restored data, for the assets where a query said so; it
/// counts for more than the time that the point bears in its name.
pub fn measure(state: &RunState, newest: &BTreeMap<Id, Moment>) -> Vec<Measured> {
    let Some(start) = &state.start else { return Vec::new() };
    start
        .targets
        .iter()
        .map(|target| {
            let healthy = state
                .step(target.asset.as_str())
                .filter(|_| is_health(state, &target.asset))
                .filter(|record| is_reached(&record.state));
            let adds = start.mode != Mode::Real && start.assumed > Length::ZERO;
            let assumed = adds.then_some(start.assumed);
            Measured {
                asset: target.asset.clone(),
                why: target.why.clone(),
                begun: begun(state, &target.asset).map(|stamp| stamp.at),
                restored: restored(state, &target.asset).map(|stamp| stamp.at),
                healthy: healthy.and_then(|record| record.ended.as_ref()).map(|stamp| stamp.at),
                rto: compare(target.rto, assumed, recovery_time(state, target, healthy)),
                predicted: target.predicted.clone(),
                rpo: compare(target.rpo, None, data_loss(state, &target.asset, newest)),
            }
        })
        .collect()
}

/// Whether every target was met; nothing if that cannot be known.
pub fn targets_met(assets: &[Measured]) -> Option<bool> {
    let mut verdicts = assets.iter().flat_map(|asset| [asset.rto.verdict, asset.rpo.verdict]);
    if verdicts.clone().any(|verdict| verdict == Reached::Missed) {
        return Some(false);
    }
    (!verdicts.any(|verdict| verdict == Reached::Unknown)).then_some(true)
}

/// Returns when the incident began, for the clock; nothing while a drill's stage is not set.
pub(super) fn incident(state: &RunState) -> Option<Moment> {
    let stages = state.nodes().iter().any(|node| node.kind == OutlineKind::Prepare);
    let drill = state.start.as_ref().is_some_and(|start| start.mode == Mode::Drill);
    if stages && drill && state.staged.is_none() { None } else { state.incident() }
}

fn compare(target: Option<Length>, assumed: Option<Length>, found: Found) -> Compared {
    let (achieved, why, never) = match found {
        Found::Length(length, why) => {
            (Some(length.saturating_add(assumed.unwrap_or(Length::ZERO))), why, false)
        }
        Found::Never(why) => (None, Some(why), true),
        Found::Unknown(why) => (None, Some(why), false),
    };
    let verdict = match (target, achieved) {
        (None, _) => Reached::NoTarget,
        (Some(target), Some(achieved)) if achieved <= target => Reached::Met,
        (Some(_), Some(_)) => Reached::Missed,
        (Some(_), None) if never => Reached::Missed,
        (Some(_), None) => Reached::Unknown,
    };
    Compared { target, achieved, assumed: assumed.filter(|_| achieved.is_some()), verdict, why }
}

const fn is_reached(state: &StepState) -> bool {
    matches!(state, StepState::Done { .. } | StepState::Unneeded)
}

fn is_dry(state: &RunState) -> bool {
    state.start.as_ref().is_some_and(|start| matches!(start.mode, Mode::DryRun | Mode::DryPlan))
}

fn is_health(state: &RunState, asset: &Id) -> bool {
    state.nodes().iter().any(|node| node.kind == OutlineKind::Health && node.id == *asset)
}

fn recovery_time(state: &RunState, target: &Target, healthy: Option<&StepRecord>) -> Found {
    if is_dry(state) {
        return expected_time(state, target);
    }
    if incident(state).is_none() {
        return Found::Unknown("the stage of the drill was not set".into());
    }
    if !is_health(state, &target.asset) {
        return Found::Unknown("nothing in this run looks at its health".into());
    }
    if is_taken_back(state, &target.asset) {
        return taken_back();
    }
    if let Some(end) = healthy.and_then(|record| record.ended.as_ref()) {
        return state
            .since_incident(end)
            .map_or_else(|| Found::Unknown("the run has no start".into()), |time| Found::Length(time, None));
    }
    let skipped = state.step(target.asset.as_str()).is_some_and(|record| record.state == StepState::Skipped);
    if skipped {
        return Found::Unknown("its health check was skipped".into());
    }
    if state.result.is_some() {
        return Found::Never("it did not become healthy in this run".into());
    }
    let elapsed = state.last.as_ref().and_then(|last| state.since_incident(last));
    match (elapsed, target.rto) {
        (Some(elapsed), Some(rto)) if elapsed > rto => {
            Found::Never(format!("not healthy {} after the incident", elapsed.for_people_against(rto)))
        }
        _ => Found::Unknown("it is not healthy yet".into()),
    }
}

/// A dry run's clock goes by the plan's estimates: its end is when the asset should be healthy.
fn expected_time(state: &RunState, target: &Target) -> Found {
    let record = state.step(target.asset.as_str()).filter(|_| is_health(state, &target.asset));
    let passed = record.filter(|record| is_reached(&record.state) || record.state == StepState::Assumed);
    let end = passed.and_then(|record| record.ended.as_ref()).zip(state.started.as_ref());
    match end {
        Some((end, started)) => {
            Found::Length(state.between(started, end), Some("expected, by the plan's estimates".into()))
        }
        None => Found::Unknown("the dry run did not get there".into()),
    }
}

fn restorers<'a>(state: &'a RunState, asset: &'a Id) -> impl Iterator<Item = (&'a Id, &'a StepRecord)> {
    state
        .nodes()
        .iter()
        .zip(&state.steps)
        .filter(|(node, _)| node.restores.contains(asset))
        .map(|(node, record)| (&node.id, record))
}

fn is_taken_back(state: &RunState, asset: &Id) -> bool {
    restorers(state, asset).any(|(step, _)| state.is_undone_in_part(step.as_str()))
}

fn taken_back() -> Found {
    Found::Never("what restored it was taken back".into())
}

/// Returns when the last step that restores an asset ended; nothing unless each of them did its work.
fn restored<'a>(state: &'a RunState, asset: &'a Id) -> Option<&'a Stamp> {
    if !restorers(state, asset).all(|(_, record)| is_reached(&record.state)) {
        return None;
    }
    restorers(state, asset)
        .filter_map(|(_, record)| record.ended.as_ref())
        .max_by_key(|stamp| into_run(state, stamp))
}

/// Returns when the first step that restores an asset began.
fn begun<'a>(state: &'a RunState, asset: &'a Id) -> Option<&'a Stamp> {
    restorers(state, asset)
        .filter_map(|(_, record)| record.started.as_ref())
        .min_by_key(|stamp| into_run(state, stamp))
}

/// Returns how long after the run's start something happened: its order, whatever the calendar did.
pub(super) fn into_run(state: &RunState, stamp: &Stamp) -> Length {
    state.started.as_ref().map_or(Length::ZERO, |started| state.between(started, stamp))
}

/// Returns the point that a step used: its own, else that of a step inside it.
fn point_of<'a>(state: &'a RunState, step: &Id, record: &'a StepRecord) -> Option<&'a Point> {
    let inside = format!("{step}/");
    record.point.as_deref().or_else(|| {
        let inner = state.nodes().iter().zip(&state.steps);
        inner
            .filter(|(node, _)| node.id.as_str().starts_with(&inside))
            .find_map(|(_, of)| of.point.as_deref())
    })
}

fn data_loss(state: &RunState, asset: &Id, newest: &BTreeMap<Id, Moment>) -> Found {
    let Some(incident) = incident(state) else {
        return Found::Unknown("the stage of the drill was not set".into());
    };
    if is_taken_back(state, asset) {
        return taken_back();
    }
    // Where data was spoiled, it counts from the harm. Data that is newer than the incident lost nothing.
    let incident = state.harmed_at(asset).unwrap_or(incident);
    let lost = |time: Moment| incident.since(time).unwrap_or(Length::ZERO);
    if let Some(newest) = newest.get(asset) {
        let why = format!("its newest data is of {}", newest.for_people());
        return Found::Length(lost(*newest), Some(why));
    }
    let mut oldest: Option<Moment> = None;
    for (step, record) in restorers(state, asset) {
        match record.state {
            StepState::Done { .. } | StepState::Assumed => {}
            StepState::Unneeded => {
                return Found::Unknown(format!("`{step}` was not needed, so no point was restored"));
            }
            StepState::Failed { .. } if state.result.is_some() => {
                return Found::Never(format!("`{step}` failed, so nothing was restored"));
            }
            _ => return Found::Unknown(format!("`{step}` is {}", record.state.title())),
        }
        let Some(point) = point_of(state, step, record) else {
            return Found::Unknown(format!("`{step}` chose no recovery point"));
        };
        let Some(time) = point.time else {
            return Found::Unknown(format!("the point of `{}` does not say its time", point.copy));
        };
        oldest = Some(oldest.map_or(time, |oldest| oldest.min(time)));
    }
    match oldest {
        None => Found::Unknown("no step of this run restores it".into()),
        Some(time) => {
            let dry = if is_dry(state) { "a dry run: would be restored from" } else { "restored from" };
            Found::Length(lost(time), Some(format!("{dry} a point of {}", time.for_people())))
        }
    }
}
