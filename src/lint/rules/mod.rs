//! The rules: one file each, and the one list.

mod ambiguous_output;
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
mod recovery_point_missed;
mod recovery_time_missed;
mod reserved_id;
mod reserved_variable;
mod step_without_estimate;
mod target_inversion;
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
    &ambiguous_output::AmbiguousOutput,
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
    &recovery_point_missed::RecoveryPointMissed,
    &recovery_time_missed::RecoveryTimeMissed,
    &reserved_id::ReservedId,
    &reserved_variable::ReservedVariable,
    &step_without_estimate::StepWithoutEstimate,
    &target_inversion::TargetInversion,
    &unguarded_destruction::UnguardedDestruction,
    &unhit_asset_restored::UnhitAssetRestored,
    &unknown_reference::UnknownReference,
    &unknown_rule::UnknownRule,
    &unknown_variable::UnknownVariable,
    &unreachable_step::UnreachableStep,
    &unused_allow::UnusedAllow,
];
