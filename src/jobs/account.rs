//! Accounts, as `/etc/passwd` and `/etc/group` have them.

use std::collections::BTreeSet;
use std::path::Path;

use super::machine::{Machine, Meta};

/// An account of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    gids: BTreeSet<u32>,
}

/// Whether there is such an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Found(Account),
    /// No account of this system, and nothing else is asked for accounts.
    Missing,
    /// Accounts may come from elsewhere, as from LDAP.
    Elsewhere,
}

pub(super) fn find(system: &dyn Machine, name: &str) -> Lookup {
    let passwd = system.text(Path::new("/etc/passwd")).unwrap_or_default();
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = fields
        .filter(|fields| fields.first() == Some(&name))
        .find_map(|fields| Some((fields.get(2)?.parse::<u32>().ok()?, fields.get(3)?.parse::<u32>().ok()?)));
    let Some((uid, gid)) = line else {
        return if asks_elsewhere(system) { Lookup::Elsewhere } else { Lookup::Missing };
    };
    let groups = system.text(Path::new("/etc/group")).unwrap_or_default();
    let mut gids = BTreeSet::from([gid]);
    gids.extend(groups.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let is_member = fields.get(3)?.split(',').any(|member| member == name);
        is_member.then(|| fields.get(2)?.parse::<u32>().ok()).flatten()
    }));
    Lookup::Found(Account { name: name.to_owned(), uid, gids })
}

/// Whether `nsswitch.conf` names another source of accounts than files.
fn asks_elsewhere(system: &dyn Machine) -> bool {
    let switch = system.text(Path::new("/etc/nsswitch.conf")).unwrap_or_default();
    let sources =
        switch.lines().filter_map(|line| line.trim().strip_prefix("passwd:")).flat_map(str::split_whitespace);
    sources
        .into_iter()
        .any(|source| !matches!(source, "files" | "compat" | "systemd") && !source.starts_with('['))
}

impl Account {
    /// Whether it may execute a file, or go through a folder, by its mode. Access lists are not looked at.
    pub(super) fn may_execute(&self, file: Meta) -> bool {
        if self.uid == 0 {
            return file.is_dir() || file.mode & 0o111 != 0;
        }
        let bit = if file.uid == self.uid {
            0o100
        } else if self.gids.contains(&file.gid) {
            0o010
        } else {
            0o001
        };
        file.mode & bit != 0
    }

    /// Whether it may read a file by its mode.
    pub(super) fn may_read(&self, file: Meta) -> bool {
        let bit = if file.uid == self.uid {
            0o400
        } else if self.gids.contains(&file.gid) {
            0o040
        } else {
            0o004
        };
        self.uid == 0 || file.mode & bit != 0
    }
}
