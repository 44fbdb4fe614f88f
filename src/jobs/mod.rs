//! Whether a backup job is installed, and whether it ran: what can be seen in the files of a system, and what its systemd tells.
//!
//! Reads only, on this machine or from afar; starts nothing itself: who asks runs what looks. What cannot be known is
//! [`Standing::Unknown`]: cron and systemd are silent about what they pass over, and silence is not success.

mod account;
mod command;
mod cron_file;
mod cron_table;
mod daemon;
mod distant;
mod evidence;
mod here;
mod look;
mod machine;
mod manager;
mod sign;
mod systemd;
mod timer;

pub use distant::{Distant, Errand};
pub use evidence::{LogAsked, StampAsked};
pub use here::{Ask, Here};
pub use look::{Asked, Scheduler, look};
pub use machine::{Machine, Meta};
pub use sign::{Sign, Standing};
