//! A dry run's world: everything is looked at and nothing is done.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::path::PathBuf;
use std::pin::pin;

use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::confine::Cell;
use super::demand::Need;
use super::inspect::turn_of_each_core;
use super::points::Seeker;
use super::{
    Consultation, Demand, Effects, Ending, Errand, FoundPoint, Happening, Judged, Question, Reply, Search,
    Work, ask, demand, secrets, signals,
};
use crate::event::{self, Check, Confined};
use crate::journal::Found;
use crate::keeper;
use crate::value::{Id, Length, Stamp};

/// So many things are looked for at once: a host takes a socket, a courier and its pipes.
const LOOKS_AT_ONCE: usize = 16;

/// What a dry run's world needs to know.
#[derive(Clone, Debug)]
pub struct DrySetup {
    /// Whether questions are really asked.
    pub asks: bool,
    /// What time it is.
    pub start: Stamp,
    /// The run's folder.
    pub run_dir: PathBuf,
    /// The binary of drplan, which confines the probes.
    pub exe: PathBuf,
    /// Whether they are to be confined.
    pub confines: bool,
    /// What was found of recovery points, earlier.
    pub judged: Vec<Judged>,
    /// Whether what is not met is noted, and all that follows is looked at all the same.
    pub goes_on: bool,
}

/// Effects that never act: a clock of its own jumps from one assumed end to the next.
#[derive(Debug)]
pub struct Dry {
    asks: bool,
    goes_on: bool,
    clock: Stamp,
    run_dir: PathBuf,
    /// What keeps probes from writing.
    cell: Option<Cell>,
    seeker: Seeker,
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
    /// There is room for what a step restores, or there is not, or it is not known how much it needs.
    Room {
        step: Id,
        attempt: u32,
        estimate: Length,
        check: Option<Check>,
    },
    Interrupted(u32),
}

impl Dry {
    /// Makes a world in which nothing is done. Must be called inside the runtime.
    pub fn new(setup: DrySetup) -> Self {
        let DrySetup { asks, start, run_dir, exe, confines, judged, goes_on } = setup;
        let (teller, told) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        // Where signals cannot be heard the system ends us, and nothing is lost.
        if let Ok(signals) = signals::Signals::new() {
            let teller = teller.clone();
            tasks.spawn(signals.tell(move |count| teller.send(Told::Interrupted(count)).is_ok()));
        }
        let seeker = Seeker::new(exe.clone(), tmp_of(&run_dir), confines, judged);
        let cell = asks.then(|| {
            if confines {
                Cell::try_out(&exe, &tmp_of(&run_dir))
            } else {
                Cell::open("drplan.yaml says `confine: false`")
            }
        });
        Self {
            asks,
            goes_on,
            clock: start,
            run_dir,
            cell,
            seeker,
            agenda: BTreeMap::new(),
            begun: 0,
            told,
            teller,
            outstanding: 0,
            tasks,
        }
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

    fn hear(&mut self, told: Told) -> Option<Happening> {
        match told {
            Told::Room { step, attempt, estimate, check } => {
                self.outstanding -= 1;
                match &check {
                    Some(Check { found: event::Found::Unmet, what, note, .. }) if !self.goes_on => {
                        let ending = Ending::Refused(format!("{what}: {note}"));
                        self.schedule(Length::ZERO, Happening::Ended { step, attempt, ending });
                    }
                    _ => self.assume(step, attempt, estimate),
                }
                check.map(Happening::Checked)
            }
            Told::Answer(happening) => {
                self.outstanding -= 1;
                Some(happening)
            }
            Told::Interrupted(count) => Some(Happening::Interrupted(count)),
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

/// The folder for temporary files of probes.
pub(super) fn tmp_of(run_dir: &std::path::Path) -> PathBuf {
    run_dir.join("probe-tmp")
}

impl Effects for Dry {
    fn now(&mut self) -> Stamp {
        self.clock.clone()
    }

    fn confined(&self) -> Option<(Confined, String)> {
        self.cell.as_ref().map(|cell| (cell.by, cell.note.clone()))
    }

    async fn look_ahead(&mut self, mut demands: Vec<Demand>) -> Vec<Check> {
        if !self.asks {
            return Vec::new();
        }
        demands.insert(0, Demand::room_for_the_record(self.run_dir.clone()));
        let before = self.cell.as_ref().map(|cell| cell.before.clone()).unwrap_or_default();
        let cores = turn_of_each_core();
        let looks = demands.into_iter().map(|demand| {
            let (before, cores) = (&before, &cores);
            async move {
                // A tool that tells its version may keep a core busy, and has only so long for it.
                let is_here = matches!(demand.need, Need::Tool { .. });
                let _turn = if is_here { cores.acquire().await.ok() } else { None };
                demand::check(before, demand).await
            }
        });
        let mut looks = pin!(stream::iter(looks).buffered(LOOKS_AT_ONCE));
        let mut checks = Vec::new();
        loop {
            tokio::select! {
                check = looks.next() => match check {
                    Some(check) => checks.push(check),
                    None => break,
                },
                // Nothing else is told before the run has begun.
                told = self.told.recv() => if let Some(Told::Interrupted(count)) = told {
                    self.schedule(Length::ZERO, Happening::Interrupted(count));
                    break;
                },
            }
        }
        checks
    }

    fn goes_on(&self) -> bool {
        self.goes_on
    }

    fn act(&mut self, work: Work) {
        // Only for what is restored from a point that was found it is known how much room it needs.
        if !self.asks || work.remote || !work.env.contains_key("POINT_PATH") {
            return self.assume(work.step, work.attempt, work.estimate);
        }
        let teller = self.teller.clone();
        self.outstanding += 1;
        self.tasks.spawn(async move {
            let Work { step, attempt, estimate, env, cwd, .. } = work;
            let check = demand::room_for_a_point(step.clone(), env, cwd).await;
            let _ = teller.send(Told::Room { step, attempt, estimate, check });
        });
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
        if let Some(name) = question.env.unknown.first().filter(|_| self.goes_on) {
            // A script may use a value that nobody has yet without saying so, and would fail for that alone.
            let reply = Reply::Unknown(format!("{name} is not known yet"));
            return self.schedule(Length::ZERO, Happening::Replied { ticket, reply });
        }
        if self.asks {
            let before = self.cell.as_ref().map(|cell| cell.before.clone()).unwrap_or_default();
            self.look(async move {
                Happening::Replied { ticket, reply: ask::ask_after(&before, question).await }
            });
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

    fn find_point(&mut self, ticket: u64, search: Search) {
        if self.asks {
            let seeker = self.seeker.clone();
            self.look(async move { Happening::PointFound { ticket, found: seeker.look(search).await } });
        } else {
            let why = search.moot.unwrap_or_else(|| "not asked: the plan alone is looked at".to_owned());
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
        loop {
            // Real answers take no time on this clock, so all of them come before it moves on.
            let told = match self.told.try_recv() {
                Ok(told) => told,
                Err(_) if self.outstanding == 0 && !self.agenda.is_empty() => {
                    let Some(((at, _), happening)) = self.agenda.pop_first() else { continue };
                    let delay = at.saturating_sub(self.clock.boot_ms);
                    self.clock.boot_ms = at.max(self.clock.boot_ms);
                    self.clock.at = self.clock.at.plus(Length::from_millis(delay));
                    return happening;
                }
                Err(_) => match self.told.recv().await {
                    Some(told) => told,
                    // We hold a sender ourselves.
                    None => std::future::pending().await,
                },
            };
            if let Some(happening) = self.hear(told) {
                return happening;
            }
        }
    }

    fn next_now(&mut self) -> Option<Happening> {
        while let Ok(told) = self.told.try_recv() {
            if let Some(happening) = self.hear(told) {
                return Some(happening);
            }
        }
        let now = self.clock.boot_ms;
        let first = self.agenda.first_entry().filter(|entry| entry.key().0 <= now);
        first.filter(|_| self.outstanding == 0).map(OccupiedEntry::remove)
    }

    async fn leave(&mut self, _: bool) {
        // What probes have left there nobody needs; that it cannot be removed is no fault of the plan.
        let _ = std::fs::remove_dir_all(tmp_of(&self.run_dir));
    }
}
