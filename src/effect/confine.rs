//! Keeps the probes of a dry run from writing files.
//!
//! A probe is an arbitrary command. It is started through drplan itself, which first takes away from its own
//! process what a mere question does not need, and then becomes the command.
//!
//! Two ways, the first that the system allows: a mount namespace in which every file system is read-only, or
//! Landlock. Neither keeps a command from asking somebody else to write: a database, a daemon, a device.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use landlock::{
    ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus,
    path_beneath_rules,
};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change, mount_remount};
use rustix::process::{getgid, getuid};
use rustix::thread::UnshareFlags;

use super::words::last_line;
use crate::event::Confined;

/// The hidden command of drplan that confines itself.
const COMMAND: &str = "confined-probe";

/// The exit code of a probe that could not be confined or started: what shells use for that.
const CANNOT: u8 = 127;

/// What comes before the program of a probe, and what this does for it.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// What keeps the probe from writing.
    pub(super) by: Confined,
    /// What this means, or why nothing does.
    pub(super) note: String,
    /// The words before the probe's own.
    pub(super) before: Vec<String>,
}

impl Cell {
    /// Confines nothing; says why.
    pub(super) fn open(why: &str) -> Self {
        Self { by: Confined::Nothing, note: why.to_owned(), before: Vec::new() }
    }

    /// Tries which way the system allows; `tmp` becomes the folder for temporary files.
    pub(super) fn try_out(exe: &Path, tmp: &Path) -> Self {
        if let Err(error) = std::fs::create_dir_all(tmp) {
            return Self::open(&format!("cannot make {}: {error}", tmp.display()));
        }
        let mut reasons = Vec::new();
        for (by, word, note) in [
            (
                Confined::Mounts,
                "mounts",
                "every file system is read-only for them, and TMPDIR is a folder of their own",
            ),
            (
                Confined::Landlock,
                "landlock",
                "they write no files but in a TMPDIR of their own; modes, owners and times they could change",
            ),
        ] {
            let (Some(exe), Some(tmp)) = (exe.to_str(), tmp.to_str()) else {
                reasons.push("a path is not UTF-8".to_owned());
                break;
            };
            let before = [exe, COMMAND, "--by", word, "--tmp", tmp, "--"].map(str::to_owned).to_vec();
            match tries(&before, Path::new(tmp)) {
                Ok(()) => return Self { by, note: note.to_owned(), before },
                Err(why) => reasons.push(format!("{word}: {why}")),
            }
        }
        Self::open(&reasons.join("; "))
    }
}

/// Has a confined process try to write beside its folder.
fn tries(before: &[String], tmp: &Path) -> Result<(), String> {
    let (Some((program, words)), Some(outside)) = (before.split_first(), tmp.parent()) else {
        return Err("there is no folder for temporary files".to_owned());
    };
    let outside = outside.join("confined-probe-writes");
    let script = r#"! { : > "$1"; } 2>/dev/null && : > "$TMPDIR/inside""#;
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where it is tried whether probes can be confined"
    )]
    let output = Command::new(program)
        .args(words)
        .args(["bash", "-c", script, "bash"])
        .arg(&outside)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if outside.exists() {
        let _ = std::fs::remove_file(&outside);
        return Err("a file could be written all the same".to_owned());
    }
    if !output.status.success() {
        return Err(last_line(&output.stderr).unwrap_or_else(|| output.status.to_string()));
    }
    Ok(())
}

/// Confines this process and becomes a command: the body of `drplan confined-probe`.
///
/// It may still write to `out`, if one is given. Returns only if that is impossible, after having said so, with the exit code.
pub fn become_confined(by: &str, tmp: &Path, out: Option<&Path>, words: &[OsString]) -> u8 {
    let say = |text: &str| {
        // Nobody is left to tell when even this cannot be written.
        let _ = writeln!(io::stderr(), "{text}");
    };
    let done = match by {
        "mounts" => confine_by_mounts(tmp, out),
        "landlock" => confine_by_landlock(tmp, out),
        _ => Err(format!("no way is called {by}")),
    };
    if let Err(why) = done {
        say(&format!("cannot confine the probe: {why}"));
        return CANNOT;
    }
    let Some((program, arguments)) = words.split_first() else {
        say("there is no program to start");
        return CANNOT;
    };
    #[expect(clippy::disallowed_methods, reason = "the one place where a probe is started that is confined")]
    let error = Command::new(program).args(arguments).env("TMPDIR", tmp).exec();
    let name = program.to_string_lossy();
    match error.kind() {
        io::ErrorKind::NotFound => say(&format!("cannot start {name}: not found")),
        io::ErrorKind::PermissionDenied => say(&format!("cannot start {name}: not allowed")),
        _ => say(&format!("cannot start {name}: {error}")),
    }
    CANNOT
}

fn confine_by_mounts(tmp: &Path, out: Option<&Path>) -> Result<(), String> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    // Root keeps its own namespace of users: in a new one it could not read what belongs to others.
    if unshare(UnshareFlags::NEWNS).is_err() {
        unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
            .map_err(|error| format!("no namespace: {error}"))?;
        for (file, text) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("{uid} {uid} 1")),
            ("gid_map", format!("{gid} {gid} 1")),
        ] {
            let path = Path::new("/proc/self").join(file);
            let written = OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|mut file| file.write_all(text.as_bytes()));
            written.map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .map_err(|error| format!("the mounts cannot be made private: {error}"))?;
    for (path, flags) in mounts()? {
        match mount_remount(&path, flags | MountFlags::BIND | MountFlags::RDONLY, "") {
            // What cannot be reached by its path cannot be written to by it.
            Ok(()) | Err(Errno::NOENT | Errno::ACCESS | Errno::NOTDIR | Errno::INVAL) => {}
            Err(error) => return Err(format!("{} cannot be made read-only: {error}", path.display())),
        }
    }
    if let Some(out) = out {
        mount_bind(out, out)
            .and_then(|()| mount_remount(out, MountFlags::BIND, ""))
            .map_err(|error| format!("{} cannot be left open: {error}", out.display()))?;
    }
    mount("tmpfs", tmp, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0700")
        .map_err(|error| format!("no folder for temporary files: {error}"))
}

#[expect(deprecated, reason = "its successor is unsafe for the sake of a flag that is not used here")]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    rustix::thread::unshare(flags)
}

/// Returns where something is mounted, with the flags that must be kept: see `proc_pid_mountinfo(5)`.
fn mounts() -> Result<Vec<(PathBuf, MountFlags)>, String> {
    let table =
        std::fs::read("/proc/self/mountinfo").map_err(|error| format!("/proc/self/mountinfo: {error}"))?;
    let line = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        let path = unescaped(fields.nth(4)?);
        let options = String::from_utf8_lossy(fields.next()?).into_owned();
        let flag = |option| match option {
            "nosuid" => MountFlags::NOSUID,
            "nodev" => MountFlags::NODEV,
            "noexec" => MountFlags::NOEXEC,
            "noatime" => MountFlags::NOATIME,
            "nodiratime" => MountFlags::NODIRATIME,
            "relatime" => MountFlags::RELATIME,
            _ => MountFlags::empty(),
        };
        let flags = options.split(',').map(flag).fold(MountFlags::empty(), |all, one| all | one);
        Some((PathBuf::from(OsString::from_vec(path)), flags))
    };
    Ok(table.split(|byte| *byte == b'\n').filter_map(line).collect())
}

/// Undoes `\040` for a space and its like.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let code = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

fn confine_by_landlock(tmp: &Path, out: Option<&Path>) -> Result<(), String> {
    let writing = AccessFs::from_write(ABI::V5);
    let rules = path_beneath_rules([tmp], writing);
    let devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/random", "/dev/urandom"];
    let devices = path_beneath_rules(devices, AccessFs::WriteFile | AccessFs::IoctlDev);
    let restricted = Ruleset::default()
        .handle_access(writing)
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(rules))
        .and_then(|ruleset| ruleset.add_rules(devices))
        .and_then(|ruleset| {
            ruleset.add_rules(path_beneath_rules(out, AccessFs::from_file(ABI::V5) & writing))
        })
        .and_then(RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    if restricted.ruleset == RulesetStatus::NotEnforced {
        return Err("the system has no Landlock".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_mounts_are_read_as_they_are() {
        assert_eq!(unescaped(br"/a\040b\134c"), b"/a b\\c");
        assert_eq!(unescaped(br"/a\04"), br"/a\04");
        assert!(mounts().unwrap().iter().any(|(path, _)| path == Path::new("/")));
    }
}
