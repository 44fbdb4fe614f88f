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
/// What is not healthy yet is recorded when it is; what is back at its first home needs no entry. Assets of other plans are
/// theirs to record, and an environment is not the plan's own world.
pub(super) fn record(plan_file: &Path, frozen: &Frozen, state: &RunState) -> Result<Option<PathBuf>, Error> {
    // What was taken back, or may still be, lives where a person says.
    if frozen.plan.environment.is_some() || state.given_up == Some(StopHow::Undo) || state.is_held() {
        return Ok(None);
    }
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
        if first == Some(home) {
            after.homes.remove(asset);
        } else {
            after.homes.insert(asset.clone(), home.clone());
        }
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

fn read(file: &Path) -> Result<Option<Placement>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => serde_yaml::from_str(&text).map(Some).map_err(|error| error.to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
