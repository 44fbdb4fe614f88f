//! Recovery points in time: how far apart they are, when a copy has them, and how much is lost at worst.

mod apart;
mod expected;
mod gap;
mod kept;
mod known;
mod loss;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
mod timeline;

pub use apart::farthest_apart;
pub use expected::{Expected, moments_between, newest_expected};
pub use gap::{Gap, longest_gap};
pub use kept::lost_generations;
pub use loss::{Harmful, PointLoss, Term, clean_reach, emptiness, point_loss};
