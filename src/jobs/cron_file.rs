//! Whether cron reads a crontab at all: name, owner, mode, and its last line.

use std::io;
use std::path::{Path, PathBuf};

use super::account::{self, Lookup};
use super::cron_table::{Entry, read};
use super::machine::Machine;
use super::sign::{NO_RIGHT, Sign};

/// Where the crontabs of users are.
const SPOOL: &str = "/var/spool/cron/crontabs";

/// A crontab that cron reads, or the reason why it does not.
pub(super) fn entries(system: &dyn Machine, file: &CronFile) -> Result<Vec<Entry>, Sign> {
    let path = file.path();
    let shown = path.display();
    match file {
        CronFile::User(user) => {
            if account::find(system, user) == Lookup::Missing {
                return Err(Sign::wrong(
                    format!("there is no account {user}"),
                    "name the account that has the crontab",
                ));
            }
        }
        CronFile::System(path) => check_name(path)?,
    }
    let text = match check_file(system, file, &path) {
        Ok(()) => system.text(&path),
        Err(Unread::Sign(sign)) => return Err(sign),
        Err(Unread::Io(error)) => Err(error),
    };
    let text = match (text, file) {
        (Err(error), CronFile::User(user)) if error.kind() == io::ErrorKind::PermissionDenied => {
            own_crontab(system, user).unwrap_or(Err(error))
        }
        (text, _) => text,
    };
    let text = text.map_err(|error| match (error.kind(), file) {
        (io::ErrorKind::NotFound, CronFile::User(user)) => {
            Sign::wrong(format!("{user} has no crontab"), format!("install the job: `crontab -u {user} -e`"))
        }
        (io::ErrorKind::NotFound, CronFile::System(_)) => Sign::wrong(
            format!("{shown} is not there: the job is not installed"),
            "install the job, or say where it is",
        ),
        _ => Sign::unknown(format!("{shown} cannot be read: {error}"), NO_RIGHT),
    })?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(Sign::wrong(
            format!("cron ignores {shown}: its last line has no newline"),
            "end the file with a newline",
        ));
    }
    read(&text, matches!(file, CronFile::System(_))).map_err(|(line, why)| {
        Sign::wrong(
            format!("cron ignores {shown}: in line {line} {why}"),
            "mend the line: one bad line stops them all",
        )
    })
}

/// A crontab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CronFile {
    /// `/etc/crontab`, or a file in `/etc/cron.d`.
    System(PathBuf),
    /// The crontab of a user.
    User(String),
}

impl CronFile {
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::System(path) => path.clone(),
            Self::User(user) => Path::new(SPOOL).join(user),
        }
    }
}

/// Only root sees the file of a crontab; whose it is gets the text from `crontab`, which has seen to owner and mode.
fn own_crontab(system: &dyn Machine, user: &str) -> Option<io::Result<String>> {
    if system.ask(&["id", "-un"]).ok()?.trim_end() != user {
        return None;
    }
    Some(system.ask(&["crontab", "-l"]).map_err(|why| {
        let is_none = why.contains("no crontab for");
        io::Error::new(if is_none { io::ErrorKind::NotFound } else { io::ErrorKind::Other }, why)
    }))
}

/// Cron looks only at some names, and tells nobody.
fn check_name(path: &Path) -> Result<(), Sign> {
    if path == Path::new("/etc/crontab") {
        return Ok(());
    }
    let shown = path.display();
    if path.parent() != Some(Path::new("/etc/cron.d")) {
        let help =
            "cron reads /etc/crontab and the files right in /etc/cron.d; give `crontab` for that of a user";
        return Err(Sign::wrong(format!("cron does not look at {shown}"), help));
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || !name.chars().all(is_letter) {
        return Err(Sign::wrong(
            format!("cron ignores {shown} because of its name, and says so nowhere"),
            "name it with letters, digits, `-` and `_` alone: no dot, no `.sh`",
        ));
    }
    Ok(())
}

enum Unread {
    Sign(Sign),
    Io(io::Error),
}

fn check_file(system: &dyn Machine, file: &CronFile, path: &Path) -> Result<(), Unread> {
    let shown = path.display();
    let ignored =
        |why: &str, help: &str| Err(Unread::Sign(Sign::wrong(format!("cron ignores {shown}: {why}"), help)));
    let link = system.link_metadata(path).map_err(Unread::Io)?;
    match file {
        CronFile::System(_) => {
            let meta = system.metadata(path).map_err(Unread::Io)?;
            if !meta.is_file() {
                return ignored("it is no regular file", "put a file there");
            }
            if meta.uid != 0 || link.uid != 0 {
                return ignored("it does not belong to root", "chown root");
            }
            if meta.mode & 0o022 != 0 {
                return ignored("others than root may write it", "chmod 0644");
            }
        }
        CronFile::User(user) => {
            if !link.is_file() {
                return ignored("it is no regular file", "install it with `crontab`");
            }
            let owner = match account::find(system, user) {
                Lookup::Found(account) => Some(account.uid),
                _ => None,
            };
            if link.uid != 0 && owner.is_some_and(|uid| uid != link.uid) {
                return ignored("it belongs to another account", "install it with `crontab`");
            }
            if link.mode & 0o777 != 0o600 {
                return ignored("its mode is not 0600", "install it with `crontab`");
            }
            if link.links != 1 {
                return ignored("it has a second name (a hard link)", "install it with `crontab`");
            }
        }
    }
    Ok(())
}
