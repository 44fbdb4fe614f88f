//! Carries out a question: looks, and changes nothing.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::inspect::{Inspection, Verdict, inspect};
use super::run::{self, Look};
use super::words::{fill, short, unknown_in};
use super::{Env, Question, Reply, http};
use crate::keeper::{self, Mask};
use crate::probe::{Command, Expect, ProbeKind};
use crate::value::{Length, Moment, Text};

/// Asks a question and returns the answer, without the secrets that were used to ask it.
pub(super) async fn ask(question: Question) -> Reply {
    ask_after(&[], question).await
}

/// Asks a question as [`ask`] does; these words come before the program of a command.
pub(super) async fn ask_after(before: &[String], question: Question) -> Reply {
    if let Some(why) = question.moot {
        return Reply::Unknown(why);
    }
    if question.probe.asked.is_some() {
        let confine = question.probe.asked.as_ref().is_some_and(|asked| asked.confine);
        let Inspection { verdict, note, .. } =
            Box::pin(inspect(if confine { before } else { &[] }, question)).await;
        return match verdict {
            Verdict::Good => Reply::Yes(note),
            Verdict::Bad => Reply::No(note),
            // A look that failed is no answer, and never a good one.
            Verdict::Unknown => Reply::No(format!("cannot be known: {note}")),
        };
    }
    match mask_of(&question.env) {
        Ok(None) => look(before, question, None).await,
        Ok(Some(mask)) => match look(before, question, Some(mask.clone())).await {
            Reply::Yes(found) => Reply::Yes(mask.hide(&found)),
            Reply::No(found) => Reply::No(mask.hide(&found)),
            Reply::Unknown(why) => Reply::Unknown(mask.hide(&why)),
        },
        Err(why) => Reply::No(why),
    }
}

pub(super) fn mask_of(env: &Env) -> Result<Option<Mask>, String> {
    let secrets: Vec<String> = env.secret.iter().filter_map(|name| env.values.get(name).cloned()).collect();
    if secrets.is_empty() {
        return Ok(None);
    }
    let mask = Mask::new(&secrets).map_err(|error| format!("cannot mask its secrets: {error}"))?;
    Ok(Some(mask))
}

async fn look(before: &[String], question: Question, mask: Option<Mask>) -> Reply {
    let Question { probe, env, cwd, shell, moot: _ } = question;
    let limit = probe.timeout;
    let answered = match probe.kind {
        ProbeKind::Run(command) => {
            let program = match command {
                Command::Shell(text) => shell.into_iter().chain([text]).collect(),
                Command::Program(words) => words,
            };
            // A command that asks for a value nobody has yet would only fail for that.
            if let Some(reply) = program.iter().find_map(|word| unknown_in(&Text::new(word), &env)) {
                return reply;
            }
            let program: Vec<String> = before.iter().cloned().chain(program).collect();
            let look = Look { program: &program, env: &env.values, cwd: &cwd, timeout: limit, mask };
            return run::run(look, &probe.expect).await;
        }
        ProbeKind::Http(request) => match http::fill_request(&request, &env) {
            Ok(request) => {
                let asked = spawn_blocking(move || {
                    let response = http::send(&request, Some(limit.as_duration()))?;
                    http::judge(&response, &probe.expect)
                });
                within(limit, async { asked.await.unwrap_or_else(|error| Err(error.to_string())) }).await
            }
            Err(reply) => return reply,
        },
        ProbeKind::Tcp(address) => match fill(&address, &env) {
            Ok(address) => within(limit, connect(&address)).await,
            Err(reply) => return reply,
        },
        ProbeKind::File(path) => match fill(&path, &env) {
            Ok(path) => {
                let path = cwd.join(path);
                let looked = spawn_blocking(move || look_at_file(&path, &probe.expect, limit));
                within(limit, async { looked.await.unwrap_or_else(|error| Err(error.to_string())) }).await
            }
            Err(reply) => return reply,
        },
        ProbeKind::Use(recipe, _) => {
            return Reply::No(format!("the recipe {recipe} was not resolved when the run began"));
        }
    };
    match answered {
        Ok(found) => Reply::Yes(found),
        Err(found) => Reply::No(found),
    }
}

async fn within(
    limit: Length,
    answer: impl Future<Output = Result<String, String>>,
) -> Result<String, String> {
    match timeout(limit.as_duration(), answer).await {
        Ok(answer) => answer,
        Err(_) => Err(late(limit)),
    }
}

fn late(limit: Length) -> String {
    format!("no answer within {limit}")
}

async fn connect(address: &str) -> Result<String, String> {
    let shown = short(address);
    let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    let Some(Ok(_)) = port else {
        return Err(format!("`{shown}` is not host:port"));
    };
    match TcpStream::connect(address).await {
        Ok(_) => Ok(format!("{shown} answers")),
        Err(error) => Err(format!("{shown}: {}", http::explain_io(&error))),
    }
}

fn look_at_file(path: &Path, expect: &Expect, limit: Length) -> Result<String, String> {
    let shown = path.display();
    let wanted = expect.exists.unwrap_or(true);
    let metadata = match path.metadata() {
        Ok(_) if !wanted => return Err(format!("{shown} is there")),
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !wanted => {
            return Ok(format!("{shown} is not there"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("{shown} is not there"));
        }
        Err(error) => return Err(cannot_look(shown, &error)),
    };
    let mut found = format!("{shown} is there");
    let looks_inside = expect.min_bytes.is_some() || expect.sha256.is_some();
    if looks_inside && !metadata.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    if let Some(least) = expect.min_bytes {
        let size = metadata.len();
        if size < least {
            return Err(format!("{shown} has {size} bytes, fewer than {least}"));
        }
        found.push_str(&format!(", has {size} bytes"));
    }
    if let Some(oldest) = expect.max_age {
        let written = Moment::from_unix_millis(
            metadata.mtime().saturating_mul(1000).saturating_add(metadata.mtime_nsec() / 1_000_000),
        );
        // What another machine's clock dates a moment ahead is new.
        let age = keeper::stamp().at.since(written).unwrap_or(Length::ZERO);
        if age > oldest {
            return Err(format!("{shown} was written {} ago, longer than {oldest}", age.rounded()));
        }
        found.push_str(&format!(", was written {} ago", age.rounded()));
    }
    if let Some(wanted) = &expect.sha256 {
        let sum = sha256(path, limit)?;
        if sum != wanted.as_str() {
            return Err(format!("{shown} has the SHA-256 {sum}"));
        }
        found.push_str(", has the expected SHA-256");
    }
    Ok(found)
}

fn cannot_look(shown: impl Display, error: &std::io::Error) -> String {
    format!("cannot look at {shown}: {}", short(&error.to_string()))
}

fn sha256(path: &Path, limit: Length) -> Result<String, String> {
    let failed = |error: std::io::Error| cannot_look(path.display(), &error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 128 * 1024];
    let end = Duration::from_millis(keeper::boot_ms()) + limit.as_duration();
    loop {
        // Nobody waits for the sum any more once the time is up.
        if Duration::from_millis(keeper::boot_ms()) > end {
            return Err(late(limit));
        }
        match file.read(&mut part) {
            Ok(0) => break,
            Ok(count) => hash.update(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let mut sum = String::with_capacity(64);
    for byte in hash.finalize() {
        sum.push_str(&format!("{byte:02x}"));
    }
    Ok(sum)
}
