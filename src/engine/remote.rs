//! Steps whose place is another host: reached by SSH, and found again where the connection or the keeper was lost.

use std::collections::{BTreeMap, BTreeSet};

use super::dispatcher::{Act, Dispatcher};
use super::run::Error;
use crate::effect::{
    Afar, Demand, Effects, Env, HOST_TOOLS, Host, Need, RemoteStep, Work, attempt_name, remote_job,
};
use crate::event::{Failure, Found, Mode, StopHow, Verdict};
use crate::journal::Store;
use crate::keeper::Exit;
use crate::plan::{Action, Ssh};
use crate::probe::{Command, Probe, ProbeKind};
use crate::resolve::ResolvedStep;
use crate::value::{Id, Length};

/// How many couriers follow one that was lost before a person is asked.
const MOST_FOLLOWED: u32 = 3;

/// Remote work that this controller takes up again.
#[derive(Debug, Default)]
pub(super) struct Abroad {
    again: BTreeSet<usize>,
    /// How often a courier that was lost was followed by another.
    followed: BTreeMap<usize, u32>,
    /// Nodes whose outcome is on record, and of which their host still keeps something.
    pub(super) done: Vec<usize>,
    /// Attempts that a host was told to empty, by its place.
    emptied: BTreeMap<Id, Vec<String>>,
}

/// How many emptied attempts a host removes at once: to start a program takes it longer than most steps.
const REMOVED_AT_ONCE: usize = 16;

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Returns how a place is reached, unless it is acted on from here.
    pub(super) fn ssh_of(&self, place: Option<&Id>) -> Option<(&Id, &Ssh)> {
        let (id, place) = self.setup.plan.places.get_key_value(place?)?;
        place.ssh.as_ref().map(|ssh| (id, ssh))
    }

    /// Whether a node's command is carried out on another host.
    pub(super) fn is_abroad(&self, at: usize) -> bool {
        let runs = self.step(at).is_some_and(|step| matches!(*step.action, Action::Run { .. }));
        runs && self.ssh_of(self.setup.course.nodes[at].place.as_ref()).is_some()
    }

    /// Starts the work of a node on its host.
    pub(super) fn start_abroad(
        &mut self,
        at: usize,
        step: &ResolvedStep,
        program: Vec<String>,
        env: &Env,
    ) -> Result<(), Error> {
        let (attempt, again) = (self.attempt(at), self.abroad.again.remove(&at));
        let given_up = self.halted == Some(StopHow::Abort) && again;
        // A dry run reaches nobody, and may not know yet where the host is.
        if matches!(self.setup.mode(), Mode::DryRun | Mode::DryPlan) {
            let mut work = self.work(at, step, attempt, program, env.values.clone());
            work.remote = true;
            self.act_on(at, work);
            return Ok(());
        }
        let (done, emptied) = self.done_at(self.setup.course.nodes[at].place.as_ref());
        let timeout = step.common.timeout.map(|limit| if again { self.left_of(at, limit) } else { limit });
        let Some(afar) = self.afar(at, self.setup.course.nodes[at].place.as_ref(), &env.values) else {
            return Ok(());
        };
        let job = afar.and_then(|afar| {
            let step = RemoteStep {
                step: &step.id,
                attempt,
                program,
                values: &env.values,
                timeout,
                again,
                find: given_up,
                done,
                emptied,
            };
            remote_job(&afar, step)
        });
        let (program, values) = match job {
            Ok(job) => job,
            Err(why) => return self.fail(at, Failure::NotStarted { why }),
        };
        let mut work = self.work(at, step, attempt, program, values);
        (work.remote, work.again, work.timeout) = (true, again, timeout);
        // One that is given up is ended by its courier: a signal could reach that before it listens.
        self.act_on(at, work);
        Ok(())
    }

    /// Returns how a place is reached that is another host; why it cannot be, in words.
    pub(super) fn afar(
        &self,
        at: usize,
        place: Option<&Id>,
        values: &BTreeMap<String, String>,
    ) -> Option<Result<Afar, String>> {
        let (id, ssh) = self.ssh_of(place)?;
        let inherited = self.setup.own_of(at).ground.inherited.clone();
        let (exe, run) = (self.setup.exe.clone(), self.setup.start.run.to_string());
        let reach = ssh.filled(id, values);
        let host = |Ssh { user, address, port, host_key }| Host {
            place: id.to_string(),
            user,
            address,
            port,
            host_key,
        };
        Some(reach.map(|reach| Afar { exe, host: host(reach), run, inherited }))
    }

    /// Says where a probe is asked, and why its answer cannot be known if nobody knows yet where that is.
    pub(super) fn where_asked(
        &self,
        at: usize,
        probe: &Probe,
        env: &Env,
        moot: Option<String>,
    ) -> (Option<Box<Afar>>, Option<String>) {
        let place = probe.on.as_ref().or(self.setup.course.nodes[at].place.as_ref());
        let kind = probe.asked.as_ref().map_or(&probe.kind, |asked| &asked.probe.kind);
        let asks_there = matches!(kind, ProbeKind::Run(_) | ProbeKind::File(_));
        match self.afar(at, place, &env.values).filter(|_| asks_there) {
            Some(Ok(afar)) => (Some(Box::new(afar)), moot),
            Some(Err(why)) => (None, moot.or(Some(why))),
            None => (None, moot),
        }
    }

    /// Returns the hosts on which steps run, with the programs that they need there.
    pub(super) fn hosts(&self) -> Vec<Demand> {
        let mut hosts: BTreeMap<&Id, (Vec<Id>, BTreeSet<String>, usize)> = BTreeMap::new();
        for at in (0..self.doing.len()).filter(|at| self.is_abroad(*at)) {
            let (Some(place), Some(step)) = (&self.setup.course.nodes[at].place, self.step(at)) else {
                continue;
            };
            let (steps, tools, _) = hosts.entry(place).or_insert_with(|| (Vec::new(), BTreeSet::new(), at));
            let id = Id::trusted(step.written_as());
            if !steps.contains(&id) {
                steps.push(id);
            }
            tools.extend(step.common.needs_tools.iter().map(|tool| tool.name().to_owned()));
            if let Action::Run { command: Command::Shell(_), .. } = &*step.action {
                tools.extend(self.values.shell(at).into_iter().next());
            }
        }
        let demand = |(place, (steps, tools, at)): (&Id, (Vec<Id>, BTreeSet<String>, usize))| {
            let values = self.values.of(at, &self.state, None).map(|env| env.values).unwrap_or_default();
            let need = match (self.provider_of(place), self.afar(at, Some(place), &values)) {
                (Some(step), _) => Need::Known(Found::Unknown, format!("{step} comes first and brings it")),
                (None, Some(Ok(afar))) => {
                    let tools = HOST_TOOLS.split(' ').map(str::to_owned).chain(tools).collect();
                    Need::Host { afar: Box::new(afar), tools }
                }
                (None, Some(Err(why))) => Need::Known(Found::Unmet, why),
                (None, None) => return None,
            };
            Some(Demand { what: format!("host {place}"), steps, need })
        };
        hosts.into_iter().filter_map(demand).collect()
    }

    /// Returns the attempts that a host is to empty, since their outcome is on record, and those that it is to remove.
    ///
    /// What it is never told to remove goes when the run is over.
    fn done_at(&mut self, place: Option<&Id>) -> (Vec<String>, Vec<String>) {
        let Some(place) = place else { return Default::default() };
        let nodes = &self.setup.course.nodes;
        let (done, kept) = std::mem::take(&mut self.abroad.done)
            .into_iter()
            .partition::<Vec<usize>, _>(|at| nodes[*at].place.as_ref() == Some(place));
        self.abroad.done = kept;
        let names = |at: &usize| {
            let (id, attempts) = (self.id(*at), 1..=self.attempt(*at));
            attempts.map(|attempt| attempt_name(id, attempt)).collect::<Vec<_>>()
        };
        let done: Vec<String> = done.iter().flat_map(names).collect();
        let emptied = self.abroad.emptied.entry(place.clone()).or_default();
        let removed = if emptied.len() >= REMOVED_AT_ONCE { std::mem::take(emptied) } else { Vec::new() };
        emptied.extend(done.iter().cloned());
        (done, removed)
    }

    /// The run is over: what its hosts still keep of it is removed.
    pub(super) fn sweep_abroad(&mut self) {
        if matches!(self.setup.mode(), Mode::DryRun | Mode::DryPlan) {
            return;
        }
        let mut hosts = BTreeMap::new();
        for at in (0..self.doing.len()).filter(|at| self.is_abroad(*at) && self.attempt(*at) > 0) {
            let place = self.setup.course.nodes[at].place.as_ref();
            let values = self.values.of(at, &self.state, None).map(|env| env.values).unwrap_or_default();
            if let Some(Ok(afar)) = self.afar(at, place, &values) {
                hosts.insert(afar.host.clone(), afar);
            }
        }
        for afar in hosts.into_values() {
            self.will(Act::Sweep(afar));
        }
    }

    /// Says what is left of a time limit, and never nothing: what is found again is told that it is over.
    fn left_of(&mut self, at: usize, limit: Length) -> Length {
        let now = self.effects.now();
        let begun = self.state.steps[at].begun.as_ref();
        let passed = begun.map_or(Length::ZERO, |begun| now.since(begun));
        limit.saturating_sub(passed).max(Length::from_secs(1))
    }

    /// Looks on its host for an attempt whose keeper is gone. Nothing is started twice: the host knows what it has started.
    pub(super) fn take_up_abroad(&mut self, at: usize, why: &str) -> Result<(), Error> {
        if self.halted == Some(StopHow::Kill) {
            // The journal keeps it open: whoever resumes the run looks for it there.
            return Ok(());
        }
        let place = self.setup.course.nodes[at].place.as_ref().map_or("its host", Id::as_str);
        let why = format!("{why}; it is looked for on {place}, where it goes on by itself");
        self.pass(at, Verdict::Kept, &why)?;
        self.abroad.again.insert(at);
        self.carry_out(at)
    }

    /// Sends another courier after one that is over without having heard how the step ended.
    ///
    /// It is never begun anew for that: it may still run on its host.
    pub(super) fn follow_abroad(&mut self, at: usize, courier: &Exit) -> Result<(), Error> {
        let why = match courier {
            Exit::NotStarted(why) => format!("nobody could be sent to its host: {why}"),
            Exit::Code(_) | Exit::Signal(_) => "its courier was lost".to_owned(),
        };
        let followed = self.abroad.followed.entry(at).or_default();
        *followed += 1;
        if *followed > MOST_FOLLOWED {
            let why = format!("{why}; it may still run there: end it or let it end before it is repeated");
            return self.pass(at, Verdict::Ask, &why);
        }
        self.take_up_abroad(at, &why)
    }

    fn act_on(&mut self, at: usize, work: Work) {
        self.keep_acting(at);
        self.will(Act::Start(work));
    }
}
