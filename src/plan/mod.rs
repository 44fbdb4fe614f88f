//! The typed plan: what a person wrote, with every word checked and nothing yet put together.

mod asset;
mod backup;
mod environment;
mod floor;
mod job;
mod load;
mod need;
mod notify;
mod people;
mod place;
mod policy;
mod recipe;
mod rename;
mod retyped;
mod root;
mod scenario;
mod schema;
mod shape;
mod step;

pub use asset::{Asset, Objective};
pub use backup::{Backup, Copy, Generations, Immutable, Keep, Points};
pub use environment::{Environment, PlaceChange, PlaceOverlay};
pub use floor::{Floor, RequiredTables};
pub use job::{Job, JobLog, Stamp, Starter};
pub use load::{Loaded, load, load_recipe, retype};
pub use need::{Need, Redundant};
pub use notify::{Notification, Occasion, Tell, Webhook, WebhookFormat, WebhookUrl};
pub use people::{Person, Secret, SecretSource};
pub use place::{Place, Ssh};
pub use policy::{CopiesPolicy, DrillsPolicy, Exception, Policy};
pub use recipe::{Input, InputKind, Recipe};
pub use rename::Renaming;
pub use root::{Activation, AfterHold, Consistent, Hold, Plan};
pub use scenario::{Scenario, Targets};
pub use schema::{plan_schema, recipe_schema};
pub use step::{
    Action, Approve, Common, Each, OnExpiry, OnFailure, Operation, RawStep, Rerun, Retry, Step, Takes, Undo,
    Wait, When,
};
