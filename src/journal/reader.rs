//! Events back from the disk; every byte is checked.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::JOURNAL;
use super::format::{FIRST_PREV, Flaw, Record};

/// As much is read at a time, and as long a line is kept for the next.
const BUFFER: usize = 64 << 10;

/// No record is longer; a foreign file without line ends is not read into memory.
const LONGEST_LINE: u64 = 64 << 20;

/// What a journal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The records, in order.
    pub records: Vec<Record>,
    /// How many bytes of an unfinished record stand at the end; they are not in `records`.
    pub torn: Option<u64>,
    /// Where the last whole record ends, in bytes.
    pub length: u64,
}

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system does not let us.
    #[error("read {path}: {source}")]
    Io {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is none.
    #[error("read {path}: there is no journal; is this the folder of a run?")]
    Missing {
        /// The journal.
        path: PathBuf,
    },
    /// A record is not what was written.
    #[error("read {path}, record {n} at byte {offset}: {flaw}; {}", advice(flaw))]
    Flawed {
        /// The journal.
        path: PathBuf,
        /// The number that the record should have.
        n: u64,
        /// Where it begins.
        offset: u64,
        /// What is wrong.
        flaw: Flaw,
    },
}

fn advice(flaw: &Flaw) -> &'static str {
    match flaw {
        Flaw::OtherVersion(_) | Flaw::Unknown(_) => "use the drplan that wrote it",
        Flaw::Foreign | Flaw::TooLong => "restore the file from a copy, or name another run",
        Flaw::Changed | Flaw::Unchained | Flaw::Misnumbered(_) => {
            "what stands before it can be trusted; restore the file from a copy, or begin a new run"
        }
    }
}

/// What stands behind the records of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// As in [`Journal`].
    pub torn: Option<u64>,
    /// As in [`Journal`].
    pub length: u64,
}

/// Reads the journal of a run.
///
/// # Errors
///
/// When it is missing, or anything but its last, unfinished line is not as it was written.
pub fn read(run_dir: &Path) -> Result<Journal, ReadError> {
    let mut records = Vec::new();
    let End { torn, length } = read_each(run_dir, |record| records.push(record))?;
    Ok(Journal { records, torn, length })
}

/// Reads the journal of a run, and gives away each record once it is checked: a long journal is not held.
///
/// # Errors
///
/// As [`read`]; the records before the flaw were given away.
pub fn read_each(run_dir: &Path, take: impl FnMut(Record)) -> Result<End, ReadError> {
    let path = run_dir.join(JOURNAL);
    match File::open(&path) {
        Ok(file) => each_from(file, &path, take),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReadError::Missing { path }),
        Err(source) => Err(ReadError::Io { path, source }),
    }
}

/// Reads a journal from anything; `path` is only told in errors.
///
/// # Errors
///
/// When anything but the last, unfinished line is not as it was written.
pub fn read_from(from: impl Read, path: &Path) -> Result<Journal, ReadError> {
    let mut records = Vec::new();
    let End { torn, length } = each_from(from, path, |record| records.push(record))?;
    Ok(Journal { records, torn, length })
}

fn each_from(from: impl Read, path: &Path, mut take: impl FnMut(Record)) -> Result<End, ReadError> {
    let mut from = BufReader::with_capacity(BUFFER, from);
    let mut length = 0;
    let mut n = 1;
    let mut prev = FIRST_PREV.to_owned();
    let mut line = Vec::new();
    loop {
        line.clear();
        // Only the start of a large plan's run is as long as the plan.
        line.shrink_to(BUFFER);
        let read = (&mut from)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        if read == 0 {
            return Ok(End { torn: None, length });
        }
        let flawed = |flaw| ReadError::Flawed { path: path.to_owned(), n, offset: length, flaw };
        let Some(whole) = line.strip_suffix(b"\n") else {
            if read as u64 == LONGEST_LINE {
                return Err(flawed(Flaw::TooLong));
            }
            // A record is written with its line end in one go: without it, it was never finished.
            // Whole but for a wrong byte where the line should end: that is no tear, it was changed.
            if line.split_last().is_some_and(|(_, whole)| Record::parse(whole, n, &prev).is_ok()) {
                return Err(flawed(Flaw::Changed));
            }
            if !could_be_torn(&line) {
                return Err(flawed(Flaw::Foreign));
            }
            return Ok(End { torn: Some(read as u64), length });
        };
        let record = Record::parse(whole, n, &prev).map_err(flawed)?;
        prev.clone_from(&record.hash);
        take(record);
        n += 1;
        length += read as u64;
    }
}

/// Whether an unfinished line is the beginning of a record of ours, or zeros that a crash of the
/// machine left where the file had grown and its bytes had not arrived.
fn could_be_torn(line: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"v\":";
    let length = line.len().min(BEGINNING.len());
    line[..length] == BEGINNING[..length] || line.iter().all(|byte| *byte == 0)
}
