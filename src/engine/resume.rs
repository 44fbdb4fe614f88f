//! Takes up a run where it was left.

use super::dispatcher::{Act, Dispatcher, Gate};
use super::run::Error;
use crate::effect::{Effects, Ending, Happening};
use crate::event::{Event, Failure, Outcome, StepState, StopHow, Verdict};
use crate::journal::{Kind, Record, Request, Store};
use crate::keeper::Remains;
use crate::plan::Action;
use crate::resolve::Section;
use crate::value::Id;

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Replays the records, judges what was open, and goes on.
    ///
    /// `resumed` are the events that tell of the new controller; they are recorded first.
    pub(super) async fn resume(&mut self, earlier: &[Record], resumed: Vec<Event>) -> Result<(), Error> {
        for record in earlier {
            self.replay(&record.event, &record.stamp)?;
            match &record.event {
                Event::PointChosen { step, point } => {
                    let at = self.state.position(step.as_str());
                    let planned = at.and_then(|at| self.setup.course.nodes.get(at)?.copy.as_ref());
                    if let Some(planned) = planned.filter(|planned| **planned != point.copy) {
                        let why = "it held nothing good before".to_owned();
                        self.instead.insert(planned.clone(), (point.copy.clone(), why));
                    }
                    self.points.insert(point.copy.clone(), Some(point.clone()));
                }
                Event::PointRefused { step, path, why, .. } => self.forget_point(step, path, why),
                _ => {}
            }
        }
        // What takes back is itself given up only by an abort that came later.
        let was_given_up = match self.state.given_up {
            Some(how) => how == StopHow::Abort || !self.state.undoing,
            None => false,
        };
        for event in resumed {
            self.note(event)?;
        }
        // What somebody has given up is not taken up again by resuming it.
        if was_given_up {
            self.halted = Some(StopHow::Abort);
        }
        self.open_gates();
        self.remember_failures();
        self.count();
        let nodes = 0..self.state.steps.len();
        let running: Vec<usize> = nodes
            .clone()
            .filter(|at| matches!(self.state.steps[*at].state, StepState::Running { .. }))
            .collect();
        // They have held their locks since they began, whatever is found of them now. What nobody knows of keeps its lock.
        for at in nodes.clone() {
            let is_running = matches!(self.state.steps[at].state, StepState::Running { .. });
            if is_running || self.is_open_question(at) {
                self.lock(at);
            }
        }
        // An abort that came while nobody controlled the run is heard before anything is started.
        let mut heard = Vec::new();
        while let Some(happening) = self.effects.next_now() {
            let is_abort = |request: &Request| {
                matches!(request.kind, Kind::Abort | Kind::Undo) && request.step.is_none()
            };
            if matches!(&happening, Happening::Requested(found) if found.request.as_ref().is_ok_and(is_abort))
            {
                self.hear(happening)?;
            } else {
                heard.push(happening);
            }
        }
        let (work, looks): (Vec<usize>, Vec<usize>) = running.into_iter().partition(|at| self.is_work(*at));
        self.find_work_again(&work).await?;
        // Waits, health and verification only look; they are simply taken up again.
        for at in looks {
            if self.is_given_up(at) {
                self.finish(at, Outcome::Failed { failure: Failure::Stopped })?;
            } else {
                self.carry_out(at)?;
            }
        }
        for at in nodes {
            match self.state.steps[at].state {
                StepState::Awaiting { .. } if self.is_given_up(at) => {
                    self.finish(at, Outcome::Failed { failure: Failure::Stopped })?;
                }
                StepState::Awaiting { .. } => self.ask_anew(at)?,
                StepState::Retrying { .. } => self.mark_ready(at),
                _ => {}
            }
        }
        self.commit()?;
        for happening in heard {
            self.hear(happening)?;
        }
        while let Some(happening) = self.effects.next_now() {
            self.hear(happening)?;
        }
        self.release()?;
        self.commit()
    }

    /// A recipe of which some part has begun is under way: its `unless` is not asked again.
    fn open_gates(&mut self) {
        for at in 0..self.state.steps.len() {
            if self.state.steps[at].state == StepState::Pending {
                continue;
            }
            for group in self.groups(at) {
                self.gates.insert(group.id.clone(), Gate::Open);
            }
            // An item of which a part was done, and that is not over, is under way.
            let is_failed = matches!(self.state.steps[at].state, StepState::Failed { .. });
            for (whole, item) in self.items_of(at).filter(|_| !is_failed) {
                let record = self.state.step(item.as_str());
                if record.is_some_and(|record| record.state == StepState::Pending) {
                    self.items_under_way.entry(whole.clone()).or_default().insert(item.clone());
                }
            }
        }
    }

    /// Whether a node is not gone on with; what tidies up is, whatever happens.
    fn is_given_up(&self, at: usize) -> bool {
        self.halted == Some(StopHow::Abort) && self.section(at) != Section::Cleanup
    }

    fn is_work(&self, at: usize) -> bool {
        self.step(at).is_some_and(|step| {
            !step.is_group() && matches!(*step.action, Action::Run { .. } | Action::Http { .. })
        })
    }

    async fn find_work_again(&mut self, work: &[usize]) -> Result<(), Error> {
        let attempts: Vec<(Id, u32)> =
            work.iter().map(|at| (self.id(*at).clone(), self.attempt(*at))).collect();
        let found = self.effects.find_again(&attempts).await;
        for (at, remains) in work.iter().copied().zip(found) {
            match remains {
                Ok(Remains::Running(process)) => {
                    self.keep_acting(at);
                    self.pass(at, Verdict::Kept, &format!("it still runs as process {}", process.pid))?;
                    if self.halted == Some(StopHow::Abort) {
                        self.will(Act::Stop(self.id(at).clone(), self.attempt(at)));
                    }
                }
                Ok(Remains::Ended(outcome)) => {
                    self.keep_acting(at);
                    let was_stopped = outcome.cause == crate::keeper::Cause::Stopped;
                    if was_stopped {
                        self.stop_acting(at);
                        self.judge(at, "it was ended when the run was stopped")?;
                    } else {
                        self.pass(at, Verdict::Kept, "its end was found")?;
                        self.hear_found(at, Ending::Kept(outcome))?;
                    }
                }
                Ok(Remains::NeverRan) => {
                    self.pass(at, Verdict::NeverRan, "it was recorded but not started")?;
                    if self.halted == Some(StopHow::Abort) {
                        let why = "the run was given up before".to_owned();
                        self.finish(at, Outcome::Failed { failure: Failure::NotStarted { why } })?;
                    } else {
                        self.carry_out(at)?;
                    }
                }
                Ok(Remains::Gone | Remains::Unclear) if self.is_abroad(at) => {
                    self.take_up_abroad(at, "its courier is gone")?;
                }
                Ok(Remains::Gone) => self.judge(at, "its process is gone and nobody saw how it ended")?,
                Ok(Remains::Unclear) => {
                    self.pass(
                        at,
                        Verdict::Ask,
                        "controller and keeper died around its start: nobody can know whether it ran",
                    )?;
                }
                Err(why) => {
                    self.pass(at, Verdict::Ask, &format!("what is left of it cannot be read: {why}"))?;
                }
            }
        }
        Ok(())
    }

    fn hear_found(&mut self, at: usize, ending: Ending) -> Result<(), Error> {
        let (step, attempt) = (self.id(at).clone(), self.attempt(at));
        self.hear_end(&step, attempt, ending)
    }
}
