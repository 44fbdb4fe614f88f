//! Where things live now: written beside the plan once a real run has moved them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::frozen::Frozen;
use crate::error::Error;
use crate::event::{RunState, StepState, StopHow};
use crate::resolve::Placement;
use crate::value::Id;
use crate::workspace::replace;

/// Records where the assets live that a real run has brought back, and returns the file if that has changed.
///
/// What is not healthy yet is recorded when it is; what is back at its first home needs no entry. What the run has recorded
/// before it was taken back is put as it was. Assets of other plans are theirs to record, and an environment is not the plan's
/// own world.
pub(super) fn record(plan_file: &Path, frozen: &Frozen, state: &RunState) -> Result<Option<PathBuf>, Error> {
    // What may still be taken back lives where a person says.
    if frozen.plan.environment.is_some() || state.is_held() {
        return Ok(None);
    }
    let is_taken_back = state.given_up == Some(StopHow::Undo);
    let file = plan_file.with_extension("placement.yaml");
    let failed = |why: &dyn std::fmt::Display| {
        let error =
            Error::unable(format!("cannot record where things live now in {}: {why}", file.display()));
        error.hint("write it by hand, so that check and the next run start from there")
    };
    let before = match read(&file) {
        Ok(placement) => placement,
        Err(error) => return Err(failed(&error)),
    };
    let mut after = before.clone().unwrap_or_default();
    after.placement = Some(frozen.plan.plan.clone());
    for (asset, home) in frozen.homes.iter().filter(|(asset, _)| is_healthy(state, asset)) {
        let first = frozen.plan.assets.get(asset).and_then(|asset| asset.homes.first());
        let entry = |home: Option<&Id>| home.filter(|home| Some(*home) != first).cloned();
        let now = entry(Some(home));
        let now = if !is_taken_back {
            now
        } else if after.homes.get(asset) == now.as_ref() && is_undone(state, asset) {
            entry(frozen.course.was(&frozen.plan, asset))
        } else {
            continue;
        };
        match now {
            Some(home) => after.homes.insert(asset.clone(), home),
            None => after.homes.remove(asset),
        };
    }
    if before.as_ref().map_or(after.homes.is_empty(), |before| before.homes == after.homes) {
        return Ok(None);
    }
    let homes = serde_yaml::to_string(&after).map_err(|error| failed(&error))?;
    let text = format!(
        "# Where assets live that are not at their first home. Written by drplan after run {}; commit it.\n{homes}",
        state.start.as_ref().map_or("", |start| start.run.as_str())
    );
    replace(&file, &text).map_err(|error| failed(&error))?;
    Ok(Some(file))
}

fn is_healthy(state: &RunState, asset: &Id) -> bool {
    let record = state.step(asset.as_str());
    record.is_some_and(|record| matches!(record.state, StepState::Done { .. } | StepState::Unneeded))
}

/// Whether a step that has brought an asset back was taken back.
fn is_undone(state: &RunState, asset: &Id) -> bool {
    let mut restorers = state.nodes().iter().filter(|node| node.restores.contains(asset));
    restorers.any(|node| state.is_undone_in_part(node.id.as_str()))
}

fn read(file: &Path) -> Result<Option<Placement>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => serde_yaml::from_str(&text).map(Some).map_err(|error| error.to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
