//! The words of the language: ids, lengths of time, moments, texts with names in them.
//!
//! Nothing here knows of plans, files or processes.

mod id;
mod length;
mod moment;
mod suggest;
mod table;
mod text;

pub use id::{Id, Name, RunId};
pub use length::Length;
pub use moment::{Moment, Stamp};
pub use suggest::{closest, did_you_mean};
pub use table::{Key, Table};
pub use text::{NameError, Text};
