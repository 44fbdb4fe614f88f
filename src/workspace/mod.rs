//! The files of a repository: where it begins, which plans it has, and what they say.

mod imports;
mod open;
mod root;
mod shelf;

pub use open::{Opened, Variant};
pub use root::{Error, Workspace, cleaned, plan_files};
pub use shelf::Shelf;
