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
    /// Looks whether a point is whole as far as that is seen without reading it: nothing of it is hidden, and all that its
    /// list of digests names is there and not empty.
    ///
    /// # Errors
    ///
    /// As every question; [`Fault::Rotten`] if it is not whole.
    pub fn look_over(&self, point: &StoredPoint) -> Result<(), Fault> {
        if let Some(hidden) = point.objects.iter().find(|object| object.shown().is_none()) {
            return Err(Fault::Rotten(format!(
                "{} was deleted; its versions are still there, and `--before` with a time reads the bucket as it was then",
                hidden.key
            )));
        }
        let (list, others) = apart(self, point);
        let Some(list) = list else { return Ok(()) };
        for name in self.list_of_digests(list)?.keys() {
            let object = others.iter().find(|(other, _)| other == name).map(|(_, object)| object);
            match object.and_then(|object| object.shown()) {
                None => {
                    return Err(Fault::Rotten(format!("{name} is in the list of digests, and is not there")));
                }
                Some(version) if version.size == 0 => {
                    return Err(Fault::Rotten(format!("{name} is empty")));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Reads every object of a point that a plain read meets, as a stream.
    ///
    /// # Errors
    ///
    /// As every question; [`Fault::Rotten`] if an object is not what was stored, or not what the list says, or if the list
    /// names one that is not there.
    pub fn read_through(&self, point: &StoredPoint) -> Result<ThroughRead, Fault> {
        let (list, others) = apart(self, point);
        let mut listed = list.map(|list| self.list_of_digests(list)).transpose()?.unwrap_or_default();
        let mut through = ThroughRead { objects: 0, by_producer: 0 };
        for (name, object) in others {
            let Some(version) = object.shown() else {
                return Err(Fault::Rotten(format!("{} is hidden", object.key)));
            };
            let mut sum = Sum(Sha256::new());
            let mut reading = self.read(version)?;
            let proof = reading.proof();
            io::copy(&mut reading, &mut sum).map_err(|error| super::object::fault_of(&object.key, error))?;
            through.objects += 1;
            match listed.remove(&name) {
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

/// Tells the list of digests from the other objects of a point, each of which goes by its name inside of the point.
fn apart<'p>(bucket: &Bucket, point: &'p StoredPoint) -> (Option<&'p Object>, Vec<(String, &'p Object)>) {
    let base = format!("{}{}/", bucket.address().prefix, point.name);
    let name_of =
        |object: &'p Object| (object.key.strip_prefix(&base).unwrap_or(&object.key).to_owned(), object);
    let (lists, others): (Vec<_>, Vec<_>) =
        point.objects.iter().map(name_of).partition(|(name, _)| LISTS.contains(&name.as_str()));
    (lists.first().map(|(_, list)| *list), others)
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
