//! What a course needs before anything of it can be done; a dry run looks whether it is there.

use std::collections::{BTreeMap, BTreeSet};

use super::dispatcher::Dispatcher;
use super::hearing::people_of;
use super::run::Error;
use crate::effect::{Demand, Effects, Need};
use crate::event::{Event, Found};
use crate::journal::Store;
use crate::plan::{Action, Approve, Tell, WebhookUrl};
use crate::resolve::{CourseKind, ResolvedStep};
use crate::value::{Id, Text};

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Looks whether all is there that the course needs, if its effects look ahead at all.
    pub(super) async fn look_ahead(&mut self) -> Result<(), Error> {
        // What does not look ahead has nothing to keep from writing: a real run goes on at once.
        let Some((by, note)) = self.effects.confined() else { return Ok(()) };
        self.note(Event::ProbesConfined { by, note })?;
        self.commit()?;
        let demands =
            self.tools().into_iter().chain(self.hosts()).chain(self.answers()).chain(self.hooks()).collect();
        for check in self.effects.look_ahead(demands).await {
            self.note(Event::Checked(check))?;
        }
        self.commit()
    }

    /// Returns the tools that steps name, each once.
    fn tools(&self) -> Vec<Demand> {
        let mut demands: Vec<Demand> = Vec::new();
        let mut known: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
        for (at, node) in self.setup.course.nodes.iter().enumerate() {
            let Some(step) = self.step(at).filter(|_| !self.is_abroad(at)) else { continue };
            // Inputs may wait for what steps put out; tools are looked for all the same.
            let env = self.values.of(at, &self.state, self.held.get(&at)).map(|env| env.values);
            let env = env.unwrap_or_else(|_| self.setup.own_of(at).ground.inherited.clone());
            for tool in &step.common.needs_tools {
                let key = (tool.to_string(), env.get("PATH").cloned());
                let id = Id::trusted(step.written_as());
                match known.get(&key).and_then(|known| demands.get_mut(*known)) {
                    Some(demand) if demand.steps.contains(&id) => {}
                    Some(demand) => demand.steps.push(id),
                    None => {
                        known.insert(key, demands.len());
                        let brought_by = node.place.as_ref().and_then(|place| self.provider_of(place));
                        let cwd = self.setup.own_of(at).ground.folder.clone();
                        let need = Need::Tool { tool: tool.clone(), env: env.clone(), cwd, brought_by };
                        demands.push(Demand { what: format!("tool {tool}"), steps: vec![id], need });
                    }
                }
            }
        }
        demands
    }

    /// Returns the step of the course that brings a place.
    pub(super) fn provider_of(&self, place: &Id) -> Option<Id> {
        let steps = (0..self.setup.course.nodes.len()).filter_map(|at| self.step(at));
        steps.into_iter().find(|step| step.common.provides.contains(place)).map(|step| step.id.clone())
    }

    /// Returns what the plan says of who could answer each step that asks somebody.
    fn answers(&self) -> Vec<Demand> {
        let steps = self.setup.course.nodes.iter().filter_map(|node| match node.kind {
            CourseKind::Step(at) => self.setup.plan.steps.get(at),
            CourseKind::Health => None,
        });
        steps.filter_map(|step| self.answer(step)).collect()
    }

    /// Returns the variables that hold the URLs of webhooks; a run without them goes on, and tells nobody.
    fn hooks(&self) -> Vec<Demand> {
        let variables = self.setup.plan.notify.iter().filter_map(|notification| match &notification.tell {
            Tell::Webhook(webhook) => match &webhook.url {
                WebhookUrl::Env(name) => Some(name),
                WebhookUrl::Url(_) => None,
            },
            Tell::Command(_) => None,
        });
        let variables: BTreeSet<&String> = variables.collect();
        let demand = |name: &String| Demand {
            what: format!("webhook ${name}"),
            steps: Vec::new(),
            need: Need::Variable(name.clone()),
        };
        variables.into_iter().map(demand).collect()
    }

    fn answer(&self, step: &ResolvedStep) -> Option<Demand> {
        let (by, approve) = match &*step.action {
            Action::Approve(approve) => (approve.by.to_vec(), Some(approve)),
            Action::Manual { by, .. } => (by.iter().cloned().collect(), None),
            _ => return None,
        };
        if by.is_empty() {
            return None;
        }
        let named: Vec<&str> = by.iter().map(Id::as_str).collect();
        let what = match approve {
            Some(_) => format!("approval by {}", named.join(" or ")),
            None => format!("work by {}", named.join(" or ")),
        };
        let (found, note) = self.who(&by, approve.map(|approve| &**approve));
        Some(Demand { what, steps: vec![step.id.clone()], need: Need::Known(found, note) })
    }

    fn who(&self, by: &[Id], approve: Option<&Approve>) -> (Found, String) {
        let plan = self.setup.plan;
        if plan.people.is_empty() {
            return (Found::Met, "the plan names no people: whoever is there".to_owned());
        }
        let starter = &self.setup.start.by;
        let must_differ = approve.and_then(|approve| approve.distinct_from.as_ref());
        let not_starter = must_differ.is_some_and(|other| other.as_str() == "starter");
        let people: Vec<Id> = people_of(plan, by)
            .into_iter()
            .filter(|person| !not_starter || person.as_str() != starter)
            .collect();
        let quorum = approve.and_then(|approve| approve.quorum).map_or(1, std::num::NonZeroU32::get) as usize;
        let listed = people
            .iter()
            .map(|person| match plan.people.get(person) {
                Some(known) if approve.is_some() && known.key.is_none() => format!("{person} (no key)"),
                _ => person.to_string(),
            })
            .collect::<Vec<_>>()
            .join(", ");
        let but = if not_starter { format!(" besides {starter}, who begins the run") } else { String::new() };
        if people.len() < quorum {
            let there = if people.is_empty() { "nobody".to_owned() } else { listed };
            return (Found::Unmet, format!("{quorum} needed; the plan has {there}{but}"));
        }
        (Found::Met, listed)
    }

    /// Says which values a step or asset names that only the real thing will know.
    pub(super) fn tell_unknown(&mut self, at: usize) -> Result<(), Error> {
        let Ok(env) = self.values.of(at, &self.state, self.held.get(&at)) else { return Ok(()) };
        if env.unknown.is_empty() {
            return Ok(());
        }
        let texts = self.texts_of(at);
        let is_named = |name: &String| {
            texts.iter().any(|text| Text::new(text.as_str()).names().any(|used| used == name))
        };
        let mut names: Vec<String> = env.unknown.iter().filter(|name| is_named(name)).cloned().collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Ok(());
        }
        self.note(Event::ValuesUnknown { step: self.id(at).clone(), names })
    }

    /// Returns everything of a node in which a value may be named.
    fn texts_of(&self, at: usize) -> Vec<String> {
        let Some(step) = self.step(at) else {
            let asset = self.setup.plan.assets.get(self.id(at));
            return asset.into_iter().flat_map(|asset| &asset.health).map(|probe| probe.shown()).collect();
        };
        let mut texts: Vec<String> = match &*step.action {
            Action::Run { command, .. } => vec![command.shown()],
            Action::Manual { text, .. } => vec![text.as_str().to_owned()],
            Action::Approve(approve) => approve.ask.iter().map(|text| text.as_str().to_owned()).collect(),
            Action::Http { request, .. } => {
                let headers = request.headers.values().map(|value| value.as_str().to_owned());
                let body = request.body.iter().map(|body| body.as_str().to_owned());
                [request.url.as_str().to_owned()].into_iter().chain(headers).chain(body).collect()
            }
            Action::Wait(_) | Action::Use { .. } | Action::Plan { .. } => Vec::new(),
        };
        texts.extend(step.inputs.values().map(|text| text.as_str().to_owned()));
        let common = &step.common;
        let probes = common.preconditions.iter().chain(&common.verify).chain(&common.unless);
        texts.extend(probes.map(|probe| probe.shown()));
        texts
    }
}
