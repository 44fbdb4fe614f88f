//! The recipes that are shipped, each against the real tool: backup, destroy, restore, compare.

mod postgres;
