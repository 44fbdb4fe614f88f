//! The tests that need the real binary, or the disk.
#![expect(clippy::disallowed_methods, reason = "tests touch the world")]

mod journal;
mod keeper;
