//! What a plan promises, worked out from the plan alone.

mod agenda;
mod chance;
mod closure;
mod difference;
mod difference_text;
mod dispatch;
mod estimate;
mod forecast;
mod lognormal;
mod measured;
mod network;
mod promises;
mod queue;
mod recovery;
mod schedule;
mod simulate;
mod simulation;
mod simulation_svg;
mod simulation_text;
mod standing;
mod survival;
mod words;

#[cfg(test)]
mod oracle;

pub use closure::{OpenEnd, open_ends};
pub use difference::{Change, Difference, Direction, difference, difference_schema};
pub use dispatch::Scratch;
pub use estimate::{Estimate, estimate, estimates};
pub use forecast::{Forecast, forecast, rpo, rto};
pub use measured::Measured;
pub use network::{Basis, Network};
pub use promises::{Data, Promise, Promises, Verdict, promises};
use recovery::recoveries;
pub use recovery::{Cause, CauseLink, Line, Passing, Recovery, cause, lines};
pub use schedule::{Schedule, Timing, WaitedFor, schedule};
pub use simulate::{Foreseen, Odds, foresee, simulate};
pub use simulation::{Failure, Improvement, SimulatedAsset, Simulation, Spread, simulation_schema};
pub use standing::{Standing, standings};
pub use survival::{CopyFate, Survival, remedy, survival};
pub use words::{cause_words, sum_words, wait_words};
