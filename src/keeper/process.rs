//! Starts processes, finds them in `/proc`, and sends them signals.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Access, access};
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, Rlimit, Signal, getrlimit, kill_process_group, pidfd_open,
    pidfd_send_signal, set_dumpable_behavior, setrlimit,
};

use super::message::Job;

/// The variable by which everything that a step starts can be found.
pub(super) const TOKEN: &str = "DRPLAN_TOKEN";

/// A process that was started.
pub(super) struct Spawned {
    pub(super) pid: Pid,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Starts a job; says in words why it could not.
pub(super) fn spawn(job: &Job, folder: &Path, token: &str) -> Result<Spawned, String> {
    let Some((name, arguments)) = job.program.split_first() else {
        return Err("there is no program to start".to_owned());
    };
    let path = resolve(name, &job.env, &job.cwd)?;
    #[expect(clippy::disallowed_methods, reason = "the one place where the keeper starts a step")]
    let mut command = Command::new(&path);
    command
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(&job.env)
        .env("DRPLAN_OUTPUT", folder.join(super::folder::OUTPUT))
        .env(TOKEN, token)
        .current_dir(&job.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let spawned = if job.secrets.is_empty() { command.spawn() } else { without_core(|| command.spawn()) };
    let mut child = spawned.map_err(|error| {
        if job.cwd.is_dir() {
            format!("cannot start `{}`: {error}", path.display())
        } else {
            format!("there is no folder {} to start in", job.cwd.display())
        }
    })?;
    // The child is only let go of here: it is reaped by pid, and dropping it neither waits nor kills.
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match (pid, child.stdout.take(), child.stderr.take()) {
        (Some(pid), Some(stdout), Some(stderr)) => {
            Ok(Spawned { pid, stdout: stdout.into(), stderr: stderr.into() })
        }
        _ => Err(format!("`{name}` was started without pipes")),
    }
}

/// Starts something that leaves no core file if it crashes: its environment would stand in it.
///
/// The limit is soft, so that a step which wants a core file can still have one. We have one thread, so
/// nothing else is started meanwhile.
fn without_core<T>(start: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..before });
    let started = start();
    let _ = setrlimit(Resource::Core, before);
    started
}

/// Sees to it that nobody but root can look into this process, and that it leaves no core file: it holds secrets.
///
/// What it starts is not kept from leaving one.
pub fn seal() {
    // Where the kernel knows of no such thing, `/proc` is still for the same account alone.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Finds a program as the step's own shell would.
///
/// The standard library would look it up too, but then by fork and exec, which costs more the
/// larger we are; with a path it takes `posix_spawn`.
fn resolve(name: &str, env: &BTreeMap<String, String>, cwd: &Path) -> Result<PathBuf, String> {
    if !cwd.is_absolute() {
        return Err(format!("the folder to start in is not absolute: {}", cwd.display()));
    }
    if name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    let path = env.get("PATH").map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
    path.split(':')
        .filter(|folder| folder.starts_with('/'))
        .map(|folder| Path::new(folder).join(name))
        .find(|found| access(found, Access::EXEC_OK).is_ok() && found.is_file())
        .ok_or_else(|| format!("`{name}` is not in PATH ({path})"))
}

/// What `/proc/PID/stat` says of a process.
struct Stat {
    state: u8,
    group: i32,
    session: i32,
    start_time: u64,
}

fn stat(pid: i32) -> io::Result<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    // The name of the program may hold anything, also spaces and parentheses; after the last one it is safe.
    let after_name = text.iter().rposition(|byte| *byte == b')').map_or(&[][..], |at| &text[at + 1..]);
    let fields: Vec<&str> = str::from_utf8(after_name).unwrap_or_default().split_ascii_whitespace().collect();
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat has another form");
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<i64>().ok()).ok_or_else(malformed);
    Ok(Stat {
        state: fields.first().and_then(|field| field.bytes().next()).ok_or_else(malformed)?,
        group: i32::try_from(number(2)?).map_err(|_| malformed())?,
        session: i32::try_from(number(3)?).map_err(|_| malformed())?,
        start_time: u64::try_from(number(19)?).map_err(|_| malformed())?,
    })
}

fn has_ended(stat: &Stat) -> bool {
    matches!(stat.state, b'Z' | b'X' | b'x')
}

/// Returns when a process was started, in clock ticks since the machine's start; nothing if it is not there.
///
/// Together with the pid and the boot id this names one process for ever. A process that has ended
/// and was not yet reaped is still there.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn start_time(pid: i32) -> io::Result<Option<u64>> {
    match stat(pid) {
        Ok(stat) => Ok(Some(stat.start_time)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether this very process still runs.
pub(super) fn runs(pid: i32, start_time: u64) -> io::Result<bool> {
    match stat(pid) {
        Ok(stat) => Ok(stat.start_time == start_time && !has_ended(&stat)),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3)
}

/// Everything that a step started, also what left its group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family<'t> {
    pub(super) token: &'t str,
    pub(super) group: Pid,
    /// Whether the step's own process is not yet reaped, so that its group's number is its own.
    pub(super) led: bool,
    /// The keeper's session: a group of this number in another one is somebody else's.
    pub(super) session: Pid,
}

struct Member {
    pid: i32,
    start_time: u64,
    in_group: bool,
}

impl Family<'_> {
    /// Whether anything of it still runs.
    pub(super) fn is_alive(&self) -> bool {
        !self.members().is_empty()
    }

    /// Sends a signal to the group, then to every member that left it.
    pub(super) fn signal(&self, signal: Signal) {
        if self.led {
            let _ = kill_process_group(self.group, signal);
        }
        let mut reached: Vec<(i32, u64)> = Vec::new();
        // A member may start others while we look: look again until nothing new is found.
        for _ in 0..16 {
            let mut any_new = false;
            for member in self.members() {
                let name = (member.pid, member.start_time);
                if reached.contains(&name) {
                    continue;
                }
                any_new = true;
                reached.push(name);
                let twice = self.led && member.in_group && signal == Signal::TERM;
                if !twice {
                    member.signal(signal);
                }
            }
            if !any_new {
                break;
            }
        }
    }

    fn members(&self) -> Vec<Member> {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let needle = format!("{TOKEN}={}", self.token).into_bytes();
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| *pid != own)
            .filter_map(|pid| {
                let stat = stat(pid).ok().filter(|stat| !has_ended(stat))?;
                let group = self.group.as_raw_nonzero().get();
                let in_group = stat.group == group && stat.session == self.session.as_raw_nonzero().get();
                let carries_token = || {
                    // Of a process that is not ours it cannot be read, and does not hold the token.
                    fs::read(format!("/proc/{pid}/environ"))
                        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == needle))
                };
                (in_group || carries_token()).then_some(Member { pid, start_time: stat.start_time, in_group })
            })
            .collect()
    }
}

impl Member {
    /// Sends a signal to this very process, not to one that took its number since.
    fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return;
        };
        if let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty())
            && start_time(self.pid).is_ok_and(|found| found == Some(self.start_time))
        {
            let _ = pidfd_send_signal(&pidfd, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_own_start() {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let start = start_time(own).unwrap().unwrap();
        assert!(runs(own, start).unwrap());
        assert!(!runs(own, start + 1).unwrap());
        assert_eq!(start_time(i32::MAX).unwrap(), None);
    }

    #[test]
    fn finds_programs_as_a_shell_does() {
        let mut env = BTreeMap::from([("PATH".to_owned(), "relative:/nowhere:/bin".to_owned())]);
        assert_eq!(resolve("sh", &env, Path::new("/")), Ok(PathBuf::from("/bin/sh")));
        assert_eq!(resolve("./x", &env, Path::new("/")), Ok(PathBuf::from("./x")));
        assert!(resolve("sh", &env, Path::new("here")).is_err());
        env.insert("PATH".to_owned(), "/nowhere".to_owned());
        assert_eq!(resolve("sh", &env, Path::new("/")), Err("`sh` is not in PATH (/nowhere)".to_owned()));
    }
}
