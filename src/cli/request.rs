//! `drplan approve`, `hand-over`, `skip`, `retry` and `abort`: what a person says to a run from another terminal.

use super::frozen::Frozen;
use super::session;
use super::speech::{Composed, SignArgs, Speech};
use super::{Global, Terminal};
use crate::approval::Decision;
use crate::engine::Hearing;
use crate::error::Error;
use crate::event::{RunResult, RunState};
use crate::exit::Exit;
use crate::journal::{self, LockError, Request, Writer};
use crate::plan::Action;
use crate::value::{Id, did_you_mean};

/// Arguments of `drplan approve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  drplan approve latest go-live --as ana
  drplan approve latest point-dns --as ivan --note \"A record set at 14:05\"
  drplan approve latest find-harm --as ana --output HARMED_AT=2026-11-22T14:05:00Z
  drplan approve latest go-live --as ana --refuse --note \"the count of messages is wrong\"

Where the plan has a key of yours, the answer is signed with it: by your ssh agent, or with ~/.ssh/id_….
To sign on another machine:
  drplan approve latest go-live --as ana --write answer.txt
  ssh-keygen -Y sign -n drplan-approval@v1 -f ~/.ssh/id_ed25519 answer.txt
  drplan approve latest go-live --signed answer.txt")]
pub(super) struct ApproveArgs {
    /// The run: its id, the beginning of it, or `latest`
    pub run: String,
    /// The step
    pub step: String,
    /// Refuse, or say that it cannot be done; needs `--note`
    #[arg(long)]
    pub refuse: bool,
    /// An output of the step (can be given several times); it becomes a part of the note
    #[arg(long = "output", value_name = "NAME=VALUE")]
    pub outputs: Vec<String>,
    /// In your own words
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    #[command(flatten)]
    pub sign: SignArgs,
}

/// Arguments of `drplan hand-over`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  drplan hand-over latest point-dns --as ivan --to ana --note \"the form is filled in, not sent\"")]
pub(super) struct HandOverArgs {
    /// The run: its id, the beginning of it, or `latest`
    pub run: String,
    /// The step
    pub step: String,
    /// Who does it from now on: the id of a person
    #[arg(long, value_name = "PERSON")]
    pub to: Id,
    /// How far it is
    #[arg(long, value_name = "TEXT")]
    pub note: String,
    #[command(flatten)]
    pub sign: SignArgs,
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
    #[command(flatten)]
    pub sign: SignArgs,
}

/// Arguments of `drplan commit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  drplan commit latest
  drplan commit latest --as ana --note \"the shop takes orders\"")]
pub(super) struct CommitArgs {
    /// The run: its id, the beginning of it, or `latest`
    pub run: String,
    /// In your own words
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    #[command(flatten)]
    pub sign: SignArgs,
}

/// Arguments of `drplan abort`.
#[derive(Debug, clap::Args)]
pub(super) struct AbortArgs {
    /// The run: its id, the beginning of it, or `latest`
    pub run: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Take back what was carried out, the last first
    #[arg(long)]
    pub undo: bool,
    #[command(flatten)]
    pub sign: SignArgs,
}

pub(super) fn approve(args: &ApproveArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let target = Target::find(global, &args.run)?;
    let step = target.step(&args.step)?;
    if args.refuse
        && args.note.as_deref().is_none_or(|note| note.trim().is_empty())
        && args.sign.signed.is_none()
    {
        return Err(Error::unable("a refusal says why").hint("add --note TEXT: it stands in the report"));
    }
    let is_manual = target
        .frozen
        .plan
        .step(step.as_str())
        .is_some_and(|step| matches!(*step.action, Action::Manual { .. }));
    let decision = match (args.refuse, is_manual) {
        (false, false) => Decision::Approve,
        (true, false) => Decision::Refuse,
        (false, true) => Decision::Done,
        (true, true) => Decision::Failed,
    };
    let given = args.outputs.iter().map(|output| as_words(output));
    let words: Vec<String> = given.chain(args.note.clone().map(Ok)).collect::<Result<_, _>>()?;
    let note = (!words.is_empty()).then(|| words.join("\n"));
    let speech = Speech { decision, step: Some(step), to: None, note };
    target.send(speech, &args.sign, terminal)
}

/// Writes an output as it stands in a note: a value with spaces in it as a JSON string.
fn as_words(output: &str) -> Result<String, Error> {
    let Some((name, value)) = output.split_once('=') else {
        let error = Error::unable(format!("`--output {}` is not NAME=VALUE", output.escape_debug()));
        return Err(error.hint("such as: --output HOST_IP=10.0.0.7"));
    };
    if value.starts_with('"') || value.contains(char::is_whitespace) {
        return Ok(format!("{name}={}", serde_json::Value::from(value)));
    }
    Ok(output.to_owned())
}

pub(super) fn hand_over(args: &HandOverArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let note = given(&args.note)?;
    let target = Target::find(global, &args.run)?;
    let step = target.step(&args.step)?;
    let speech = Speech {
        decision: Decision::HandOver,
        step: Some(step),
        to: Some(args.to.clone()),
        note: Some(note),
    };
    target.send(speech, &args.sign, terminal)
}

pub(super) fn skip(args: &StepArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    about_step(Decision::Skip, args, global, terminal)
}

pub(super) fn retry(args: &StepArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    about_step(Decision::Retry, args, global, terminal)
}

fn about_step(
    decision: Decision,
    args: &StepArgs,
    global: &Global,
    terminal: &Terminal,
) -> Result<Exit, Error> {
    let reason = given(&args.reason)?;
    let target = Target::find(global, &args.run)?;
    let step = target.step(&args.step)?;
    let speech = Speech { decision, step: Some(step), to: None, note: Some(reason) };
    target.send(speech, &args.sign, terminal)
}

/// Decides that what a held run has done stays. Without a controller, this process becomes it for the moment.
pub(super) fn commit(args: &CommitArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let target = Target::find(global, &args.run)?;
    if !target.state.is_held() {
        let error = Error::unable(format!("the run {} does not wait for this decision", target.run));
        return Err(error.hint(format!("`drplan status {}` shows where it stands", target.run)));
    }
    let speech = Speech { decision: Decision::Commit, step: None, to: None, note: args.note.clone() };
    let Some(request) = target.compose(speech, &args.sign, terminal)? else { return Ok(Exit::Done) };
    target.ask_or_take_up(&request, "asked; the run's controller ends the run\n", false, global, terminal)
}

/// Gives a run up. Without a controller, this process becomes it for the moment.
pub(super) fn abort(args: &AbortArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let reason = given(&args.reason)?;
    let target = Target::find(global, &args.run)?;
    let decision = if args.undo { Decision::Undo } else { Decision::Abort };
    let speech = Speech { decision, step: None, to: None, note: Some(reason) };
    let Some(request) = target.compose(speech, &args.sign, terminal)? else { return Ok(Exit::Done) };
    let asked = if args.undo {
        "asked; the run's controller ends what runs, and takes back what was carried out\n"
    } else {
        "asked; the run's controller ends what runs and gives the run up\n"
    };
    let exit = target.ask_or_take_up(&request, asked, args.undo, global, terminal)?;
    // That it was given up is what was asked; that something is left to be done by hand is not.
    let left = || {
        session::report_of(&target.run_dir)
            .map(|report| report.undone.is_some_and(|undone| !undone.left.is_empty()))
    };
    Ok(if exit == Exit::Failed && !left()? { Exit::Done } else { exit })
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
    frozen: Frozen,
}

impl Target {
    fn find(global: &Global, wanted: &str) -> Result<Self, Error> {
        let (_, runs, run) = super::find_run(global, wanted)?;
        let run_dir = runs.dir(&run);
        let state = super::resume::state_of(&session::read_journal(&run_dir)?)?;
        if !matches!(state.result, None | Some(RunResult::Failed)) {
            let error = Error::unable(format!("the run {run} is over"));
            return Err(error.hint("`drplan report` shows how it went"));
        }
        let (mut frozen, hash) = Frozen::read(&run_dir)?;
        if state.start.as_ref().is_some_and(|start| start.plan_hash != hash) {
            let error = Error::unable(format!("what the run {run} was frozen into has been changed since"));
            return Err(error.hint("restore frozen/run.json from a copy of the run's folder"));
        }
        frozen.add_undos(&state);
        Ok(Self { run, run_dir, state, frozen })
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

    /// Makes the request; nothing if it is to be signed elsewhere first.
    fn compose(
        &self,
        speech: Speech,
        sign: &SignArgs,
        terminal: &Terminal,
    ) -> Result<Option<Request>, Error> {
        let Some(start) = self.state.start.as_deref() else {
            return Err(Error::unable(format!("the run {} never began: its journal is empty", self.run)));
        };
        let hearing = Hearing { plan: &self.frozen.plan, start, state: &self.state };
        match speech.request(&hearing, sign, terminal)? {
            Composed::Request(request) => Ok(Some(*request)),
            Composed::Written => Ok(None),
            Composed::Refused(request, error) => {
                // Who tried what is on record; a run that is over records nothing more.
                if self.state.result.is_none() {
                    journal::put(&self.run_dir, &request)
                        .map_err(|error| Error::unable(format!("cannot {error}")))?;
                }
                Err(error)
            }
        }
    }

    /// Leaves a request about the whole run to its controller; without one, this process takes the run up.
    fn ask_or_take_up(
        &self,
        request: &Request,
        asked: &str,
        undo: bool,
        global: &Global,
        terminal: &Terminal,
    ) -> Result<Exit, Error> {
        journal::put(&self.run_dir, request).map_err(|error| Error::unable(format!("cannot {error}")))?;
        match Writer::vacant(&self.run_dir, &session::holder(&request.by, session::now())) {
            Err(LockError::Locked { .. }) => {
                terminal.print(asked)?;
                Ok(Exit::Done)
            }
            Err(error) => Err(Error::unable(format!("cannot {error}"))),
            Ok(()) => {
                let args = super::resume::Args {
                    run: self.run.to_string(),
                    wait: false,
                    format: super::execute::EventFormat::Human,
                    plain: true,
                    take_over: None,
                    undo,
                };
                // The request lies in the inbox: whoever takes the run up, hears it first.
                super::resume::run(&args, global, terminal)
            }
        }
    }

    fn send(&self, speech: Speech, sign: &SignArgs, terminal: &Terminal) -> Result<Exit, Error> {
        let Some(request) = self.compose(speech, sign, terminal)? else { return Ok(Exit::Done) };
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
