//! Carries out a run, from its start or from where it was left.

use super::dispatcher::Dispatcher;
use super::undo::with_begun_undos;
use super::{Halt, Setup};
use crate::effect::Effects;
use crate::event::{Event, Listener, Misfit, RunState};
use crate::journal::{Record, Store, WriteError, Writer};

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal cannot be written: nothing more is started.
    #[error("write the journal: {0}")]
    Journal(#[from] WriteError),
    /// The journal says something that cannot be.
    #[error("make sense of the journal: {0}")]
    Misfit(#[from] Misfit),
}

/// Carries out a run; `earlier` are the records of a run that is resumed, none for a new one.
///
/// Every event is on disk before anything acts on it; then the listener is told.
///
/// # Errors
///
/// When the journal cannot be written or makes no sense. What runs goes on with the keeper, and the
/// run can be resumed once the cause is mended.
pub async fn run<E: Effects, S: Store>(
    setup: &Setup<'_>,
    effects: E,
    writer: Writer<S>,
    listener: &mut dyn Listener,
    earlier: &[Record],
    resumed: Vec<Event>,
) -> Result<(Halt, RunState), Error> {
    let begun = earlier.iter().find_map(|record| match &record.event {
        Event::UndoBegan { nodes, .. } => Some(nodes.as_slice()),
        _ => None,
    });
    let (plan, course) = with_begun_undos(setup.plan, setup.course, begun.unwrap_or_default());
    let begun = setup.with(&plan, &course);
    let (plan, course, taking_back);
    let mut dispatcher = Dispatcher::new(&begun, effects, writer, listener);
    if earlier.is_empty() {
        dispatcher.begin().await?;
    } else {
        dispatcher.resume(earlier, resumed).await?;
    }
    let mut halt = dispatcher.dispatch().await;
    if matches!(halt, Ok(Halt::Suspended)) && dispatcher.must_begin_undo() {
        dispatcher.begin_undo()?;
        (plan, course) = with_begun_undos(setup.plan, setup.course, dispatcher.state.nodes());
        taking_back = setup.with(&plan, &course);
        dispatcher = dispatcher.taking_back(&taking_back);
        halt = dispatcher.dispatch().await;
    }
    dispatcher.leave(&halt).await;
    if halt.is_ok() {
        dispatcher.see_off().await?;
    }
    let state = dispatcher.into_state();
    halt.map(|halt| (halt, state))
}
