//! Hosts with addresses of their own: network namespaces on a bridge. Making them needs root.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::sshd::{connections_of, end_tree, end_tree_but_sessions};
use crate::stage::{Running, Stage, until};

/// Numbers the networks of this test process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A network of a controller and some hosts, each in namespaces of its own. It goes away with the test.
pub(crate) struct Net {
    dir: TempDir,
    /// What the names of its namespaces and interfaces begin with.
    mark: String,
    hosts: Vec<Host>,
}

struct Host {
    name: String,
    daemon: Option<Child>,
}

/// Runs a command that must succeed.
#[track_caller]
fn must(words: &[&str]) {
    let [program, arguments @ ..] = words else { panic!("no command") };
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "`{}` failed (network namespaces need root): {said}", words.join(" "));
}

impl Net {
    /// Makes a network with hosts of these names, each with an `sshd` that answers.
    pub(crate) fn with(names: &[&str]) -> Self {
        // Names of interfaces have 15 bytes at most.
        let mark = format!("d{:x}{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::tempdir().unwrap();
        for key in ["user_key", "host_key"] {
            let path = dir.path().join(key);
            must(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path.to_str().unwrap()]);
        }
        let mut net = Self { dir, mark, hosts: Vec::new() };
        let (bridge, own) = (net.space("br"), net.space("c"));
        // The bridge has a namespace of its own too: nothing of the machine's network is touched.
        must(&["ip", "netns", "add", &bridge]);
        must(&["ip", "-n", &bridge, "link", "add", "br0", "type", "bridge"]);
        must(&["ip", "-n", &bridge, "link", "set", "br0", "up"]);
        must(&["ip", "netns", "add", &own]);
        net.plug(&own, 1);
        for (at, name) in names.iter().enumerate() {
            let space = net.space(name);
            must(&["ip", "netns", "add", &space]);
            net.plug(&space, at + 2);
            net.hosts.push(Host { name: (*name).to_owned(), daemon: None });
            net.start_sshd(name);
        }
        net
    }

    fn space(&self, name: &str) -> String {
        format!("{}-{name}", self.mark)
    }

    /// Joins a namespace to the bridge with the address 10.77.0.NUMBER.
    fn plug(&self, space: &str, number: usize) {
        let (bridge, port) = (self.space("br"), format!("p{number}"));
        must(&[
            "ip", "-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", &port, "netns", &bridge,
        ]);
        must(&["ip", "-n", &bridge, "link", "set", &port, "master", "br0", "up"]);
        must(&["ip", "-n", space, "addr", "add", &format!("10.77.0.{number}/24"), "dev", "eth0"]);
        must(&["ip", "-n", space, "link", "set", "lo", "up"]);
        must(&["ip", "-n", space, "link", "set", "eth0", "up"]);
    }

    pub(crate) fn address(&self, name: &str) -> String {
        let at = self.hosts.iter().position(|host| host.name == name).expect("there is such a host");
        format!("10.77.0.{}", at + 2)
    }

    /// The folder of a host: its home and its state lie there.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts the `sshd` of a host, in a mount and a host name of its own.
    pub(crate) fn start_sshd(&mut self, name: &str) {
        let folder = self.folder(name);
        fs::create_dir_all(folder.join("home")).unwrap();
        let config = format!(
            "Port 22\nListenAddress {}\nHostKey {1}/host_key\nAuthorizedKeysFile {1}/user_key.pub\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             SetEnv HOME={2}/home XDG_STATE_HOME={2}/state\n",
            self.address(name),
            self.dir.path().display(),
            folder.display()
        );
        fs::write(folder.join("sshd_config"), config).unwrap();
        let _ = fs::create_dir_all("/run/sshd");
        // Its boot is its own: what a kernel says of itself is a file in the host's mounts.
        self.give_boot(name);
        let start = format!(
            "hostname {name} && mount --bind {0}/boot_id /proc/sys/kernel/random/boot_id && exec /usr/sbin/sshd -D -e -f {0}/sshd_config",
            folder.display()
        );
        let space = self.space(name);
        let words = ["netns", "exec", &space, "unshare", "--uts", "--mount", "sh", "-c", &start];
        self.launch(name, Command::new("ip").args(words));
    }

    /// Gives a host the mark of a boot that none had before.
    fn give_boot(&self, name: &str) {
        let id = format!("{:032x}\n", COUNT.fetch_add(1, Ordering::Relaxed));
        fs::write(self.folder(name).join("boot_id"), id).unwrap();
    }

    /// Starts an `sshd` by this command, and waits until it answers.
    fn launch(&mut self, name: &str, command: &mut Command) {
        let path = self.folder(name).join("sshd.log");
        let log = fs::File::options().create(true).append(true).open(path).unwrap();
        let daemon = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.hosts.iter_mut().find(|host| host.name == name).unwrap().daemon = Some(daemon);
        let address = format!("/dev/tcp/{}/22", self.address(name));
        until("sshd answers", || {
            let knocked =
                self.command("bash").args(["-c", &format!(": <{address}")]).stderr(Stdio::null()).status();
            knocked.unwrap().success()
        });
    }

    /// Ends the `sshd` of a host and all that runs there, as the loss of the host would.
    pub(crate) fn kill_host(&mut self, name: &str) {
        let space = self.space(name);
        if let Some(mut daemon) =
            self.hosts.iter_mut().find(|host| host.name == name).and_then(|host| host.daemon.take())
        {
            end_tree(i32::try_from(daemon.id()).unwrap());
            let _ = daemon.wait();
        }
        end_all_in(&space);
    }

    /// Takes the power of a host, and gives it back: all that ran is gone at once, its disks and its address are there again.
    pub(crate) fn reboot(&mut self, name: &str) {
        let daemon = self.daemon_of(name).id();
        // Open, they outlive their last process.
        let mounts = fs::File::open(format!("/proc/{daemon}/ns/mnt")).unwrap();
        let names = fs::File::open(format!("/proc/{daemon}/ns/uts")).unwrap();
        let space = self.space(name);
        // Nobody sees another one end.
        for pid in processes_in(&space) {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP);
        }
        self.kill_host(name);
        self.give_boot(name);
        let open = |file: &fs::File| format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let config = self.folder(name).join("sshd_config");
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{space}"));
        command.arg(format!("--mount={}", open(&mounts))).arg(format!("--uts={}", open(&names)));
        command.args(["/usr/sbin/sshd", "-D", "-e", "-f"]).arg(config);
        self.launch(name, &mut command);
    }

    /// Cuts the cable of a host, or mends it.
    pub(crate) fn link(&self, name: &str, state: &str) {
        must(&["ip", "-n", &self.space(name), "link", "set", "eth0", state]);
    }

    /// Ends all connections to a host, and nothing of what they have started; returns how many there were.
    pub(crate) fn cut_connections(&self, name: &str) -> usize {
        let connections = connections_of(i32::try_from(self.daemon_of(name).id()).unwrap());
        for connection in &connections {
            end_tree_but_sessions(*connection);
        }
        connections.len()
    }

    /// Gives the state of a host a file system of its own, of so many KiB.
    pub(crate) fn limit_room(&self, name: &str, kib: usize) {
        let state = self.folder(name).join("state");
        fs::create_dir_all(&state).unwrap();
        let size = format!("size={kib}k");
        self.on_host(name, &["mount", "-t", "tmpfs", "-o", &size, "tmpfs", state.to_str().unwrap()]);
    }

    /// Takes all room from a host whose room is limited, or gives it back.
    pub(crate) fn fill(&self, name: &str, is_full: bool) {
        let fill = self.folder(name).join("state/fill").display().to_string();
        let text = if is_full { "cat /dev/zero >\"$1\" 2>/dev/null; true" } else { "rm -f \"$1\"" };
        self.on_host(name, &["sh", "-c", text, "fill", &fill]);
    }

    /// Runs a command that must succeed and that sees the file systems of a host.
    fn on_host(&self, name: &str, words: &[&str]) {
        let daemon = self.daemon_of(name).id().to_string();
        must(&[&["nsenter", "--mount", "--target", &daemon], words].concat());
    }

    fn daemon_of(&self, name: &str) -> &Child {
        let host = self.hosts.iter().find(|host| host.name == name).expect("there is such a host");
        host.daemon.as_ref().expect("its sshd runs")
    }

    /// Loses so many of a hundred packets on their way out of a host, and as many on their way in.
    pub(crate) fn lose(&self, name: &str, of_a_hundred: u32) {
        let chain = |hook: &str| {
            format!(
                "chain {hook} {{ type filter hook {hook} priority 0; numgen random mod 100 < {of_a_hundred} drop; }};"
            )
        };
        let rules = format!("table inet lossy {{ {} {} }}", chain("input"), chain("output"));
        must(&["ip", "netns", "exec", &self.space(name), "nft", &rules]);
    }

    /// The processes that run where the controller is.
    pub(crate) fn own_processes(&self) -> Vec<i32> {
        processes_in(&self.space("c"))
    }

    /// Returns a command that runs where the controller is.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space("c"), program]);
        command
    }

    /// Gives a stage an `ssh` that knows the hosts by their names.
    pub(crate) fn known_to(&self, stage: &Stage) {
        let key = fs::read_to_string(self.dir.path().join("host_key.pub")).unwrap();
        let (mut config, mut known) = (String::new(), String::new());
        for host in &self.hosts {
            let address = self.address(&host.name);
            known.push_str(&format!("{address} {key}"));
            config.push_str(&format!("Host {}\n  HostName {address}\n", host.name));
        }
        config.push_str(&format!(
            "Host *\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            self.dir.path().join("user_key").display(),
            stage.path().join("known_hosts").display()
        ));
        stage.write("known_hosts", &known);
        super::sshd::give_ssh(stage, &config);
    }

    /// Starts drplan where the controller is.
    pub(crate) fn start(&self, stage: &Stage, args: &[&str]) -> Running {
        let plain = super::drplan(stage, args);
        let mut command = self.command(plain.get_program().to_str().unwrap());
        command.args(plain.get_args()).current_dir(stage.path()).stdin(Stdio::null()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        stage.begin(command)
    }
}

/// Ends everything that runs in a network namespace.
fn end_all_in(space: &str) {
    for pid in processes_in(space) {
        end_tree(pid);
    }
}

fn processes_in(space: &str) -> Vec<i32> {
    let output = Command::new("ip").args(["netns", "pids", space]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

impl Drop for Net {
    fn drop(&mut self) {
        let names: Vec<String> = self.hosts.iter().map(|host| host.name.clone()).collect();
        for name in &names {
            self.kill_host(name);
        }
        for name in names.iter().map(String::as_str).chain(["c", "br"]) {
            let space = self.space(name);
            end_all_in(&space);
            let _ = Command::new("ip").args(["netns", "del", &space]).stderr(Stdio::null()).status();
        }
    }
}

/// Whether anything of a network was left behind; for the test of the fixture itself.
pub(super) fn leftovers(mark: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new("/run/netns"))
        .map_or_else(|_| Vec::new(), |entries| entries.flatten().collect());
    let names = entries.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(mark)).collect()
}

impl Net {
    pub(super) fn mark(&self) -> &str {
        &self.mark
    }
}
