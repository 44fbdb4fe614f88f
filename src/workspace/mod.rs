//! The files of a repository: where it begins, which plans it has, and what they say.

mod open;
mod root;

pub use open::{Opened, Variant};
pub use root::{Error, Workspace, plan_files};
