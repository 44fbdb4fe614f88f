//! The runbook: the plan as a text by which a person can recover by hand.
//!
//! What it shows depends on committed files alone: no clock, no absolute path, no version of the program. The bundle is the
//! exception: it is made for a moment, and says for which.

mod bundle;
mod checks;
mod compose;
mod drift;
mod helper;
mod markdown;
mod setting;
mod shell;
mod step;
mod template;
mod view;

pub use bundle::{CopyState, DrillState, Page, ProblemState, RunLine, StateView, bundle};
pub use compose::{Material, index, runbook, used_recipes};
pub use drift::{Marker, difference};
pub use markdown::Fence;
pub use step::folder_of_file;
pub use template::{RunbookTemplate, TemplateFault};
pub use view::{
    ActionView, ActivationView, AssetView, CheckView, CopyView, FileView, GroupView, HoldView, Index,
    IndexEntry, Link, PersonView, PlaceView, PlanView, Reason, Runbook, ScenarioView, SecretView, StepView,
    TargetView, TimesView, VIEW,
};
