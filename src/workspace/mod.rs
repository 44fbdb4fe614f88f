//! The files of a repository: where it begins, which plans it has, and what they say.

mod imports;
mod open;
mod revision;
mod rewrite;
mod root;
mod shelf;

pub use open::{Opened, Variant};
pub use revision::{Revision, RevisionError};
pub use rewrite::{RewriteError, replace};
pub use root::{Error, Workspace, cleaned, is_recipe, own_files, plan_files};
pub use shelf::{Shelf, recipes_beside};
