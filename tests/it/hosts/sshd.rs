//! An `sshd` of a test's own: its keys, its port, its home.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::clocks::faketime;
use crate::servers::cron::Cron;
use crate::stage::{Stage, until};

/// A host of a test on the loopback interface: the same machine, in a home of its own. It ends with the test.
pub(crate) struct Sshd {
    dir: TempDir,
    pub(crate) port: u16,
    daemon: Child,
}

impl Sshd {
    /// Starts an `sshd`, and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// Starts an `sshd` on which the files of a system of cron are those of the host.
    pub(crate) fn inside(cron: &Cron) -> Self {
        fs::create_dir_all(cron.root().join("run/sshd")).unwrap();
        Self::launched_by("", |words| cron.inside(words))
    }

    /// Starts an `sshd` with more lines in its configuration.
    pub(crate) fn with(more: &str) -> Self {
        Self::launched_by(more, plainly)
    }

    fn launched_by(more: &str, command: impl Fn(&[&str]) -> Command) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for key in ["host_key", "user_key"] {
            let mut made = Command::new("ssh-keygen");
            made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path(key));
            assert!(made.status().unwrap().success(), "ssh-keygen made no key");
        }
        fs::create_dir(path("home")).unwrap();
        fs::copy(path("user_key.pub"), path("authorized_keys")).unwrap();
        let port = free_port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized_keys\n\
             PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             SetEnv HOME={0}/home XDG_STATE_HOME={0}/state\n{more}\n",
            dir.path().display()
        );
        fs::write(path("sshd_config"), config).unwrap();
        let daemon = launch(dir.path(), command);
        let sshd = Self { dir, port, daemon };
        sshd.wait_until_it_answers();
        sshd
    }

    fn wait_until_it_answers(&self) {
        until("sshd answers", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The public key of the host, as in a `.pub` file.
    pub(crate) fn host_key(&self) -> String {
        let text = fs::read_to_string(self.path("host_key.pub")).unwrap();
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// Gives a stage an `ssh` configuration in which this host has a name.
    pub(crate) fn known_as(&self, name: &str, stage: &Stage) {
        self.known_at(name, self.port, stage);
    }

    /// The same for a host that is reached at another port.
    pub(super) fn known_at(&self, name: &str, port: u16, stage: &Stage) {
        let before = stage.read("ssh_config");
        let line = format!("[127.0.0.1]:{} {}\n", port, self.host_key());
        stage.write("known_hosts", &(stage.read("known_hosts") + &line));
        let known = stage.path().join("known_hosts");
        let config = format!(
            "{before}Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            self.path("user_key").display(),
            known.display()
        );
        give_ssh(stage, &config);
    }

    /// Leaves the host nothing but these programs.
    pub(crate) fn only_with(&self, programs: &[&str]) {
        let bin = self.path("bin");
        fs::create_dir_all(&bin).unwrap();
        for program in programs {
            let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
            let found =
                found.iter().find(|path| path.exists()).unwrap_or_else(|| panic!("there is no {program}"));
            symlink(found, bin.join(program)).unwrap();
        }
        self.set_env(&format!("PATH={}", bin.display()));
    }

    /// Leaves the host nothing but these programs, of which each start adds a line to a file.
    pub(super) fn counting_with(&self, programs: &[&str], calls: &Path) {
        self.only_with(programs);
        for program in programs {
            let path = self.path("bin").join(program);
            let found = fs::read_link(&path).unwrap();
            fs::remove_file(&path).unwrap();
            let text =
                format!("#!/bin/sh\necho {program} >>{}\nexec {} \"$@\"\n", calls.display(), found.display());
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// Lets all that runs on the host see a clock that is off: `+5h`, `-5h`.
    pub(crate) fn with_a_clock_off_by(&self, hours: &str) {
        let library = faketime();
        self.set_env(&format!("LD_PRELOAD={library} FAKETIME={hours}"));
    }

    /// Gives every session these variables, and waits until `sshd` knows.
    pub(super) fn set_env(&self, variables: &str) {
        let config = fs::read_to_string(self.path("sshd_config")).unwrap();
        let config = config.replace("SetEnv ", &format!("SetEnv {variables} "));
        fs::write(self.path("sshd_config"), config).unwrap();
        kill_process(Pid::from_child(&self.daemon), Signal::HUP).unwrap();
        // It executes itself anew; for a moment nobody listens.
        until("sshd has read it", || {
            fs::read_to_string(self.path("sshd.log")).unwrap_or_default().matches("Server listening").count()
                > 1
        });
    }

    /// Ends the `sshd` and every connection; what runs on the host goes on.
    pub(crate) fn stop(&mut self) {
        end_tree_but_sessions(i32::try_from(self.daemon.id()).unwrap());
        let _ = self.daemon.wait();
    }

    /// Starts the `sshd` again, as it was.
    pub(crate) fn start_again(&mut self) {
        self.daemon = launch(self.dir.path(), plainly);
        self.wait_until_it_answers();
    }

    /// Ends all that runs on the host.
    pub(crate) fn end_holders(&self) {
        let state = self.state();
        for pid in holders_of(&state).into_iter().chain(of_folder(state.to_str().unwrap())) {
            end_tree(pid);
        }
    }

    /// The folder in which a run is kept on the host.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state/drplan")
    }

    /// Where attempts are kept on the host: what their files begin with.
    pub(crate) fn attempts(&self) -> Vec<PathBuf> {
        attempts_of(&self.state())
    }

    /// Whether an attempt that is kept on the host has an outcome there.
    pub(super) fn has_outcome(&self) -> bool {
        self.attempts().iter().any(|attempt| has_ended(attempt))
    }
}

/// Puts an `ssh` with this configuration first in the PATH of a stage.
pub(super) fn give_ssh(stage: &Stage, config: &str) {
    stage.write("ssh_config", config);
    // `ssh` takes the home of its user from the system and not from the environment.
    let text =
        format!("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", stage.path().join("ssh_config").display());
    stage.write("bin/ssh", &text);
    fs::set_permissions(stage.path().join("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn plainly(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

fn launch(dir: &Path, command: impl Fn(&[&str]) -> Command) -> Child {
    // As root it wants a folder to lock itself into.
    let _ = fs::create_dir_all("/run/sshd");
    command(&["/usr/sbin/sshd", "-D", "-e", "-f"])
        .arg(dir.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(dir.join("sshd.log")).unwrap())
        .spawn()
        .expect("sshd is installed")
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// The processes that were started below another.
pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Ends a process and all below it.
pub(crate) fn end_tree(pid: i32) {
    let children = children_of(pid);
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
    for child in children {
        end_tree(child);
    }
}

/// Ends a process and all below it that is of `sshd`; sessions of steps are left alone.
pub(super) fn end_tree_but_sessions(pid: i32) {
    let connections = connections_of(pid);
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
    for child in connections {
        end_tree_but_sessions(child);
    }
}

/// The processes of `sshd` that were started below another.
pub(super) fn connections_of(pid: i32) -> Vec<i32> {
    let is_sshd = |pid: &i32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("sshd"))
    };
    children_of(pid).into_iter().filter(is_sshd).collect()
}

/// The processes that have a folder in their arguments.
pub(crate) fn of_folder(folder: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(folder)
    })
    .collect()
}

/// The folders of the attempts on a host whose state is kept in a folder.
fn attempts_of(state: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default()
    };
    let attempts = below(state).into_iter().flat_map(|run| below(&run));
    attempts.filter(|attempt| attempt.is_dir()).collect()
}

/// A file of an attempt.
pub(crate) fn file_of(attempt: &Path, kind: &str) -> PathBuf {
    attempt.join(kind)
}

fn has_ended(attempt: &Path) -> bool {
    fs::read_to_string(file_of(attempt, "ended")).is_ok_and(|told| told.starts_with("ended "))
}

/// The holders that are at work on a host whose state is kept in a folder.
pub(crate) fn holders_of(state: &Path) -> Vec<i32> {
    let attempts = attempts_of(state).into_iter().filter(|attempt| !has_ended(attempt));
    let told = attempts.filter_map(|attempt| fs::read_to_string(file_of(&attempt, "holder")).ok());
    let holder = |told: String| {
        let words: Vec<&str> = told.split_whitespace().collect();
        let [holder, _, begun, "held", ..] = words[..] else { return None };
        let stat = fs::read_to_string(format!("/proc/{holder}/stat")).ok()?;
        let mut after_name = stat.rsplit_once(')')?.1.split_whitespace();
        let is_gone = after_name.next() == Some("Z");
        (!is_gone && after_name.nth(18) == Some(begun)).then(|| holder.parse().ok())?
    };
    told.filter_map(holder).collect()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        end_tree(i32::try_from(self.daemon.id()).unwrap());
        let _ = self.daemon.wait();
        self.end_holders();
    }
}
