//! Backups in a bucket: S3 over HTTP, as AWS speaks it and as other servers do.
//!
//! Asks only; nothing here writes to a bucket. What a bucket says is data, and what it refuses to say is a [`Fault`],
//! never "nothing is there".

/// So many questions are asked of a server at one time.
const AT_ONCE: usize = 16;

mod access;
mod answers;
mod client;
mod fault;
mod immutability;
mod listing;
mod object;
mod points;
mod protection;
mod settings;
mod storage;
mod survey;
mod through;

pub use access::{Access, Address, Limits};
pub use client::Bucket;
pub use fault::Fault;
pub use immutability::{Certainty, Concern, Promise, Weakness, judge};
pub use listing::Version;
pub use object::{Beginning, Proof, Reading};
pub use points::{Object, StoredPoint, points_of};
pub use protection::{Mode, Protection, Retention};
pub use settings::{Due, LifecycleRule, ObjectLock, TieringRule, Versioning};
pub use storage::Storage;
pub use survey::Survey;
pub use through::ThroughRead;
