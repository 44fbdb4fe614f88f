//! Disks that are full, that fail to sync, and journals that have lost their end.

use std::fs;

use rustix::process::{Signal, kill_process};

use super::Everything;
use super::crash::hurt;
use crate::small_disk::SmallDisk;
use crate::stage::keepers_below;

/// Runs on a disk of so many KiB, then gives it room; returns whether it was too small.
fn full_at(kib: usize) -> bool {
    let small = SmallDisk::of(kib);
    let state = small.path().join("state");
    let all = Everything::on(|stage| stage.with_state(&state));
    let what = format!("a disk of {kib} KiB");
    let ran = all.stage.begin(all.execute()).ends();
    assert!([2, 3, 4].contains(&ran.code), "{what}: {ran:?}");
    small.grow();
    // Whoever resumes it now has room; what had none has failed, and says so.
    let account = all.finish();
    if all.result() == "done" {
        all.compare(&account, &what);
    } else {
        all.compare_failed(&what);
    }
    ran.code != 4 || all.result() != "done" || all.stage.has_told("journal_mended", "")
}

#[test]
fn a_disk_that_is_full_at_any_point_loses_nothing() {
    let full = (0..80).map(|pages| 8 + pages * 4).take_while(|kib| full_at(*kib)).count();
    assert!(full >= 10, "only {full} full disks");
}

/// Lets the n-th call of a kind fail; returns whether it came to that.
fn fails_at(call: &str, error: &str, nth: usize) -> bool {
    let all = Everything::new();
    let what = format!("{call} {nth} fails with {error}");
    let ran = all.stage.begin(hurt(&all.execute(), call, &format!("error={error}"), nth)).ends();
    if ran.code == 4 {
        return false;
    }
    let ran = ran.exits(2).says("journal").says("drplan resume");
    assert!(!ran.err.contains("panicked"), "{what}: {}", ran.err);
    let account = all.finish();
    all.compare(&account, &what);
    assert_eq!(account.unknowable, [""; 0], "{what}");
    true
}

#[test]
fn a_sync_that_fails_stops_the_run_and_loses_nothing() {
    let failed = (2..400).take_while(|nth| fails_at("fdatasync", "EIO", *nth)).count();
    assert!(failed >= 10, "only {failed} failures");
}

/// Where the records of a journal end.
fn ends_of(journal: &[u8]) -> Vec<usize> {
    (1..=journal.len()).filter(|end| journal[end - 1] == b'\n').collect()
}

#[test]
fn a_journal_that_lost_its_end_repeats_nothing() {
    // The whole is learnt once; then it is cut behind, and in the middle of, each record.
    let whole = Everything::new();
    whole.stage.begin(whole.execute()).ends().exits(4);
    let ends = ends_of(&fs::read(whole.stage.run_dir().join("journal.jsonl")).unwrap());
    for at in 1..ends.len() {
        for middle in [false, true] {
            let all = Everything::new();
            all.stage.begin(all.execute()).ends().exits(4);
            for keeper in keepers_below(all.stage.path()) {
                let _ = kill_process(keeper, Signal::KILL);
            }
            let journal = all.stage.run_dir().join("journal.jsonl");
            let bytes = fs::read(&journal).unwrap();
            let ends = ends_of(&bytes);
            let Some(end) = ends.get(at) else { continue };
            let cut = if middle { usize::midpoint(ends[at - 1], *end) } else { ends[at - 1] };
            fs::write(&journal, &bytes[..cut]).unwrap();
            let account = all.finish();
            let what = format!("cut at {cut} of {}, at record {at}", bytes.len());
            if all.result() == "done" || !account.unknowable.is_empty() {
                all.compare(&account, &what);
            } else {
                // What is in place already keeps the restore from being begun again.
                let unpacked = all.stage.last("step_finished", "restore/unpack");
                assert_eq!(unpacked["outcome"]["result"], "failed", "{what}: {:#?}", all.stage.journal());
                all.compare_failed(&what);
            }
        }
    }
}
