//! The real world.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::holding::{End, Holding, Wish};
use super::person::{Person, Typed};
use super::signals::Signals;
use super::{Consultation, Effects, Errand, Happening, Question, Work, ask, points, secrets};
use crate::journal;
use crate::keeper::{self, Job, Remains, Request};
use crate::value::{Id, Length, Name, Stamp};

/// What the real world needs to know.
#[derive(Clone, Debug)]
pub struct LiveSetup {
    /// The run's folder.
    pub run_dir: PathBuf,
    /// The binary of drplan, from which the keeper is started.
    pub exe: PathBuf,
    /// Whether a person may be asked at the terminal.
    pub interactive: bool,
    /// Who sits there, for questions that anybody may answer.
    pub account: String,
    /// The secrets that a person has typed before the run began.
    pub answers: BTreeMap<Name, SecretString>,
}

/// Effects on the real world.
///
/// Dropping it ends the questions that are being asked, and nothing of the work that was begun.
#[derive(Debug)]
pub struct Live {
    run_dir: PathBuf,
    told: mpsc::UnboundedReceiver<Told>,
    teller: mpsc::UnboundedSender<Told>,
    wishes: mpsc::UnboundedSender<Wish>,
    /// What is asked of the keeper at the end of this turn.
    requests: Vec<Request>,
    ready: VecDeque<Happening>,
    person: Person,
    answers: Arc<BTreeMap<Name, SecretString>>,
    warnings: Vec<String>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
enum Told {
    Happening(Happening),
    Typed(Typed),
    Arrived,
    Warning(String),
}

impl Live {
    /// Begins to listen to signals and requests. Must be called inside the runtime.
    ///
    /// # Errors
    ///
    /// When signals or the inbox cannot be listened to.
    pub fn new(setup: LiveSetup) -> io::Result<Self> {
        let LiveSetup { run_dir, exe, interactive, account, answers } = setup;
        let (teller, told) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();

        let signals = Signals::new()?;
        let tell = teller.clone();
        tasks.spawn(
            signals.tell(move |count| tell.send(Told::Happening(Happening::Interrupted(count))).is_ok()),
        );

        let watch = journal::Watch::new(&run_dir).map_err(io::Error::other)?;
        tasks.spawn(watch_inbox(watch, teller.clone()));

        let (wishes, granted) = mpsc::unbounded_channel();
        let tell = teller.clone();
        let holding = Holding::new(run_dir.clone(), exe, move |(step, attempt), end| {
            let happening = match end {
                End::Known(ending) => Happening::Ended { step, attempt, ending },
                End::Vanished(why) => Happening::Vanished { step, attempt, why },
            };
            let _ = tell.send(Told::Happening(happening));
        });
        tasks.spawn(holding.hold(granted));

        Ok(Self {
            run_dir,
            told,
            teller,
            wishes,
            requests: Vec::new(),
            ready: VecDeque::new(),
            person: Person::new(interactive, account),
            answers: Arc::new(answers),
            warnings: Vec::new(),
            tasks,
        })
    }

    /// Returns what went wrong beside the run since the last call, such as requests that make no sense.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn begin(&mut self, happening: impl Future<Output = Happening> + Send + 'static) {
        let teller = self.teller.clone();
        self.tasks.spawn(async move {
            let _ = teller.send(Told::Happening(happening.await));
        });
    }

    /// Sends what was asked in this turn.
    fn end_turn(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        if !self.requests.is_empty() {
            // The other end lives as long as we do, or until we have left.
            let _ = self.wishes.send(Wish::Send(std::mem::take(&mut self.requests)));
        }
    }

    fn hear(&mut self, told: Told) -> Option<Happening> {
        match told {
            Told::Happening(happening) => return Some(happening),
            Told::Typed(typed) => {
                let said = self.person.hear(typed)?;
                return Some(Happening::Said {
                    step: said.step,
                    by: said.by,
                    answer: said.answer,
                    note: said.note,
                });
            }
            Told::Arrived => match journal::take_all(&self.run_dir) {
                Ok(taken) => {
                    self.ready.extend(taken.requests.into_iter().map(Happening::Requested));
                    let bad = taken.bad.into_iter();
                    self.warnings.extend(
                        bad.map(|bad| format!("{} in the inbox is not a request: {}", bad.name, bad.why)),
                    );
                }
                Err(error) => self.warnings.push(format!("cannot {error}")),
            },
            Told::Warning(warning) => self.warnings.push(warning),
        }
        None
    }
}

async fn watch_inbox(mut watch: journal::Watch, teller: mpsc::UnboundedSender<Told>) {
    // What lay there before we watched must be taken once.
    while teller.send(Told::Arrived).is_ok() {
        if let Err(error) = watch.arrival().await {
            let _ = teller.send(Told::Warning(format!("requests are not heard any more: cannot {error}")));
            return;
        }
    }
}

impl Effects for Live {
    fn now(&mut self) -> Stamp {
        keeper::stamp()
    }

    fn act(&mut self, work: Work) {
        let mut job = Job::new(work.step, work.attempt, work.program, work.cwd);
        job.env = work.env;
        job.secrets = work.secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect();
        job.timeout = work.timeout;
        self.requests.push(Request::Start(Box::new(job)));
    }

    fn stop(&mut self, step: &Id, attempt: u32) {
        self.requests.push(Request::Stop { step: step.clone(), attempt });
    }

    fn acknowledge(&mut self, step: &Id, attempt: u32) {
        self.requests.push(Request::Acknowledge { step: step.clone(), attempt });
    }

    async fn find_again(&mut self, attempts: &[(Id, u32)]) -> Vec<Result<Remains, String>> {
        self.end_turn();
        let (answer, answered) = oneshot::channel();
        let _ = self.wishes.send(Wish::FindAgain(attempts.to_vec(), answer));
        match answered.await {
            Ok(answers) => answers,
            Err(_) => attempts.iter().map(|_| Err("the run was left already".to_owned())).collect(),
        }
    }

    fn outputs(&mut self, step: &Id, attempt: u32) -> Result<String, String> {
        keeper::outputs(&self.run_dir, step, attempt).map_err(|error| format!("cannot {error}"))
    }

    fn forget_outputs(&mut self, step: &Id, attempt: u32) {
        if let Err(error) = keeper::forget_outputs(&self.run_dir, step, attempt) {
            self.warnings.push(format!("cannot {error}"));
        }
    }

    fn ask(&mut self, ticket: u64, question: Question) {
        self.begin(async move { Happening::Replied { ticket, reply: ask::ask(question).await } });
    }

    fn fetch(&mut self, ticket: u64, errand: Errand) {
        let answers = self.answers.clone();
        self.begin(async move {
            Happening::Fetched { ticket, fetched: secrets::fetch(errand, Some(&answers)).await }
        });
    }

    fn find_point(&mut self, ticket: u64, at: Option<PathBuf>, moot: Option<String>) {
        self.begin(async move { Happening::PointFound { ticket, found: points::look(at, moot).await } });
    }

    fn consult(&mut self, consultation: Consultation) {
        let teller = self.teller.clone();
        self.person.consult(consultation, move |typed| teller.send(Told::Typed(typed)).is_ok());
    }

    fn withdraw(&mut self, step: &Id) {
        self.person.withdraw(step);
    }

    fn wake_after(&mut self, ticket: u64, delay: Length) {
        self.begin(async move {
            if keeper::wait(delay).await.is_err() {
                // Without a timer of the boot clock the usual one must do: it stands still in a suspended machine.
                #[expect(clippy::disallowed_methods, reason = "an alarm of the engine")]
                tokio::time::sleep(delay.as_duration()).await;
            }
            Happening::Woke { ticket }
        });
    }

    fn has_person(&self) -> bool {
        self.person.is_there()
    }

    async fn next(&mut self) -> Happening {
        self.end_turn();
        loop {
            if let Some(happening) = self.ready.pop_front() {
                return happening;
            }
            let heard = match self.told.recv().await {
                Some(told) => self.hear(told),
                // We hold a sender ourselves.
                None => std::future::pending().await,
            };
            if let Some(happening) = heard {
                return happening;
            }
        }
    }

    fn next_now(&mut self) -> Option<Happening> {
        self.end_turn();
        loop {
            if let Some(happening) = self.ready.pop_front() {
                return Some(happening);
            }
            let told = self.told.try_recv().ok()?;
            if let Some(happening) = self.hear(told) {
                return Some(happening);
            }
        }
    }

    async fn leave(&mut self, over: bool) {
        self.end_turn();
        let (done, is_done) = oneshot::channel();
        let _ = self.wishes.send(Wish::Leave(over, done));
        // If nobody answers it was left before.
        let _ = is_done.await;
    }
}
