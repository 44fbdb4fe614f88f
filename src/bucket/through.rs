//! Reads a whole recovery point, and holds it to the digests of its producer.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use super::object::hex;
use super::{Bucket, Fault, Object, Proof, StoredPoint};

/// The names of lists of digests, as `sha256sum` writes them.
const LISTS: [&str; 3] = ["SHA256SUMS", ".SHA256SUMS", "sha256sums.txt"];

/// More of a list is not read.
const LONGEST_LIST: u64 = 16 << 20;

/// A point of which every object was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThroughRead {
    /// How many objects it has, without the list of digests.
    pub objects: usize,
    /// How many of them are what their producer has taken the digest of.
    pub by_producer: usize,
}

impl Bucket {
    /// Reads every object of a point that a plain read meets, as a stream.
    ///
    /// # Errors
    ///
    /// As every question; [`Fault::Rotten`] if an object is not what was stored, or not what the list says, or if the list
    /// names one that is not there.
    pub fn read_through(&self, point: &StoredPoint) -> Result<ThroughRead, Fault> {
        let base = format!("{}{}/", self.address().prefix, point.name);
        let name_of = |object: &Object| object.key.strip_prefix(&base).unwrap_or(&object.key).to_owned();
        let is_list = |object: &&Object| LISTS.contains(&name_of(object).as_str());
        let mut listed = match point.objects.iter().find(is_list) {
            Some(list) => self.list_of_digests(list)?,
            None => BTreeMap::new(),
        };
        let mut through = ThroughRead { objects: 0, by_producer: 0 };
        for object in point.objects.iter().filter(|object| !is_list(object)) {
            let Some(version) = object.shown() else {
                return Err(Fault::Rotten(format!("{} is hidden", object.key)));
            };
            let mut sum = Sum(Sha256::new());
            let mut reading = self.read(version)?;
            let proof = reading.proof();
            io::copy(&mut reading, &mut sum).map_err(|error| super::object::fault_of(&object.key, error))?;
            through.objects += 1;
            match listed.remove(&name_of(object)) {
                Some(digest) if digest != hex(&sum.0.finalize()) => {
                    return Err(Fault::Rotten(format!(
                        "{} is not what its producer has taken the digest of",
                        object.key
                    )));
                }
                Some(_) => through.by_producer += 1,
                None if proof == Proof::ProducerSha256 => through.by_producer += 1,
                None => {}
            }
        }
        match listed.keys().next() {
            Some(missing) => {
                Err(Fault::Rotten(format!("{missing} is in the list of digests, and is not there")))
            }
            None => Ok(through),
        }
    }

    fn list_of_digests(&self, list: &Object) -> Result<BTreeMap<String, String>, Fault> {
        let version = list.shown().ok_or_else(|| Fault::Rotten(format!("{} is hidden", list.key)))?;
        let mut text = String::new();
        let mut reading = self.read(version)?.take(LONGEST_LIST);
        reading.read_to_string(&mut text).map_err(|error| super::object::fault_of(&list.key, error))?;
        let lines = text.lines().filter_map(|line| {
            let (digest, name) = line.split_once(' ')?;
            // Binary mode has a star before the name.
            let name = name.trim_start().trim_start_matches('*').trim_start_matches("./");
            Some((name.to_owned(), digest.to_ascii_lowercase()))
        });
        Ok(lines.collect())
    }
}

struct Sum(Sha256);

impl Write for Sum {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
