//! What earlier drills have shown, from the records under `evidence/`.

mod past;
mod read;

pub use past::{Drill, History};
