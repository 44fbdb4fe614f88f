//! drplan: a disaster-recovery-plan engine.
//!
//! The flow, and the order of the rooms:
//!
//! ```text
//! text → document → plan → resolved plan → route → graph → analysis → findings | runbook
//!                                            └→ engine → events → journal → report
//! ```
//!
//! The library exists for the binary and its tests; it promises no stable interface.

#![warn(missing_docs)]

pub mod analysis;
pub mod approval;
pub mod bucket;
pub mod cli;
pub mod config;
pub mod display;
pub mod document;
pub mod effect;
pub mod engine;
pub mod error;
pub mod event;
pub mod exit;
pub mod finding;
pub mod graph;
pub mod history;
pub mod jobs;
pub mod journal;
pub mod keeper;
pub mod lint;
pub mod notice;
pub mod output;
pub mod plan;
pub mod probe;
pub mod remote;
pub mod report;
pub mod resolve;
pub mod runbook;
pub mod value;
pub mod verify;
pub mod workspace;
