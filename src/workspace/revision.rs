//! The plans of a revision that git keeps, in a folder of their own.

use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Why a revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// Git cannot be started.
    #[error("git cannot be started: {0}")]
    NoGit(std::io::Error),
    /// Git does not know the revision, or the folder is no repository.
    #[error("git does not know `{revision}`: {says}")]
    Unknown {
        /// The revision.
        revision: String,
        /// What git says.
        says: String,
    },
    /// The files cannot be put down.
    #[error("the files of the revision cannot be put down: {0}")]
    Write(std::io::Error),
}

/// The files of a revision that plans are made of; the folder goes when this is dropped.
#[derive(Debug)]
pub struct Revision {
    folder: TempDir,
}

impl Revision {
    /// Takes the YAML files and drill records of a revision out of a repository.
    ///
    /// Git is asked for the files as they are kept: no filter and no hook runs, and the work tree is not touched.
    ///
    /// # Errors
    ///
    /// When git is not there or does not know the revision, or the disk is full.
    pub fn take(repository: &Path, revision: &str) -> Result<Self, RevisionError> {
        let unknown = |says: &[u8]| RevisionError::Unknown {
            revision: revision.to_owned(),
            says: String::from_utf8_lossy(says).lines().next().unwrap_or("no such revision").to_owned(),
        };
        if revision.starts_with('-') {
            return Err(unknown(b"a revision does not begin with a dash"));
        }
        let listed = git(repository)
            .args(["ls-tree", "-r", "-z", "--full-tree", revision])
            .output()
            .map_err(RevisionError::NoGit)?;
        if !listed.status.success() {
            return Err(unknown(&listed.stderr));
        }
        let folder = tempfile::tempdir().map_err(RevisionError::Write)?;
        let files: Vec<(String, PathBuf)> =
            listed.stdout.split(|byte| *byte == 0).filter_map(file_of).collect();
        let bytes = blobs(repository, files.iter().map(|(blob, _)| blob.as_str()))?;
        let mut rest = bytes.as_slice();
        for (_, path) in &files {
            let Some((text, after)) = next_blob(rest) else {
                return Err(unknown(b"a file of it cannot be read"));
            };
            rest = after;
            let path = folder.path().join(path);
            let parent = path.parent().unwrap_or(folder.path());
            std::fs::create_dir_all(parent).map_err(RevisionError::Write)?;
            let mut file = std::fs::File::create(&path).map_err(RevisionError::Write)?;
            file.write_all(text).map_err(RevisionError::Write)?;
        }
        Ok(Self { folder })
    }

    /// Returns the folder that stands for the repository's root.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn git(repository: &Path) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one place where git is asked for a revision")]
    let mut command = Command::new("git");
    // In a hook these would lead to another repository; and a missing file is not worth the network.
    for name in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_COMMON_DIR",
        "GIT_NAMESPACE",
    ] {
        command.env_remove(name);
    }
    command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0");
    command.arg("-C").arg(repository).stdin(Stdio::null());
    command
}

/// Of a line of `git ls-tree`, returns blob and path of what a plan may be made of.
fn file_of(line: &[u8]) -> Option<(String, PathBuf)> {
    let line = std::str::from_utf8(line).ok()?;
    let (about, path) = line.split_once('\t')?;
    let mut about = about.split(' ');
    let (mode, kind, blob) = (about.next()?, about.next()?, about.next()?);
    let path = PathBuf::from(path);
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let fits = path.extension().is_some_and(|extension| extension == "yaml" || extension == "json");
    // A link would lead out of the folder.
    (kind == "blob" && mode != "120000" && is_inside && fits).then(|| (blob.to_owned(), path))
}

/// Asks git for many files at once.
fn blobs<'a>(repository: &Path, blobs: impl Iterator<Item = &'a str>) -> Result<Vec<u8>, RevisionError> {
    let wanted: String = blobs.map(|blob| format!("{blob}\n")).collect();
    let mut child = git(repository)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(RevisionError::NoGit)?;
    let stdin = child.stdin.take();
    // Git answers while it is still asked: both ends at once, or both wait for ever.
    let asking = std::thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // If git has gone, what it has answered tells.
            let _ = stdin.write_all(wanted.as_bytes());
        }
    });
    let output = child.wait_with_output().map_err(RevisionError::NoGit)?;
    let _ = asking.join();
    Ok(output.stdout)
}

/// Takes one answer of `git cat-file --batch`: `<blob> blob <size>`, the bytes, and a line feed.
fn next_blob(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    let text = bytes.get(end + 1..)?.get(..size)?;
    Some((text, bytes.get(end + 1 + size + 1..)?))
}
