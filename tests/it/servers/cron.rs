//! Debian's cron itself, in a mount namespace in which it finds the crontabs of a test, and nothing else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::stage::try_until;

/// A system for cron: what lies below `root` is its `/etc`, its spool and its `/run`.
pub(crate) struct Cron {
    root: TempDir,
    /// Held while it lives: tests run side by side, and a cron of one would be seen by the others.
    _alone: fs::File,
}

/// The daemon, which is ended with the test.
pub(crate) struct Daemon {
    child: Child,
    log: UnixDatagram,
    /// What it has told the system's log.
    pub(crate) said: String,
}

impl Cron {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let alone = fs::File::create(std::env::temp_dir().join("drplan-tests-of-cron.lock")).unwrap();
        rustix::fs::flock(&alone, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let system = Self { root, _alone: alone };
        // Jobs run as other accounts too.
        fs::set_permissions(system.root(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for folder in ["etc/cron.d", "var/spool/cron/crontabs", "run", "dev", "ran", "usr/bin"] {
            fs::create_dir_all(system.root().join(folder)).unwrap();
        }
        symlink("usr/bin", system.root().join("bin")).unwrap();
        for file in ["etc/passwd", "etc/group", "etc/nsswitch.conf"] {
            let _ = fs::copy(Path::new("/").join(file), system.root().join(file));
        }
        for program in ["usr/bin/touch", "usr/bin/true", "usr/bin/sh"] {
            fs::copy(Path::new("/").join(program), system.root().join(program)).unwrap();
        }
        fs::set_permissions(system.root().join("ran"), std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .unwrap();
        fs::write(system.root().join("etc/crontab"), "").unwrap();
        system
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Returns a command that tells that it ran.
    pub(crate) fn tell(&self, name: &str) -> String {
        format!("/usr/bin/touch {}", self.ran(name).display())
    }

    pub(crate) fn ran(&self, name: &str) -> PathBuf {
        self.root().join("ran").join(name)
    }

    /// Writes a file of `/etc/cron.d`.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root().join("etc/cron.d").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        path
    }

    /// Returns a command that sees the files of this system in the places of the machine's.
    pub(crate) fn inside<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let script = r#"
            cd "$1"; shift
            for node in null zero urandom; do : >dev/$node; mount --bind /dev/$node dev/$node; done
            mount --bind etc/cron.d /etc/cron.d
            mount --bind etc/crontab /etc/crontab
            mount --bind var/spool/cron/crontabs /var/spool/cron/crontabs
            mount --bind run /run
            mount --rbind dev /dev
            cd "$OLDPWD"
            exec "$@""#;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "bash", "-euc", script, "cron"])
            .arg(self.root());
        command.args(words);
        command
    }

    /// Starts the daemon and waits until it has started, and seen the end of, all jobs of `@reboot`.
    pub(crate) fn boot(&self) -> Daemon {
        let log = UnixDatagram::bind(self.root().join("dev/log")).unwrap();
        log.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut command = self.inside(["/usr/sbin/cron", "-f", "-L", "15"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).process_group(0);
        let child = command.spawn().unwrap();
        let mut daemon = Daemon { child, log, said: String::new() };
        let heard = try_until(|| {
            daemon.listen();
            daemon.said.contains("Running @reboot jobs").then_some(())
        });
        assert!(heard.is_some(), "cron does not start:\n{}", daemon.said);
        daemon.wait_for_jobs();
        daemon
    }
}

impl Daemon {
    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.log.recv(&mut buffer) {
            self.said.push_str(&String::from_utf8_lossy(&buffer[..length]));
            self.said.push('\n');
        }
    }

    /// Waits until no child of the daemon is left: what has not run by then does not.
    fn wait_for_jobs(&mut self) {
        let pid = self.child.id();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let idle = try_until(|| {
            self.listen();
            fs::read_to_string(&children).unwrap().trim().is_empty().then_some(())
        });
        assert!(idle.is_some(), "jobs do not end:\n{}", self.said);
        self.listen();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
