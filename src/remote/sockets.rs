//! The folder for what visits share on this machine: sockets of connections, and keys of hosts.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Host;

/// A socket's path may have 108 bytes, and ssh adds 17 for a name that it gives up later.
const LONGEST: usize = 108 - 1 - 17;

/// What the file with a host's key ends with.
const KEY: &str = "key";

/// What the file ends with that says what the user's configuration wants of a session.
pub(super) const SESSION: &str = "session";

/// Where a host's shared connection is, and the file with its key if the run has one.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) control: PathBuf,
    pub(super) known: Option<PathBuf>,
}

impl Shared {
    /// Finds the place for a host's connection in a run.
    ///
    /// # Errors
    ///
    /// When there is no folder that is ours alone.
    pub(super) fn of(host: &Host, run: &str, env: &BTreeMap<String, String>) -> Result<Self, String> {
        let runtime_dir = env.get("XDG_RUNTIME_DIR").map(Path::new);
        Self::try_of(host, run, runtime_dir)
            .map_err(|error| format!("cannot prepare the connection: {error}"))
    }

    fn try_of(host: &Host, run: &str, runtime_dir: Option<&Path>) -> io::Result<Self> {
        let folder = folder(runtime_dir)?;
        let control = folder.join(name_of(host, run));
        let known = match host.known_hosts() {
            Some(line) => {
                let path = control.with_extension(KEY);
                let mut file = tempfile::NamedTempFile::new_in(&folder)?;
                file.write_all(line.as_bytes())?;
                file.persist(&path).map_err(|error| error.error)?;
                Some(path)
            }
            None => None,
        };
        Ok(Self { folder, control, known })
    }

    /// Returns the path of something that belongs to the connection and is called after it.
    pub(super) fn beside(&self, what: &str) -> PathBuf {
        self.control.with_extension(what)
    }

    /// Removes what lies beside the connection, for when the run needs it no more.
    pub(super) fn tidy(&self) {
        for what in [KEY, SESSION] {
            // What is left is of no harm, and made anew if it is needed.
            let _ = std::fs::remove_file(self.beside(what));
        }
    }
}

/// Runs do not share connections: another may expect another key of the same address.
fn name_of(host: &Host, run: &str) -> String {
    let text = format!("{run}\n{:?}", (&host.user, &host.address, host.port, &host.host_key));
    Sha256::digest(text.as_bytes()).iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

fn folder(runtime_dir: Option<&Path>) -> io::Result<PathBuf> {
    let own = runtime_dir.map(|dir| dir.join("drplan")).filter(|dir| {
        // The name of a socket has 20 bytes.
        dir.is_absolute() && dir.as_os_str().len() + 1 + 20 <= LONGEST && make(dir).is_ok()
    });
    match own {
        Some(dir) => Ok(dir),
        None => {
            let dir = PathBuf::from(format!("/tmp/drplan-{}", rustix::process::getuid().as_raw()));
            make(&dir)?;
            Ok(dir)
        }
    }
}

/// Makes the folder; one that others could write to is of no use.
fn make(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = dir.symlink_metadata()?;
    let is_ours = metadata.is_dir()
        && metadata.uid() == rustix::process::getuid().as_raw()
        && metadata.permissions().mode().trailing_zeros() >= 6;
    if is_ours {
        Ok(())
    } else {
        let why = format!("{} is not a folder of ours alone", dir.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
    }
}
