//! The rules: one file each, and the one list.

mod archive_not_kept;
mod asset_without_health;
mod asset_without_restore;
mod bad_schedule;
mod copies;
mod daemon_not_redirected;
mod dependency_cycle;
mod drill_not_closed;
mod drill_overdue;
mod duplicate_id;
mod manual_step_incomplete;
mod missing_place;
mod reserved_id;
mod retention;
mod role_unfilled;
mod step_without_estimate;
mod unguarded_destruction;
mod unhit_asset_restored;
mod unknown_reference;
mod unknown_rule;
mod unknown_variable;
mod unreachable_step;
mod unused_allow;

use super::Rule;

pub(super) use unknown_rule::META as UNKNOWN_RULE;
pub(super) use unused_allow::META as UNUSED_ALLOW;

/// Every rule.
pub const RULES: &[&dyn Rule] = &[
    &archive_not_kept::ArchiveNotKept,
    &asset_without_health::AssetWithoutHealth,
    &asset_without_restore::AssetWithoutRestore,
    &bad_schedule::BadSchedule,
    &copies::Copies,
    &daemon_not_redirected::DaemonNotRedirected,
    &dependency_cycle::DependencyCycle,
    &drill_not_closed::DrillNotClosed,
    &drill_overdue::DrillOverdue,
    &duplicate_id::DuplicateId,
    &manual_step_incomplete::ManualStepIncomplete,
    &missing_place::MissingPlace,
    &reserved_id::ReservedId,
    &retention::Retention,
    &role_unfilled::RoleUnfilled,
    &step_without_estimate::StepWithoutEstimate,
    &unguarded_destruction::UnguardedDestruction,
    &unhit_asset_restored::UnhitAssetRestored,
    &unknown_reference::UnknownReference,
    &unknown_rule::UnknownRule,
    &unknown_variable::UnknownVariable,
    &unreachable_step::UnreachableStep,
    &unused_allow::UnusedAllow,
];
