//! The real world.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::desk::{Answers, Desk};
use super::dry::tmp_of;
use super::holding::{End, Holding, Wish};
use super::person::{Heard, Person, Typed};
use super::points::Seeker;
use super::signals::Signals;
use super::tell::Heralds;
use super::{
    Afar, Channel, Consultation, Effects, Errand, Happening, Judged, Message, Question, Search, Spoken, Work,
    afar, ask, secrets,
};
use crate::event::Delivery;
use crate::journal;
use crate::keeper::{self, Job, Remains, Request};
use crate::value::{Id, Length, Name, Stamp};

/// What the real world needs to know.
#[derive(Debug)]
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
    /// The account of the machine.
    pub login: String,
    /// Where the keys of whoever sits there usually are.
    pub home: Option<PathBuf>,
    /// Where a person is asked, and what is typed there; nothing for the plain terminal.
    pub desk: Option<(Arc<dyn Desk>, Answers)>,
    /// What was found of recovery points, earlier.
    pub judged: Vec<Judged>,
    /// Whether the probes that look into recovery points are confined.
    pub confines: bool,
    /// The signals that ask to stop: heard from before the terminal was taken.
    pub signals: Signals,
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
    seeker: Seeker,
    /// Files of the inbox that were told of and not yet put away.
    told_of: HashSet<String>,
    heralds: Heralds,
    tasks: JoinSet<()>,
    /// Hosts that are being tidied up.
    sweeps: JoinSet<Result<(), String>>,
    sweep_turns: Arc<Semaphore>,
}

/// How many hosts are tidied up at once: each takes a socket and three pipes.
const SWEEPS_AT_ONCE: usize = 16;

#[derive(Debug)]
enum Told {
    Happening(Happening),
    Typed(Typed),
    Signed(Result<Spoken, String>),
    Delivered(usize, Delivery),
    Arrived,
    Warning(String),
}

impl Live {
    /// Begins to listen to requests, and to what signals have said. Must be called inside the runtime.
    ///
    /// # Errors
    ///
    /// When the inbox cannot be listened to.
    pub fn new(setup: LiveSetup) -> io::Result<Self> {
        let LiveSetup {
            run_dir,
            exe,
            interactive,
            account,
            login,
            home,
            desk,
            answers,
            judged,
            confines,
            signals,
        } = setup;
        let seeker = Seeker::new(exe.clone(), tmp_of(&run_dir), confines, judged);
        let (teller, told) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();

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

        let mut live = Self {
            run_dir,
            told,
            teller,
            wishes,
            requests: Vec::new(),
            ready: VecDeque::new(),
            answers: Arc::new(answers),
            seeker,
            person: Person::new(interactive, account, login, home, desk),
            told_of: HashSet::new(),
            heralds: Heralds::default(),
            tasks,
            sweeps: JoinSet::new(),
            sweep_turns: Arc::new(Semaphore::new(SWEEPS_AT_ONCE)),
        };
        // What lay there before we came is heard before anything is begun.
        live.look_into_inbox();
        Ok(live)
    }

    fn look_into_inbox(&mut self) {
        match journal::look(&self.run_dir) {
            Ok(found) => {
                for found in found {
                    if self.told_of.insert(found.file.clone()) {
                        self.ready.push_back(Happening::Requested(Box::new(found)));
                    }
                }
            }
            Err(error) => self.person.warn(&format!("cannot {error}")),
        }
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
            Told::Typed(typed) => match self.person.hear(typed, keeper::stamp().at)? {
                Heard::Said(spoken) => return Some(Happening::Said(Box::new(spoken))),
                Heard::Left => return Some(Happening::PersonLeft),
                Heard::ToSign(signing) => {
                    let teller = self.teller.clone();
                    self.tasks.spawn_blocking(move || {
                        let _ = teller.send(Told::Signed(signing.sign()));
                    });
                }
            },
            Told::Signed(signed) => {
                return self.person.hear_signed(signed).map(|spoken| Happening::Said(Box::new(spoken)));
            }
            Told::Arrived => {
                self.look_into_inbox();
                return self.ready.pop_front();
            }
            Told::Warning(warning) => self.person.warn(&warning),
            Told::Delivered(channel, delivery) => {
                self.heralds.arrived(channel);
                return Some(Happening::Told(delivery));
            }
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
        job.again = work.again;
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
            self.person.warn(&format!("cannot {error}"));
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

    fn find_point(&mut self, ticket: u64, search: Search) {
        let seeker = self.seeker.clone();
        self.begin(async move { Happening::PointFound { ticket, found: seeker.look(search).await } });
    }

    fn sweep(&mut self, afar: Afar) {
        let turns = Arc::clone(&self.sweep_turns);
        self.sweeps.spawn(async move {
            // Nobody closes it.
            let _turn = turns.acquire().await;
            afar::sweep(&afar).await
        });
    }

    fn consult(&mut self, consultation: Consultation) {
        let teller = self.teller.clone();
        self.person.consult(consultation, move |typed| teller.send(Told::Typed(typed)).is_ok());
    }

    fn withdraw(&mut self, step: &Id) {
        self.person.withdraw(step);
    }

    fn put_away(&mut self, found: &journal::Found) {
        match journal::put_away(&self.run_dir, found) {
            Ok(_) => {
                // One of the same name may come again, or has come already.
                self.told_of.remove(&found.file);
                let _ = self.teller.send(Told::Arrived);
            }
            Err(error) => self.person.warn(&format!("cannot {error}")),
        }
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

    fn tell(&mut self, channel: &Channel, message: Message) {
        let teller = self.teller.clone();
        self.heralds.tell(channel, message, move |number, delivery| {
            let _ = teller.send(Told::Delivered(number, delivery));
        });
    }

    async fn last_deliveries(&mut self, within: Length) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let waited = keeper::wait(within);
        tokio::pin!(waited);
        while !self.heralds.is_idle() {
            tokio::select! {
                _ = &mut waited => break,
                told = self.told.recv() => match told {
                    Some(Told::Delivered(channel, delivery)) => {
                        self.heralds.arrived(channel);
                        deliveries.push(delivery);
                    }
                    // Who is in a hurry does not wait for this.
                    Some(Told::Happening(Happening::Interrupted(_))) | None => break,
                    // Requests stay in the inbox, and what the keeper tells it tells again.
                    Some(_) => {}
                },
            }
        }
        deliveries.extend(self.heralds.give_up());
        deliveries
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
        while let Some(swept) = self.sweeps.join_next().await {
            if let Ok(Err(why)) = swept {
                self.person.warn(&why);
            }
        }
        let (done, is_done) = oneshot::channel();
        let _ = self.wishes.send(Wish::Leave(over, done));
        // If nobody answers it was left before.
        let _ = is_done.await;
    }
}
