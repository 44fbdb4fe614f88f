//! The arithmetic by hand. The table of `book/src/recovery-point.md` is computed anew in `tests/it/arithmetic.rs`.

use super::*;
use crate::plan::Points;

fn gap(expression: &str, timezone: &str) -> Result<(String, String, bool), String> {
    let points = Points::Cron { expression: expression.into(), timezone: Some(timezone.into()) };
    longest_gap(&points).map(|gap| (gap.length.to_string(), gap.usual.to_string(), gap.between.is_some()))
}

#[test]
fn clock_changes_widen_the_gap() {
    let same = |length: &str| Ok((length.to_owned(), length.to_owned(), false));
    let wider = |length: &str, usual: &str| Ok((length.to_owned(), usual.to_owned(), true));
    assert_eq!(gap("0 2 * * *", "UTC"), same("1d"));
    assert_eq!(gap("0 2 * * *", "Europe/Berlin"), wider("1d1h", "1d"));
    assert_eq!(gap("0 2 * * *", "Australia/Lord_Howe"), wider("1d30m", "1d"));
    assert_eq!(gap("0 2 * * 1-5", "America/New_York"), wider("3d1h", "1d"));
    assert_eq!(gap("0 * * * *", "Europe/Berlin"), same("1h"));
    assert!(gap("0 0 30 2 *", "UTC").is_err());
    assert!(gap("0 2 * *", "UTC").is_err());
    assert!(gap("0 2 * * *", "Mars/Olympus").is_err());
}

#[test]
fn rare_and_dense_schedules_are_walked_far_enough() {
    assert_eq!(gap("0 0 29 2 *", "UTC").unwrap().0, "4y1d");
    assert_eq!(gap("0 3 1 1 *", "UTC").unwrap().0, "1y1d");
    assert_eq!(gap("0 3 1 * *", "UTC").unwrap().0, "31d");
    // Every minute of the working day: the gap is the night, an hour longer in autumn.
    assert_eq!(gap("* 8-17 * * *", "Europe/Berlin").unwrap().0, "15h1m");
    assert_eq!(gap("* * * * *", "Europe/Berlin").unwrap().0, "1m");
}
