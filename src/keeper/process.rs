//! Starts processes, finds them in `/proc`, and sends them signals.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Access, access};
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

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
pub(super) struct Stat {
    state: u8,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    pub(super) start_time: u64,
}

pub(super) fn stat(pid: i32) -> io::Result<Stat> {
    // Some fifty numbers; the file says that it is empty, so reading it to an end that is not known takes six calls.
    let mut text = [0; 2048];
    let length = File::open(format!("/proc/{pid}/stat"))?.read(&mut text)?;
    let text = &text[..length];
    // The name of the program may hold anything, also spaces and parentheses; after the last one it is safe.
    let after_name = text.iter().rposition(|byte| *byte == b')').map_or(&[][..], |at| &text[at + 1..]);
    let fields: Vec<&str> = str::from_utf8(after_name).unwrap_or_default().split_ascii_whitespace().collect();
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat has another form");
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<i64>().ok()).ok_or_else(malformed);
    Ok(Stat {
        state: fields.first().and_then(|field| field.bytes().next()).ok_or_else(malformed)?,
        parent: i32::try_from(number(1)?).map_err(|_| malformed())?,
        group: i32::try_from(number(2)?).map_err(|_| malformed())?,
        session: i32::try_from(number(3)?).map_err(|_| malformed())?,
        start_time: u64::try_from(number(19)?).map_err(|_| malformed())?,
    })
}

pub(super) fn has_ended(stat: &Stat) -> bool {
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
