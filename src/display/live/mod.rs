//! The live view: what a run does now, on a screen of its own.
//!
//! ```text
//! events (from the engine, or from the journal's end) ── Model ──┐
//! the clock ── Outlook ──────────────────────────────────────────┼── screen: text and colours ── Console
//! keys ── View ──────────────────────────────────────────────────┘
//! ```
//!
//! The screen is a function of model, view and time alone: it is tested without a terminal.

mod assets;
mod console;
mod keys;
mod log;
mod model;
mod outlook;
mod paint;
mod people;
mod rows;
mod screen;
mod show;
#[cfg(test)]
mod tests;
mod view;

pub use show::{Handle, LiveView, Role, Scene};
