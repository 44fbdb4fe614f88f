//! The files of a system, below a root of their own.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// More of a file is not read.
const LONGEST: u64 = 1 << 20;

/// So many symbolic links are followed, as many as Linux does.
const MOST_LINKS: usize = 40;

/// A system: its root is `/`, or the folder of a test.
#[derive(Clone, Copy, Debug)]
pub(super) struct System<'a> {
    root: &'a Path,
}

impl<'a> System<'a> {
    pub(super) const fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// Returns where an absolute path of the system lies, with symbolic links resolved inside of the system.
    pub(super) fn resolve(self, path: &Path) -> PathBuf {
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

    /// Returns what a path is, after its links.
    pub(super) fn metadata(self, path: &Path) -> io::Result<Metadata> {
        fs::symlink_metadata(self.real(&self.resolve(path)))
    }

    /// Returns what a path is itself.
    pub(super) fn link_metadata(self, path: &Path) -> io::Result<Metadata> {
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => fs::symlink_metadata(self.real(&self.resolve(parent).join(name))),
            _ => self.metadata(path),
        }
    }

    /// Returns what a symbolic link says.
    pub(super) fn read_link(self, path: &Path) -> io::Result<PathBuf> {
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => fs::read_link(self.real(&self.resolve(parent).join(name))),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Reads a text of at most a mebibyte.
    pub(super) fn text(self, path: &Path) -> io::Result<String> {
        let file = self.open(path)?;
        let mut bytes = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than a mebibyte"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads the last mebibyte of a text, from the beginning of a line.
    pub(super) fn end_of(self, path: &Path) -> io::Result<String> {
        let mut file = self.open(path)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(LONGEST);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(if from == 0 {
            text
        } else {
            text.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned())
        })
    }

    /// Opens a regular file only: a pipe would be waited for.
    fn open(self, path: &Path) -> io::Result<File> {
        if !self.metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        File::open(self.real(&self.resolve(path)))
    }

    /// Returns the names in a folder, in order; none if it is not there.
    pub(super) fn names(self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.real(&self.resolve(folder))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
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
