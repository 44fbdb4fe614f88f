//! A real systemd, in namespaces and a control group of its own: it finds the units of a test, and nothing else of the machine
//! but its programs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::said;
use crate::stage::{Stage, try_until, until};

/// Makes a small system and lets systemd take it over: `$1` its control group, `$2` a folder for its root, `$3` the units,
/// `$4` the drplan that is looked with.
const BOOT: &str = r#"
    echo $$ >"$1/cgroup.procs"
    exec setpriv --pdeathsig KILL unshare --kill-child --mount --propagation private --pid --fork --uts --ipc --cgroup --net bash -euc '
        mount -t tmpfs tmpfs "$1"
        cd "$1"
        mkdir -p usr etc proc sys dev run tmp var/log/journal var/lib old opt
        mount --rbind /usr usr
        mount -o remount,bind,ro usr
        for link in bin sbin lib lib64; do ln -s usr/$link $link; done
        mount -t proc proc proc
        mount -t sysfs sysfs sys
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        for folder in dev run tmp; do mount -t tmpfs tmpfs $folder; done
        for node in null zero full random urandom tty; do : >dev/$node; mount --bind /dev/$node dev/$node; done
        cp /etc/passwd /etc/group etc/
        echo 0123456789abcdef0123456789abcdef >etc/machine-id
        mkdir -p etc/systemd
        cp -a "$2" etc/systemd/system
        : >opt/drplan
        mount --bind "$3" opt/drplan
        pivot_root . old
        cd /
        umount -l /old
        export container=docker
        exec /usr/lib/systemd/systemd --unit=tiny.target
    ' boot "$2" "$3" "$4""#;

/// What the small system starts: its journal and its timers.
const TARGET: &str = "[Unit]\nDefaultDependencies=no\nWants=systemd-journald.service timers.target\n\
                      After=systemd-journald.service\n";

/// A system that systemd runs.
pub(crate) struct Systemd {
    unshare: Child,
    pid: Pid,
    group: PathBuf,
    _dir: tempfile::TempDir,
}

impl Systemd {
    /// Boots a system with these units: the names of their files, and what stands in them. A text that begins with `/` or
    /// `..` is where a link leads.
    pub(crate) fn boot(units: &[(&str, String)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (root, folder) = (dir.path().join("root"), dir.path().join("units"));
        fs::create_dir_all(&root).unwrap();
        for (name, text) in units.iter().chain(&[("tiny.target", TARGET.to_owned())]) {
            write_unit(&folder.join(name), text);
        }
        let group = cgroups().join(format!("drplan-test-{}", dir.path().file_name().unwrap().display()));
        fs::create_dir(&group).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new("bash");
        command.args(["-euc", BOOT, "boot"]).args([&group, &root, &folder]).arg(env!("CARGO_BIN_EXE_drplan"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut unshare = command.spawn().unwrap();
        let pid = try_until(|| {
            let ended = unshare.try_wait().unwrap();
            assert!(ended.is_none(), "{}", fs::read_to_string(dir.path().join("log")).unwrap());
            let children = format!("/proc/{0}/task/{0}/children", unshare.id());
            let child: i32 = fs::read_to_string(children).ok()?.trim().parse().ok()?;
            let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
            (name.trim() == "systemd").then(|| Pid::from_raw(child).unwrap())
        });
        let systemd = Self { unshare, pid: pid.expect("systemd starts"), group, _dir: dir };
        until("systemd answers", || {
            systemd.ask(&["systemctl", "is-active", "--quiet", "timers.target"]).is_ok()
        });
        systemd
    }

    /// Returns where the files of the system are.
    pub(crate) fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid.as_raw_nonzero()))
    }

    /// Writes a unit, behind the back of systemd.
    pub(crate) fn write(&self, name: &str, text: &str) {
        write_unit(&self.root().join("etc/systemd/system").join(name), text);
    }

    /// Returns a command that runs in the system.
    pub(crate) fn inside<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.pid.as_raw_nonzero().to_string();
        command.args(["--target", &pid, "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--"]);
        command.args(["env", "-i", "PATH=/usr/sbin:/usr/bin", "TZ=UTC", "LC_ALL=C.UTF-8"]).args(words);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a program that looks; what it prints, or its complaint.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<String, String> {
        let Output { status, stdout, stderr } = self.inside(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
    }

    /// Starts a unit, or does something else to it, and waits until that is done.
    pub(crate) fn systemctl(&self, words: &[&str]) {
        self.ask(&[&["systemctl"], words].concat()).unwrap();
    }

    /// Starts an `sshd` as a service of this system, and gives a stage an `ssh` by which it is reached under this name. The
    /// system has a network of its own, so it is from there that the `ssh` calls.
    pub(crate) fn reached_as(&self, name: &str, stage: &Stage) {
        let etc = self.root().join("etc/ssh");
        fs::create_dir(&etc).unwrap();
        for key in [etc.join("host_key"), stage.path().join("user_key")] {
            said(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key));
        }
        fs::copy(stage.path().join("user_key.pub"), etc.join("authorized_keys")).unwrap();
        let config = "ListenAddress 127.0.0.1\nHostKey /etc/ssh/host_key\nAuthorizedKeysFile /etc/ssh/authorized_keys\nPidFile none\n\
                      StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n";
        fs::write(etc.join("sshd_config"), config).unwrap();
        self.ask(&["mkdir", "-p", "/run/sshd", "/root"]).unwrap();
        self.ask(&["ip", "link", "set", "lo", "up"]).unwrap();
        self.write(
            "ssh.service",
            "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/usr/sbin/sshd -D -e -f /etc/ssh/sshd_config\n",
        );
        self.systemctl(&["daemon-reload"]);
        self.systemctl(&["start", "ssh.service"]);
        let knock = ["bash", "-c", ": </dev/tcp/127.0.0.1/22"];
        until("sshd answers", || self.ask(&knock).is_ok());

        let key = fs::read_to_string(etc.join("host_key.pub")).unwrap();
        stage.write("known_hosts", &format!("127.0.0.1 {key}"));
        let (folder, pid) = (stage.path().display(), self.pid.as_raw_nonzero());
        stage.write(
            "ssh_config",
            &format!(
                "Host {name}\n  HostName 127.0.0.1\n  User root\n  IdentityFile {folder}/user_key\n  IdentitiesOnly yes\n  \
                 UserKnownHostsFile {folder}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
            ),
        );
        let ssh = format!(
            "#!/bin/sh\nexec nsenter --net=/proc/{pid}/ns/net /usr/bin/ssh -F '{folder}/ssh_config' \"$@\"\n"
        );
        stage.write("bin/ssh", &ssh);
        fs::set_permissions(stage.path().join("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Waits until a unit has a property.
    pub(crate) fn wait_for(&self, unit: &str, property: &str, value: &str) {
        let question = ["systemctl", "show", "--value", "-p", property, unit];
        until(&format!("{unit} has {property}={value}"), || self.ask(&question).unwrap().trim() == value);
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // All that lives in its process namespace ends with it.
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = self.unshare.wait();
        let gone = try_until(|| remove_groups(&self.group).ok());
        assert!(gone.is_some() || std::thread::panicking(), "{} cannot be removed", self.group.display());
    }
}

fn write_unit(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if text.starts_with(['/', '.']) {
        std::os::unix::fs::symlink(text, path).unwrap();
    } else {
        fs::write(path, text).unwrap();
    }
}

/// Returns where control groups of version 2 are mounted.
fn cgroups() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = fields.find(|fields| fields.get(2) == Some(&"cgroup2"));
    PathBuf::from(mount.expect("control groups of version 2 are mounted")[1])
}

fn remove_groups(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_groups(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
