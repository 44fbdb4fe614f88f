//! From what a person wrote to what will be done.
//!
//! [`resolve`] expands a plan once, into a [`ResolvedPlan`] that graph, analysis, engine and runbook read.
//! [`route`] says, for a scenario, what is hit, where things go, and which steps and copies bring them back.

mod any_of;
mod child;
mod column;
mod copies;
mod course;
mod each;
mod expand;
mod expansion;
mod finder;
mod goals;
mod harm;
mod imports;
mod index;
mod inputs;
mod lists;
mod merge;
mod nodes;
mod overlay;
mod placement;
mod points;
mod probes;
mod reach;
mod reasons;
mod recipes;
mod reliance;
mod resolved;
mod route;
mod stuck;
mod supply;
mod targets;
mod undo;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use column::{Column, Entries};
pub use copies::{CopyChoice, Loss, LossKind, Losses, copy_of};
pub use course::{Course, CourseKind, CourseNode};
pub use expand::resolve;
pub use harm::{Fall, Harm, Harmed};
pub use imports::{Children, Import, Imports, Links, Owner};
pub use lists::{Lists, small};
pub use nodes::{Node, NodeKind, Reason};
pub use overlay::overlay;
pub use placement::Placement;
pub use points::{
    Expected, Gap, Harmful, PointLoss, Term, clean_reach, emptiness, farthest_apart, longest_gap,
    lost_generations, moments_between, newest_expected, point_loss,
};
pub use recipes::{Recipes, Shipped};
pub use resolved::{Imported, ResolvedPlan, ResolvedStep, Section};
pub use route::{AssetRoute, AssetState, Request, Route, Router, StepChoice, route};
pub use stuck::{End, Link, Stuck};
pub use targets::targets_in;
pub use undo::with_undos;
