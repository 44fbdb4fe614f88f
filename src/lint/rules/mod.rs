//! The rules: one file each, and the one list.

mod ambiguous_output;
mod archive_not_kept;
mod asset_not_survived;
mod asset_without_health;
mod asset_without_restore;
mod backup_found_bad;
mod backup_not_looked_at;
mod bad_schedule;
mod copies;
mod daemon_not_redirected;
mod dependency_cycle;
mod drill_not_closed;
mod drill_overdue;
mod duplicate_id;
mod inconsistent_points;
mod key_not_given;
mod lost_reliance;
mod manual_step_incomplete;
mod missing_owner;
mod missing_target;
mod paper_copy;
mod place_never_lost;
mod priority_inversion;
mod promotion_without_fence;
mod recovery_deadlock;
mod recovery_point_missed;
mod recovery_time_missed;
mod reserved_id;
mod reserved_variable;
mod restore_not_ready;
mod retention;
mod role_unfilled;
mod step_without_estimate;
mod target_inversion;
mod timeout_too_short;
mod unguarded_destruction;
mod unhit_asset_restored;
mod unknown_reference;
mod unknown_rule;
mod unknown_variable;
mod unreachable_step;
mod unrepeatable_step;
mod unusable_key;
mod unused_allow;
mod unused_import;

use super::Rule;

pub(super) use unknown_rule::META as UNKNOWN_RULE;
pub(super) use unused_allow::META as UNUSED_ALLOW;

/// Every rule.
pub const RULES: &[&dyn Rule] = &[
    &ambiguous_output::AmbiguousOutput,
    &archive_not_kept::ArchiveNotKept,
    &asset_not_survived::AssetNotSurvived,
    &asset_without_health::AssetWithoutHealth,
    &asset_without_restore::AssetWithoutRestore,
    &backup_found_bad::BackupFoundBad,
    &backup_not_looked_at::BackupNotLookedAt,
    &bad_schedule::BadSchedule,
    &copies::Copies,
    &daemon_not_redirected::DaemonNotRedirected,
    &dependency_cycle::DependencyCycle,
    &drill_not_closed::DrillNotClosed,
    &drill_overdue::DrillOverdue,
    &duplicate_id::DuplicateId,
    &inconsistent_points::InconsistentPoints,
    &key_not_given::KeyNotGiven,
    &lost_reliance::LostReliance,
    &manual_step_incomplete::ManualStepIncomplete,
    &missing_owner::MissingOwner,
    &missing_target::MissingTarget,
    &paper_copy::PaperCopy,
    &place_never_lost::PlaceNeverLost,
    &priority_inversion::PriorityInversion,
    &promotion_without_fence::PromotionWithoutFence,
    &recovery_deadlock::RecoveryDeadlock,
    &recovery_point_missed::RecoveryPointMissed,
    &recovery_time_missed::RecoveryTimeMissed,
    &reserved_id::ReservedId,
    &reserved_variable::ReservedVariable,
    &restore_not_ready::RestoreNotReady,
    &retention::Retention,
    &role_unfilled::RoleUnfilled,
    &step_without_estimate::StepWithoutEstimate,
    &target_inversion::TargetInversion,
    &timeout_too_short::TimeoutTooShort,
    &unguarded_destruction::UnguardedDestruction,
    &unhit_asset_restored::UnhitAssetRestored,
    &unknown_reference::UnknownReference,
    &unknown_rule::UnknownRule,
    &unknown_variable::UnknownVariable,
    &unreachable_step::UnreachableStep,
    &unrepeatable_step::UnrepeatableStep,
    &unusable_key::UnusableKey,
    &unused_allow::UnusedAllow,
    &unused_import::UnusedImport,
];
