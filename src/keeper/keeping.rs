//! All attempts that the keeper holds, and the controller that it talks to.
//!
//! Everything runs on one thread: between a spawn and its registration nothing can reap the child.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;

use rustix::process::{Pid, Signal, WaitOptions};
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;

use super::clock;
use super::job::{self, Begun, Key, Running};
use super::message::{Cause, Job, Notice, Outcome, Refusal, Request};
use super::stream::{self, Stream};
use crate::value::Length;

/// How long an idle keeper waits for a new controller.
const LINGER: Length = Length::from_secs(3);

/// How long after KILL an outcome waits for processes that do not go away.
const AFTER_KILL: Length = Length::from_secs(5);

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<Key, Running>,
    keys: HashMap<Pid, Key>,
    /// Outcomes that no controller has acknowledged.
    ended: BTreeMap<Key, Outcome>,
    /// Streams that something still holds open.
    open: usize,
    controller: Option<mpsc::UnboundedSender<Notice>>,
    generation: u64,
    finish: bool,
    lingering: bool,
}

/// What the keeper is made of.
#[derive(Debug)]
pub(super) struct Keeping {
    run_dir: PathBuf,
    session: Pid,
    state: RefCell<State>,
    buffer: RefCell<Vec<u8>>,
    quit: Notify,
}

impl Keeping {
    pub(super) fn new(run_dir: PathBuf) -> Rc<Self> {
        let buffer = RefCell::new(vec![0; stream::AT_ONCE]);
        let session = rustix::process::getpid();
        Rc::new(Self { run_dir, session, state: RefCell::default(), buffer, quit: Notify::new() })
    }

    /// Waits until the keeper has nothing left to do.
    pub(super) async fn until_idle(&self) {
        self.quit.notified().await;
    }

    /// Takes a new controller in place of the one before, and tells it everything.
    pub(super) fn attach(self: &Rc<Self>, controller: mpsc::UnboundedSender<Notice>) -> u64 {
        let mut state = self.state.borrow_mut();
        if let Some(before) = state.controller.take() {
            let _ = before.send(Notice::Replaced);
        }
        let running = state.jobs.iter().map(|((step, attempt), running)| Notice::Started {
            step: step.clone(),
            attempt: *attempt,
            pid: running.pid.as_raw_nonzero().get(),
        });
        let ended = state.ended.values().cloned().map(Notice::Ended);
        for notice in running.chain(ended).chain([Notice::AllTold]) {
            let _ = controller.send(notice);
        }
        state.controller = Some(controller);
        state.finish = false;
        state.generation += 1;
        state.generation
    }

    /// Lets a controller go, unless a newer one has taken its place.
    pub(super) fn detach(self: &Rc<Self>, generation: u64) {
        {
            let mut state = self.state.borrow_mut();
            if state.generation != generation {
                return;
            }
            state.controller = None;
        }
        self.look_idle();
    }

    pub(super) fn is_current(&self, generation: u64) -> bool {
        self.state.borrow().generation == generation
    }

    /// Does what the controller asks.
    pub(super) fn obey(self: &Rc<Self>, request: Request) {
        match request {
            Request::Start(job) => self.start(&job),
            Request::Stop { step, attempt } => {
                // It may have ended by itself just now; then that is what is told.
                self.reap();
                let key = (step, attempt);
                if self.state.borrow().jobs.contains_key(&key) {
                    self.end(&key, Cause::Stopped);
                } else {
                    self.refuse(key, Refusal::NotRunning);
                }
            }
            Request::Acknowledge { step, attempt } => {
                self.state.borrow_mut().ended.remove(&(step, attempt));
            }
            Request::Finish => {
                self.state.borrow_mut().finish = true;
                self.look_idle();
            }
        }
    }

    fn start(self: &Rc<Self>, job: &Job) {
        let key = (job.step.clone(), job.attempt);
        if self.state.borrow().jobs.contains_key(&key) {
            return self.refuse(key, Refusal::AlreadyStarted);
        }
        self.state.borrow_mut().ended.remove(&key);
        match job::begin(job, &self.run_dir, self.session) {
            Begun::Refused(why) => self.refuse(key, why),
            Begun::Ended(outcome) => self.told_end(key, outcome),
            Begun::Running(mut running) => {
                self.state.borrow_mut().open += 2;
                for stream in &running.streams {
                    spawn_local(self.clone().drain(stream.clone()));
                }
                if let Some(timeout) = running.timeout {
                    let (keeping, key) = (self.clone(), key.clone());
                    let timer = spawn_local(async move {
                        keeping.wait(timeout).await;
                        keeping.reap();
                        keeping.end(&key, Cause::TimedOut);
                    });
                    running.tasks.push(timer.abort_handle());
                }
                let pid = running.pid;
                let mut state = self.state.borrow_mut();
                running.is_alone = state.jobs.is_empty();
                state.jobs.values_mut().for_each(|beside| beside.is_alone = false);
                state.keys.insert(pid, key.clone());
                state.jobs.insert(key, *running);
            }
        }
    }

    fn refuse(&self, (step, attempt): Key, why: Refusal) {
        self.state.borrow().tell(Notice::Refused { step, attempt, why });
    }

    /// Drains a stream for as long as anything holds it, also a daemon after the step's end.
    async fn drain(self: Rc<Self>, stream: Rc<Stream>) {
        while stream.is_open() {
            stream.take_next(&self.buffer).await;
        }
        drop(stream);
        self.state.borrow_mut().open -= 1;
        self.look_idle();
    }

    /// Reaps every process that has ended: steps, and orphans that came to us.
    pub(super) fn reap(self: &Rc<Self>) {
        let mut any = false;
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            any = true;
            let mut state = self.state.borrow_mut();
            if let Some(key) = state.keys.remove(&pid)
                && let Some(running) = state.jobs.get_mut(&key)
            {
                running.exit = Some(job::exit_of(status));
            }
        }
        if any {
            let exited: Vec<Key> = {
                let state = self.state.borrow();
                let exited = state.jobs.iter().filter(|(_, running)| running.exit.is_some());
                exited.map(|(key, _)| key.clone()).collect()
            };
            for key in exited {
                self.conclude(&key, false);
            }
        }
    }

    /// Writes the outcome of an attempt whose process has ended, if nothing of it must be ended first.
    fn conclude(self: &Rc<Self>, key: &Key, give_up: bool) {
        let running = {
            let mut state = self.state.borrow_mut();
            let Some(running) = state.jobs.get(key) else {
                return;
            };
            if running.exit.is_none() || (!give_up && running.must_wait()) {
                return;
            }
            state.jobs.remove(key)
        };
        let Some(running) = running else {
            return;
        };
        for stream in &running.streams {
            stream.take_present(&self.buffer);
        }
        let (outcome, _streams) = running.conclude();
        self.told_end(key.clone(), outcome);
    }

    fn told_end(self: &Rc<Self>, key: Key, outcome: Outcome) {
        {
            let mut state = self.state.borrow_mut();
            state.tell(Notice::Ended(outcome.clone()));
            state.ended.insert(key, outcome);
        }
        self.look_idle();
    }

    /// Ends an attempt: TERM, after its grace KILL. The first reason stays the reason.
    fn end(self: &Rc<Self>, key: &Key, cause: Cause) {
        let mut state = self.state.borrow_mut();
        let Some(running) = state.jobs.get_mut(key) else {
            return;
        };
        if running.cause != Cause::Ended {
            return;
        }
        running.cause = cause;
        running.signal(Signal::TERM);
        let (keeping, key, grace) = (self.clone(), key.clone(), running.grace);
        let killer = spawn_local(async move {
            keeping.wait(grace).await;
            if let Some(running) = keeping.state.borrow().jobs.get(&key) {
                running.signal(Signal::KILL);
            }
            // One that hangs in the kernel must not hold the outcome of the others for ever.
            keeping.wait(AFTER_KILL).await;
            keeping.conclude(&key, true);
        });
        running.tasks.push(killer.abort_handle());
    }

    async fn wait(&self, length: Length) {
        if let Err(error) = clock::wait(length).await {
            job::log(&format!("cannot wait: {error}"));
        }
    }

    /// Ends the keeper if nothing is left to do, at once or after a while.
    pub(super) fn look_idle(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        if !state.is_idle() {
            return;
        }
        if state.finish {
            self.quit.notify_one();
        } else if state.controller.is_none() && !state.lingering {
            state.lingering = true;
            let keeping = self.clone();
            spawn_local(async move {
                keeping.wait(LINGER).await;
                let mut state = keeping.state.borrow_mut();
                state.lingering = false;
                if state.is_idle() && state.controller.is_none() {
                    keeping.quit.notify_one();
                }
            });
        }
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.open == 0
    }

    fn tell(&self, notice: Notice) {
        if let Some(controller) = &self.controller {
            let _ = controller.send(notice);
        }
    }
}
