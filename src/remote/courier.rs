//! Carries out one errand at a host, over as many connections as it takes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};

use super::errand::{Attempt, Errand, Task, VARIABLE};
use super::note::{self, Note};
use super::reading::{Reading, Word};
use super::road::Road;
use super::sockets::Shared;
use super::text::{nonce, random};
use super::visit::{End, visit, visit_once};
use super::{Host, text};
use crate::keeper;
use crate::value::Length;

/// For how long a host that was never reached is tried.
const FIRST_CONTACT: Length = Length::from_secs(30);

/// The pauses between tries grow from the first to the second, in milliseconds.
const PAUSES: (u64, u64) = (200, 10_000);

/// How long what is ended on a host may tidy up: less than the keeper gives us.
const GRACE: Length = Length::from_secs(7);

/// What no second try mends.
const HOPELESS: [&str; 7] = [
    "Host key verification failed",
    "REMOTE HOST IDENTIFICATION HAS CHANGED",
    "Permission denied",
    "Could not resolve hostname",
    "Bad configuration option",
    "Too many authentication failures",
    "no matching host key type",
];

/// Carries out the errand in the environment, and returns the exit code: of an attempt, its own.
pub fn run_errand() -> i32 {
    keeper::seal();
    match try_errand() {
        Ok(code) => code,
        Err(Failed { why, is_look }) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr().lock(), "drplan: {why}");
            if is_look {
                // No exit code is free to say that the command was never carried out.
                std::process::abort();
            }
            1
        }
    }
}

struct Failed {
    why: String,
    is_look: bool,
}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self { why, is_look: false }
    }
}

impl From<&str> for Failed {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

fn try_errand() -> Result<i32, Failed> {
    let in_words =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let mut env: BTreeMap<String, String> = std::env::vars_os().filter_map(in_words).collect();
    let errand: Errand = serde_json::from_str(&env.remove(VARIABLE).unwrap_or_default())
        .map_err(|_| format!("{VARIABLE} does not hold an errand of this drplan"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot wait for anything: {error}"))?;
    let folder = env.get("DRPLAN_OUTPUT").map(PathBuf::from);
    let shared = Shared::of(&errand.host, &errand.run, &env);
    match errand.task {
        Task::Attempt(attempt) => {
            // Without the keeper nobody reads what we print: the next courier finds the attempt again.
            let parent = getppid();
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
            if getppid() != parent {
                return Err("the keeper is gone".into());
            }
            let folder = folder.as_deref().and_then(Path::parent).ok_or("DRPLAN_OUTPUT is not set")?;
            let again = attempt.again;
            let shared = match shared {
                Ok(shared) => shared,
                Err(why) => {
                    let note =
                        if again { Note::Interrupted(why.clone()) } else { Note::NotStarted(why.clone()) };
                    note::leave(folder, &note).map_err(|error| format!("cannot write the note: {error}"))?;
                    return Err(why.into());
                }
            };
            let courier = Courier {
                host: errand.host,
                run: errand.run,
                shared,
                env,
                attempt: *attempt,
                folder,
                contact: again,
            };
            Ok(runtime.block_on(courier.go())?)
        }
        Task::Look(look) => {
            let make = |nonce: &str| text::look(&look, &errand.run, nonce);
            let looked = shared.and_then(|shared| {
                let road = Road { host: &errand.host, shared: &shared, env: &env };
                runtime.block_on(visit_once(&road, make, &mut hand_on))
            });
            looked.map_err(|why| Failed { why, is_look: true })
        }
    }
}

/// A courier on its way with an attempt.
struct Courier<'f> {
    host: Host,
    run: String,
    shared: Shared,
    env: BTreeMap<String, String>,
    attempt: Attempt,
    /// The attempt's folder on this machine.
    folder: &'f Path,
    /// Whether the host may have heard of the attempt.
    contact: bool,
}

/// How far the ending of an attempt is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    /// It must be told to end.
    Asked,
    /// It was told, at this time of the boot clock.
    Told(u64),
    /// What does not end was ended.
    Killed,
}

impl Stopping {
    /// What must be sent to the host now.
    fn signal(self) -> Option<&'static str> {
        match self {
            Self::Asked => Some("TERM"),
            Self::Told(at) if keeper::boot_ms() >= at + GRACE.as_millis() => Some("KILL"),
            Self::No | Self::Told(_) | Self::Killed => None,
        }
    }

    /// How many milliseconds it may still take; nothing if it may take any time.
    fn patience(self) -> Option<u64> {
        match self {
            Self::Told(at) => {
                (at + GRACE.as_millis()).checked_sub(keeper::boot_ms()).filter(|left| *left > 0)
            }
            Self::No | Self::Asked | Self::Killed => None,
        }
    }
}

impl Courier<'_> {
    /// Goes, and leaves a note where there is no exit code of the step to bring.
    async fn go(mut self) -> Result<i32, String> {
        // Until the host has said how it ended, nobody may take it for ended.
        note::begin(self.folder).map_err(|error| format!("cannot write the note: {error}"))?;
        let gone = self.try_go().await;
        match gone {
            Ok(Ok(code)) => self.leave(Note::Ended(code)),
            Ok(Err(note)) => self.leave(note),
            Err(why) if self.contact => self.leave(Note::Interrupted(why)),
            Err(why) => self.leave(Note::NotStarted(why)),
        }
    }

    async fn try_go(&mut self) -> Result<Result<i32, Note>, String> {
        let mut asked =
            signal(SignalKind::terminate()).map_err(|error| format!("cannot hear signals: {error}"))?;
        let began = keeper::boot_ms();
        let mut counts = [0, 0];
        let mut pause = PAUSES.0;
        let mut stopping = if self.attempt.find { Stopping::Asked } else { Stopping::No };
        let (mut was_broken, mut was_untold) = (false, false);
        loop {
            let road = Road { host: &self.host, shared: &self.shared, env: &self.env };
            let nonce = nonce()?;
            let mut streams = [Reading::new(&nonce, counts[0]), Reading::new(&nonce, counts[1])];
            let signal = stopping.signal();
            let text = match signal {
                Some(signal) => text::stop(&self.attempt, &self.run, &nonce, signal),
                None => {
                    let find = self.attempt.find || stopping != Stopping::No;
                    text::visit(&self.attempt, &self.run, &nonce, &random()?, counts, find)?
                }
            };
            let mut deliver = hand_on;
            let end = tokio::select! {
                end = visit(&road, &nonce, &text, &mut streams, &mut deliver) => Some(end?),
                _ = asked.recv(), if stopping == Stopping::No => {
                    stopping = Stopping::Asked;
                    None
                }
                () = wait(stopping.patience().unwrap_or_default()), if stopping.patience().is_some() => None,
            };
            counts = [streams[0].count, streams[1].count];
            let Some(end) = end else { continue };
            match end {
                End::Said(Word::Over(_)) if signal.is_some() => {
                    stopping = match stopping {
                        Stopping::Asked => Stopping::Told(keeper::boot_ms()),
                        _ => Stopping::Killed,
                    };
                }
                End::Said(Word::Over(_)) if streams.iter().any(|stream| stream.has_gap) => {}
                End::Said(Word::Over(code)) => {
                    if matches!(stopping, Stopping::Told(_)) {
                        self.end_the_rest(&road).await;
                    }
                    return self.bring(&streams[0].output, code).map(Ok);
                }
                End::Said(word) => return Ok(Err(self.give_up(word))),
                End::Broken { why, was_told } => {
                    self.contact |= was_told;
                    let is_late = keeper::boot_ms().saturating_sub(began) > FIRST_CONTACT.as_millis();
                    let is_hopeless = HOPELESS.iter().any(|words| why.contains(words));
                    if !self.contact && (is_hopeless || is_late || stopping != Stopping::No) {
                        let why = format!("{} cannot be reached: {why}", self.host.place);
                        return Ok(Err(Note::NotStarted(why)));
                    }
                    if self.attempt.find && is_late {
                        let why = format!("{} could not be told to end it: {why}", self.host.place);
                        return Ok(Err(Note::Interrupted(why)));
                    }
                    if self.contact && !was_broken {
                        was_broken = true;
                        let _ = writeln!(
                            std::io::stderr().lock(),
                            "drplan: the connection to {} is lost ({why}); the work there goes on, and is found again",
                            self.host.place
                        );
                    }
                    if stopping == Stopping::Asked && !was_untold {
                        was_untold = true;
                        let _ = writeln!(
                            std::io::stderr().lock(),
                            "drplan: {} could not be told to end it ({why}); it may still run there",
                            self.host.place
                        );
                    }
                    tokio::select! {
                        () = wait(pause) => {}
                        _ = asked.recv(), if stopping == Stopping::No => stopping = Stopping::Asked,
                    }
                    pause = (pause * 2).min(PAUSES.1);
                    continue;
                }
            }
            pause = PAUSES.0;
        }
    }

    /// What was told to end has ended; what it has left behind ends with it.
    async fn end_the_rest(&self, road: &Road<'_>) {
        let Ok(nonce) = nonce() else { return };
        let text = text::stop(&self.attempt, &self.run, &nonce, "KILL");
        let mut streams = [Reading::new(&nonce, 0), Reading::new(&nonce, 0)];
        // If the connection breaks just now the keeper's patience ends it.
        let _ = visit(road, &nonce, &text, &mut streams, &mut |_, _| Ok(())).await;
    }

    /// Brings home what an attempt that has ended leaves.
    #[expect(clippy::disallowed_methods, reason = "the courier writes into the attempt's folder")]
    fn bring(&self, output: &[u8], code: Option<i32>) -> Result<i32, String> {
        if !output.is_empty() {
            std::fs::write(self.folder.join("output"), output)
                .map_err(|error| format!("cannot write what it gives: {error}"))?;
        }
        code.ok_or_else(|| "what its host says of its end makes no sense".to_owned())
    }

    fn give_up(&self, word: Word) -> Note {
        let place = &self.host.place;
        let started = |why: String| Note::Interrupted(why);
        match word {
            Word::Stopped => started(format!("it was ended on {place} when the run was stopped")),
            Word::Absent => Note::NotStarted(format!("it was never started on {place}")),
            Word::Gone => {
                started(format!("it was started on {place}, and nothing of it runs there any more"))
            }
            Word::Rebooted => started(format!("{place} was started anew while it ran")),
            Word::Lacks(tools) => Note::NotStarted(format!("{place} lacks what a step needs there: {tools}")),
            Word::Cannot(why) => Note::NotStarted(format!("{place} cannot {why}")),
            Word::Ready | Word::Here | Word::Over(_) => started(format!("what {place} says makes no sense")),
        }
    }

    fn leave(&self, note: Note) -> Result<i32, String> {
        note::leave(self.folder, &note).map_err(|error| format!("cannot write the note: {error}"))?;
        match note {
            Note::NotStarted(why) | Note::Interrupted(why) => Err(why),
            Note::Ended(code) => Ok(code),
            Note::Underway => Err("nothing was heard of its end".to_owned()),
        }
    }
}

/// Hands what the step has printed on to the keeper, which masks and keeps it.
fn hand_on(stream: usize, bytes: &[u8]) -> std::io::Result<()> {
    if stream == 0 {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    } else {
        std::io::stderr().lock().write_all(bytes)
    }
}

/// Waits, also while the machine sleeps.
pub(super) async fn wait(millis: u64) {
    if keeper::wait(Length::from_millis(millis)).await.is_err() {
        #[expect(
            clippy::disallowed_methods,
            reason = "without a timer of the boot clock the usual one must do"
        )]
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
