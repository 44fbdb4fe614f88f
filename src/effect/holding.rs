//! Talks with the keeper, and stands in for it where it is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rustix::process::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Ending;
use crate::keeper::{
    self, Cause, Client, ClientError, Exit, Job, Notice, Outcome, ProcessRecord, Receiver, Refusal, Remains,
    Request, Sender, await_process, remains,
};
use crate::remote::{self, Note};
use crate::value::{Id, Length};

/// To how many keepers an attempt is handed, where each is lost before it starts it.
const KEEPERS: u8 = 3;

/// How long a process without a keeper may tidy up between TERM and KILL.
const GRACE: Length = Length::from_secs(10);

pub(super) type Attempt = (Id, u32);
type Answers = Vec<Result<Remains, String>>;

/// What the controller wants.
#[derive(Debug)]
pub(super) enum Wish {
    /// Send these, all at once.
    Send(Vec<Request>),
    /// Find out what is left of attempts.
    FindAgain(Vec<Attempt>, oneshot::Sender<Answers>),
    /// Say that all is over, if it is, and let go.
    Leave(bool, oneshot::Sender<()>),
}

/// How an attempt came to its end.
#[derive(Debug)]
pub(super) enum End {
    Known(Ending),
    Vanished(String),
}

/// The conversation with the keeper.
pub(super) struct Holding {
    run_dir: PathBuf,
    exe: PathBuf,
    tell: Box<dyn Fn(Attempt, End) + Send + Sync>,
    connection: Option<(Sender, Receiver)>,
    /// What a keeper holds for us.
    held: BTreeSet<Attempt>,
    /// What a keeper was asked to start and has told nothing of yet, and how many were asked.
    asked: BTreeMap<Attempt, (Box<Job>, u8)>,
    /// What runs without a keeper.
    orphans: BTreeSet<Attempt>,
    /// Whether the keeper knows of attempts that we do not: the journal has lost its end.
    is_behind: bool,
    awaited: JoinSet<Attempt>,
}

impl Holding {
    pub(super) fn new(
        run_dir: PathBuf,
        exe: PathBuf,
        tell: impl Fn(Attempt, End) + Send + Sync + 'static,
    ) -> Self {
        Self {
            run_dir,
            exe,
            tell: Box::new(tell),
            connection: None,
            held: BTreeSet::new(),
            asked: BTreeMap::new(),
            orphans: BTreeSet::new(),
            is_behind: false,
            awaited: JoinSet::new(),
        }
    }

    /// Does what is wished and tells what ends, until it is told to leave.
    pub(super) async fn hold(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>) {
        loop {
            tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(Wish::Send(requests)) => self.send(requests).await,
                    Some(Wish::FindAgain(attempts, answer)) => {
                        let answers = self.find_again(&attempts).await;
                        let _ = answer.send(answers);
                    }
                    Some(Wish::Leave(is_over, done)) => {
                        self.leave(is_over).await;
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                notice = receive(&mut self.connection) => match notice {
                    Ok(notice) => self.hear(notice),
                    Err(_) => self.lost().await,
                },
                Some(awaited) = self.awaited.join_next() => {
                    if let Ok(attempt) = awaited {
                        self.orphan_ended(attempt);
                    }
                }
            }
            if std::mem::take(&mut self.is_behind) {
                // What was begun before is found again like anything that a lost keeper held.
                self.lost().await;
            }
        }
    }

    async fn send(&mut self, requests: Vec<Request>) {
        let starts: Vec<Attempt> = requests
            .iter()
            .filter_map(|request| match request {
                Request::Start(job) => Some((job.step.clone(), job.attempt)),
                _ => None,
            })
            .collect();
        for request in &requests {
            if let Request::Start(job) = request {
                let asked = self.asked.entry((job.step.clone(), job.attempt));
                asked.or_insert_with(|| (job.clone(), 0)).1 += 1;
            }
        }
        if self.connection.is_none() && !starts.is_empty() {
            match Client::start_or_attach(&self.run_dir, &self.exe).await {
                Ok(client) => self.connection = Some(client.split()),
                Err(error) => {
                    let why = format!("cannot {error}");
                    for attempt in starts {
                        self.asked.remove(&attempt);
                        (self.tell)(attempt, End::Known(Ending::Refused(why.clone())));
                    }
                    self.stop_orphans(&requests);
                    return;
                }
            }
        }
        self.held.extend(starts);
        let sent = match &mut self.connection {
            Some((sender, _)) => sender.send(&requests).await,
            None => Ok(()),
        };
        if sent.is_err() {
            self.lost().await;
        }
        self.stop_orphans(&requests);
    }

    fn hear(&mut self, notice: Notice) {
        match notice {
            Notice::Ended(outcome) => {
                let attempt = (outcome.step.clone(), outcome.attempt);
                self.asked.remove(&attempt);
                if self.held.remove(&attempt) {
                    let end = self.ended(outcome);
                    (self.tell)(attempt, end);
                }
            }
            Notice::Started { step, attempt, .. } => drop(self.asked.remove(&(step, attempt))),
            // What was asked to stop had just ended by itself, and is told as that.
            Notice::Refused { why: Refusal::NotRunning, .. } | Notice::AllTold => {}
            Notice::Refused { step, attempt, why: Refusal::AlreadyStarted }
                if self.held.contains(&(step.clone(), attempt)) =>
            {
                self.is_behind = true;
            }
            Notice::Refused { step, attempt, why } => {
                self.asked.remove(&(step.clone(), attempt));
                if self.held.remove(&(step.clone(), attempt)) {
                    (self.tell)((step, attempt), End::Known(Ending::Refused(why.to_string())));
                }
            }
            Notice::Replaced => {
                self.connection = None;
                self.asked.clear();
                for attempt in std::mem::take(&mut self.held) {
                    (self.tell)(attempt, End::Vanished("another controller has taken over".to_owned()));
                }
            }
        }
    }

    /// Finds out what became of everything that the lost keeper held; another keeper gets what it has not begun.
    async fn lost(&mut self) {
        self.connection = None;
        let held: Vec<Attempt> = std::mem::take(&mut self.held).into_iter().collect();
        let found = self.find_again(&held).await;
        let mut again = Vec::new();
        for (attempt, found) in held.into_iter().zip(found) {
            let asked = self.asked.get(&attempt).filter(|(_, keepers)| *keepers < KEEPERS);
            if let (Ok(Remains::NeverRan), Some((job, _))) = (&found, asked) {
                again.push(Request::Start(job.clone()));
                continue;
            }
            self.asked.remove(&attempt);
            match found {
                // It will be told, by a keeper that lives after all or because it is awaited.
                Ok(Remains::Running(_)) => {}
                Ok(other) => (self.tell)(attempt, judged(other)),
                Err(error) => (self.tell)(attempt, End::Vanished(error)),
            }
        }
        if !again.is_empty() {
            // No further than there are keepers for an attempt.
            Box::pin(self.send(again)).await;
        }
    }

    async fn find_again(&mut self, attempts: &[Attempt]) -> Answers {
        let (known, gathered) = self.gather(attempts).await;
        let mut answers = Vec::with_capacity(attempts.len());
        for attempt in attempts {
            if let Some(outcome) = gathered.iter().find(|outcome| is_of(outcome, attempt)) {
                self.held.remove(attempt);
                answers.push(Ok(self.noted(Remains::Ended(Box::new(outcome.clone())))));
                continue;
            }
            let left = self.remains(attempt).map(|left| self.noted(left));
            if let Ok(Remains::Running(record)) = &left {
                if known.contains(attempt) && self.connection.is_some() {
                    self.held.insert(attempt.clone());
                } else {
                    self.await_orphan(attempt.clone(), record);
                }
            } else {
                self.held.remove(attempt);
            }
            answers.push(left);
        }
        answers
    }

    /// Asks a living keeper, if there is one, which of the attempts it knows and how they ended.
    async fn gather(&mut self, attempts: &[Attempt]) -> (BTreeSet<Attempt>, Vec<Outcome>) {
        let mut known = BTreeSet::new();
        let mut ended: Vec<Outcome> = Vec::new();
        // Where we talk with it already it has told everything.
        let mut all_told = self.connection.is_some();
        if all_told {
            known.extend(self.held.iter().cloned());
        } else {
            // One that turns us away cannot be asked; the files say what they can.
            self.connection = Client::attach(&self.run_dir).await.ok().flatten().map(Client::split);
        }
        while self.connection.is_some() {
            // A process whose end the keeper has seen and not yet written down is neither running
            // nor ended by the files: its outcome comes in a moment.
            let is_open = |attempt: &&Attempt| {
                !ended.iter().any(|outcome| is_of(outcome, attempt))
                    && !matches!(self.remains(attempt), Ok(Remains::Running(_) | Remains::Ended(_)))
            };
            if all_told && !known.iter().any(|attempt| attempts.contains(attempt) && is_open(&attempt)) {
                break;
            }
            match receive(&mut self.connection).await {
                Ok(Notice::Started { step, attempt, .. }) => {
                    known.insert((step, attempt));
                }
                Ok(Notice::Ended(outcome)) => {
                    if attempts.iter().any(|attempt| is_of(&outcome, attempt)) {
                        ended.push(outcome);
                    } else {
                        self.hear(Notice::Ended(outcome));
                    }
                }
                Ok(Notice::AllTold) => all_told = true,
                Ok(other @ Notice::Refused { .. }) => self.hear(other),
                Ok(Notice::Replaced) | Err(_) => self.connection = None,
            }
        }
        (known, ended)
    }

    fn remains(&self, (step, attempt): &Attempt) -> Result<Remains, String> {
        remains(&self.run_dir, step, *attempt).map_err(|error| format!("cannot {error}"))
    }

    /// Takes in what a courier has noted where the exit code is not the step's.
    fn noted(&self, left: Remains) -> Remains {
        let Remains::Ended(mut outcome) = left else { return left };
        match remote::note(&self.run_dir, &outcome.step, outcome.attempt) {
            Some(Note::NotStarted(why)) => {
                outcome.exit = Exit::NotStarted(why);
                Remains::Ended(outcome)
            }
            Some(Note::Ended(code)) => {
                outcome.exit = Exit::Code(code);
                Remains::Ended(outcome)
            }
            // A new courier asks the host once more, and says the same or better.
            Some(Note::Interrupted(_) | Note::Underway) => Remains::Gone,
            None => Remains::Ended(outcome),
        }
    }

    fn ended(&self, outcome: Outcome) -> End {
        match remote::note(&self.run_dir, &outcome.step, outcome.attempt) {
            Some(Note::Underway) => End::Known(Ending::Underway(Box::new(outcome))),
            Some(Note::Ended(code)) => ended(Outcome { exit: Exit::Code(code), ..outcome }),
            Some(Note::Interrupted(why)) if outcome.cause == Cause::Ended => {
                End::Known(Ending::Interrupted(why))
            }
            Some(Note::NotStarted(why)) if outcome.cause == Cause::Ended => {
                ended(Outcome { exit: Exit::NotStarted(why), ..outcome })
            }
            Some(Note::Interrupted(_) | Note::NotStarted(_)) | None => ended(outcome),
        }
    }

    fn await_orphan(&mut self, attempt: Attempt, record: &ProcessRecord) {
        if self.orphans.insert(attempt.clone()) {
            let (pid, start_time) = (record.pid, record.start_time);
            self.awaited.spawn(async move {
                // Where the kernel gives no handle the files are judged at once, and say that it runs.
                let _ = await_process(pid, start_time).await;
                attempt
            });
        }
    }

    fn orphan_ended(&mut self, attempt: Attempt) {
        if !self.orphans.remove(&attempt) {
            return;
        }
        let end = match self.remains(&attempt) {
            Ok(Remains::Running(_)) => {
                End::Vanished("it still runs, and its end cannot be awaited".to_owned())
            }
            // It was awaited, so it ran.
            Ok(Remains::Unclear) => judged(Remains::Gone),
            Ok(other) => judged(self.noted(other)),
            Err(error) => End::Vanished(error),
        };
        (self.tell)(attempt, end);
    }

    /// Ends processes that no keeper holds any more.
    fn stop_orphans(&self, requests: &[Request]) {
        for request in requests {
            let Request::Stop { step, attempt } = request else {
                continue;
            };
            let attempt = (step.clone(), *attempt);
            if self.orphans.contains(&attempt)
                && let Ok(Remains::Running(record)) = self.remains(&attempt)
            {
                tokio::spawn(end_orphan(record));
            }
        }
    }

    async fn leave(&mut self, is_over: bool) {
        if is_over && let Some((sender, _)) = &mut self.connection {
            // One that is gone needs not be told.
            let _ = sender.send(&[Request::Finish]).await;
        }
        self.connection = None;
    }
}

/// Waits for a notice; forever if there is no keeper. May be given up at any time.
async fn receive(connection: &mut Option<(Sender, Receiver)>) -> Result<Notice, ClientError> {
    match connection {
        Some((_, receiver)) => receiver.recv().await,
        None => std::future::pending().await,
    }
}

async fn end_orphan(record: ProcessRecord) {
    keeper::signal_orphans(&record, Signal::TERM);
    let ended = await_process(record.pid, record.start_time);
    let _ = tokio::time::timeout(GRACE.as_duration(), ended).await;
    // What it has left behind had the same time.
    keeper::signal_orphans(&record, Signal::KILL);
}

fn is_of(outcome: &Outcome, (step, attempt): &Attempt) -> bool {
    outcome.step == *step && outcome.attempt == *attempt
}

fn ended(outcome: Outcome) -> End {
    End::Known(Ending::Kept(Box::new(outcome)))
}

fn judged(remains: Remains) -> End {
    match remains {
        Remains::Ended(outcome) => ended(*outcome),
        // It lives nowhere and has left no trace, so it is certain that it was not started.
        Remains::NeverRan => {
            End::Known(Ending::Refused("the keeper was lost before it could start it".to_owned()))
        }
        Remains::Running(_) => End::Vanished("it runs without a keeper".to_owned()),
        Remains::Gone => End::Vanished("it has ended, and nobody saw how".to_owned()),
        Remains::Unclear => End::Vanished(
            "the keeper was lost while it started it; nobody can know whether it ran".to_owned(),
        ),
    }
}
