//! The cases of `book/src/recovery-time.md`.
