//! A dry run's world: everything is looked at and nothing is done.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{
    Consultation, Effects, Ending, Errand, FoundPoint, Happening, Question, Reply, Work, ask, points,
    secrets, signals,
};
use crate::journal::Found;
use crate::keeper;
use crate::value::{Id, Length, Stamp};

/// Effects that never act: a clock of its own jumps from one assumed end to the next.
#[derive(Debug)]
pub struct Dry {
    asks: bool,
    clock: Stamp,
    /// What will come, by the boot clock's time and then in the order in which it was begun.
    agenda: BTreeMap<(u64, u64), Happening>,
    begun: u64,
    told: mpsc::UnboundedReceiver<Told>,
    teller: mpsc::UnboundedSender<Told>,
    outstanding: usize,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
enum Told {
    Answer(Happening),
    Interrupted(u32),
}

impl Dry {
    /// Makes a world in which it is `start`; `asks` says whether questions are really asked.
    ///
    /// Must be called inside the runtime.
    pub fn new(asks: bool, start: Stamp) -> Self {
        let (teller, told) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        // Where signals cannot be heard the system ends us, and nothing is lost.
        if let Ok(signals) = signals::Signals::new() {
            let teller = teller.clone();
            tasks.spawn(signals.tell(move |count| teller.send(Told::Interrupted(count)).is_ok()));
        }
        Self { asks, clock: start, agenda: BTreeMap::new(), begun: 0, told, teller, outstanding: 0, tasks }
    }

    fn schedule(&mut self, delay: Length, happening: Happening) {
        self.begun += 1;
        let at = self.clock.boot_ms.saturating_add(delay.as_millis());
        self.agenda.insert((at, self.begun), happening);
    }

    fn assume(&mut self, step: Id, attempt: u32, estimate: Length) {
        self.schedule(estimate, Happening::Ended { step, attempt, ending: Ending::Assumed });
    }

    /// Really looks.
    fn look(&mut self, answer: impl Future<Output = Happening> + Send + 'static) {
        let teller = self.teller.clone();
        self.outstanding += 1;
        self.tasks.spawn(async move {
            let _ = teller.send(Told::Answer(answer.await));
        });
    }

    fn hear(&mut self, told: Told) -> Happening {
        match told {
            Told::Answer(happening) => {
                self.outstanding -= 1;
                happening
            }
            Told::Interrupted(count) => Happening::Interrupted(count),
        }
    }

    fn forget(&mut self, gone: impl Fn(&Id, u32) -> bool) -> Vec<(Id, u32)> {
        let mut forgotten = Vec::new();
        self.agenda.retain(|_, happening| match happening {
            Happening::Ended { step, attempt, .. } if gone(step, *attempt) => {
                forgotten.push((step.clone(), *attempt));
                false
            }
            _ => true,
        });
        forgotten
    }
}

impl Effects for Dry {
    fn now(&mut self) -> Stamp {
        self.clock.clone()
    }

    fn act(&mut self, work: Work) {
        self.assume(work.step, work.attempt, work.estimate);
    }

    fn stop(&mut self, step: &Id, attempt: u32) {
        for (step, attempt) in self.forget(|other, number| other == step && number == attempt) {
            self.assume(step, attempt, Length::ZERO);
        }
    }

    fn acknowledge(&mut self, _: &Id, _: u32) {}

    async fn find_again(&mut self, attempts: &[(Id, u32)]) -> Vec<Result<keeper::Remains, String>> {
        attempts.iter().map(|_| Ok(keeper::Remains::NeverRan)).collect()
    }

    fn outputs(&mut self, step: &Id, _: u32) -> Result<String, String> {
        Err(format!("{step} did not really run"))
    }

    fn forget_outputs(&mut self, _: &Id, _: u32) {}

    fn ask(&mut self, ticket: u64, question: Question) {
        if self.asks {
            self.look(async move { Happening::Replied { ticket, reply: ask::ask(question).await } });
        } else {
            let why = question.moot.unwrap_or_else(|| "not asked: the plan alone is looked at".to_owned());
            self.schedule(Length::ZERO, Happening::Replied { ticket, reply: Reply::Unknown(why) });
        }
    }

    fn fetch(&mut self, ticket: u64, errand: Errand) {
        if self.asks {
            self.look(
                async move { Happening::Fetched { ticket, fetched: secrets::fetch(errand, None).await } },
            );
        } else {
            let fetched = Ok(secrets::nothing_of(&errand));
            self.schedule(Length::ZERO, Happening::Fetched { ticket, fetched });
        }
    }

    fn find_point(&mut self, ticket: u64, at: Option<PathBuf>, moot: Option<String>) {
        if self.asks {
            self.look(async move { Happening::PointFound { ticket, found: points::look(at, moot).await } });
        } else {
            let why = moot.unwrap_or_else(|| "not asked: the plan alone is looked at".to_owned());
            self.schedule(Length::ZERO, Happening::PointFound { ticket, found: FoundPoint::Unasked(why) });
        }
    }

    fn consult(&mut self, consultation: Consultation) {
        self.assume(consultation.step, consultation.attempt, consultation.estimate);
    }

    fn withdraw(&mut self, step: &Id) {
        self.forget(|other, _| other == step);
    }

    fn put_away(&mut self, _: &Found) {}

    fn wake_after(&mut self, ticket: u64, delay: Length) {
        self.schedule(delay, Happening::Woke { ticket });
    }

    fn has_person(&self) -> bool {
        // Every consultation is answered, if only by an assumption.
        true
    }

    async fn next(&mut self) -> Happening {
        while self.tasks.try_join_next().is_some() {}
        if let Ok(told) = self.told.try_recv() {
            return self.hear(told);
        }
        // Real answers take no time on this clock, so all of them come before it moves on.
        if self.outstanding == 0
            && let Some(((at, _), happening)) = self.agenda.pop_first()
        {
            let delay = at.saturating_sub(self.clock.boot_ms);
            self.clock.boot_ms = at.max(self.clock.boot_ms);
            self.clock.at = self.clock.at.plus(Length::from_millis(delay));
            return happening;
        }
        match self.told.recv().await {
            Some(told) => self.hear(told),
            // We hold a sender ourselves.
            None => std::future::pending().await,
        }
    }

    fn next_now(&mut self) -> Option<Happening> {
        if let Ok(told) = self.told.try_recv() {
            return Some(self.hear(told));
        }
        let now = self.clock.boot_ms;
        let first = self.agenda.first_entry().filter(|entry| entry.key().0 <= now);
        first.filter(|_| self.outstanding == 0).map(OccupiedEntry::remove)
    }

    async fn leave(&mut self, _: bool) {}
}
