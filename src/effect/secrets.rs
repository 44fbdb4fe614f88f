//! Fetches secrets: from the environment, a file, a command, or a person who was asked before.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::run::{self, Look};
use super::words::short;
use crate::keeper::Mask;
use crate::value::{Length, Name};

/// How long fetching one secret may take: somebody may have to touch a key or nod at a telephone.
const PATIENCE: Length = Length::from_secs(60);

/// More bytes than these are no secret; Linux takes no longer variable than 128 KiB.
const LONGEST: usize = run::KEPT;

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the controller's own environment.
    Variable(String),
    /// A file, relative to where commands run.
    File(PathBuf),
    /// What a program prints.
    Program(Vec<String>),
    /// A person, who was asked before the run began.
    Person,
}

/// A secret that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name, which is that of the variable that a step gets.
    pub name: Name,
    /// Where it comes from.
    pub origin: Origin,
}

/// The secrets of a step, to be fetched.
#[derive(Clone, Debug)]
pub struct Errand {
    /// What is wanted.
    pub wanted: Vec<Wanted>,
    /// The environment of commands that fetch: nothing of the step's.
    pub env: BTreeMap<String, String>,
    /// Where commands run, and what files are relative to.
    pub cwd: PathBuf,
}

/// What was fetched.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// The values.
    pub known: Vec<(Name, SecretString)>,
    /// What nobody was asked for, since it is a dry run.
    pub unknown: Vec<Name>,
}

/// The secrets that could not be fetched, each with the reason; never with what was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfetched(pub Vec<(Name, String)>);

impl Display for Unfetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.0.iter().map(|(name, why)| format!("the secret {name} cannot be fetched: {why}"));
        f.write_str(&each.collect::<Vec<_>>().join("; "))
    }
}

/// Fetches secrets one after the other; without `answers` what a person would be asked for stays unknown.
pub(super) async fn fetch(
    errand: Errand,
    answers: Option<&BTreeMap<Name, SecretString>>,
) -> Result<Fetched, Unfetched> {
    let mut fetched = Fetched::default();
    let mut missing = Vec::new();
    for Wanted { name, origin } in errand.wanted {
        let value = match origin {
            Origin::Variable(variable) => from_environment(&variable),
            Origin::File(path) => from_file(errand.cwd.join(path)).await,
            Origin::Program(program) => from_command(&program, &errand.env, &errand.cwd).await,
            Origin::Person => match answers {
                None => {
                    fetched.unknown.push(name);
                    continue;
                }
                Some(answers) => {
                    answers.get(&name).cloned().ok_or_else(|| "nobody was asked for it".to_owned())
                }
            },
        };
        match value.and_then(usable) {
            Ok(value) => fetched.known.push((name, value)),
            Err(why) => missing.push((name, why)),
        }
    }
    if missing.is_empty() { Ok(fetched) } else { Err(Unfetched(missing)) }
}

/// What an errand brings that is not run.
pub(super) fn nothing_of(errand: &Errand) -> Fetched {
    let unknown = errand.wanted.iter().map(|wanted| wanted.name.clone()).collect();
    Fetched { known: Vec::new(), unknown }
}

/// Whether a value can be the value of a variable, and is one at all.
fn usable(value: SecretString) -> Result<SecretString, String> {
    let text = value.expose_secret();
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.contains('\0') {
        return Err("it holds a zero byte, which no variable can".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes; at most {LONGEST} are taken", text.len()));
    }
    Ok(value)
}

fn from_environment(variable: &str) -> Result<SecretString, String> {
    #[expect(clippy::disallowed_methods, reason = "a secret of the plan that comes from the environment")]
    match std::env::var(variable) {
        Ok(value) => Ok(value.into()),
        Err(std::env::VarError::NotPresent) => Err(format!("the variable {variable} is not set")),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("the variable {variable} is not UTF-8")),
    }
}

async fn from_file(path: PathBuf) -> Result<SecretString, String> {
    let read = spawn_blocking(move || read_file(&path));
    match timeout(PATIENCE.as_duration(), read).await {
        Ok(read) => read.unwrap_or_else(|error| Err(error.to_string())),
        Err(_) => Err(late()),
    }
}

fn read_file(path: &Path) -> Result<SecretString, String> {
    let failed = |error: std::io::Error| format!("{}: {}", path.display(), short(&error.to_string()));
    let mut bytes = Vec::with_capacity(4096);
    let limit = LONGEST as u64 + 1;
    std::fs::File::open(path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    text_of(bytes)
}

async fn from_command(
    program: &[String],
    env: &BTreeMap<String, String>,
    cwd: &Path,
) -> Result<SecretString, String> {
    let ran = run::capture(Look { program, env, cwd, timeout: PATIENCE, mask: None }).await?;
    let value = text_of(ran.out)?;
    match ran.failure {
        None => Ok(value),
        // It may have said the secret before it failed, and may say it again in its complaint.
        Some(why) => {
            let printed = [value.expose_secret().to_owned()];
            Err(Mask::new(&printed).map_or(String::new(), |mask| mask.hide(&why)))
        }
    }
}

/// Makes a text of what was read, without the line ends at its end: as `$(…)` in a shell does.
fn text_of(bytes: Vec<u8>) -> Result<SecretString, String> {
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            text.truncate(text.trim_end_matches(['\n', '\r']).len());
            Ok(text.into())
        }
        Err(error) => {
            error.into_bytes().zeroize();
            Err("it is not UTF-8".to_owned())
        }
    }
}

fn late() -> String {
    format!("no answer within {PATIENCE}")
}
