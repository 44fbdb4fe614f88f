//! What the backups of a plan really are, against what the plan says of them.
//!
//! [`subjects`] says what is to be looked at, [`look`] asks through the room `effect`, `judge` holds what was found to the
//! plan and asks nothing. The [`Verification`] is what is shown, recorded, and read again by other commands.

mod abroad;
mod account;
mod announce;
mod ask;
mod asset;
mod elsewhere;
mod floor;
mod found;
mod job;
mod judge;
mod junit;
mod known;
mod openmetrics;
mod point;
mod promise;
mod restore;
mod s3;
mod subject;
mod table;
mod times;

pub use abroad::tidy_up;
pub use account::{
    AssetSeen, CopySeen, DatedBy, JobSeen, Kind, PlanSeen, PointSeen, Problem, RestoreSeen, Severity,
    Verification, schema,
};
pub use announce::{Audience, announce};
pub use ask::{Asking, look};
pub use asset::judge_asset;
pub use elsewhere::hold_apart;
pub use job::{look_at_jobs, places_of_jobs};
pub use junit::junit;
pub use known::{Known, Look, known_file};
pub use openmetrics::openmetrics;
pub use restore::{judge_restores, no_way};
pub use subject::{Ground, Subject, Whereabouts, subjects};
pub use table::{Pen, human};
