//! Reads a journal that grows, as far as it goes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::format::{FIRST_PREV, Record};
use super::{JOURNAL, ReadError};

/// Follows the journal of a run that somebody else controls.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    /// Where the next record begins, in bytes.
    offset: u64,
    n: u64,
    prev: String,
}

impl Follow {
    /// Begins at the journal's first record.
    pub fn new(run_dir: &Path) -> Self {
        Self { path: run_dir.join(JOURNAL), offset: 0, n: 1, prev: FIRST_PREV.to_owned() }
    }

    /// Returns the records that have come since the last call. One that is not whole yet comes later.
    ///
    /// # Errors
    ///
    /// When the journal is missing, or a whole record in it is not as it was written.
    pub fn read(&mut self) -> Result<Vec<Record>, ReadError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ReadError::Missing { path: self.path.clone() },
            _ => ReadError::Io { path: self.path.clone(), source },
        };
        let mut file = File::open(&self.path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.offset)).and_then(|_| file.read_to_end(&mut bytes)).map_err(failed)?;
        let mut records = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(whole) = line.strip_suffix(b"\n") else { break };
            let record = Record::parse(whole, self.n, &self.prev).map_err(|flaw| ReadError::Flawed {
                path: self.path.clone(),
                n: self.n,
                offset: self.offset,
                flaw,
            })?;
            self.offset += line.len() as u64;
            self.n += 1;
            self.prev.clone_from(&record.hash);
            records.push(record);
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::event::Event;
    use crate::value::Stamp;

    #[test]
    fn a_record_comes_once_and_whole() {
        let stamp = Stamp { at: "2026-11-22T14:00:00Z".parse().unwrap(), boot_ms: 1, boot_id: "b".into() };
        let mut lines = Vec::new();
        let first = Record::compose(1, &stamp, &Event::IncidentStaged, FIRST_PREV, &mut lines).unwrap();
        let end = lines.len();
        let jump = Event::ClockJumped { by_ms: 5 };
        let second = Record::compose(2, &stamp, &jump, &first.hash, &mut lines).unwrap();

        let dir = tempfile::tempdir().unwrap();
        let mut follow = Follow::new(dir.path());
        assert!(matches!(follow.read(), Err(ReadError::Missing { .. })));
        let mut file = File::create(dir.path().join(JOURNAL)).unwrap();
        file.write_all(&lines[..end + 9]).unwrap();
        assert_eq!(follow.read().unwrap(), [first]);
        assert_eq!(follow.read().unwrap(), []);
        file.write_all(&lines[end + 9..]).unwrap();
        assert_eq!(follow.read().unwrap(), [second]);
        file.write_all(b"{\"v\":1}\n").unwrap();
        assert!(matches!(follow.read(), Err(ReadError::Flawed { n: 3, .. })));
    }
}
