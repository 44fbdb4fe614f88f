//! A host, and how `ssh` is asked to reach it.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A host that is reached over SSH.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Host {
    /// The place, for people.
    pub place: String,
    /// The user; `ssh` decides if there is none.
    pub user: Option<String>,
    /// The name or address; a name may stand in the user's `~/.ssh/config`.
    pub address: String,
    /// The port; `ssh` decides if there is none.
    pub port: Option<u16>,
    /// The only public key that the host may have, as in a `.pub` file; the user's `known_hosts` decide if there is none.
    pub host_key: Option<String>,
}

/// The name under which a key of a run's own stands in its file.
const ALIAS: &str = "drplan-host";

/// What a visit starts at the host: the rest is sent over standard input, and any login shell understands this.
pub(super) const SHELL: &str = "exec sh";

/// Seconds after which a host that does not answer is taken for unreachable.
const CONNECT_SECONDS: u32 = 10;

impl Host {
    /// Returns the line for a file of known hosts, if the run has a key of its own for the host.
    pub(super) fn known_hosts(&self) -> Option<String> {
        let key = self.host_key.as_deref()?.trim();
        // `ssh-keyscan` writes the host's name before the key.
        let is_kind = |word: &str| ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start));
        let key = match key.split_once(' ') {
            Some((first, rest)) if !is_kind(first) => rest.trim(),
            _ => key,
        };
        Some(format!("{ALIAS} {key}\n"))
    }

    /// Returns the arguments of `ssh`.
    ///
    /// `control` is the socket that visits share; `known` holds the key that the run has for the host, if it has one.
    pub(super) fn arguments(&self, control: &Path, known: Option<&Path>) -> Vec<String> {
        let mut words: Vec<String> = ["-T", "-x"].map(str::to_owned).to_vec();
        let mut option = |text: String| words.extend(["-o".to_owned(), text]);
        for fixed in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "ServerAliveInterval=3",
            "ServerAliveCountMax=3",
            "ControlMaster=auto",
            "ControlPersist=60",
            "ClearAllForwardings=yes",
            "EscapeChar=none",
            "LogLevel=ERROR",
            "PermitLocalCommand=no",
            "RemoteCommand=none",
            "RequestTTY=no",
        ] {
            option(fixed.to_owned());
        }
        option(format!("ConnectTimeout={CONNECT_SECONDS}"));
        // Of a `%` in the path ssh would make something else.
        option(format!("ControlPath={}", quoted(control)));
        if let Some(known) = known {
            option(format!("UserKnownHostsFile={}", quoted(known)));
            option("GlobalKnownHostsFile=/dev/null".to_owned());
            option(format!("HostKeyAlias={ALIAS}"));
        }
        if let Some(user) = &self.user {
            words.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.port {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        words.extend(["--".to_owned(), self.address.clone(), SHELL.to_owned()]);
        words
    }
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_key_with_or_without_the_name_before_it() {
        let host = |key: &str| Host {
            place: "a".to_owned(),
            user: None,
            address: "192.0.2.1".to_owned(),
            port: None,
            host_key: Some(key.to_owned()),
        };
        let known = Some("drplan-host ssh-ed25519 AAAA\n".to_owned());
        assert_eq!(host("ssh-ed25519 AAAA").known_hosts(), known);
        assert_eq!(host("192.0.2.1 ssh-ed25519 AAAA\n").known_hosts(), known);
    }
}
