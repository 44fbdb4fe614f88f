//! Chooses recovery points: one for all that is restored from a copy.

use super::dispatcher::{Act, Dispatcher};
use super::node::{Doing, Ticket};
use super::run::Error;
use crate::effect::{Effects, Folder, FoundPoint};
use crate::event::{Event, Failure, Point, StepState};
use crate::journal::Store;
use crate::resolve::{Section, copy_of};
use crate::value::{Id, Moment, Text};

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    pub(super) fn choose_point(&mut self, at: usize) -> Result<(), Error> {
        // While it was looked at, another may have taken the last slot or the lock, or the run may have stopped.
        if !self.may_begin(at) {
            self.mark_ready(at);
            return Ok(());
        }
        // What takes back a step that restored something gets the point which that has restored.
        if self.is_undo(at) {
            return self.start_step(at);
        }
        let Some(copy) = self.setup.course.nodes[at].copy.clone() else { return self.start_if_met(at) };
        match self.points.get(&copy) {
            Some(Some(point)) => {
                let point = point.clone();
                self.note(Event::PointChosen { step: self.id(at).clone(), point })?;
                self.start_if_met(at)
            }
            Some(None) => {
                self.doing[at] = Doing::Finding;
                Ok(())
            }
            None => {
                self.points.insert(copy.clone(), None);
                self.doing[at] = Doing::Finding;
                let moot = self.moot_point(&copy);
                let folder = self.folder_of(at, &copy);
                let ticket = self.ticket(Ticket::Point(copy));
                self.will(Act::FindPoint(ticket, folder, moot));
                Ok(())
            }
        }
    }

    /// Says why a copy cannot be looked at yet: what makes it, or the place where it lies, did not really happen.
    fn moot_point(&self, copy: &Id) -> Option<String> {
        let place = copy_of(self.setup.plan, copy.as_str()).and_then(|(_, _, _, copy)| copy.in_.as_ref());
        (0..self.state.steps.len()).filter(|at| self.state.steps[*at].state == StepState::Assumed).find_map(
            |at| {
                let step = self.step(at)?;
                let sets_stage = step.section == Section::Prepare;
                let provides = place.is_some_and(|place| step.common.provides.contains(place));
                (sets_stage || provides).then(|| format!("{} has not really been done", step.id))
            },
        )
    }

    /// Returns the folder in which a copy's points lie, if this version can look there.
    pub(super) fn folder_of(&self, node: usize, copy: &Id) -> Option<Folder> {
        let (id, backup, _, copy) = copy_of(self.setup.plan, copy.as_str())?;
        let plan = self.setup.own(id.as_str());
        let id = copy
            .in_
            .as_ref()
            .or_else(|| backup.of.iter().find_map(|asset| self.setup.plan.assets.get(asset)?.homes.first()));
        let place = id.and_then(|place| self.setup.plan.places.get(place));
        let at = copy.at.as_deref().filter(|at| !at.contains("://"))?;
        let mut vars = plan.ground.inherited.clone();
        let own = plan.vars.iter().chain(place.into_iter().flat_map(|place| &place.vars));
        vars.extend(own.map(|(name, value)| (name.to_string(), value.to_string())));
        let filled = Text::new(at).fill(|name| vars.get(name).map(|value| value.as_str().into())).ok()?;
        match self.afar(node, id, &vars) {
            Some(Ok(afar)) => Some(Folder::Afar(Box::new(afar), filled)),
            Some(Err(_)) => None,
            None => Some(Folder::Here(plan.ground.folder.join(filled))),
        }
    }

    pub(super) fn hear_point(&mut self, copy: Id, found: FoundPoint) -> Result<(), Error> {
        let waiting: Vec<usize> = (0..self.doing.len())
            .filter(|at| {
                self.doing[*at] == Doing::Finding && self.setup.course.nodes[*at].copy.as_ref() == Some(&copy)
            })
            .collect();
        let point = |path, time: Option<Moment>, why| Point { copy: copy.clone(), path, time, why };
        let point = match found {
            FoundPoint::Newest { path, time, why } => point(Some(path), time, why),
            FoundPoint::CannotLook(why) | FoundPoint::Unasked(why) => point(None, None, why),
            FoundPoint::Nothing(why) => {
                self.points.remove(&copy);
                for at in waiting {
                    self.doing[at] = Doing::Nothing;
                    let attempt = self.attempt(at) + 1;
                    self.note(Event::StepStarted { step: self.id(at).clone(), attempt })?;
                    let why = format!("there is no recovery point in {copy}: {why}");
                    self.fail(at, Failure::NotStarted { why })?;
                }
                return Ok(());
            }
        };
        self.points.insert(copy, Some(point));
        for at in waiting {
            self.choose_point(at)?;
        }
        Ok(())
    }
}
