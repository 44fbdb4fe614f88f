//! Tidies up at a host.

use std::collections::BTreeMap;

use super::road::Road;
use super::sockets::Shared;
use super::visit::visit_once;
use super::{Host, text};

/// Removes what is left on a host of a run whose outcomes are all on record. `env` is what `ssh` gets.
///
/// No courier is sent for it: nobody has to find it again.
///
/// # Errors
///
/// When it cannot be removed; why.
pub async fn forget(host: &Host, run: &str, env: &BTreeMap<String, String>) -> Result<(), String> {
    let shared = Shared::of(host, run, env)?;
    let road = Road { host, shared: &shared, env };
    // What a login prints by itself is nobody's.
    let forgotten = visit_once(&road, |nonce| text::forget(run, nonce), &mut |_, _| Ok(())).await;
    shared.tidy();
    forgotten.map(drop)
}
