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

pub mod event;
pub mod journal;
pub mod keeper;
pub mod value;
