//! What a plan promises, worked out from the plan alone.

mod estimate;
mod schedule;

pub use estimate::estimate;
pub use schedule::{Schedule, Timing, schedule};
