//! What earlier drills have shown, from the records under `evidence/`; and what `drplan verify` has seen, if that is asked for.

mod past;
mod read;
mod seen;

pub use past::{Drill, History};
pub use seen::{Seen, SeenCopy, SeenRestore, SeenThing, Wrong};
