//! From a course to events: what is done, in which order, and what happens when it goes wrong.
//!
//! The engine owns the run's state. It records, then acts, then tells its listeners. It knows neither
//! who listens nor whether the world it acts on is real.

mod answers;
mod dispatcher;
mod ending;
mod environment;
mod hands;
mod hearing;
mod hold;
mod looks;
mod node;
mod notices;
mod outputs;
mod people;
mod points;
mod preconditions;
mod preflight;
mod remote;
mod resume;
mod run;
mod secrets;
mod settle;
mod setup;
mod starting;
mod stopping;
#[cfg(test)]
mod tests;
mod undo;

pub use hearing::{Hearing, Said, people_of};
pub use looks::NEWEST;
pub use run::{Error, run};
pub use setup::{Ground, Halt, Setup};
pub use undo::with_begun_undos;
