//! What a plan promises, worked out from the plan alone.

mod closure;
mod estimate;
mod forecast;
mod schedule;
mod support;
mod survival;

pub use closure::{OpenEnd, open_ends};
pub use estimate::estimate;
pub use forecast::{Forecast, forecast, rpo, rto};
pub use schedule::{Schedule, Timing, schedule};
pub use support::unsupported;
pub use survival::{CopyFate, Survival, remedy, survival};
