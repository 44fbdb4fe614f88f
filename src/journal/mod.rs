//! Events on disk: what a run is resumed from and what its report is made of.
//!
//! ```text
//! events ── Writer ── format ── Store (file | memory) ── journal.jsonl ── read ── records
//! other terminals ── inbox ── the controller          Runs: where all of this lies
//! ```

mod follow;
mod format;
mod inbox;
mod lock;
mod reader;
mod runs;
mod store;
mod writer;

pub use follow::Follow;
pub use format::{FIRST_PREV, Flaw, Record, VERSION};
pub use inbox::{Found, InboxError, Kind, Request, Watch, look, put, put_away};
pub use lock::{Held, Holder, Lock, LockError};
pub use reader::{End, Journal, ReadError, read, read_each, read_from};
pub use runs::{Runs, RunsError};
pub use store::{FileStore, MemoryStore, Store};
pub use writer::{WriteError, Writer};

/// The journal's name in a run's folder.
pub const JOURNAL: &str = "journal.jsonl";
