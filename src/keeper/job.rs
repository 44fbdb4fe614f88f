//! One attempt while the keeper holds it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use rustix::process::{Pid, Signal, WaitStatus};
use tokio::task::AbortHandle;

use super::family::Family;
use super::folder::{self, Intent, ProcessRecord};
use super::mask::Mask;
use super::message::{Cause, Exit, Job, Outcome, Refusal, VERSION};
use super::process;
use super::stream::Stream;
use super::{clock, message};
use crate::value::{Id, Length, Stamp};

/// The name of an attempt.
pub(super) type Key = (Id, u32);

/// What came of a request to start.
pub(super) enum Begun {
    /// It runs.
    Running(Box<Running>),
    /// It was recorded, and the system would not start it.
    Ended(Outcome),
    /// Nothing was done.
    Refused(Refusal),
}

/// An attempt whose process was started and whose outcome is not yet written.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) pid: Pid,
    pub(super) streams: [Rc<Stream>; 2],
    pub(super) timeout: Option<Length>,
    pub(super) grace: Length,
    pub(super) cause: Cause,
    /// How its own process ended; others that it started may still have to be ended.
    pub(super) exit: Option<Exit>,
    /// Timers and whoever else ends with it.
    pub(super) tasks: Vec<AbortHandle>,
    /// Whether no other step has run beside it.
    pub(super) is_alone: bool,
    /// When its process was started, in ticks of `/proc/PID/stat`; 0 if that could not be read.
    start_time: u64,
    /// What it has started, as far as that was seen when it was ended.
    seen: RefCell<BTreeSet<(i32, u64)>>,
    key: Key,
    mask: Mask,
    folder: PathBuf,
    token: String,
    started: Stamp,
    session: Pid,
}

/// Records the intent, starts the process and records it.
pub(super) fn begin(job: &Job, run_dir: &std::path::Path, session: Pid) -> Begun {
    let mask = match Mask::new(&job.secrets) {
        Ok(mask) => mask,
        Err(error) => return Begun::Refused(Refusal::Malformed(error.to_string())),
    };
    let token = match new_token() {
        Ok(token) => token,
        Err(error) => return Begun::Refused(Refusal::Unrecorded(error.to_string())),
    };
    let attempt_folder = folder::attempt_folder(run_dir, &job.step, job.attempt);
    if job.again
        && let Err(error) = folder::clear(&attempt_folder)
    {
        return Begun::Refused(Refusal::Unrecorded(error.to_string()));
    }
    let started = clock::stamp();
    let intent = Intent {
        v: VERSION,
        step: job.step.clone(),
        attempt: job.attempt,
        at: started.clone(),
        token: token.clone(),
        timeout: job.timeout,
    };
    let recorded =
        folder::create(&attempt_folder).and_then(|()| folder::write_intent(&attempt_folder, &intent));
    match recorded {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Begun::Refused(Refusal::AlreadyStarted);
        }
        Err(error) => return Begun::Refused(Refusal::Unrecorded(error.to_string())),
        Ok(()) => {}
    }
    let spawned = match process::spawn(job, &attempt_folder, &token) {
        Ok(spawned) => spawned,
        Err(why) => {
            let outcome = Outcome {
                step: job.step.clone(),
                attempt: job.attempt,
                exit: Exit::NotStarted(why),
                cause: Cause::Ended,
                pid: None,
                started,
                ended: clock::stamp(),
                stdout_bytes: 0,
                stderr_bytes: 0,
                lost_bytes: 0,
                told_secret: false,
            };
            write_outcome(&attempt_folder, &outcome);
            return Begun::Ended(outcome);
        }
    };
    // Nobody reaps it before we return, so its record in `/proc` is there even if it has ended.
    let pid = spawned.pid.as_raw_nonzero().get();
    let start_time = process::start_time(pid).ok().flatten().unwrap_or(0);
    let record = ProcessRecord::new(pid, start_time, &token);
    if let Err(error) = folder::write_process(&attempt_folder, &record) {
        log(&format!("{} {}: cannot write the process record: {error}", job.step, job.attempt));
    }
    let stream = |pipe, name| Stream::new(pipe, mask.clone(), attempt_folder.join(name)).map(Rc::new);
    let streams = match (stream(spawned.stdout, "stdout"), stream(spawned.stderr, "stderr")) {
        (Ok(stdout), Ok(stderr)) => [stdout, stderr],
        (Err(error), _) | (_, Err(error)) => {
            // Out of file descriptors for the runtime: what cannot be watched must not run.
            let _ = rustix::process::kill_process_group(spawned.pid, Signal::KILL);
            return Begun::Refused(Refusal::Unrecorded(error.to_string()));
        }
    };
    Begun::Running(Box::new(Running {
        pid: spawned.pid,
        streams,
        timeout: job.timeout,
        grace: job.grace,
        cause: Cause::Ended,
        exit: None,
        tasks: Vec::new(),
        key: (job.step.clone(), job.attempt),
        is_alone: false,
        start_time,
        seen: RefCell::default(),
        mask,
        folder: attempt_folder,
        token,
        started,
        session,
    }))
}

impl Running {
    /// Sends a signal to all that it started.
    pub(super) fn signal(&self, signal: Signal) {
        self.family().signal(signal);
    }

    /// Whether something that must be ended still runs. Success kills nothing and waits for nothing.
    pub(super) fn must_wait(&self) -> bool {
        self.exit.is_none() || (self.cause != Cause::Ended && self.family().is_alive())
    }

    fn family(&self) -> Family<'_> {
        let led = self.exit.is_none();
        Family {
            token: &self.token,
            group: self.pid,
            led,
            session: self.session.as_raw_nonzero().get(),
            alone_since: self.is_alone.then_some(self.start_time).filter(|start| *start > 0),
            seen: &self.seen,
        }
    }

    /// Completes the output and writes the outcome.
    pub(super) fn conclude(mut self) -> (Outcome, [Rc<Stream>; 2]) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        let mut bytes = [0; 2];
        let mut lost_bytes = 0;
        for (stream, bytes) in self.streams.iter().zip(&mut bytes) {
            stream.settle();
            let (total, lost) = stream.counts();
            *bytes = total;
            lost_bytes += lost;
        }
        let told_secret = !self.mask.is_empty() && folder::mask_output(&self.folder, &self.mask);
        let outcome = Outcome {
            step: self.key.0,
            attempt: self.key.1,
            exit: self.exit.unwrap_or_else(|| Exit::NotStarted("it was never seen to end".to_owned())),
            cause: self.cause,
            pid: Some(self.pid.as_raw_nonzero().get()),
            started: self.started,
            ended: clock::stamp(),
            stdout_bytes: bytes[0],
            stderr_bytes: bytes[1],
            lost_bytes,
            told_secret,
        };
        write_outcome(&self.folder, &outcome);
        (outcome, self.streams)
    }
}

fn write_outcome(folder: &std::path::Path, outcome: &Outcome) {
    // The controller is told all the same, and the journal is what counts.
    if let Err(error) = folder::write_outcome(folder, outcome) {
        log(&format!("{} {}: cannot write the outcome: {error}", outcome.step, outcome.attempt));
    }
}

pub(super) fn exit_of(status: WaitStatus) -> message::Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Code(-1),
    }
}

fn new_token() -> rustix::io::Result<String> {
    let mut random = [0u8; 16];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    Ok(format!("{:032x}", u128::from_le_bytes(random)))
}

/// Tells `keeper.log`, which standard error is.
pub(super) fn log(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{} {text}", clock::stamp().at);
}
