//! Looks for what the real thing will need: tools in their versions, room on disks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use tokio::task::spawn_blocking;

use super::run::{self, Look};
use super::tell;
use super::words::short;
use super::{Afar, afar};
use crate::event::{Check, Found};
use crate::value::{Id, Length, Tool};

/// A run writes its journal and what its steps print; below this it could not even say what went wrong.
const RECORD_BYTES: u64 = 64 << 20;

/// How long a tool may think about its version.
const VERSION_LIMIT: Length = Length::from_secs(10);

/// So many files of a recovery point are looked at, to say how large it is.
const MOST_FILES: usize = 100_000;

/// Something that the real thing needs.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What it is, for people.
    pub what: String,
    /// The steps that need it; none if the run as a whole does.
    pub steps: Vec<Id>,
    /// What is looked for.
    pub need: Need,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Need {
    /// A program.
    Tool {
        /// Which, in which versions.
        tool: Tool,
        /// The environment that it would run in.
        env: BTreeMap<String, String>,
        /// The folder that it would run in.
        cwd: PathBuf,
        /// The step that may bring it, if it is not there yet.
        brought_by: Option<Id>,
    },
    /// A host that is reached over SSH, and programs there.
    Host {
        /// How it is reached.
        afar: Box<Afar>,
        /// The programs.
        tools: Vec<String>,
    },
    /// Room on the disk that a folder lies on.
    Room {
        /// The folder.
        folder: PathBuf,
        /// How many bytes.
        bytes: u64,
    },
    /// An environment variable of the controller, without which nothing fails.
    Variable(String),
    /// Something that the plan itself answers.
    Known(Found, String),
}

impl Demand {
    /// Asks for room for the run's own record.
    pub(super) fn room_for_the_record(folder: PathBuf) -> Self {
        let what = "room for the run's record".to_owned();
        Self { what, steps: Vec::new(), need: Need::Room { folder, bytes: RECORD_BYTES } }
    }
}

/// Looks whether something is there; the words come before the program of a command.
pub(super) async fn check(before: &[String], demand: Demand) -> Check {
    let Demand { what, steps, need } = demand;
    let (found, note) = match need {
        Need::Known(found, note) => (found, note),
        Need::Variable(name) => match tell::variable(&name) {
            Some(_) => (Found::Met, format!("{name} is set")),
            None => (Found::Unknown, format!("{name} is not set: as it is, nobody would be told")),
        },
        Need::Room { folder, bytes } => {
            let looked = spawn_blocking(move || room(&folder, bytes)).await;
            looked.unwrap_or_else(|error| (Found::Unknown, error.to_string()))
        }
        Need::Host { afar, tools } => match afar::lacking(&afar, tools).await {
            Ok(lacking) if lacking.is_empty() => {
                (Found::Met, "it is reached, and has what steps need there".to_owned())
            }
            Ok(lacking) => (Found::Unmet, format!("it lacks what steps need there: {}", lacking.join(", "))),
            Err(why) => (Found::Unmet, why),
        },
        Need::Tool { tool, env, cwd, brought_by } => {
            match look_for(&tool, Site::Here { before, env: &env, cwd: &cwd }).await {
                Ok(note) => (Found::Met, note),
                Err(note) => match brought_by {
                    Some(step) => (Found::Unknown, format!("{note}; {step} comes first and may bring it")),
                    None => (Found::Unmet, note),
                },
            }
        }
    };
    Check { what, steps, found, note }
}

/// Where a tool is looked for.
pub(super) enum Site<'a> {
    /// On this machine.
    Here {
        /// Words that come before each command.
        before: &'a [String],
        /// The environment that the tool would run in.
        env: &'a BTreeMap<String, String>,
        /// The folder that it would run in.
        cwd: &'a Path,
    },
    /// On another host, with the environment of its login.
    Host(&'a Afar),
}

impl Site<'_> {
    async fn find(&self, name: &str) -> Result<Option<String>, String> {
        match self {
            Self::Here { env, cwd, .. } => Ok(find(name, env.get("PATH").map_or("", String::as_str), cwd)),
            Self::Host(afar) => afar::find(afar, name).await,
        }
    }

    /// Returns what a program says when it is asked with a word, on either stream.
    async fn said(&self, program: &str, word: &str) -> Result<String, String> {
        match self {
            Self::Here { before, env, cwd } => {
                let words = [program, word].map(str::to_owned);
                let words: Vec<String> = before.iter().cloned().chain(words).collect();
                run::said(Look { program: &words, env, cwd, timeout: VERSION_LIMIT, mask: None }).await
            }
            Self::Host(afar) => afar::version(afar, program, word, VERSION_LIMIT).await,
        }
    }
}

/// Looks for a tool in the versions that will do; returns where it is.
///
/// # Errors
///
/// What was found instead.
pub(super) async fn look_for(tool: &Tool, site: Site<'_>) -> Result<String, String> {
    let program = site.find(tool.name()).await?.ok_or_else(|| "not found in PATH".to_owned())?;
    if tool.takes_any_version() {
        return Ok(program);
    }
    let mut said = String::new();
    // There is no common way to ask; these are the ones in use, the most common first.
    for word in ["--version", "version", "-V", "-version"] {
        // Some say it on the one stream, some on the other, and some take the question for a mistake.
        let Ok(text) = site.said(&program, word).await else { continue };
        if let Some(version) = version_in(&text) {
            let shown = format!("{program}, version {version}");
            return match tool.accepts(version) {
                Some(true) => Ok(shown),
                _ => Err(shown),
            };
        }
        if said.is_empty() {
            said = text;
        }
    }
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).map(short).unwrap_or_default();
    Err(format!("{program} does not tell its version: {line}"))
}

/// Finds a program as a shell would.
fn find(name: &str, path: &str, cwd: &Path) -> Option<String> {
    let is_program =
        |path: &Path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file();
    let found = if name.contains('/') {
        Some(cwd.join(name)).filter(|path| is_program(path))
    } else {
        std::env::split_paths(path).map(|folder| cwd.join(folder).join(name)).find(|path| is_program(path))
    };
    found?.into_os_string().into_string().ok()
}

/// Returns the first number with a dot in it, else the first number, of a text in which a program tells its version.
fn version_in(text: &str) -> Option<&str> {
    let words = || text.split(|c: char| !(c.is_ascii_digit() || c == '.')).map(|word| word.trim_matches('.'));
    let is_version = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.split('.').all(|part| !part.is_empty() && part.parse::<u64>().is_ok())
    };
    let dotted = words().filter(|word| word.contains('.')).find(is_version);
    dotted.or_else(|| words().find(is_version))
}

fn room(folder: &Path, bytes: u64) -> (Found, String) {
    match free(folder) {
        Some((place, free)) => {
            let note = format!("{} free in {}, {} needed", size(free), place.display(), size(bytes));
            (if free >= bytes { Found::Met } else { Found::Unmet }, note)
        }
        None => (Found::Unknown, format!("cannot look at {}", folder.display())),
    }
}

/// Returns how much is free where a folder lies, or will lie, for who is not root.
fn free(folder: &Path) -> Option<(PathBuf, u64)> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let stat = statvfs(there).ok()?;
    Some((there.to_owned(), stat.f_bavail.saturating_mul(stat.f_frsize)))
}

/// Looks whether there is room for a recovery point where a step says that it restores to.
///
/// Where that is, only an input of a recipe can say: a path that does not lie in the point itself.
/// Nothing if there is nothing to look at.
pub(super) async fn room_for_a_point(step: Id, env: BTreeMap<String, String>, cwd: PathBuf) -> Option<Check> {
    let point = PathBuf::from(env.get("POINT_PATH")?);
    let targets: Vec<PathBuf> = env
        .iter()
        .filter(|(name, value)| name.starts_with("INPUT_") && is_path(value))
        .map(|(_, value)| cwd.join(value))
        .filter(|path| !path.starts_with(&point))
        .collect();
    if targets.is_empty() {
        return None;
    }
    let looked = spawn_blocking(move || {
        let bytes = bytes_of(&point)?;
        let rooms = targets.iter().map(|target| room(target, bytes));
        // The tightest is the one that counts.
        rooms.max_by_key(|(found, _)| *found == Found::Unmet)
    });
    let (found, note) = looked.await.ok()??;
    Some(Check { what: "room for the recovery point".to_owned(), steps: vec![step], found, note })
}

/// Whether an input is a path, and neither a URL nor a command with its words.
fn is_path(value: &str) -> bool {
    value.contains('/') && !value.contains("://") && !value.contains(char::is_whitespace)
}

/// Returns how much a recovery point holds; nothing if it cannot be read, or only at length.
fn bytes_of(point: &Path) -> Option<u64> {
    let mut bytes = 0_u64;
    let mut seen = 0;
    let mut open = vec![point.to_owned()];
    while let Some(path) = open.pop() {
        let metadata = if path == point { fs::metadata(&path) } else { fs::symlink_metadata(&path) }.ok()?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path).ok()? {
                open.push(entry.ok()?.path());
            }
        } else if metadata.is_file() {
            bytes = bytes.saturating_add(metadata.len());
        }
        seen += 1;
        if seen > MOST_FILES {
            return None;
        }
    }
    Some(bytes)
}

fn size(bytes: u64) -> String {
    let (mut whole, mut unit) = (bytes, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 10 * 1024 {
            break;
        }
        whole /= 1024;
        unit = next;
    }
    format!("{whole} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, version) in [
            ("tar (GNU tar) 1.34\nCopyright (C) 2021", Some("1.34")),
            ("psql (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Some("15.14")),
            ("redis-cli 7.0.15", Some("7.0.15")),
            ("v1.2.1", Some("1.2.1")),
            ("go version go1.22.1 linux/amd64", Some("1.22.1")),
            ("OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.17", Some("9.2")),
            ("less 590 (GNU regular expressions)", Some("590")),
            ("systemd 252 (252.39-1~deb12u1)", Some("252.39")),
            ("usage: x...", None),
        ] {
            assert_eq!(version_in(text), version, "{text}");
        }
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(64 << 20), "64 MiB");
        assert_eq!(size(9000), "9000 B");
        assert_eq!(size(5 << 40), "5120 GiB");
    }
}
