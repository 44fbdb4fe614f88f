//! From text to a tree in which every key and value knows where it is written.

mod allow;
mod de;

mod json;
mod key_path;
mod node;
mod packed;
mod parse;
mod place;
mod read;
mod scalar;
mod source;

pub use allow::Allow;
pub use de::{DeError, from_node};
pub use json::Yaml;
pub use key_path::{KeyPath, Segment, Trail};
pub use node::{Key, Kind, Node, Span};
pub use packed::FileText;
pub use parse::{Issue, Limits, Parsed, parse};
pub use place::{Document, Part, Place};
pub use read::{ReadError, read};
pub use source::{Source, SourceId, Sources};
