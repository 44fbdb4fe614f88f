//! Writes a changed plan back: all of it or nothing, and nowhere but where it stood.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::Workspace;

/// Why a changed file cannot be written back.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The system says no.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is a link to a file of somebody else.
    #[error("{} is a link to {}, which lies outside of this repository", path.display(), target.display())]
    Outside {
        /// The link.
        path: PathBuf,
        /// What it leads to.
        target: PathBuf,
    },
    /// Somebody else was faster.
    #[error("{} was changed by somebody else in the meantime", .0.display())]
    Changed(PathBuf),
}

impl Workspace {
    /// Writes a new text into a file that held another; a reader sees the one or the other, never a part.
    ///
    /// A link is followed, and what it leads to is written, as long as that lies in this repository. Owner and
    /// permissions stay. What may not be written to is not replaced either.
    pub fn rewrite(&self, path: &Path, before: &str, after: &str) -> Result<(), RewriteError> {
        let io = |source| RewriteError::Io { path: path.to_owned(), source };
        let target = std::fs::canonicalize(path).map_err(io)?;
        let root = std::fs::canonicalize(&self.root).map_err(io)?;
        if !target.starts_with(&root) {
            return Err(RewriteError::Outside { path: path.to_owned(), target });
        }
        let metadata = std::fs::metadata(&target).map_err(io)?;
        OpenOptions::new().write(true).open(&target).map_err(io)?;
        let folder = target.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::Builder::new().prefix(".drplan-").tempfile_in(folder).map_err(io)?;
        file.write_all(after.as_bytes()).map_err(io)?;
        let made = file.as_file().metadata().map_err(io)?;
        let differs = |is: u32, was: u32| (is != was).then_some(was);
        fchown(file.as_file(), differs(made.uid(), metadata.uid()), differs(made.gid(), metadata.gid()))
            .map_err(io)?;
        let permissions = Permissions::from_mode(metadata.permissions().mode() & 0o7777);
        file.as_file().set_permissions(permissions).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        if std::fs::read(&target).map_err(io)? != before.as_bytes() {
            return Err(RewriteError::Changed(path.to_owned()));
        }
        file.persist(&target).map_err(|error| io(error.error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
    }
}

/// Replaces a file that everybody may read, or makes it; a reader sees the old one or the new one, never a part.
///
/// # Errors
///
/// When the folder is not there, or the file cannot be written in it.
pub fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Temporary files are for our eyes only.
    builder.prefix(".drplan-").permissions(Permissions::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
