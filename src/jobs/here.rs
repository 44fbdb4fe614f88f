//! The machine on which drplan runs, or what a test has laid below a root of its own.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::machine::{HEAD, LONGEST, Machine, Meta};

/// So many symbolic links are followed, as many as Linux does.
const MOST_LINKS: usize = 40;

/// Runs a program that only looks; returns what it has printed, or why nothing can be known.
pub type Ask<'a> = &'a dyn Fn(&[&str]) -> Result<String, String>;

/// This machine.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    /// Its root: `/`, or the folder of a test.
    pub root: &'a Path,
    /// Asks its programs, in UTC.
    pub ask: Ask<'a>,
}

impl Here<'_> {
    /// Returns where an absolute path of the system lies, with symbolic links resolved inside of the system.
    fn resolve(self, path: &Path) -> PathBuf {
        let mut done = PathBuf::from("/");
        let mut left: Vec<Box<OsStr>> = parts(path);
        let mut links = 0;
        while let Some(part) = left.pop() {
            if &*part == ".." {
                done.pop();
                continue;
            }
            done.push(&*part);
            if let Ok(target) = fs::read_link(self.real(&done))
                && links < MOST_LINKS
            {
                links += 1;
                done.pop();
                if target.is_absolute() {
                    done = PathBuf::from("/");
                }
                left.extend(parts(&target));
            }
        }
        done
    }

    fn real(self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Returns a path itself, with the links on the way to it resolved.
    fn name_of(self, path: &Path) -> PathBuf {
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => self.real(&self.resolve(parent).join(name)),
            _ => self.real(&self.resolve(path)),
        }
    }

    fn open(self, path: &Path) -> io::Result<File> {
        if !self.metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        File::open(self.real(&self.resolve(path)))
    }

    fn first(self, path: &Path, most: usize) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.open(path)?.take(most as u64).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Machine for Here<'_> {
    fn metadata(&self, path: &Path) -> io::Result<Meta> {
        fs::symlink_metadata(self.real(&self.resolve(path))).map(Meta::from)
    }

    fn link_metadata(&self, path: &Path) -> io::Result<Meta> {
        fs::symlink_metadata(self.name_of(path)).map(Meta::from)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(self.name_of(path))
    }

    fn head(&self, path: &Path) -> io::Result<String> {
        self.first(path, HEAD)
    }

    fn beginning(&self, path: &Path) -> io::Result<String> {
        self.first(path, LONGEST + 1)
    }

    fn end_of(&self, path: &Path) -> io::Result<String> {
        let mut file = self.open(path)?;
        let from = file.metadata()?.len().saturating_sub(LONGEST as u64);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(LONGEST as u64).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(if from == 0 {
            text
        } else {
            text.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned())
        })
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.real(&self.resolve(folder)))? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn ask(&self, words: &[&str]) -> Result<String, String> {
        (self.ask)(words)
    }
}

/// Returns the parts of a path, the last first.
fn parts(path: &Path) -> Vec<Box<OsStr>> {
    let mut parts: Vec<Box<OsStr>> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.into()),
            Component::ParentDir => Some(OsStr::new("..").into()),
            _ => None,
        })
        .collect();
    parts.reverse();
    parts
}
