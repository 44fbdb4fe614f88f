//! The secrets of a step: fetched before it begins, held until it has ended, known to nobody else.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::dispatcher::{Act, Dispatcher};
use super::node::{Doing, Purpose, Then, Ticket};
use super::run::Error;
use crate::effect::{Effects, Env, Errand, Fetched, Origin, Unfetched, Wanted};
use crate::event::{Check, Event, Failure, Found, StepState};
use crate::journal::Store;
use crate::keeper::{Mask, is_maskable};
use crate::plan::{Action, SecretSource, Wait};
use crate::probe::Command;
use crate::resolve::{ResolvedStep, Section};
use crate::value::{Id, Name};

/// The secrets of a step that is under way.
#[derive(Debug, Default)]
pub(super) struct Held {
    known: Vec<(Name, SecretString)>,
    unknown: Vec<Name>,
}

impl Held {
    /// Adds them to the step's environment, and says that they are secrets.
    pub(super) fn add_to(&self, env: &mut Env) {
        for (name, value) in &self.known {
            env.values.insert(name.in_commands().to_owned(), value.expose_secret().to_owned());
            env.secret.push(name.in_commands().to_owned());
        }
        env.unknown.extend(self.unknown.iter().map(|name| name.in_commands().to_owned()));
    }
}

/// Whether anything of a step uses the values of its secrets; a text for people shows names alone.
fn uses_secrets(step: &ResolvedStep) -> bool {
    let by_work = match &*step.action {
        Action::Run { .. } | Action::Http { .. } | Action::Wait(Wait::Until(_)) => true,
        Action::Manual { .. }
        | Action::Approve(_)
        | Action::Wait(Wait::For(_))
        | Action::Use { .. }
        | Action::Plan { .. } => false,
    };
    !step.common.secrets.is_empty()
        && (by_work || step.common.unless.is_some() || !step.common.verify.is_empty())
}

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Whether a node has secrets that are not here.
    pub(super) fn must_fetch(&self, at: usize) -> bool {
        self.step(at).is_some_and(uses_secrets) && !self.held.contains_key(&at)
    }

    /// Begins to fetch the secrets of a node; `then` is done with them.
    pub(super) fn fetch(&mut self, at: usize, then: Then) {
        let Some(step) = self.step(at) else { return };
        let wanted = step.common.secrets.iter().filter_map(|name| self.wanted(name)).collect();
        let own = self.setup.own_of(at);
        let mut env = own.ground.inherited.clone();
        env.extend(own.vars.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let errand = Errand { wanted, env, cwd: own.ground.folder.clone() };
        let ticket =
            self.ticket(if then == Then::Begin { Ticket::FirstFetch(at) } else { Ticket::Fetch(at) });
        self.doing[at] = Doing::Fetching(then);
        self.will(Act::Fetch(ticket, errand));
    }

    pub(super) fn wanted(&self, name: &Name) -> Option<Wanted> {
        let origin = match &self.setup.plan.secrets.get(name)?.source {
            SecretSource::Env(variable) => Origin::Variable(variable.clone()),
            SecretSource::File(path) => Origin::File(path.into()),
            SecretSource::Command(Command::Program(words)) => Origin::Program(words.clone()),
            SecretSource::Command(Command::Shell(text)) => {
                let mut program = self.setup.own(name.as_str()).shell();
                program.push(text.to_string());
                Origin::Program(program)
            }
            SecretSource::Ask(_) => Origin::Person,
        };
        Some(Wanted { name: name.clone(), origin })
    }

    pub(super) fn hear_fetched(
        &mut self,
        at: usize,
        fetched: Result<Fetched, Unfetched>,
    ) -> Result<(), Error> {
        // A person may have skipped it, or given the run up, while they were fetched.
        if !matches!(self.doing[at], Doing::Fetching(_)) {
            return Ok(());
        }
        let Doing::Fetching(then) = std::mem::take(&mut self.doing[at]) else { return Ok(()) };
        let fetched = match fetched {
            Err(missing) if self.effects.goes_on() => Ok(self.without(at, missing)?),
            fetched => fetched,
        };
        match fetched {
            Ok(Fetched { known, unknown }) => {
                for (name, _) in known.iter().filter(|(_, value)| !is_maskable(value.expose_secret())) {
                    let by = self.id(at).clone();
                    self.note(Event::SecretUnmasked { by, secret: name.clone() })?;
                }
                self.held.insert(at, Held { known, unknown });
                match then {
                    Then::Begin if self.halted.is_some() && self.section(at) != Section::Cleanup => {
                        self.mark_ready(at);
                        Ok(())
                    }
                    Then::Begin => self.begin_node(at),
                    Then::CarryOut => self.carry_out(at),
                    Then::Look(look) => self.look_again(at, look),
                }
            }
            Err(missing) => self.fail_for_secret(at, &then, missing.to_string()),
        }
    }

    /// Notes that the secrets of a node cannot be had; what needs their values is not asked, and all else is.
    fn without(&mut self, at: usize, Unfetched(missing): Unfetched) -> Result<Fetched, Error> {
        let Some(step) = self.step(at) else { return Ok(Fetched::default()) };
        let unknown = step.common.secrets.to_vec();
        let steps = vec![Id::trusted(step.written_as())];
        for (name, why) in missing {
            let (what, note) = (format!("secret {name}"), format!("it cannot be fetched: {why}"));
            self.note(Event::Checked(Check { what, steps: steps.clone(), found: Found::Unmet, note }))?;
        }
        Ok(Fetched { known: Vec::new(), unknown })
    }

    fn fail_for_secret(&mut self, at: usize, then: &Then, why: String) -> Result<(), Error> {
        match then {
            Then::Begin => {
                if matches!(self.state.steps[at].state, StepState::Pending | StepState::Retrying { .. }) {
                    let attempt = self.attempt(at) + 1;
                    self.note(Event::StepStarted { step: self.id(at).clone(), attempt })?;
                }
                self.fail(at, Failure::NotStarted { why })
            }
            Then::CarryOut => self.fail(at, Failure::NotStarted { why }),
            Then::Look(look) if look.purpose == Purpose::Judge => self.judge_by_rerun(at, &why),
            Then::Look(_) => self.fail(at, Failure::Unverified { why }),
        }
    }

    /// Returns what must not stand in anything that a node's work prints.
    pub(super) fn secrets_of(&self, at: usize) -> Vec<SecretString> {
        let known = self.held.get(&at).map(|held| held.known.as_slice()).unwrap_or_default();
        known.iter().map(|(_, value)| value.clone()).collect()
    }

    /// Returns the mask for texts about a node; nothing if it has no secrets.
    pub(super) fn mask_of(&self, at: usize) -> Option<Mask> {
        let secrets = self.secrets_of(at);
        let secrets: Vec<String> = secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect();
        if secrets.is_empty() { None } else { Mask::new(&secrets).ok() }
    }

    /// Holds outputs, which are journalled, to hold no secret.
    pub(super) fn without_secrets(
        &self,
        at: usize,
        outputs: BTreeMap<Name, String>,
    ) -> Result<BTreeMap<Name, String>, String> {
        let Some(mask) = self.mask_of(at) else { return Ok(outputs) };
        match outputs.iter().find(|(_, value)| mask.finds(value)) {
            Some((name, _)) => Err(format!("`{name}` holds a secret, and outputs are on record")),
            None => Ok(outputs),
        }
    }
}
