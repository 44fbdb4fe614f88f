//! The process that holds the steps of one run, so that a crash of the controller loses nothing.
//!
//! ```text
//! controller ── Client ══ keeper.sock ══ server ── keeping ── job ── the step's process group
//!     └ judge (when no keeper lives) ── intent, process, outcome ──┘ └ stream ── mask ── stdout, stderr
//! ```
//!
//! For each attempt, in this order: intent → spawn → process record → output → outcome → notice.
//! Nothing here is synced: the journal is the durable part, and after a loss of power an attempt
//! without an outcome is judged as interrupted.

mod client;
mod clock;
mod family;
mod folder;
mod forms;
mod job;
mod judge;
mod keeping;
mod kept;
mod lines;
mod mask;
mod message;
mod process;
mod ready;
mod server;
mod stream;

pub use client::{Client, ClientError, Receiver, Sender};
pub use clock::{boot_id, boot_ms, stamp, wait};
pub use folder::{FolderError, ProcessRecord, attempt_folder};
pub use forms::is_maskable;
pub use judge::{Remains, await_process, forget_outputs, is_kept, outputs, remains, signal_orphans};
pub use mask::Mask;
pub use message::{Cause, Exit, Job, Notice, Outcome, Refusal, Request, VERSION};
pub use process::{seal, start_time};
pub use server::{ServeError, serve};
