//! The rules: one file each, and the one list.

mod asset_not_survived;
mod asset_without_health;
mod asset_without_restore;
mod bad_schedule;
mod daemon_not_redirected;
mod dependency_cycle;
mod duplicate_id;
mod lost_reliance;
mod manual_step_incomplete;
mod recovery_deadlock;
mod reserved_id;
mod step_without_estimate;
mod unguarded_destruction;
mod unhit_asset_restored;
mod unknown_reference;
mod unknown_rule;
mod unknown_variable;
mod unreachable_step;
mod unused_allow;
mod unused_import;

use super::Rule;

pub(super) use unknown_rule::META as UNKNOWN_RULE;
pub(super) use unused_allow::META as UNUSED_ALLOW;

/// Every rule.
pub const RULES: &[&dyn Rule] = &[
    &asset_not_survived::AssetNotSurvived,
    &asset_without_health::AssetWithoutHealth,
    &asset_without_restore::AssetWithoutRestore,
    &bad_schedule::BadSchedule,
    &daemon_not_redirected::DaemonNotRedirected,
    &dependency_cycle::DependencyCycle,
    &duplicate_id::DuplicateId,
    &lost_reliance::LostReliance,
    &manual_step_incomplete::ManualStepIncomplete,
    &recovery_deadlock::RecoveryDeadlock,
    &reserved_id::ReservedId,
    &step_without_estimate::StepWithoutEstimate,
    &unguarded_destruction::UnguardedDestruction,
    &unhit_asset_restored::UnhitAssetRestored,
    &unknown_reference::UnknownReference,
    &unknown_rule::UnknownRule,
    &unknown_variable::UnknownVariable,
    &unreachable_step::UnreachableStep,
    &unused_allow::UnusedAllow,
    &unused_import::UnusedImport,
];
