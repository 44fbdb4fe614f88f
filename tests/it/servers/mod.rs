//! Servers that tests start for themselves, and end.

pub(crate) mod s3;
