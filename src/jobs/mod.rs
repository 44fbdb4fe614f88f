//! Whether a backup job is installed, and whether it ran: what can be seen in the files of a system, and what its systemd tells.
//!
//! Reads only, below a root folder that is `/` but in tests; starts nothing itself: who asks runs what looks. What cannot be known is
//! [`Standing::Unknown`]: cron and systemd are silent about what they pass over, and silence is not success.

mod account;
mod command;
mod cron_file;
mod cron_table;
mod daemon;
mod evidence;
mod look;
mod manager;
mod sign;
mod system;
mod systemd;
mod timer;

pub use evidence::{LogAsked, StampAsked};
pub use look::{Asked, Scheduler, look};
pub use manager::Ask;
pub use sign::{Sign, Standing};
