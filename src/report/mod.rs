//! What the journal of a run proves: times against targets, an account of the steps, a drill record.

mod account;
mod headline;
mod json;
mod looked;
mod markdown;
mod measured;
mod record;
mod summary;
#[cfg(test)]
mod tests;
#[cfg(feature = "otel")]
mod trace;

pub use account::{
    Confinement, Decision, Draft, LeftBehind, LeftOut, Rejected, Report, Standing, StepAccount, Undone,
    schema as report_schema,
};
pub use headline::headline;
pub use json::{json, record_json, write_json};
pub use markdown::{markdown, write_markdown};
pub use measured::{Compared, Measured, Reached, measure, targets_met};
pub use record::{
    Corrective, Integrity, Participant, Record, RestorePoint, StepLine, TestType, schema as record_schema,
};
pub use summary::summary;
#[cfg(feature = "otel")]
pub use trace::trace;
