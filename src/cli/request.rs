//! `drplan approve`, `refuse`, `skip`, `retry` and `abort`: what a person says to a run from another terminal.

use super::frozen::Frozen;
use super::session;
use super::{Global, Terminal};
use crate::engine::people_of;
use crate::error::Error;
use crate::event::{RunResult, RunState, StepState};
use crate::exit::Exit;
use crate::journal::{self, Kind, LockError, Request, Writer};
use crate::plan::Action;
use crate::value::{Id, did_you_mean};

/// Arguments of `drplan approve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  drplan approve latest go-live --as ana
  drplan approve latest point-dns --as ivan --note \"A record set at 14:05\"
  drplan approve latest go-live --as ana --refuse --note \"the count of messages is wrong\"")]
pub(super) struct ApproveArgs {
    /// The run: its id, the beginning of it, or `latest`
    pub run: String,
    /// The step
    pub step: String,
    /// Who you are in the plan: the id of a person
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<String>,
    /// Refuse, or say that it cannot be done
    #[arg(long)]
    pub refuse: bool,
    /// In your own words
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Arguments of `drplan skip` and `drplan retry`.
#[derive(Debug, clap::Args)]
pub(super) struct StepArgs {
    /// The run: its id, the beginning of it, or `latest`
    pub run: String,
    /// The step
    pub step: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who you are in the plan: the id of a person
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<String>,
}

/// Arguments of `drplan abort`.
#[derive(Debug, clap::Args)]
pub(super) struct AbortArgs {
    /// The run: its id, the beginning of it, or `latest`
    pub run: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who you are in the plan: the id of a person
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<String>,
}

pub(super) fn approve(args: &ApproveArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let kind = if args.refuse { Kind::Refuse } else { Kind::Approve };
    let target = Target::find(global, &args.run)?;
    let step = target.step(&args.step)?;
    let (frozen, _) = Frozen::read(&target.run_dir)?;
    if !matches!(
        target.state.step(step.as_str()).map(|record| &record.state),
        Some(StepState::Awaiting { .. })
    ) {
        return Err(Error::unable(format!("`{step}` does not wait for an answer")));
    }
    let allowed = match frozen.plan.step(step.as_str()).map(|step| &step.action) {
        Some(Action::Approve(approve)) => people_of(&frozen.plan, &approve.by),
        Some(Action::Manual { by: Some(by), .. }) => people_of(&frozen.plan, std::slice::from_ref(by)),
        _ => Vec::new(),
    };
    let by = who_answers(args.person.as_deref(), &allowed)?;
    target.send(kind, Some(step), args.note.clone(), by, terminal)
}

/// Says who answers; where the plan names people, one of them must be named.
fn who_answers(person: Option<&str>, allowed: &[Id]) -> Result<String, Error> {
    let names = || allowed.iter().map(Id::as_str).collect::<Vec<_>>().join(", ");
    match person {
        Some(person) if allowed.is_empty() || allowed.iter().any(|id| id.as_str() == person) => {
            Ok(person.to_owned())
        }
        Some(person) => {
            let error = Error::unable(format!("{} may not answer this step", person.escape_debug()));
            Err(error.hint(format!("these may: {}", names())))
        }
        None if allowed.is_empty() => Ok(session::account()),
        None => Err(Error::unable("the plan says who may answer this step; say who you are")
            .hint(format!("add --as PERSON, one of: {}", names()))),
    }
}

pub(super) fn skip(args: &StepArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    about_step(Kind::Skip, args, global, terminal)
}

pub(super) fn retry(args: &StepArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    about_step(Kind::Retry, args, global, terminal)
}

fn about_step(kind: Kind, args: &StepArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let reason = given(&args.reason)?;
    let target = Target::find(global, &args.run)?;
    let step = target.step(&args.step)?;
    let by = args.person.clone().unwrap_or_else(session::account);
    target.send(kind, Some(step), Some(reason), by, terminal)
}

/// Gives a run up. Without a controller, this process becomes it for the moment.
pub(super) fn abort(args: &AbortArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let reason = given(&args.reason)?;
    let target = Target::find(global, &args.run)?;
    let by = args.person.clone().unwrap_or_else(session::account);
    let request = Request { reason: Some(reason), ..Request::new(Kind::Abort, &by, session::now()) };
    journal::put(&target.run_dir, &request).map_err(|error| Error::unable(format!("cannot {error}")))?;
    match Writer::vacant(&target.run_dir, &session::holder(&by, session::now())) {
        Err(LockError::Locked { .. }) => {
            terminal.print("asked; the run's controller ends what runs and gives the run up\n")?;
            Ok(Exit::Done)
        }
        Err(error) => Err(Error::unable(format!("cannot {error}"))),
        Ok(()) => {
            let args = super::resume::Args {
                run: target.run.to_string(),
                wait: false,
                format: super::execute::EventFormat::Human,
                plain: true,
            };
            // The request lies in the inbox: whoever takes the run up, hears it first.
            super::resume::run(&args, global, terminal)
                .map(|exit| if exit == Exit::Failed { Exit::Done } else { exit })
        }
    }
}

fn given(reason: &str) -> Result<String, Error> {
    if reason.trim().is_empty() {
        return Err(Error::unable("the reason is empty").hint("say why: it stands in the report"));
    }
    Ok(reason.to_owned())
}

/// The run that a person speaks to.
struct Target {
    run: crate::value::RunId,
    run_dir: std::path::PathBuf,
    state: RunState,
}

impl Target {
    fn find(global: &Global, wanted: &str) -> Result<Self, Error> {
        let (_, runs, run) = super::find_run(global, wanted)?;
        let run_dir = runs.dir(&run);
        let state = super::resume::state_of(&session::read_journal(&run_dir)?)?;
        match state.result {
            None | Some(RunResult::Failed) => Ok(Self { run, run_dir, state }),
            Some(_) => {
                Err(Error::unable(format!("the run {run} is over")).hint("`drplan report` shows how it went"))
            }
        }
    }

    fn step(&self, wanted: &str) -> Result<Id, Error> {
        let known = || self.state.nodes().iter().map(|node| node.id.as_str());
        match self.state.nodes().iter().find(|node| node.id.as_str() == wanted) {
            Some(node) => Ok(node.id.clone()),
            None => {
                let error = Error::unable(format!("the run has no step `{}`", wanted.escape_debug()));
                let hint = did_you_mean(wanted, known());
                Err(error.hint(hint.unwrap_or_else(|| format!("`drplan status {}` lists them", self.run))))
            }
        }
    }

    fn send(
        &self,
        kind: Kind,
        step: Option<Id>,
        reason: Option<String>,
        by: String,
        terminal: &Terminal,
    ) -> Result<Exit, Error> {
        let request = Request { step, reason, ..Request::new(kind, by, session::now()) };
        journal::put(&self.run_dir, &request).map_err(|error| Error::unable(format!("cannot {error}")))?;
        // Asked after the request was left: a controller that has gone by then cannot have heard it.
        let is_left = Writer::vacant(&self.run_dir, &session::holder(&request.by, session::now())).is_ok();
        if is_left {
            terminal.print(&format!(
                "noted; nobody controls the run now: `drplan resume {}` goes on\n",
                self.run
            ))?;
        } else {
            terminal.print("noted; the run's controller hears it\n")?;
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_reason() {
        assert!(given("  ").is_err());
        assert!(given("disk replaced").is_ok());
    }
}
