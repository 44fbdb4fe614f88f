//! One step, as a person carries it out.

use std::collections::BTreeSet;

use super::compose::{copy_view, who_has};
use super::setting::{Lines, Setting};
use super::shell::{command, expanded, export, fetch, pasted, request};
use super::{ActionView, CheckView, Fence, Link, Reason, SecretView, StepView};
use crate::graph::{is_stranded, item_title};
use crate::plan::{Action, Approve, Copy, OnExpiry, OnFailure, Rerun, SecretSource, Undo, Wait};
use crate::probe::{Probe, ProbeKind};
use crate::resolve::{Node, NodeKind, ResolvedStep, copy_of};
use crate::value::{Id, Name, Text};

impl Setting<'_> {
    /// Writes an item of the outline.
    pub(super) fn item(&self, at: usize, lines: &mut Lines) -> StepView {
        let item = &self.outline.items[at];
        let node = &self.route.nodes[item.node];
        let link = |at: usize| Link {
            number: at + 1,
            title: item_title(self.material.plan, self.route, &self.outline.items[at]),
        };
        let mut view = StepView {
            number: at + 1,
            id: node.id.to_string(),
            title: item_title(self.material.plan, self.route, item),
            kind: "health".to_owned(),
            description: None,
            who: None,
            place: None,
            login: None,
            folder: self.folder_of(node),
            critical: item.time.critical,
            takes: None,
            timeout: None,
            after: item.after.iter().map(|(before, _)| link(*before)).collect(),
            copy: None,
            fences: Vec::new(),
            tools: Vec::new(),
            blanks: Vec::new(),
            variables: None,
            own_variables: None,
            secrets: Vec::new(),
            actions: Vec::new(),
            outputs: Vec::new(),
            checks: Vec::new(),
            unless: None,
            undo: None,
            on_failure: "Stop here. Find out why before you go on.".to_owned(),
            rerun: "It may be repeated.".to_owned(),
            stranded: None,
        };
        match node.kind {
            NodeKind::Health(_) => self.health(at, &mut view, lines),
            NodeKind::Step(step) => self.step_view(at, &self.material.plan.steps[step], &mut view, lines),
        }
        view
    }

    /// What an imported plan says is meant to be done in that plan's folder.
    fn folder_of(&self, node: &Node) -> Option<String> {
        let plan = self.material.plan;
        let (prefix, _) = match node.kind {
            NodeKind::Step(at) => plan.origin(plan.steps.get(at)?)?,
            NodeKind::Health(_) => plan.import_of(node.id.as_str())?,
        };
        self.material
            .folders
            .get(prefix)
            .filter(|folder| **folder != folder_of_file(self.material.file))
            .cloned()
    }

    fn health(&self, at: usize, view: &mut StepView, lines: &mut Lines) {
        let item = &self.outline.items[at];
        let id = &self.route.nodes[item.node].id;
        let Some(route) = self.route.assets.get(id) else { return };
        if is_stranded(self.route, item) {
            view.stranded.clone_from(&route.stranded);
            return;
        }
        let Some(asset) = self.material.plan.assets.get(id) else { return };
        let home = route.home.as_ref();
        view.place = home.map(ToString::to_string);
        view.login = self.login(home);
        view.checks = self.checks(&asset.health, home);
        if view.checks.iter().any(|check| check.command.is_some() && check.on.is_none()) {
            let texts = serde_json::to_string(&asset.health).unwrap_or_default();
            let outputs = self.outputs_before(at, &texts);
            let variables = self.variables(None, home);
            view.blanks = blanks_for(&outputs, &texts, view.login.is_some());
            let set =
                lines.write(&variables, (&[], false), &outputs, std::iter::empty(), view.login.is_some());
            (view.variables, view.own_variables) = (set.all, set.own);
        }
    }

    fn step_view(&self, at: usize, step: &ResolvedStep, view: &mut StepView, lines: &mut Lines) {
        let plan = self.material.plan;
        let common = &step.common;
        let place = self.route.place_of(plan, step);
        let place = place.as_ref();
        let parts: Vec<&ResolvedStep> =
            self.outline.items[at].parts.iter().filter_map(|part| self.step_of(*part)).collect();
        step.action.key().clone_into(&mut view.kind);
        view.description = common.description.as_deref().map(str::to_owned);
        view.place = place.map(ToString::to_string);
        view.login = self.login(place);
        let time = self.outline.items[at].time;
        let takes = time.end.saturating_sub(time.start);
        let shown = if time.measured.is_some() { takes.for_people() } else { takes.to_string() };
        view.takes = match (time.measured, time.estimate) {
            (Some(measured), Some(planned)) => {
                Some(format!("{shown} (drills took {}, the plan says {planned})", measured.for_people()))
            }
            (Some(measured), None) => Some(format!("{shown} (drills took {})", measured.for_people())),
            (None, Some(_)) => Some(shown),
            (None, None) => None,
        };
        view.timeout = common.timeout.map(|timeout| timeout.to_string());
        view.fences = common.fences.iter().map(ToString::to_string).collect();
        view.outputs = common.outputs.iter().map(ToString::to_string).collect();
        view.who = who(self, &step.action);
        for tool in parts.iter().flat_map(|part| &part.common.needs_tools).chain(&common.needs_tools) {
            let tool = tool.to_string();
            if !view.tools.contains(&tool) {
                view.tools.push(tool);
            }
        }
        let copy = self.route.chosen.get(step.written_as()).and_then(|choice| choice.copy.as_ref());
        view.copy = copy.and_then(|choice| copy_view(plan, self.route, step, &choice.copy));

        let copied = copy.and_then(|choice| copy_of(plan, choice.copy.as_str())).map(|(.., copied)| copied);
        let source = copied.and_then(|copied| copied.in_.as_ref());
        let mut variables = self.variables(source, place);
        for (name, value) in &common.env {
            variables.retain(|(known, _)| known != name.as_str());
            variables.push((name.to_string(), value.as_str().to_owned()));
        }
        let mut points = Vec::new();
        // Where a repository lies is known, and its tool takes the point from it.
        let mut whole_at = None;
        let mut keeps_points = false;
        if let Some(copy) = copy {
            variables.push(("POINT_COPY".to_owned(), copy.copy.to_string()));
            points = points_asked_for(step, &parts);
            let scenario = self.route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
            let is_harmed = scenario.is_some_and(|hit| !hit.damage.is_empty() || !hit.compromise.is_empty());
            if !is_harmed && points.iter().any(|name| name == BEFORE) {
                points.retain(|name| name != BEFORE);
                variables.push((BEFORE.to_owned(), String::new()));
            }
            let folder = view.copy.as_ref().and_then(|copy| copy.at.as_ref());
            let under = folder.map(|at| format!(", under {at}")).unwrap_or_default();
            let is_whole = copied.is_some_and(Copy::is_repository);
            whole_at =
                copied.and_then(|copied| copied.at.as_deref()).filter(|at| is_whole && is_anywhere(at));
            if whole_at.is_some() {
                points.retain(|name| name != "POINT_PATH");
            }
            let copy_of = |before: usize| {
                let chosen = self.step(before).and_then(|step| self.route.chosen.get(step.written_as()));
                chosen.and_then(|choice| choice.copy.as_ref())
            };
            let earlier =
                (0..at).find(|before| copy_of(*before).is_some_and(|other| other.copy == copy.copy));
            // What was filled in stays for the next step in the same shell, unless it may be of another copy.
            keeps_points =
                earlier.is_some() && (0..at).filter_map(copy_of).all(|other| other.copy == copy.copy);
            view.blanks.extend(points.iter().map(|name| Reason {
                name: name.clone(),
                why: match (name.as_str(), earlier) {
                    ("POINT_PATH", _) if is_whole => {
                        let under = folder.map(|at| format!(": {at}")).unwrap_or_default();
                        format!("where {} lies as a whole{under}", copy.copy)
                    }
                    (BEFORE, _) => {
                        "the moment at which the harm began, such as 2026-01-31T03:30:00Z".to_owned()
                    }
                    (_, Some(before)) => {
                        format!("the same as in step {}: all comes from one point", before + 1)
                    }
                    ("POINT_PATH", _) => {
                        let before = if is_harmed { ", that is from before the harm" } else { "" };
                        format!("the newest good point of {}{under}{before}", copy.copy)
                    }
                    ("POINT_TIME", _) => "the moment of that point, such as 2026-01-31T03:30:00Z".to_owned(),
                    _ => "the name of that point".to_owned(),
                },
            }));
        }
        let texts = texts_of(step, &parts).join("\n");
        let outputs = self.outputs_before(at, &texts);
        view.blanks.extend(blanks_for(&outputs, &texts, view.login.is_some()));
        let whole_at = whole_at.map(|at| ("POINT_PATH".to_owned(), Text::new(at)));
        let inputs = step.inputs.iter().map(|(name, value)| (name.to_string(), value.clone()));
        let inputs = whole_at.into_iter().chain(inputs);
        let is_done_by_a_person = matches!(*step.action, Action::Manual { .. } | Action::Approve(_));
        let has_commands = !is_done_by_a_person || !common.verify.is_empty() || common.undo.is_some();
        if has_commands {
            let set =
                lines.write(&variables, (&points, keeps_points), &outputs, inputs, view.login.is_some());
            (view.variables, view.own_variables) = (set.all, set.own);
        }
        view.secrets = self.secrets(step, &parts, view.login.is_some());

        if parts.is_empty() {
            self.preconditions(step, place, &mut view.actions);
            self.act(step, place, &mut view.actions);
        }
        let mut changed = BTreeSet::new();
        for part in &parts {
            self.part(part, step, place, &mut changed, &mut view.actions);
        }
        let set_again = lines_of(step).into_iter().filter(|(name, _)| changed.contains(name));
        let set_again: Vec<String> = set_again.map(|(_, line)| line).collect();
        if !set_again.is_empty() && (!common.verify.is_empty() || common.undo.is_some()) {
            view.actions.push(ActionView {
                title: None,
                text: Some("Some parts have changed these. Set them again before you go on.".to_owned()),
                variables: Some(Fence::bash(set_again.join("\n"))),
                command: None,
            });
        }
        view.checks = self.checks(&common.verify, place);
        view.unless = common.unless.as_ref().map(|probe| {
            let mut check = self.check(probe, place);
            check.command = check.command.map(|fence| Fence::aside(fence.text));
            check
        });
        let shell = plan.shell.as_deref();
        view.undo = common.undo.as_ref().map(|undo| taken_back(undo, None, shell));
        let decider = plan.activation.as_ref().and_then(|activation| activation.by.as_ref());
        view.on_failure = match common.on_failure.unwrap_or_default() {
            OnFailure::Stop => "Stop. Begin nothing more until this is mended or taken back.".to_owned(),
            OnFailure::Continue => "Go on with the steps that do not need this one.".to_owned(),
            OnFailure::Ask => {
                let decider = decider.map_or("the one who decides", Id::as_str);
                format!("Ask {decider} whether to go on.")
            }
        };
        let rerun = match common.rerun.unwrap_or_default() {
            Rerun::Safe => "It may be repeated.",
            Rerun::Ask => "Look at what was done before you repeat it.",
            Rerun::Never => "It must never be repeated.",
        };
        rerun.clone_into(&mut view.rerun);
    }

    /// Writes a part of a step. `changed` are the values of the step that parts before it have overwritten.
    fn part(
        &self,
        part: &ResolvedStep,
        whole: &ResolvedStep,
        place: Option<&Id>,
        changed: &mut BTreeSet<Name>,
        to: &mut Vec<ActionView>,
    ) {
        let own = self.route.place_of(self.material.plan, part);
        let mut title = crate::graph::one_line(part.title());
        if self.login(own.as_ref()) != self.login(place) {
            let reached = self.login(own.as_ref()).unwrap_or_else(|| "on your own machine".to_owned());
            title = format!("{title} (elsewhere: {reached})");
        }
        let plan = self.material.plan;
        let prefix = |step: &ResolvedStep| plan.origin(step).map(|(prefix, _)| prefix.to_owned());
        if let Some(folder) = prefix(part).filter(|own| prefix(whole).as_ref() != Some(own)) {
            let folder = self.material.folders.get(&folder).map_or(folder.as_str(), String::as_str);
            title = format!("{title} (in the folder {folder})");
        }
        if let Some(who) = who(self, &part.action) {
            title = format!("{title} (by {who})");
        }
        // What is made of parts is carried out by them; they stand before it.
        let is_made_of_parts = matches!(&*part.action, Action::Use { .. } | Action::Plan { .. });
        if is_made_of_parts {
            title.push_str(": the whole of it");
        }
        let first = to.len();
        if let Some(probe) = &part.common.unless {
            let check = self.check(probe, own.as_ref());
            to.push(ActionView {
                title: None,
                text: Some(format!("Done already? Then leave it out. It is if this {}:", check.expected)),
                variables: None,
                command: check.command.map(|fence| Fence::aside(fence.text)),
            });
        }
        self.preconditions(part, own.as_ref(), to);
        if !is_made_of_parts {
            self.act(part, own.as_ref(), to);
        }
        for CheckView { expected, command, variables, .. } in self.checks(&part.common.verify, own.as_ref()) {
            to.push(ActionView {
                title: None,
                text: Some(format!("Check: it {expected}.")),
                variables,
                command,
            });
        }
        if let Some(undo) = &part.common.undo {
            let shell = self.material.plan.shell.as_deref();
            to.push(taken_back(undo, Some("To take this part back (only then): "), shell));
        }
        let Some(view) = to.get_mut(first) else { return };
        let lines = own_lines(part, whole, changed);
        let set = (!lines.is_empty()).then(|| Fence::bash(lines.join("\n")));
        // Whatever is asked first needs them too.
        if set.is_some() && (view.text.is_some() || view.variables.is_some()) {
            to.insert(first, ActionView { title: Some(title), text: None, variables: set, command: None });
        } else {
            view.title = Some(title);
            view.variables = set.or(view.variables.take());
        }
    }

    /// Writes what must hold before a step may begin.
    fn preconditions(&self, step: &ResolvedStep, place: Option<&Id>, to: &mut Vec<ActionView>) {
        for probe in &step.common.preconditions {
            let check = self.check(probe, place);
            let named = probe.title.as_ref().map(|title| format!("{}: ", crate::graph::one_line(title)));
            to.push(ActionView {
                title: None,
                text: Some(format!("{}go on only if this {}:", named.unwrap_or_default(), check.expected)),
                variables: check.variables,
                command: check.command,
            });
        }
    }

    fn act(&self, step: &ResolvedStep, place: Option<&Id>, to: &mut Vec<ActionView>) {
        let shell = self.material.plan.shell.as_deref();
        let mut action = ActionView { title: None, text: None, variables: None, command: None };
        match &*step.action {
            Action::Run { command: run, shell: own } => {
                action.command = Some(Fence::bash(command(run, own.as_ref().map(|own| &***own).or(shell))));
            }
            Action::Manual { text, .. } => action.text = Some(text.as_str().to_owned()),
            Action::Approve(approve) => action.text = Some(leave(approve)),
            Action::Wait(Wait::For(length)) => action.text = Some(format!("Wait {length}.")),
            Action::Wait(Wait::Until(probe)) => {
                let check = self.check(probe, place);
                action.text = Some(format!("Repeat this until it {}.", check.expected));
                action.variables = check.variables;
                action.command = check.command;
            }
            Action::Http { request: http, expect } => {
                let probe = Probe {
                    title: None,
                    kind: ProbeKind::Http((**http).clone()),
                    expect: (**expect).clone(),
                    on: None,
                    timeout: crate::value::Length::ZERO,
                    every: crate::value::Length::ZERO,
                    facts: None,
                    asked: None,
                };
                action.text = Some(format!("Send this; it {}.", super::shell::expectation(&probe)));
                action.command = Some(Fence::bash(request(http)));
            }
            Action::Use { recipe, .. } => action.text = Some(format!("Carry out the recipe {recipe}.")),
            Action::Plan { path, .. } => action.text = Some(format!("Carry out the plan {path}.")),
        }
        let gives_by_command = !step.common.outputs.is_empty() && action.command.is_some();
        if gives_by_command {
            action.variables = Some(Fence::bash("export DRPLAN_OUTPUT=\"$(mktemp)\""));
        }
        to.push(action);
        if gives_by_command {
            to.push(ActionView {
                title: None,
                text: Some("Take over the values that it gave, and write them down.".to_owned()),
                variables: None,
                command: Some(Fence::bash(
                    "cat -- \"$DRPLAN_OUTPUT\"\nwhile IFS= read -r line; do export \"${line?}\"; done < \"$DRPLAN_OUTPUT\"",
                )),
            });
        } else if !step.common.outputs.is_empty() {
            let blanks = step.common.outputs.iter().map(|name| format!("export {name}='________'"));
            to.push(ActionView {
                title: None,
                text: Some("Write down what came of it.".to_owned()),
                variables: None,
                command: Some(Fence::bash(blanks.collect::<Vec<_>>().join("\n"))),
            });
        }
    }

    fn secrets(&self, step: &ResolvedStep, parts: &[&ResolvedStep], is_remote: bool) -> Vec<SecretView> {
        let plan = self.material.plan;
        let mut names: Vec<&Name> = Vec::new();
        for name in step.common.secrets.iter().chain(parts.iter().flat_map(|part| &part.common.secrets)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let view = |name: &Name| {
            let secret = plan.secrets.get(name)?;
            let how = match &secret.source {
                SecretSource::Env(variable) => format!("the environment variable {variable}"),
                SecretSource::File(path) => format!("the file {path}"),
                SecretSource::Command(command) => format!("what this prints: {}", command.shown()),
                SecretSource::Ask(question) => question.clone(),
            };
            let needs: Vec<String> = secret.needs.iter().map(super::compose::need_words).collect();
            let needs =
                if needs.is_empty() { String::new() } else { format!(" (needs {})", needs.join(", ")) };
            let is_elsewhere = is_remote && !matches!(secret.source, SecretSource::Ask(_));
            let line = if is_elsewhere {
                pasted(name.in_commands())
            } else {
                fetch(name.in_commands(), &secret.source, plan.shell.as_deref())
            };
            Some(SecretView {
                name: name.to_string(),
                how: format!("{how}{needs}"),
                command: Fence::bash(line),
            })
        };
        names.into_iter().filter_map(view).collect()
    }
}

/// Returns the folder of a file; `.` for the root.
pub fn folder_of_file(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

/// Returns what is set for a step alone, by names.
fn lines_of(step: &ResolvedStep) -> Vec<(Name, String)> {
    let of_env = step.common.env.iter().filter(|(name, _)| !step.inputs.contains_key(*name));
    let of_env = of_env.map(|(name, value)| (name.clone(), export(name.as_str(), value.as_str())));
    let inputs = step.inputs.iter();
    let of_inputs = inputs.map(|(name, value)| (name.clone(), format!("export {name}={}", expanded(value))));
    of_env.chain(of_inputs).collect()
}

/// Returns what is to be set for a part: where it differs from what is set for the whole, or no longer is.
fn own_lines(part: &ResolvedStep, whole: &ResolvedStep, changed: &mut BTreeSet<Name>) -> Vec<String> {
    let of_whole = lines_of(whole);
    let mut lines = Vec::new();
    for (name, line) in lines_of(part) {
        let is_same = of_whole.iter().any(|(known, same)| *known == name && *same == line);
        if is_same && !changed.contains(&name) {
            continue;
        }
        if is_same {
            changed.remove(&name);
        } else {
            changed.insert(name);
        }
        lines.push(line);
    }
    lines
}

/// Returns the outputs to have at hand: those that the texts name, and all of them where no shell has them.
fn blanks_for(outputs: &[(&Name, usize)], texts: &str, is_remote: bool) -> Vec<Reason> {
    let blank = |(name, number): &(&Name, usize)| Reason {
        name: name.to_string(),
        why: format!("printed by step {number}"),
    };
    outputs.iter().filter(|(name, _)| is_remote || texts.contains(name.as_str())).map(blank).collect()
}

/// Writes an undo; `lead` stands before it.
fn taken_back(undo: &Undo, lead: Option<&str>, shell: Option<&[String]>) -> ActionView {
    let (text, command) = match undo {
        Undo::Run(run) => (lead.map(str::to_owned), Some(Fence::aside(command(run, shell)))),
        Undo::Manual(text) => (Some(format!("{}{}", lead.unwrap_or_default(), text.as_str())), None),
    };
    ActionView { title: None, text, variables: None, command }
}

/// Returns everything that a step says, for looking for names.
fn texts_of(step: &ResolvedStep, parts: &[&ResolvedStep]) -> Vec<String> {
    let inputs = parts.iter().copied().chain([step]).flat_map(|one| one.inputs.values());
    let mut texts: Vec<String> = inputs.map(|text| Text::as_str(text).to_owned()).collect();
    for one in parts.iter().copied().chain([step]) {
        texts.push(serde_json::to_string(&*one.action).unwrap_or_default());
        texts.push(serde_json::to_string(&one.common).unwrap_or_default());
    }
    texts
}

/// Whether a text says where something lies, from whatever folder it is looked at.
fn is_anywhere(at: &str) -> bool {
    at.starts_with(['/', '$']) || at.contains("://")
}

/// The variable with the moment before which a point must be.
const BEFORE: &str = "POINT_BEFORE";

/// Returns which of the point's variables the texts of a step ask for; its path always.
fn points_asked_for(step: &ResolvedStep, parts: &[&ResolvedStep]) -> Vec<String> {
    let texts = texts_of(step, parts);
    let asked = |name: &&str| *name == "POINT_PATH" || texts.iter().any(|text| text.contains(*name));
    ["POINT_PATH", "POINT_TIME", "POINT_ID", BEFORE].into_iter().filter(asked).map(str::to_owned).collect()
}

fn who(setting: &Setting<'_>, action: &Action) -> Option<String> {
    match action {
        Action::Manual { by: Some(by), .. } => Some(who_has(setting.material.plan, setting.route, by)),
        Action::Approve(approve) => {
            let names = approve.by.iter().map(|by| who_has(setting.material.plan, setting.route, by));
            Some(names.collect::<Vec<_>>().join("; "))
        }
        _ => None,
    }
}

fn leave(approve: &Approve) -> String {
    let mut text =
        approve.ask.as_ref().map_or_else(|| "May we go on?".to_owned(), |ask| ask.as_str().to_owned());
    let quorum = approve.quorum.map_or(1, std::num::NonZeroU32::get);
    let people = if quorum == 1 { "One person".to_owned() } else { format!("{quorum} people") };
    text.push_str(&format!("\n\nAsk for leave to go on. {people} must agree."));
    if let Some(other) = &approve.distinct_from {
        let other = if other.as_str() == "starter" { "whoever began the recovery" } else { other.as_str() };
        text.push_str(&format!(" It must be somebody else than {other}."));
    }
    if let Some(expires) = approve.expires {
        let then = match approve.on_expiry {
            Some(OnExpiry::Continue) => "go on, and say so",
            _ => "stop",
        };
        text.push_str(&format!(" If nobody has answered after {expires}, {then}."));
    }
    text.push_str(" Write down who agreed, and when: ________________");
    text
}
