//! Work on other hosts, over the system's OpenSSH, that outlives the connection.
//!
//! ```text
//! keeper ── courier ── ssh ══ sshd ── sh: visit ── holder ── the step, in a session of its own
//!              └ reconnects                └ waits at a pipe     └ out, err, ended: kept until forgotten
//! ```
//!
//! The keeper holds a courier as it holds any command. The courier visits the host: the first visit makes the
//! attempt's folder there, which is what makes a start happen once, and starts the holder. Every visit sends the
//! output from where the courier has it, and waits for the end. Text and values go over standard input.

mod courier;
mod errand;
mod forget;
mod host;
mod note;
mod reading;
mod road;
mod sockets;
mod text;
mod visit;

pub use courier::run_errand;
pub use errand::{Attempt, COURIER, Errand, Look, Task, job};
pub use forget::forget;
pub use host::Host;
pub use note::{Note, note};
pub use text::TOOLS;
