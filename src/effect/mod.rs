//! The seam to the world: the one room through which the engine touches it.
//!
//! [`Effects::ask`] and its like only look; [`Effects::act`] and its like change something. A dry run is
//! another implementation that never acts, so the engine has no way to tell the two apart.

mod afar;
mod archive;
mod ask;
mod confine;
mod conversation;
mod demand;
mod desk;
mod digest;
mod dry;
mod facts;
mod file;
mod holding;
mod http;
mod http_step;
mod inspect;
mod listing;
mod live;
mod person;
mod points;
mod proof;
mod remote_step;
mod run;
#[cfg(test)]
mod scripted;
mod secrets;
mod signals;
mod stock;
mod tell;
#[cfg(test)]
mod tests;
#[cfg(feature = "otel")]
mod traces;
mod words;

pub use afar::{Afar, is_of_the_machine};
pub use confine::become_confined;
pub use demand::{Demand, Need};
pub use desk::{Answers, Desk};
pub use digest::Digests;
pub use dry::{Dry, DrySetup};
pub use http_step::{carry_out_request, request_job};
pub use inspect::{Inspection, Inspector, Verdict, give_time, scrub};
pub use listing::{Listed, Listing, Measure, Stored, Unlisted};
pub use live::{Live, LiveSetup};
pub use points::{Group, Search};
pub use proof::Prove;
pub use remote_step::{RemoteStep, attempt_name, carry_out_errand, remote_job};
#[cfg(test)]
pub(crate) use scripted::Scripted;
pub use secrets::{Errand, Fetched, Origin, Unfetched, Wanted};
pub use signals::Signals;
pub use stock::{Folder, Vault};
pub use tell::{Address, Channel, Message, Way, deliver_all};
#[cfg(feature = "otel")]
pub use traces::Collector;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::approval::{Decision, Key, Matter};
use crate::event::{Check, Confined, Delivery};
use crate::journal;
use crate::keeper;
use crate::probe::Probe;
pub use crate::remote::{COURIER, Host, TOOLS as HOST_TOOLS};
use crate::value::{Id, Length, Moment, Name, Stamp};

/// The values that a command, a probe or a text gets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env {
    /// The complete environment.
    pub values: BTreeMap<String, String>,
    /// Names whose values are not known, because the step that gives them did not really run.
    pub unknown: Vec<String>,
    /// Names whose values are secrets: nothing that is told may hold them.
    pub secret: Vec<String>,
}

/// Shows names alone: a value may be a secret.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.values.keys().collect();
        f.debug_struct("Env").field("names", &names).field("unknown", &self.unknown).finish_non_exhaustive()
    }
}

/// Something that changes the world: a command that the keeper holds.
#[derive(Clone)]
pub struct Work {
    /// The step.
    pub step: Id,
    /// Counts from 1.
    pub attempt: u32,
    /// The program and its arguments.
    pub program: Vec<String>,
    /// Its complete environment.
    pub env: BTreeMap<String, String>,
    /// What must not stand in anything that it prints.
    pub secrets: Vec<SecretString>,
    /// Where it runs.
    pub cwd: PathBuf,
    /// How long it may take.
    pub timeout: Option<Length>,
    /// How long it should take, for a dry run.
    pub estimate: Length,
    /// Names of the outputs that it should write.
    pub outputs: Vec<String>,
    /// Whether it is done on another host.
    pub remote: bool,
    /// Whether an earlier start of this very attempt, which nobody holds any more, is taken up again.
    pub again: bool,
}

/// Shows what may be shown: neither environment nor secrets.
impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("step", &self.step)
            .field("attempt", &self.attempt)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// A question to a person.
#[derive(Clone, Debug)]
pub struct Consultation {
    /// The step.
    pub step: Id,
    /// Counts from 1.
    pub attempt: u32,
    /// What is asked, or what is to be done.
    pub text: String,
    /// The people who may answer, by their ids in the plan; anybody if empty.
    pub from: Vec<Id>,
    /// Whether it is an approval (else something to do).
    pub approval: bool,
    /// How long it should take, for a dry run.
    pub estimate: Length,
    /// What an answer is about, for those who must sign theirs.
    pub matter: Matter,
    /// Those who must sign, and with what.
    pub signers: BTreeMap<Id, Signer>,
    /// To whom it may be handed over.
    pub others: Vec<Id>,
    /// What must be given with the answer, as `NAME=value` in its words.
    pub outputs: Vec<Name>,
}

/// How a person signs an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The person's key in the plan.
    pub key: Key,
    /// As what the person answers.
    pub role: Id,
}

/// What a person at the terminal says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The step.
    pub step: Id,
    /// Who says it.
    pub by: String,
    /// What.
    pub decision: Decision,
    /// To whom it is handed over.
    pub to: Option<Id>,
    /// In their own words.
    pub note: Option<String>,
    /// The account at the terminal.
    pub account: String,
    /// The text that was signed, and the armored signature.
    pub signed: Option<(String, String)>,
}

/// A question about the world.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is asked.
    pub probe: Probe,
    /// The values that it gets.
    pub env: Env,
    /// Where a command runs.
    pub cwd: PathBuf,
    /// The shell for a text after `run`.
    pub shell: Vec<String>,
    /// Why the answer cannot be known, if it depends on something that did not really happen.
    pub moot: Option<String>,
    /// The host where it is asked, if that is not this machine.
    pub afar: Option<Box<Afar>>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is as it should be; what was found.
    Yes(String),
    /// It is not; what was found.
    No(String),
    /// Nobody can know now; why.
    Unknown(String),
    /// The question itself failed, so that nothing can be said; how. Where something must be known, it is no good answer.
    Broken(String),
}

/// How the work of a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The keeper's word.
    Kept(Box<keeper::Outcome>),
    /// It could not be handed to the keeper; why.
    Refused(String),
    /// It was started on another host, and nobody can know how it ended; why.
    Interrupted(String),
    /// Its courier is over, and nobody has heard from its host how it ended: it may still run there.
    Underway(Box<keeper::Outcome>),
    /// It was not really done.
    Assumed,
}

/// Something that the engine is told.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The work of a step ended.
    Ended {
        /// The step.
        step: Id,
        /// The attempt.
        attempt: u32,
        /// How.
        ending: Ending,
    },
    /// A question was answered.
    Replied {
        /// The number that the question was given.
        ticket: u64,
        /// The answer.
        reply: Reply,
    },
    /// A recovery point was looked for.
    PointFound {
        /// The number that the search was given.
        ticket: u64,
        /// Path and time of the newest, or why there is none; nothing at all if drplan cannot look there.
        found: FoundPoint,
    },
    /// The secrets of a step were fetched, or one of them could not be: its name and why.
    Fetched {
        /// The number that the errand was given.
        ticket: u64,
        /// What was fetched.
        fetched: Result<Fetched, Unfetched>,
    },
    /// The time is up.
    Woke {
        /// The number that the alarm was given.
        ticket: u64,
    },
    /// A person at the terminal answered.
    Said(Box<Spoken>),
    /// Nobody answers at the terminal any more.
    PersonLeft,
    /// Something that the real thing will need was looked for.
    Checked(Check),
    /// Something came into the inbox.
    Requested(Box<journal::Found>),
    /// Somebody was told of something, or could not be.
    Told(Delivery),
    /// A signal asked to stop; the how-manieth.
    Interrupted(u32),
    /// The process of a step ended where nobody could see how: it must be judged.
    Vanished {
        /// The step.
        step: Id,
        /// The attempt.
        attempt: u32,
        /// What is known.
        why: String,
    },
}

/// What `drplan verify` has found of a point, earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The copy that it is of: the same path may lie on two hosts.
    pub copy: Id,
    /// Where the point lies.
    pub path: String,
    /// How many bytes it had, and when it was last changed. If that is otherwise now, or nobody can tell, it may not be what was
    /// looked at.
    pub bytes: Option<u64>,
    /// See `bytes`.
    pub changed: Option<Moment>,
    /// Whether nothing spoke against it.
    pub is_good: bool,
    /// The moment that it says it holds.
    pub time: Option<Moment>,
    /// What was found, and when, for people.
    pub said: String,
}

/// What was found where a copy should lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundPoint {
    /// The newest point.
    Newest {
        /// Where it lies.
        path: String,
        /// What moment it holds, if its name says so.
        time: Option<Moment>,
        /// Why this one.
        why: String,
    },
    /// There is none.
    Nothing(String),
    /// This version cannot look there.
    CannotLook(String),
    /// It was not asked.
    Unasked(String),
}

/// All that the engine can do to the world and learn of it.
#[expect(async_fn_in_trait, reason = "used inside this crate alone, on one thread")]
pub trait Effects {
    /// Returns the time.
    fn now(&mut self) -> Stamp;

    /// Says what keeps probes from writing, if they are to be kept from it.
    fn confined(&self) -> Option<(Confined, String)> {
        None
    }

    /// Looks for all that the real thing will need, where this is not the real thing.
    async fn look_ahead(&mut self, demands: Vec<Demand>) -> Vec<Check> {
        drop(demands);
        Vec::new()
    }

    /// Whether a precondition that is not met is noted, and all that follows is looked at all the same.
    fn goes_on(&self) -> bool {
        false
    }

    /// Starts the work of a step. It is told as [`Happening::Ended`].
    fn act(&mut self, work: Work);

    /// Ends the work of a step. Its end is told as any other.
    fn stop(&mut self, step: &Id, attempt: u32);

    /// Says that the end of the work is in the journal, so that nobody needs to be told of it again.
    fn acknowledge(&mut self, step: &Id, attempt: u32);

    /// Learns of the work that an earlier controller has started; says what is left of each attempt.
    /// What still runs is awaited, and told as [`Happening::Ended`] (or, where nobody can see how it
    /// ended, as [`Happening::Vanished`]).
    async fn find_again(&mut self, attempts: &[(Id, u32)]) -> Vec<Result<keeper::Remains, String>>;

    /// Returns what a step wrote to `$DRPLAN_OUTPUT`.
    fn outputs(&mut self, step: &Id, attempt: u32) -> Result<String, String>;

    /// Removes what a step wrote to `$DRPLAN_OUTPUT`, where nobody has taken its secrets out.
    fn forget_outputs(&mut self, step: &Id, attempt: u32);

    /// Asks a question. The answer is told as [`Happening::Replied`].
    fn ask(&mut self, ticket: u64, question: Question);

    /// Fetches the secrets of a step. Told as [`Happening::Fetched`].
    fn fetch(&mut self, ticket: u64, errand: Errand);

    /// Looks for the newest recovery point that may be taken and is good, in a folder, on a host or in a bucket. Told as [`Happening::PointFound`].
    fn find_point(&mut self, ticket: u64, search: Search);

    /// Removes what a run that is over has left on a host.
    fn sweep(&mut self, _: Afar) {}

    /// Asks a person at the terminal, if there is one. The answer is told as [`Happening::Said`].
    fn consult(&mut self, consultation: Consultation);

    /// Takes back a question to a person that somebody has answered elsewhere.
    fn withdraw(&mut self, step: &Id);

    /// Puts a file of the inbox away: what it led to is in the journal.
    fn put_away(&mut self, found: &journal::Found);

    /// Tells with [`Happening::Woke`] when the time is up.
    fn wake_after(&mut self, ticket: u64, delay: Length);

    /// Whether a person at the terminal may answer.
    fn has_person(&self) -> bool;

    /// Tells somebody of something, beside the run. What became of it is told as [`Happening::Told`].
    fn tell(&mut self, _: &Channel, _: Message) {}

    /// Waits for what is on its way to somebody, but not longer; returns what became of it.
    ///
    /// Nothing else that happens meanwhile is lost: whoever takes the run up again hears of it.
    async fn last_deliveries(&mut self, _: Length) -> Vec<Delivery> {
        Vec::new()
    }

    /// Waits for the next happening.
    async fn next(&mut self) -> Happening;

    /// Returns a happening that has already come, if there is one.
    fn next_now(&mut self) -> Option<Happening>;

    /// Says that the run is over, or that the controller leaves it.
    async fn leave(&mut self, over: bool);
}
