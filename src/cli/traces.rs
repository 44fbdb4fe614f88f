//! Tells an OpenTelemetry collector of a run that is over.

use std::path::Path;

use super::{Terminal, session};
use crate::effect::Collector;
use crate::report::trace;

/// Sends the trace of a run, if the environment says where to; what goes wrong is said and changes nothing.
pub(super) fn send(run_dir: &Path, terminal: &Terminal) {
    let sent = Collector::from_environment().and_then(|collector| {
        let Some(collector) = collector else { return Ok(()) };
        let journal = session::read_journal(run_dir).map_err(|error| error.to_string())?;
        let events: Vec<_> = journal.records.into_iter().map(|record| (record.stamp, record.event)).collect();
        let requests =
            trace(&events, &collector.service, &collector.resource).map_err(|error| error.to_string())?;
        collector.send(&requests)
    });
    if let Err(why) = sent {
        terminal.say(&format!("note: the trace of the run was not sent: {why}"));
    }
}
