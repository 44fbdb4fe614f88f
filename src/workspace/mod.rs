//! The files of a repository: where it begins, which plans it has, and what they say.

mod open;
mod rewrite;
mod root;

pub use open::{Opened, Variant};
pub use rewrite::RewriteError;
pub use root::{Error, Workspace, is_recipe, own_files, plan_files};
