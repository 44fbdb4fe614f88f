//! What a plan promises, worked out from the plan alone.

mod estimate;
mod forecast;
mod schedule;

pub use estimate::estimate;
pub use forecast::{Forecast, forecast, rpo, rto};
pub use schedule::{Schedule, Timing, schedule};
