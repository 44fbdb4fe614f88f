//! Chooses recovery points: one for all that is restored from a copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dispatcher::{Act, Dispatcher};
use super::node::{Doing, Ticket};
use super::run::Error;
use crate::bucket::Access;
use crate::effect::{Effects, Env, Errand, Folder, FoundPoint, Group, Prove, Search, Vault};
use crate::event::{Event, Failure, Point, StepState};
use crate::journal::Store;
use crate::plan::Consistent;
use crate::probe::Probe;
use crate::resolve::{Section, copy_of};
use crate::value::{Id, Length, Moment, Name, Text};

/// What a step writes to `$DRPLAN_OUTPUT` that has found its recovery point bad.
const PROBLEM: &str = "POINT_PROBLEM";

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
        let Some(copy) = self.copy_of_node(at).cloned() else { return self.start_if_met(at) };
        match self.points.get(&copy) {
            Some(Some(point)) => {
                let mut point = point.clone();
                let planned = self.setup.course.nodes[at].copy.as_ref().filter(|planned| **planned != copy);
                if let Some((planned, (_, why))) =
                    planned.and_then(|planned| self.instead.get_key_value(planned))
                {
                    let passed_over = format!("; {planned} was passed over: ");
                    if !point.why.contains(&passed_over) {
                        point.why.push_str(&format!("{passed_over}{why}"));
                    }
                }
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
                let search = self.search(at, &copy);
                let ticket = self.ticket(Ticket::Point(copy));
                self.will(Act::FindPoint(ticket, Box::new(search)));
                Ok(())
            }
        }
    }

    /// Returns the copy that a node restores from: the one that the route has chosen, unless that holds nothing good.
    pub(super) fn copy_of_node(&self, at: usize) -> Option<&Id> {
        let copies = self.copies_of(at);
        let mut at = 0;
        // Only those that come behind count for this node, so this ends.
        while let Some((other, _)) = self.instead.get(*copies.get(at)?) {
            match copies.iter().skip(at + 1).position(|behind| *behind == other) {
                Some(further) => at += 1 + further,
                None => break,
            }
        }
        copies.get(at).copied()
    }

    fn copies_of(&self, at: usize) -> Vec<&Id> {
        let node = &self.setup.course.nodes[at];
        node.copy.iter().chain(&node.others).collect()
    }

    /// Returns the copy to look at behind one that holds nothing good.
    fn copy_behind(&self, at: usize, copy: &Id) -> Option<Id> {
        self.copies_of(at).into_iter().skip_while(|other| *other != copy).nth(1).cloned()
    }

    /// Returns what point of a copy is wanted, and what must be near to it.
    fn search(&self, at: usize, copy: &Id) -> Search {
        Search { beside: self.beside(copy), ..self.search_alone(at, copy) }
    }

    fn search_alone(&self, at: usize, copy: &Id) -> Search {
        let (before, not_before) = self.window(copy);
        Search {
            at: self.folder_of(at, copy),
            moot: self.moot_point(copy),
            before,
            not_before,
            refused: self.refused_points.get(copy).cloned().unwrap_or_default(),
            proof: if self.setup.start.unverified { None } else { self.prove(copy).map(Box::new) },
            beside: Vec::new(),
        }
    }

    /// Returns the assets that a copy holds.
    fn assets_in(&self, copy: &Id) -> &[Id] {
        copy_of(self.setup.plan, copy.as_str()).map_or(&[], |(_, backup, _, _)| &*backup.of)
    }

    /// Returns the groups of assets of one moment to which a copy belongs.
    fn groups_of(&self, copy: &Id) -> impl Iterator<Item = &Consistent> {
        let own = self.assets_in(copy);
        self.setup.plan.consistent.iter().filter(move |group| is_of(own, group))
    }

    /// Returns what must be of one moment with a copy, and has no point yet: for each thing to be restored, the copies from
    /// which it may come.
    ///
    /// Those may be looked for at the same time, and the choices fit together all the same. Each is the newest that is part
    /// of some fitting set; so of two, the younger one fits to one that is as old as the older one, or older.
    fn beside(&self, copy: &Id) -> Vec<Group> {
        let groups = self.groups_of(copy).map(|group| {
            let mut seen = vec![copy];
            let mut others = Vec::new();
            for at in 0..self.state.steps.len() {
                let Some(other) = self.copy_of_node(at) else { continue };
                let is_chosen = self.points.get(other).is_some_and(Option::is_some);
                let is_open = self.state.steps[at].state == StepState::Pending && !is_chosen;
                if !is_open || seen.contains(&other) || !is_of(self.assets_in(other), group) {
                    continue;
                }
                seen.push(other);
                let copies = self.copies_of(at).into_iter().skip_while(|first| *first != other);
                others.push(copies.map(|copy| self.search_alone(at, copy)).collect());
            }
            Group { within: group.within.unwrap_or_default(), others }
        });
        groups.filter(|group| !group.others.is_empty()).collect()
    }

    /// Returns the moment before which a copy's points hold good data, if not all do: that of the harm, or what was asked
    /// for.
    pub(super) fn limit(&self, copy: &Id) -> Option<Moment> {
        let start = &self.setup.start;
        let own = self.assets_in(copy);
        let harmed =
            start.harmed.as_ref().filter(|harmed| own.iter().any(|asset| harmed.assets.contains(asset)));
        let told = own.iter().filter_map(|asset| self.state.harmed_at(asset)).min();
        let by_stage =
            harmed.filter(|harmed| harmed.assumed && told.is_none()).and_then(|_| self.harmed_by_the_stage());
        start.before.into_iter().chain(told).chain(by_stage).min()
    }

    /// Returns when the harm of a drill is done: as the last step of its stage begins.
    fn harmed_by_the_stage(&self) -> Option<Moment> {
        let sets_stage = |at: &usize| self.step(*at).is_some_and(|step| step.section == Section::Prepare);
        let stage = (0..self.state.steps.len()).filter(sets_stage);
        stage.filter_map(|at| Some(self.state.steps[at].begun.as_ref()?.at)).max()
    }

    /// Returns between which moments a copy's point must be: before the harm, and as near to the points of the assets with
    /// which it must be of one moment as the plan says.
    fn window(&self, copy: &Id) -> (Option<Moment>, Option<Moment>) {
        let (mut before, mut not_before) = (self.limit(copy), None::<Moment>);
        for group in self.groups_of(copy) {
            let chosen = self.points.iter().filter(|(other, _)| *other != copy);
            let times = chosen.filter(|(other, _)| is_of(self.assets_in(other), group));
            for time in times.filter_map(|(_, point)| point.as_ref()?.time) {
                let within = group.within.unwrap_or_default();
                let latest = time.plus(within).plus(Length::from_millis(1));
                let earliest = time.minus(within);
                before = Some(before.map_or(latest, |before| before.min(latest)));
                not_before = Some(not_before.map_or(earliest, |not_before| not_before.max(earliest)));
            }
        }
        (before, not_before)
    }

    /// Returns how a copy's points are looked into before one is taken.
    fn prove(&self, copy: &Id) -> Option<Prove> {
        let reference = copy;
        let (id, _, _, copy) = copy_of(self.setup.plan, reference.as_str())?;
        let own = self.setup.own(id.as_str());
        let is_here = |probe: &&Arc<Probe>| !probe.is_of_copy() && self.ssh_of(probe.on.as_ref()).is_none();
        let probes = copy.verify.iter().filter(is_here).cloned().collect();
        let mut values = self.vars_of(reference)?;
        values.insert("POINT_COPY".to_owned(), reference.to_string());
        let mut env = own.ground.inherited.clone();
        env.extend(own.vars.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let key = copy.key.as_ref().and_then(|key| {
            let wanted = vec![self.wanted(key)?];
            Some((key.clone(), Errand { wanted, env, cwd: own.ground.folder.clone() }))
        });
        let env = Env { values, ..Env::default() };
        Some(Prove {
            copy: reference.clone(),
            probes,
            env,
            key,
            cwd: own.ground.folder.clone(),
            shell: own.shell(),
        })
    }

    /// Returns the variables with which a copy is looked at: those of its plan and of the place where it lies.
    fn vars_of(&self, copy: &Id) -> Option<BTreeMap<String, String>> {
        let (id, ..) = copy_of(self.setup.plan, copy.as_str())?;
        let plan = self.setup.own(id.as_str());
        let place = self.place_of_copy(copy).and_then(|place| self.setup.plan.places.get(place));
        let mut vars = plan.ground.inherited.clone();
        let own = plan.vars.iter().chain(place.into_iter().flat_map(|place| &place.vars));
        vars.extend(own.map(|(name, value)| (name.to_string(), value.to_string())));
        Some(vars)
    }

    fn place_of_copy(&self, copy: &Id) -> Option<&Id> {
        let (_, backup, _, copy) = copy_of(self.setup.plan, copy.as_str())?;
        let home = || backup.of.iter().find_map(|asset| self.setup.course.was(self.setup.plan, asset));
        copy.in_.as_ref().or_else(home)
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

    /// Returns where a copy's points lie; nothing if the plan does not say.
    pub(super) fn folder_of(&self, node: usize, copy: &Id) -> Option<Folder> {
        let (id, _, _, body) = copy_of(self.setup.plan, copy.as_str())?;
        let plan = self.setup.own(id.as_str());
        let vars = self.vars_of(copy)?;
        let text = Text::new(body.at.as_deref()?);
        let filled = match text.fill(|name| vars.get(name).map(|value| value.as_str().into())) {
            Ok(filled) => filled,
            Err(error) => return Some(Folder::Unseen(format!("`at`: {error}"))),
        };
        if body.is_repository() {
            let is_here = !filled.contains("://") && self.ssh_of(self.place_of_copy(copy)).is_none();
            let path = if is_here { plan.ground.folder.join(&filled) } else { filled.into() };
            return path.into_os_string().into_string().ok().map(Folder::Repository);
        }
        if filled.starts_with("s3://") {
            let names = Access::NAMES.into_iter().filter_map(|name| name.parse::<Name>().ok());
            let wanted = names.filter_map(|name| self.wanted(&name)).collect();
            let mut env = plan.ground.inherited.clone();
            env.extend(plan.vars.iter().map(|(name, value)| (name.to_string(), value.to_string())));
            let keys = Errand { wanted, env, cwd: plan.ground.folder.clone() };
            return Some(Folder::Bucket(Box::new(Vault { at: filled, values: vars, keys })));
        }
        if filled.contains("://") {
            return Some(Folder::Unseen("this version looks into folders and S3".to_owned()));
        }
        match self.afar(node, self.place_of_copy(copy), &vars) {
            Some(Ok(afar)) => Some(Folder::Afar(Box::new(afar), filled)),
            Some(Err(why)) => Some(Folder::Unseen(why)),
            None => Some(Folder::Here(plan.ground.folder.join(filled))),
        }
    }

    /// Returns the point that a failed step has found bad, and why: it says so in `$DRPLAN_OUTPUT`.
    ///
    /// Where another step has restored from the same point already, another point would not fit to what is there.
    pub(super) fn bad_point(&mut self, at: usize, failure: &Failure) -> Option<(String, String)> {
        let copy = self.copy_of_node(at)?;
        let path = self.points.get(copy)?.as_ref()?.path.clone()?;
        if !matches!(failure, Failure::Exit { .. }) || self.halted.is_some() || self.is_undo(at) {
            return None;
        }
        let has_restored = |other: usize| {
            other != at && self.copy_of_node(other) == Some(copy) && self.state.steps[other].acted
        };
        if (0..self.state.steps.len()).any(has_restored) {
            return None;
        }
        let written = self.effects.outputs(self.id(at), self.attempt(at)).ok()?;
        let why = written.lines().find_map(|line| line.strip_prefix(PROBLEM)?.strip_prefix('='))?;
        Some((path, why.chars().filter(|letter| !letter.is_control()).take(500).collect()))
    }

    /// Passes over a point that a step has found bad, and lets the step begin anew with the one before it.
    pub(super) fn refuse_point(&mut self, at: usize, path: String, why: String) -> Result<(), Error> {
        let (step, attempt) = (self.id(at).clone(), self.attempt(at));
        self.unlock(at);
        self.forget_point(&step, &path, &why);
        self.will(Act::Acknowledge(step.clone(), attempt));
        self.note(Event::PointRefused { step, attempt, path, why })?;
        self.mark_ready(at);
        Ok(())
    }

    /// Forgets that a point was chosen, and remembers what is wrong with it.
    pub(super) fn forget_point(&mut self, step: &Id, path: &str, why: &str) {
        let Some(at) = self.state.position(step.as_str()) else { return };
        let Some(copy) = self.copy_of_node(at).cloned() else { return };
        self.points.remove(&copy);
        self.refused_points.entry(copy).or_default().push((path.to_owned(), why.to_owned()));
    }

    pub(super) fn hear_point(&mut self, copy: Id, found: FoundPoint) -> Result<(), Error> {
        let waiting: Vec<usize> = (0..self.doing.len())
            .filter(|at| self.doing[*at] == Doing::Finding && self.copy_of_node(*at) == Some(&copy))
            .collect();
        let before = self.limit(&copy);
        let point = |path, time: Option<Moment>, why| Point { copy: copy.clone(), path, time, why, before };
        let point = match found {
            FoundPoint::Newest { path, time, why } => point(Some(path), time, why),
            FoundPoint::CannotLook(why) | FoundPoint::Unasked(why) => point(None, None, why),
            FoundPoint::Nothing(why) => {
                self.points.remove(&copy);
                for at in waiting {
                    self.doing[at] = Doing::Nothing;
                    if let Some(other) = self.copy_behind(at, &copy) {
                        self.instead.insert(copy.clone(), (other, why.clone()));
                        self.choose_point(at)?;
                        continue;
                    }
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

/// Whether some of these assets belong to a group.
fn is_of(assets: &[Id], group: &Consistent) -> bool {
    assets.iter().any(|asset| group.assets.contains(asset))
}
