//! The report of runs made by hand.
use super::*;
