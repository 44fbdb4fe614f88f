//! From a route to what a template may use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::setting::{Lines, Setting};
use super::shell::{export, login};
use super::step::folder_of_file;
use super::{
    ActivationView, AssetView, CopyView, Fence, FileView, GroupView, HoldView, Index, IndexEntry, Link,
    PersonView, PlaceView, PlanView, Reason, Runbook, ScenarioView, TargetView, TimesView, VIEW,
};
use crate::analysis::{Forecast, rpo, rto};
use crate::graph::{asset_title, item_title, mermaid, one_line, state_word};
use crate::plan::{Action, AfterHold, Need, Points, Scenario};
use crate::probe::{Probe, ProbeKind};
use crate::resolve::{
    AssetRoute, AssetState, End, Recipes, ResolvedPlan, ResolvedStep, Route, Stuck, copy_of,
};
use crate::value::Id;

/// What a runbook is made from.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The plan.
    pub plan: &'a ResolvedPlan,
    /// The recipes at hand.
    pub recipes: &'a Recipes,
    /// The plan's file, relative to the repository's root.
    pub file: &'a str,
    /// The files that it depends on.
    pub files: &'a [FileView],
    /// The folders of the imported plans by their prefixes, relative to the repository's root.
    pub folders: &'a BTreeMap<String, String>,
}

/// Returns the recipes that the steps and probes of a plan use.
pub fn used_recipes(plan: &ResolvedPlan) -> BTreeSet<Id> {
    let mut used = BTreeSet::new();
    let mut ask = |probes: &[Arc<Probe>]| {
        for probe in probes {
            if let ProbeKind::Use(recipe, _) = &probe.kind {
                used.insert(recipe.clone());
            }
        }
    };
    for asset in plan.assets.values() {
        ask(&asset.health);
    }
    for step in &plan.steps {
        ask(&step.common.preconditions);
        ask(&step.common.verify);
        ask(step.common.unless.as_slice());
    }
    let recipes = plan.steps.iter().filter_map(|step| match &*step.action {
        Action::Use { recipe, .. } => Some(recipe.clone()),
        _ => None,
    });
    used.extend(recipes);
    used
}

/// Makes the runbook of a route.
pub fn runbook(material: &Material<'_>, route: &Route, forecast: &Forecast) -> Runbook {
    let plan = material.plan;
    let setting = Setting { material, route, outline: &forecast.outline };
    let common = setting.common();
    let scenario = route.scenario.as_ref().and_then(|id| Some((id, plan.scenarios.get(id)?)));
    let hit = |state: AssetState| state != AssetState::Untouched;
    let assets = || plan.assets.keys().filter_map(|id| Some((id, route.assets.get(id)?)));
    let fell = route.harm.fallen().iter();
    Runbook {
        view: VIEW,
        plan: plan_view(material),
        scenario: scenario.map(|(id, scenario)| ScenarioView {
            id: id.to_string(),
            title: one_line(&scenario.title),
            description: scenario.description.clone(),
            what: what_happens(scenario),
        }),
        activation: activation(plan, Some(route)),
        people: people(plan, Some(route)),
        targets: targets(plan, scenario.map(|(_, scenario)| scenario), Some(forecast)),
        losses: fell.map(|(id, fall)| Reason { name: id.to_string(), why: fall.why() }).collect(),
        hit: assets()
            .filter(|(_, asset)| hit(asset.state))
            .map(|(id, asset)| asset_view(&setting, id, asset))
            .collect(),
        untouched: assets()
            .filter(|(_, asset)| !hit(asset.state))
            .map(|(id, asset)| Reason {
                name: asset_title(plan, id.as_str()).to_owned(),
                why: asset.why.to_string(),
            })
            .collect(),
        places: places(&setting),
        times: times(&setting, forecast),
        diagram: mermaid(plan, route, &forecast.outline).trim_end().to_owned(),
        start: start(&common),
        groups: groups(&setting, &common),
        has_steps: !forecast.outline.items.is_empty(),
        not_chosen: route
            .passed_over(plan)
            .map(|(step, why)| Reason { name: step.to_string(), why: why.into_owned() })
            .collect(),
        missing: missing(route),
        afterwards: afterwards(plan, route),
        files: material.files.to_vec(),
        language: 1,
    }
}

/// Makes the index of a plan's runbooks.
pub fn index(material: &Material<'_>, runbooks: Vec<IndexEntry>) -> Index {
    Index {
        view: VIEW,
        plan: plan_view(material),
        activation: activation(material.plan, None),
        people: people(material.plan, None),
        targets: targets(material.plan, None, None),
        runbooks,
        files: material.files.to_vec(),
        language: 1,
    }
}

impl IndexEntry {
    /// Makes the entry of a runbook that stands in `file` beside the index.
    pub fn new(file: String, runbook: &Runbook) -> Self {
        let missed = runbook.targets.iter().any(|target| target.missed);
        Self {
            file,
            title: runbook.scenario.as_ref().map_or("Everything comes back", |s| s.title.as_str()).to_owned(),
            what: runbook.scenario.as_ref().map(|scenario| scenario.what.clone()).unwrap_or_default(),
            total: runbook.times.total.clone(),
            falls_short: missed || !runbook.missing.is_empty(),
        }
    }
}

fn plan_view(material: &Material<'_>) -> PlanView {
    let plan = material.plan;
    PlanView {
        id: plan.plan.to_string(),
        title: one_line(&plan.title),
        description: plan.description.clone(),
        owner: plan.owner.clone(),
        file: material.file.to_owned(),
        folder: folder_of_file(material.file).to_owned(),
    }
}

fn what_happens(scenario: &Scenario) -> Vec<String> {
    let list = |ids: &[Id]| ids.iter().map(Id::as_str).collect::<Vec<_>>().join(", ");
    let mut what = Vec::new();
    if !scenario.lose.is_empty() {
        what.push(format!("gone: {}, and all that is in it", list(&scenario.lose)));
    }
    if !scenario.damage.is_empty() {
        what.push(format!("data spoiled: {}", list(&scenario.damage)));
    }
    if !scenario.compromise.is_empty() {
        what.push(format!("in wrong hands: {}", list(&scenario.compromise)));
    }
    if let Some(found) = scenario.found_after {
        what.push(format!("found {found} after the harm: use a point from before it"));
    }
    what
}

fn activation(plan: &ResolvedPlan, route: Option<&Route>) -> ActivationView {
    let activation = plan.activation.as_ref();
    let by = activation.and_then(|activation| activation.by.as_ref());
    let holders = by.map(|by| holders(plan, by)).unwrap_or_default();
    let there = |id: &&Id| route.is_none_or(|route| route.harm.of_place(id.as_str()).is_none());
    ActivationView {
        when: activation.map(|activation| activation.when.clone()),
        by: by.map(ToString::to_string),
        deciders: holders.into_iter().filter(there).map(|id| plan.people[id].name.clone()).collect(),
        ends_when: activation.and_then(|activation| activation.ends_when.clone()),
        hold: activation
            .and_then(|activation| activation.hold)
            .map(|hold| HoldView { length: hold.length.to_string(), undoes: hold.then == AfterHold::Undo }),
    }
}

/// Returns the people that a person's id or a role stands for.
fn holders<'a>(plan: &'a ResolvedPlan, who: &Id) -> Vec<&'a Id> {
    let holds = |(id, person): &(&'a Id, &crate::plan::Person)| *id == who || person.roles.contains(who);
    plan.people.iter().filter(holds).map(|(id, _)| id).collect()
}

/// Says who a person's id or a role stands for: "operator: Ana K. (+385 1 555 0100)".
pub(super) fn who_has(plan: &ResolvedPlan, route: &Route, who: &Id) -> String {
    let names: Vec<String> = holders(plan, who)
        .into_iter()
        .filter(|id| route.harm.of_place(id.as_str()).is_none())
        .map(|id| {
            let person = &plan.people[id];
            let contact = person.contact.as_ref().map(|contact| format!(" ({contact})"));
            format!("{}{}", person.name, contact.unwrap_or_default())
        })
        .collect();
    if names.is_empty() { who.to_string() } else { format!("{who}: {}", names.join(" or ")) }
}

fn people(plan: &ResolvedPlan, route: Option<&Route>) -> Vec<PersonView> {
    plan.people
        .iter()
        .map(|(id, person)| PersonView {
            name: person.name.clone(),
            roles: person.roles.iter().map(Id::as_str).collect::<Vec<_>>().join(", "),
            contact: person.contact.clone(),
            arrives: person.arrives.map(|arrives| arrives.to_string()),
            lost: route.and_then(|route| route.harm.of_place(id.as_str())).map(crate::resolve::Fall::why),
        })
        .collect()
}

fn targets(plan: &ResolvedPlan, scenario: Option<&Scenario>, forecast: Option<&Forecast>) -> Vec<TargetView> {
    let expected = |id: &Id| forecast?.clock.targets.iter().find(|target| target.asset == *id);
    plan.assets
        .iter()
        .map(|(id, asset)| TargetView {
            title: asset_title(plan, id.as_str()).to_owned(),
            kind: asset.kind.to_string(),
            priority: asset.priority.map(std::num::NonZeroU32::get),
            rto: rto(plan, scenario, id).map(|rto| rto.to_string()),
            rpo: rpo(plan, scenario, id).map(|rpo| rpo.to_string()),
            expected: expected(id).map(|target| {
                target.rto.map_or_else(
                    || target.expected.to_string(),
                    |rto| target.expected.for_people_against(rto),
                )
            }),
            missed: expected(id).is_some_and(|target| target.rto.is_some_and(|rto| target.expected > rto)),
        })
        .collect()
}

fn reasons(over: &[(Id, String)]) -> Vec<Reason> {
    over.iter().map(|(id, why)| Reason { name: id.to_string(), why: why.clone() }).collect()
}

fn asset_view(setting: &Setting<'_>, id: &Id, asset: &AssetRoute) -> AssetView {
    let (plan, route) = (setting.material.plan, setting.route);
    let step = asset.restored_by.as_ref();
    let choice = step.and_then(|step| route.chosen.get(step)).and_then(|choice| choice.copy.as_ref());
    let resolved = step.and_then(|step| plan.step(step.as_str()));
    AssetView {
        id: id.to_string(),
        title: asset_title(plan, id.as_str()).to_owned(),
        state: state_word(asset.state).to_owned(),
        why: asset.why.to_string(),
        home: asset.home.as_ref().map(ToString::to_string),
        was: asset.was.as_ref().filter(|was| asset.home.as_ref() != Some(*was)).map(ToString::to_string),
        homes_passed_over: reasons(&asset.homes_passed_over),
        copy: choice.zip(resolved).and_then(|(choice, step)| copy_view(plan, route, step, &choice.copy)),
        copies_passed_over: choice.map(|choice| reasons(&choice.passed_over)).unwrap_or_default(),
        step: step.and_then(|step| setting.number(step.as_str())),
        stranded: asset.stranded.clone(),
    }
}

/// Writes a copy that a step restores from.
pub(super) fn copy_view(
    plan: &ResolvedPlan,
    route: &Route,
    step: &ResolvedStep,
    name: &Id,
) -> Option<CopyView> {
    let (_, backup, _, copy) = copy_of(plan, name.as_str())?;
    let lived = step.common.restores.iter().find_map(|asset| route.assets.get(asset)?.was.as_ref());
    Some(CopyView {
        name: name.to_string(),
        place: copy.in_.as_ref().or(lived).map(ToString::to_string),
        at: copy.at.clone(),
        keep: copy.keep.to_string(),
        points: match copy.points.as_ref().unwrap_or(&backup.points) {
            Points::Cron { expression, timezone } => {
                format!("by cron {expression} {}", timezone.as_deref().unwrap_or("UTC"))
            }
            points => points.to_string(),
        },
        fetch: copy.fetch.map(|fetch| fetch.to_string()),
    })
}

/// The places that steps are done at, that assets come back to, and that copies lie in.
fn places(setting: &Setting<'_>) -> Vec<PlaceView> {
    let (plan, route) = (setting.material.plan, setting.route);
    let mut used: BTreeSet<Id> = BTreeSet::new();
    let mut built: Vec<(&Id, usize)> = Vec::new();
    for at in 0..setting.outline.items.len() {
        let Some(step) = setting.step(at) else { continue };
        used.extend(route.place_of(plan, step));
        built.extend(step.common.provides.iter().map(|place| (place, at + 1)));
        let copy = route.chosen.get(step.written_as()).and_then(|choice| choice.copy.as_ref());
        let copy = copy.and_then(|choice| copy_view(plan, route, step, &choice.copy));
        used.extend(copy.and_then(|copy| copy.place).map(Id::trusted));
    }
    let hit = route.assets.values().filter(|asset| asset.state != AssetState::Untouched);
    used.extend(hit.filter_map(|asset| asset.home.clone()));
    used.extend(built.iter().map(|(place, _)| (*place).clone()));
    plan.places
        .iter()
        .filter(|(id, _)| used.contains(*id))
        .map(|(id, place)| PlaceView {
            id: id.to_string(),
            title: place.title.clone().unwrap_or_else(|| id.to_string()),
            kind: place.kind.to_string(),
            login: place.ssh.as_ref().map(login),
            host_key: place.ssh.as_ref().and_then(|ssh| ssh.host_key.clone()),
            built_by: built.iter().find(|(built, _)| *built == id).map(|(_, number)| *number),
            vars: place.vars.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        })
        .collect()
}

fn times(setting: &Setting<'_>, forecast: &Forecast) -> TimesView {
    let clock = &forecast.clock;
    let items = forecast.outline.items.iter().enumerate();
    let link = |(at, item): (usize, &crate::graph::Item)| Link {
        number: at + 1,
        title: item_title(setting.material.plan, setting.route, item),
    };
    TimesView {
        detect: clock.detect.to_string(),
        decide: clock.decide.to_string(),
        recover: clock.total.to_string(),
        total: clock.whole().to_string(),
        sum: clock
            .targets
            .iter()
            .max_by_key(|target| target.expected)
            .map(|target| target.sum.clone())
            .filter(|sum| !sum.is_empty()),
        smallest_rto: clock.smallest_rto().map(|(asset, rto)| format!("{rto} ({asset})")),
        critical: items.clone().filter(|(_, item)| item.time.critical).map(link).collect(),
        unknown: items
            .filter(|(_, item)| item.time.estimate.or(item.time.measured).is_none())
            .map(link)
            .collect(),
    }
}

/// Writes what every bash begins with. Without the first line an exclamation mark would be taken for a command of before.
fn start(common: &[(String, String)]) -> Fence {
    let exports = common.iter().map(|(name, value)| export(name, value));
    Fence::bash(std::iter::once("set +H".to_owned()).chain(exports).collect::<Vec<_>>().join("\n"))
}

/// Steps stand under their phase; those without one under their wave.
fn groups(setting: &Setting<'_>, common: &[(String, String)]) -> Vec<GroupView> {
    let mut groups: Vec<GroupView> = Vec::new();
    let mut lines = Lines::after(common);
    let mut phase: Option<&str> = None;
    let steps = || (0..setting.outline.items.len()).filter_map(|at| setting.step(at));
    let has_phases = steps().any(|step| step.common.phase.is_some());
    for (at, item) in setting.outline.items.iter().enumerate() {
        // An asset is looked at under the heading of what brought it back.
        if let Some(step) = setting.step(at) {
            phase = step.common.phase.as_deref();
        }
        let heading = match &phase {
            Some(phase) => one_line(phase),
            None if has_phases => "Further steps".to_owned(),
            None => format!("Wave {}", item.wave + 1),
        };
        let step = setting.item(at, &mut lines);
        match groups.last_mut().filter(|group| group.heading == heading) {
            Some(group) => group.steps.push(step),
            None => groups.push(GroupView { heading, steps: vec![step] }),
        }
    }
    groups
}

fn missing(route: &Route) -> Vec<String> {
    let stranded = route.assets.iter().filter_map(|(id, asset)| Some((id, asset.stranded.as_ref()?)));
    let stranded = stranded.map(|(id, why)| format!("{id} cannot come back: {why}"));
    let is_new = |stuck: &&Stuck| !matches!(stuck.end, End::Stranded(_));
    let stuck = route
        .stuck
        .iter()
        .filter(is_new)
        .map(|stuck| format!("{} can never begin: {}", stuck.first, stuck.why()));
    stranded.chain(stuck).collect()
}

fn afterwards(plan: &ResolvedPlan, route: &Route) -> Vec<String> {
    let mut todo = Vec::new();
    let hit: BTreeSet<&Id> =
        route.assets.iter().filter(|(_, asset)| asset.state.is_goal()).map(|(id, _)| id).collect();
    for (id, backup) in &plan.backups {
        let of: Vec<&str> = backup.of.iter().filter(|asset| hit.contains(asset)).map(Id::as_str).collect();
        if !of.is_empty() {
            todo.push(format!("Take a fresh backup of {} ({id}), and see that it is good.", of.join(", ")));
        }
    }
    let moved: Vec<String> = route
        .assets
        .iter()
        .filter(|(_, asset)| asset.state.is_goal() && asset.home != asset.was)
        .filter_map(|(id, asset)| Some(format!("{id}: {}", asset.home.as_ref()?)))
        .collect();
    if !moved.is_empty() {
        todo.push(format!(
            "Write down where things live now, under homes in {}.placement.yaml beside the plan, and commit it: {}.",
            plan.plan,
            moved.join(", ")
        ));
    }
    todo.push("Write down when each step began and ended, and what went otherwise than here.".to_owned());
    todo
}

/// Says in words what is needed.
pub(super) fn need_words(need: &Need) -> String {
    let ids: Vec<&str> = need.ids().iter().map(Id::as_str).collect();
    match (need, need.at_least()) {
        (Need::One(id), _) => id.to_string(),
        (_, 1) => ids.join(" or "),
        (_, some) => format!("{some} of {}", ids.join(", ")),
    }
}
