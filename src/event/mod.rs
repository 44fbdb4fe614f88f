//! What happened in a run, and what is therefore true.
//!
//! The engine's only voice is [`Event`]. The journal keeps events, the display and the report read
//! them, and [`RunState`] is what they add up to, whether they come from a live run or from the disk.

mod boots;
mod check;
mod controller;
mod kind;
mod listener;
mod outcome;
mod proof;
mod run_state;
#[cfg(test)]
pub(crate) mod sample;
mod step_records;
mod step_state;
mod taken_back;

pub use check::{Check, Confined, Delivery, Found};
pub use controller::{Controller, TakeOver};
pub use kind::{
    Answer, Event, HARMED_AT, HarmedAt, Mode, Outline, OutlineKind, Point, Prediction, RunResult, RunStarted,
    StopHow, Target, Verdict, how_to_answer,
};
pub use listener::Listener;
pub use outcome::{Failure, Outcome};
pub use proof::Proof;
pub use run_state::{Asked, Hold, Misfit, RunState, StepRecord};
pub use step_records::StepRecords;
pub use step_state::{Illegal, StepState, next};
pub use taken_back::{Left, TakenBack};
