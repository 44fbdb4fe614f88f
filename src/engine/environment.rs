//! The values that a step's command, its probes and its texts get.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Setup;
use super::secrets::Held;
use crate::effect::Env;
use crate::event::{Point, RunState, StepState};
use crate::plan::Action;
use crate::resolve::{CourseKind, ResolvedStep, copy_of};
use crate::value::{Id, Name, NameError, Scalar, Table};

/// Works out the values for a node of the course.
pub(super) struct Values<'a> {
    setup: &'a Setup<'a>,
    /// The positions of the nodes whose steps declare outputs.
    producers: Vec<usize>,
}

impl<'a> Values<'a> {
    pub(super) fn new(setup: &'a Setup<'a>) -> Self {
        let declares = |at: &usize| match setup.course.nodes[*at].kind {
            CourseKind::Step(step) => !setup.plan.steps[step].common.outputs.is_empty(),
            CourseKind::Health => false,
        };
        let producers = (0..setup.course.nodes.len()).filter(declares).collect();
        Self { setup, producers }
    }

    /// Returns the step of a node; nothing for a health check.
    pub(super) fn step(&self, at: usize) -> Option<&'a ResolvedStep> {
        match self.setup.course.nodes[at].kind {
            CourseKind::Step(step) => Some(&self.setup.plan.steps[step]),
            CourseKind::Health => None,
        }
    }

    /// Returns the environment of a node.
    ///
    /// # Errors
    ///
    /// When an input names a variable that has no value.
    pub(super) fn of(&self, at: usize, state: &RunState, held: Option<&Held>) -> Result<Env, NameError> {
        let node = &self.setup.course.nodes[at];
        let own = self.setup.own_of(at);
        let mut env = Env { values: own.ground.inherited.clone(), unknown: Vec::new(), secret: Vec::new() };
        add_vars(&mut env.values, own.vars);
        // What restores from a copy reaches it as the place says where it lies; its own place counts before that.
        let point = state.steps.get(at).and_then(|record| record.point.as_deref());
        let copy = point.map(|point| &point.copy).or(node.copy.as_ref());
        let copy = copy.and_then(|copy| copy_of(self.setup.plan, copy.as_str()));
        let places = [copy.and_then(|(_, _, _, copy)| copy.in_.as_ref()), node.place.as_ref()];
        for place in places.into_iter().flatten().filter_map(|place| self.setup.plan.places.get(place)) {
            add_vars(&mut env.values, &place.vars);
        }
        let step = self.step(at);
        if let Some(step) = step {
            add_vars(&mut env.values, &step.common.env);
        }
        self.add_outputs(at, state, &mut env);
        if node.copy.is_some() {
            add_point(&mut env, point);
        }
        self.add_own(node.place.as_ref(), &mut env.values);
        match (held, step) {
            (Some(held), _) => held.add_to(&mut env),
            // Nothing of the step uses them, so they were not fetched; a text shows their names.
            (None, Some(step)) => {
                env.unknown.extend(step.common.secrets.iter().map(|name| name.in_commands().to_owned()));
            }
            (None, None) => {}
        }
        if let Some(step) = step {
            for (name, text) in &*step.inputs {
                match text.fill(|name| env.values.get(name).map(|value| Cow::Borrowed(value.as_str()))) {
                    Ok(value) => {
                        env.values.insert(name.to_string(), value);
                    }
                    Err(NameError(missing)) if env.unknown.contains(&missing) => {
                        env.unknown.push(name.to_string());
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(env)
    }

    /// Outputs reach everything that needs their step, directly or not.
    fn add_outputs(&self, at: usize, state: &RunState, env: &mut Env) {
        if self.producers.is_empty() {
            return;
        }
        let mut seen = BTreeSet::new();
        let mut stack = vec![at];
        while let Some(next) = stack.pop() {
            for before in self.setup.course.nodes[next].after.iter() {
                if seen.insert(*before) {
                    stack.push(*before);
                }
            }
        }
        let takes_back = self.setup.course.nodes[at].undoes.is_some();
        for producer in self.producers.iter().filter(|producer| seen.contains(producer)) {
            let record = &state.steps[*producer];
            // What a step has put out before it failed is of use only to whatever takes it back.
            if !takes_back && matches!(record.state, StepState::Failed { .. } | StepState::Skipped) {
                continue;
            }
            env.values.extend(record.outputs.iter().map(|(name, value)| (name.to_string(), value.clone())));
            if record.state == StepState::Assumed {
                let declared =
                    self.step(*producer).map(|step| step.common.outputs.as_slice()).unwrap_or_default();
                env.unknown.extend(declared.iter().map(Name::to_string));
            }
        }
    }

    fn add_own(&self, place: Option<&Id>, values: &mut BTreeMap<String, String>) {
        let start = &self.setup.start;
        let own = [
            ("DRPLAN_RUN", Some(start.run.as_str())),
            ("DRPLAN_SCENARIO", start.scenario.as_ref().map(Id::as_str)),
            ("DRPLAN_ENVIRONMENT", start.environment.as_ref().map(Id::as_str)),
            ("DRPLAN_HOME", place.map(Id::as_str)),
        ];
        values.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
    }

    /// Returns the environment of a probe that names a place of its own.
    pub(super) fn at_place(&self, mut env: Env, place: &Id) -> Env {
        if let Some(place) = self.setup.plan.places.get(place) {
            add_vars(&mut env.values, &place.vars);
        }
        env
    }

    /// Returns the program that carries out a command of a node.
    pub(super) fn shell(&self, at: usize) -> Vec<String> {
        let of_step = self.step(at).and_then(|step| match &*step.action {
            Action::Run { shell, .. } => shell.as_ref(),
            _ => None,
        });
        of_step.map_or_else(|| self.setup.own_of(at).shell(), |shell| shell.to_vec())
    }
}

fn add_vars(values: &mut BTreeMap<String, String>, vars: &Table<Name, Scalar>) {
    values.extend(vars.iter().map(|(name, value)| (name.to_string(), value.to_string())));
}

/// Adds what is known of the point that a node restores from; the rest of it is not known yet.
fn add_point(env: &mut Env, point: Option<&Point>) {
    if let Some(point) = point {
        env.values.insert("POINT_COPY".into(), point.copy.to_string());
        if let Some(path) = &point.path {
            env.values.insert("POINT_PATH".into(), path.clone());
            let id = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
            env.values.insert("POINT_ID".into(), id.to_owned());
        }
        if let Some(time) = point.time {
            env.values.insert("POINT_TIME".into(), time.to_string());
        }
        let before = point.before.map(|before| before.to_string()).unwrap_or_default();
        env.values.insert("POINT_BEFORE".into(), before);
    }
    env.unknown.extend(
        Name::OF_POINT.iter().filter(|name| !env.values.contains_key(**name)).map(|name| (*name).to_owned()),
    );
}
