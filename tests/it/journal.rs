//! The journal on disk: cut, damaged, fought over, and on a disk that fails.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use drplan::event::{Event, Outcome};
use drplan::journal::{
    Flaw, Holder, JOURNAL, Journal, LockError, MemoryStore, ReadError, WriteError, Writer, read, read_from,
};
use drplan::value::Stamp;

fn stamp() -> Stamp {
    Stamp { at: "2026-11-22T21:00:00Z".parse().unwrap(), boot_ms: 7, boot_id: "b".into() }
}

fn holder() -> Holder {
    Holder::this_process("eve", "vps-00", stamp().at)
}

fn events() -> Vec<Event> {
    let step: drplan::value::Id = "restore/unpack".parse().unwrap();
    vec![
        Event::IncidentStaged,
        Event::StepStarted { step: step.clone(), attempt: 1 },
        Event::StepFinished { step, attempt: 1, outcome: Outcome::Done, outputs: [].into() },
        Event::ClockJumped { by_ms: -5 },
    ]
}

fn written() -> Vec<u8> {
    let mut store = MemoryStore::default();
    let mut writer = Writer::over(&mut store);
    writer.append(&events()[..1], &stamp()).unwrap();
    writer.append(&events()[1..], &stamp()).unwrap();
    assert_eq!(writer.syncs(), 2, "one sync a batch");
    drop(writer);
    assert_eq!(store.syncs, 2);
    store.bytes
}

fn reread(bytes: &[u8]) -> Result<Journal, ReadError> {
    read_from(bytes, Path::new("j"))
}

#[test]
fn comes_back_as_it_was() {
    let journal = reread(&written()).unwrap();
    assert_eq!(journal.records.iter().map(|record| record.event.clone()).collect::<Vec<_>>(), events());
    assert_eq!(journal.records.iter().map(|record| record.n).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(journal.torn, None);
}

#[test]
fn cut_at_every_byte_is_a_prefix() {
    let bytes = written();
    let whole = reread(&bytes).unwrap().records;
    for cut in 0..bytes.len() {
        let journal = reread(&bytes[..cut]).unwrap();
        let kept = usize::try_from(journal.length).unwrap();
        assert_eq!(journal.records, whole[..journal.records.len()]);
        assert_eq!(journal.torn.unwrap_or(0), (cut - kept) as u64);
        assert!(kept == 0 || bytes[kept - 1] == b'\n');
    }
}

#[test]
fn every_changed_byte_is_found() {
    let bytes = written();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80, bytes[at] ^ b'\n'] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if changed != bytes {
                let error = reread(&changed).expect_err(&format!("byte {at} ^ {flip}"));
                assert!(matches!(error, ReadError::Flawed { .. }), "{error}");
            }
        }
    }
}

#[test]
fn missing_and_reordered_records_are_found() {
    let bytes = written();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for missing in 0..lines.len() - 1 {
        let mut fewer = lines.clone();
        fewer.remove(missing);
        let error = reread(&fewer.concat()).unwrap_err();
        assert!(
            matches!(&error, ReadError::Flawed { n, flaw: Flaw::Unchained, .. } if *n == missing as u64 + 1),
            "{error}"
        );
        let mut swapped = lines.clone();
        swapped.swap(missing, missing + 1);
        assert!(reread(&swapped.concat()).is_err());
    }
    let twice = [lines[0], lines[0]].concat();
    let told = reread(&twice).unwrap_err().to_string();
    assert!(told.contains(&format!("j, record 2 at byte {}", lines[0].len())), "{told}");
}

#[test]
fn foreign_files_are_refused() {
    for text in ["\n", "hello", "{}\n", "[]\n{}", "PK\u{3}\u{4}"] {
        assert!(
            matches!(reread(text.as_bytes()), Err(ReadError::Flawed { flaw: Flaw::Foreign, .. })),
            "{text}"
        );
    }
    let endless = std::io::Read::take(std::io::repeat(b'x'), 1 << 30);
    let error = read_from(endless, Path::new("j")).unwrap_err();
    assert!(matches!(error, ReadError::Flawed { flaw: Flaw::TooLong, .. }));
    assert!(matches!(read(Path::new("/nowhere")), Err(ReadError::Missing { .. })));
}

#[test]
fn a_failing_store_poisons_the_writer() {
    let scripts = [
        (VecDeque::from([None, Some(0)]), VecDeque::new()),
        (VecDeque::from([None, Some(33)]), VecDeque::new()),
        (VecDeque::new(), VecDeque::from([false, true])),
    ];
    for (append_failures, sync_failures) in scripts {
        for truncate_fails in [false, true] {
            let mut store = MemoryStore {
                append_failures: append_failures.clone(),
                sync_failures: sync_failures.clone(),
                truncate_fails,
                ..MemoryStore::default()
            };
            let mut writer = Writer::over(&mut store);
            writer.append(&events()[..1], &stamp()).unwrap();
            let failed = writer.append(&events()[1..], &stamp());
            assert!(matches!(failed, Err(WriteError::Failed { count: 3, after: 1, .. })));
            let after = writer.append(&events()[..1], &stamp());
            assert!(matches!(after, Err(WriteError::Poisoned)));
            drop(writer);
            let journal = reread(&store.bytes).unwrap();
            assert_eq!(journal.records[0].event, events()[0]);
            if !truncate_fails {
                assert_eq!((journal.records.len(), journal.torn), (1, None));
            }
        }
    }
}

#[test]
fn one_writer_at_a_time_and_a_torn_end_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path(), &holder()).unwrap();
    writer.append(&events()[..2], &stamp()).unwrap();
    match Writer::open(dir.path(), &holder()) {
        Err(WriteError::Lock(LockError::Locked { held, .. })) => {
            assert_eq!(held.0, Some(holder()));
        }
        other => panic!("{other:?}"),
    }
    drop(writer);
    assert!(matches!(Writer::create(dir.path(), &holder()), Err(WriteError::Open { .. })));
    let path = dir.path().join(JOURNAL);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], br#"{"v":1,"n":3,"a"#].concat()).unwrap();
    let (mut writer, journal) = Writer::open(dir.path(), &holder()).unwrap();
    assert_eq!((journal.records.len(), journal.torn), (2, Some(15)));
    assert_eq!(fs::read(&path).unwrap(), whole);
    writer.append(&events()[2..], &stamp()).unwrap();
    assert_eq!(read(dir.path()).unwrap().records.len(), 4);
}

#[test]
fn an_auditor_needs_only_sha256sum() {
    let dir = tempfile::tempdir().unwrap();
    Writer::create(dir.path(), &holder()).unwrap().append(&events()[..1], &stamp()).unwrap();
    let script = "test \"$(head -c -76 journal.jsonl | sha256sum | cut -c1-64)\" = \
                  \"$(tail -c 67 journal.jsonl | cut -c1-64)\"";
    let status =
        std::process::Command::new("bash").args(["-c", script]).current_dir(dir.path()).status().unwrap();
    assert!(status.success());
}
