//! Carries out a question: looks, and changes nothing.

use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::inspect::inspect;
use super::run::{self, Look};
use super::words::{fill, short, unknown_in};
use super::{Env, Question, Reply, afar, file, http};
use crate::keeper::Mask;
use crate::probe::{Command, ProbeKind};
use crate::value::{Length, Text};

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
        return Box::pin(inspect(if confine { before } else { &[] }, question)).await.into();
    }
    match mask_of(&question.env) {
        Ok(None) => look(before, question, None).await,
        Ok(Some(mask)) => match look(before, question, Some(mask.clone())).await {
            Reply::Yes(found) => Reply::Yes(mask.hide(&found)),
            Reply::No(found) => Reply::No(mask.hide(&found)),
            Reply::Unknown(why) => Reply::Unknown(mask.hide(&why)),
            Reply::Broken(why) => Reply::Broken(mask.hide(&why)),
        },
        Err(why) => Reply::Broken(why),
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
    let Question { probe, env, cwd, shell, moot: _, afar } = question;
    let limit = probe.timeout;
    let answered = match probe.kind {
        ProbeKind::Run(command) => {
            let program = match command {
                Command::Shell(text) => shell.into_iter().chain([text.to_string()]).collect(),
                Command::Program(words) => words,
            };
            // A command that asks for a value nobody has yet would only fail for that.
            if let Some(reply) = program.iter().find_map(|word| unknown_in(&Text::new(word.as_str()), &env)) {
                return reply;
            }
            if let Some(afar) = afar {
                return afar::run(&afar, program, &env.values, &cwd, limit, mask, &probe.expect).await;
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
                let afar = afar.as_deref();
                let look = file::Look { expect: &probe.expect, env: &env, cwd: &cwd, limit, afar, mask };
                return file::look(&path, look).await.into();
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
        Err(_) => Err(file::late(limit)),
    }
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
