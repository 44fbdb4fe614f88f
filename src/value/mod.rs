//! The words of the language: ids, lengths of time, moments, texts with names in them.
//!
//! Nothing here knows of plans, files or processes.

mod checked;
mod either;
mod id;
mod length;
mod moment;
mod pattern;
mod plain;
mod scalar;
mod schema;
mod shared;
mod size;
mod suggest;
mod table;
mod text;
mod tool;
mod zone;

pub use checked::{Date, LanguageVersion, NonEmpty, Sha256Hex};
pub(crate) use either::short_form;
pub use either::{OneOrMany, ShortForm};
pub use id::{Field, Id, Name, RunId};
pub use length::Length;
pub use moment::{Moment, Stamp};
pub use pattern::explain_pattern;
pub use plain::{plain, steers};
pub use scalar::Scalar;
pub use schema::schema_of;
pub(crate) use schema::schema_with;
pub use shared::sharing_names;
pub use size::{Percent, Size};
pub use suggest::{closest, did_you_mean, slip_of};
pub use table::{Key, Table};
pub use text::{NameError, Text};
pub use tool::Tool;
pub use zone::{NeverShown, WallTime, Zone};
