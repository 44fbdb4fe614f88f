//! Who is told of events.

use super::{Event, RunState};
use crate::value::Stamp;

/// Somebody who is told of each event once it is on disk.
pub trait Listener {
    /// Takes in an event; `state` is what all events add up to, this one included.
    fn hear(&mut self, stamp: &Stamp, event: &Event, state: &RunState);

    /// Does what must be done before the end of the run is on record: after a crash in the middle of it, it is done again.
    fn before_end(&mut self, _state: &RunState) {}
}
