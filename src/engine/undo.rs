//! Takes back what was carried out: the last first, each undo as an attempt of its own on record.

use std::borrow::Cow;
use std::cmp::Reverse;

use thin_vec::ThinVec;

use super::Setup;
use super::dispatcher::Dispatcher;
use super::run::Error;
use crate::effect::Effects;
use crate::event::{Event, Outline, OutlineKind, RunState, StepState, StopHow, Verdict};
use crate::journal::Store;
use crate::plan::{Action, Undo};
use crate::resolve::{Course, CourseKind, ResolvedPlan, ResolvedStep, Section, with_undos};
use crate::value::Id;

/// Returns a plan and its course with the undos that a run has begun; as they are if it has begun none.
pub fn with_begun_undos<'p>(
    plan: &'p ResolvedPlan,
    course: &'p Course,
    nodes: &[Outline],
) -> (Cow<'p, ResolvedPlan>, Cow<'p, Course>) {
    let position = |id: &Id| course.nodes.iter().position(|node| node.id == *id);
    let undo = |node: &Outline| Some((position(node.undoes.as_ref()?)?, node.id.clone()));
    let undos: Vec<(usize, Id)> = nodes.iter().filter_map(undo).collect();
    if undos.is_empty() {
        return (Cow::Borrowed(plan), Cow::Borrowed(course));
    }
    let (plan, course) = with_undos(plan, course, &undos);
    (Cow::Owned(plan), Cow::Owned(course))
}

/// What a run has carried out, as far as it can be taken back.
struct CarriedOut<'a> {
    plan: &'a ResolvedPlan,
    course: &'a Course,
    state: &'a RunState,
}

impl<'a> CarriedOut<'a> {
    fn step(&self, at: usize) -> Option<&'a ResolvedStep> {
        match self.course.nodes[at].kind {
            CourseKind::Step(step) => self.plan.steps.get(step),
            CourseKind::Health => None,
        }
    }

    fn parts(&self, at: usize) -> impl Iterator<Item = usize> {
        let whole = &self.course.nodes[at].id;
        (0..self.state.steps.len())
            .filter(move |part| self.step(*part).is_some_and(|step| step.group() == Some(whole)))
    }

    /// Returns when a node ended that may have changed something, as the number of an event; nothing if it changed nothing.
    ///
    /// What closes others has done what they did, and ended after the last of them.
    fn ended(&self, at: usize) -> Option<u64> {
        let record = &self.state.steps[at];
        let own = record.acted.then_some(record.order);
        if !self.step(at)?.is_group() {
            return own;
        }
        let last = self.parts(at).filter_map(|part| self.ended(part)).max()?;
        Some(own.map_or(last, |own| own.max(last)))
    }

    /// Returns what is to be taken back, in this order: the reverse of that in which it ended.
    fn to_undo(&self) -> Vec<usize> {
        let has_undo = |at: &usize| {
            let skipped = self.state.steps[*at].state == StepState::Skipped;
            // What tidies up after a drill comes after all this.
            let tidies = self.course.section(self.plan, *at) == Section::Cleanup;
            !skipped && !tidies && self.step(*at).is_some_and(|step| step.common.undo.is_some())
        };
        let mut ended: Vec<(u64, usize)> = (0..self.state.steps.len())
            .filter(has_undo)
            .filter_map(|at| Some((self.ended(at)?, at)))
            .collect();
        // A whole stands behind its parts in the plan, and is taken back before them.
        ended.sort_by_key(|ended| Reverse(*ended));
        ended.into_iter().map(|(_, at)| at).collect()
    }

    /// Returns what has changed something and is not taken back, neither itself nor with what it is part of.
    fn left(&self, undos: &[usize]) -> Vec<Id> {
        let is_within = |at: usize, whole: &Id| {
            let mut part = self.step(at);
            while let Some(of) = part.and_then(ResolvedStep::group) {
                if of == whole {
                    return true;
                }
                part = self.plan.step(of.as_str());
            }
            false
        };
        let is_covered =
            |at: usize| undos.iter().any(|undo| *undo == at || is_within(at, &self.course.nodes[*undo].id));
        let mut left: Vec<(u64, usize)> = (0..self.state.steps.len())
            .filter(|at| {
                self.step(*at).is_some_and(|step| {
                    let acts = matches!(
                        *step.action,
                        Action::Run { .. } | Action::Http { .. } | Action::Manual { .. }
                    );
                    acts && !step.is_group() && step.section != Section::Cleanup
                })
            })
            .filter(|at| !is_covered(*at))
            .filter_map(|at| Some((self.ended(at)?, at)))
            .collect();
        left.sort_by_key(|ended| Reverse(*ended));
        left.into_iter().map(|(_, at)| self.course.nodes[at].id.clone()).collect()
    }

    /// Returns an id for an undo that nothing else of the run has.
    fn id_of(&self, undone: &Id) -> Id {
        let ids = (1..).map(|n: u32| {
            let suffix = if n == 1 { "undo".to_owned() } else { format!("undo-{n}") };
            Id::trusted(format!("{undone}/{suffix}"))
        });
        let is_free = |id: &Id| self.state.position(id.as_str()).is_none();
        ids.into_iter().find(is_free).unwrap_or_else(|| undone.clone())
    }

    fn outline(&self, at: usize) -> Outline {
        let undone = &self.course.nodes[at].id;
        let title = self.step(at).map_or(undone.as_str(), ResolvedStep::title);
        let undo = self.step(at).and_then(|step| step.common.undo.as_deref()).map(Undo::shown);
        Outline {
            id: self.id_of(undone),
            kind: OutlineKind::Undo,
            title: title.into(),
            takes: None,
            after: [].into(),
            restores: ThinVec::new(),
            undo: undo.map(Into::into),
            undoes: Some(undone.clone()),
        }
    }
}

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Whether it is to be taken back what was carried out, and this has not begun.
    pub(super) fn must_begin_undo(&self) -> bool {
        self.state.given_up == Some(StopHow::Undo) && !self.state.undoing
    }

    /// Records what is taken back. The undos are nodes of the run from then on.
    pub(super) fn begin_undo(&mut self) -> Result<(), Error> {
        let done = CarriedOut { plan: self.setup.plan, course: self.setup.course, state: &self.state };
        let undos = done.to_undo();
        let left = done.left(&undos);
        let nodes = undos.into_iter().map(|at| done.outline(at)).collect();
        self.note(Event::UndoBegan { nodes, left })?;
        self.commit()
    }

    pub(super) fn is_undo(&self, at: usize) -> bool {
        self.setup.course.nodes[at].undoes.is_some()
    }

    /// Lets the next undo begin, once the one before it is over; whether there is one.
    pub(super) fn begin_next_undo(&mut self) -> Result<bool, Error> {
        let is_open = |at: &usize| {
            !matches!(
                self.state.steps[*at].state,
                StepState::Done { .. } | StepState::Failed { .. } | StepState::Skipped
            )
        };
        let next = (0..self.state.steps.len()).filter(|at| self.is_undo(*at)).find(is_open);
        let Some(at) = next.filter(|at| self.state.steps[*at].state == StepState::Pending) else {
            return Ok(false);
        };
        let undone = self.setup.course.nodes[at].undoes.unwrap_or(at);
        if matches!(self.state.steps[undone].state, StepState::Unknown { .. }) {
            let step = self.id(at).clone();
            self.note(Event::StepStarted { step, attempt: 1 })?;
            let why =
                format!("it was not begun: nobody can know whether {} was carried out", self.id(undone));
            self.pass(at, Verdict::Ask, &why)?;
            self.commit()?;
            return Ok(false);
        }
        self.mark_ready(at);
        self.release()?;
        self.commit()?;
        Ok(true)
    }
}

impl<'a, E: Effects, S: Store> Dispatcher<'a, E, S> {
    /// Goes on with what takes back what was carried out: the same run, with the undos as nodes more.
    pub(super) fn taking_back<'b>(self, setup: &'b Setup<'b>) -> Dispatcher<'b, E, S>
    where
        'a: 'b,
    {
        let Self { effects, writer, listener, state, last, next_ticket, .. } = self;
        let mut next = Dispatcher::new(setup, effects, writer, listener);
        (next.state, next.last, next.next_ticket) = (state, last, next_ticket);
        next
    }
}
