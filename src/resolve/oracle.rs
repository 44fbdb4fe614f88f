//! The route against a slow and simple second opinion, over thousands of random small plans.
//!
//! The second opinion knows nothing of requirements, rounds or choices. It tries every step with every home and
//! every copy, again and again, until nothing more comes back.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::document::Sources;
use crate::graph::StepGraph;
use crate::plan::{Action, Loaded, Need, load};
use crate::value::Id;

/// Numbers from a seed, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        // Knuth's MMIX generator; its high bits are good enough to throw dice.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count.max(1)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn some(&mut self, names: &[String], most: usize) -> Vec<String> {
        let count = self.below(most + 1);
        (0..count).map(|_| names[self.below(names.len())].clone()).collect()
    }

    fn needs(&mut self, names: &[String], most: usize) -> String {
        let mut items = self.some(names, most);
        items.sort();
        items.dedup();
        if items.len() > 1 && self.one_in(2) {
            let at_least = 1 + self.below(items.len());
            return format!("needs: [{{ any: [{}], at_least: {at_least} }}]", items.join(", "));
        }
        format!("needs: [{}]", items.join(", "))
    }
}

/// Writes a random plan in which things are lost, and need each other.
fn plan(seed: u64) -> String {
    let mut dice = Dice(seed);
    let (places, assets, secrets) = (2 + dice.below(4), 1 + dice.below(3), 1 + dice.below(2));
    let named =
        |prefix: &str, count: usize| (0..count).map(|at| format!("{prefix}{at}")).collect::<Vec<String>>();
    let (places, assets, secrets) = (named("p", places), named("a", assets), named("S", secrets));
    let people = named("h", 1 + dice.below(2));
    let all: Vec<String> = [&places, &assets, &secrets, &people].into_iter().flatten().cloned().collect();
    let mut text = "version: 1\nplan: p\npeople:\n".to_owned();
    for person in &people {
        let in_ = dice.some(&places, 1).join(", ");
        writeln!(text, "  {person}: {{ name: Nina, contact: c, roles: [r{}], in: [{in_}] }}", dice.below(2))
            .unwrap();
    }
    text += "places:\n";
    for (at, place) in places.iter().enumerate() {
        let in_ = if at > 0 && dice.one_in(3) { places[dice.below(at)].clone() } else { String::new() };
        let needs = if dice.one_in(4) { dice.needs(&all, 2) } else { "needs: []".to_owned() };
        let (exists, controller) = (!dice.one_in(3), dice.one_in(4));
        writeln!(
            text,
            "  {place}: {{ kind: host, in: [{in_}], exists: {exists}, controller: {controller}, {needs} }}"
        )
        .unwrap();
    }
    text += "secrets:\n";
    for secret in &secrets {
        writeln!(text, "  {secret}: {{ env: X, {} }}", dice.needs(&all, 2)).unwrap();
    }
    text += "assets:\n";
    for asset in &assets {
        let mut homes = dice.some(&places, 2);
        homes.dedup();
        writeln!(text, "  {asset}: {{ kind: k, homes: [{}] }}", homes.join(", ")).unwrap();
    }
    text += "backups:\n  b:\n    of: [";
    text += &assets.join(", ");
    text += "]\n    points: { every: 1d }\n    copies:\n";
    for copy in ["c0", "c1"] {
        let key = if !secrets.is_empty() && dice.one_in(3) {
            format!(", key: {}", secrets[0])
        } else {
            String::new()
        };
        let place = &places[dice.below(places.len())];
        let needs = if dice.one_in(3) { dice.needs(&all, 1) } else { "needs: []".to_owned() };
        writeln!(text, "      {copy}: {{ in: {place}, keep: 30d{key}, {needs} }}").unwrap();
    }
    let (lose, damage) = (dice.some(&places, 2), dice.some(&assets, 2));
    writeln!(
        text,
        "scenarios:\n  s: {{ title: T, lose: [{}], damage: [{}] }}",
        lose.join(", "),
        damage.join(", ")
    )
    .unwrap();
    text += "steps:\n";
    let mut count = 0;
    let mut step = |dice: &mut Dice, text: &mut String, does: &str| {
        let secret = if !secrets.is_empty() && dice.one_in(3) {
            secrets[dice.below(secrets.len())].clone()
        } else {
            String::new()
        };
        let needs = dice.needs(&all, 2);
        let action = match dice.below(4) {
            0 => format!("manual: do it, by: r{}", dice.below(2)),
            1 => format!("approve: {{ by: [r{}] }}", dice.below(2)),
            _ => "run: x".to_owned(),
        };
        let on = match (dice.below(4), action.starts_with("run")) {
            (0, true) => format!(", on: {}", places[dice.below(places.len())]),
            (1, true) if does.starts_with("restores") => ", on: home".to_owned(),
            _ => String::new(),
        };
        writeln!(text, "  t{count}: {{ {does}, {action}{on}, secrets: [{secret}], {needs} }}").unwrap();
        count += 1;
    };
    for asset in &assets {
        for _ in 0..=dice.below(2) {
            let from = match dice.below(3) {
                0 => String::new(),
                1 => ", from: [b.c0, b.c1]".to_owned(),
                _ => format!(", from: [b.c{}]", dice.below(2)),
            };
            step(&mut dice, &mut text, &format!("restores: [{asset}]{from}"));
        }
    }
    for place in &places {
        for _ in 0..dice.below(3) {
            step(&mut dice, &mut text, &format!("provides: [{place}]"));
        }
    }
    text
}

struct Opinion<'a> {
    plan: &'a ResolvedPlan,
    route: &'a Route,
    /// Names of what is there: places, assets, steps.
    there: BTreeSet<String>,
}

impl<'a> Opinion<'a> {
    /// Begins with what stands.
    fn new(plan: &'a ResolvedPlan, route: &'a Route) -> Self {
        let mut there = BTreeSet::new();
        for (id, place) in &plan.places {
            if place.exists && route.harm.of_place(id.as_str()).is_none() {
                there.insert(id.to_string());
            }
        }
        for (id, asset) in &route.assets {
            if asset.state == AssetState::Untouched {
                there.insert(id.to_string());
            }
        }
        Self { plan, route, there }
    }

    fn all(&self, needs: &[Need], asking: &mut Vec<String>) -> bool {
        needs.iter().all(|need| need.is_met(|id| self.has(id.as_str(), asking)))
    }

    /// Whether something can be relied on now.
    fn has(&self, name: &str, asking: &mut Vec<String>) -> bool {
        if asking.iter().any(|asked| asked == name) {
            return false;
        }
        asking.push(name.to_owned());
        let has = if let Some(place) = self.plan.places.get(name) {
            self.there.contains(name) && self.all(&place.needs, asking)
        } else if let Some(secret) = self.plan.secrets.get(name) {
            self.all(&secret.needs, asking)
        } else if self.plan.people.contains_key(name) {
            self.route.harm.of_place(name).is_none()
        } else {
            self.there.contains(name)
        };
        asking.pop();
        has
    }

    fn role(&self, role: &Id) -> bool {
        let mut able = self.plan.people.iter().filter(|(_, person)| person.roles.contains(role)).peekable();
        able.peek().is_none() || able.any(|(id, _)| self.route.harm.of_place(id.as_str()).is_none())
    }

    fn can_read(&self, copy: &Id, restored: &[Id]) -> bool {
        let (_, _, _, declared) = copy_of(self.plan, copy.as_str()).unwrap();
        let place = declared.in_.as_ref().unwrap();
        // Nothing lies in a place that is yet to be built, unless the asset lives there by now.
        let lives_there = |asset: &Id| self.route.assets[asset].was.as_ref() == Some(place);
        if !self.plan.places[place].exists && !restored.iter().all(lives_there) {
            return false;
        }
        // A place that was lost and made again is empty.
        self.route.harm.of_place(place.as_str()).is_none()
            && self.has(place.as_str(), &mut Vec::new())
            && declared.key.as_ref().is_none_or(|key| self.has(key.as_str(), &mut Vec::new()))
            && self.all(&declared.needs, &mut Vec::new())
    }

    /// Whether a step can be done now; with the home and the copy that were chosen, or with any.
    fn can_do(&self, step: &ResolvedStep, is_chosen: bool) -> bool {
        let common = &step.common;
        let controllers: Vec<&Id> =
            self.plan.places.iter().filter(|(_, place)| place.controller).map(|(id, _)| id).collect();
        let has = |id: &Id| self.has(id.as_str(), &mut Vec::new());
        let is_manual = matches!(*step.action, Action::Manual { .. });
        let home = |asset: &Id| {
            let route = &self.route.assets[asset];
            let declared = &self.plan.assets[asset].homes;
            let homes: Vec<&Id> = if is_chosen || route.state != AssetState::Lost {
                route.home.iter().collect()
            } else {
                declared.iter().collect()
            };
            homes.is_empty() && declared.is_empty() || homes.into_iter().any(has)
        };
        let chosen = self.route.chosen.get(&step.id).and_then(|choice| choice.copy.as_ref());
        let copy = match (is_chosen, chosen) {
            (true, Some(choice)) => self.can_read(&choice.copy, &common.restores),
            (true, None) => common.from.is_empty(),
            (false, _) => {
                common.from.is_empty() || common.from.iter().any(|copy| self.can_read(copy, &common.restores))
            }
        };
        self.all(&common.needs, &mut Vec::new())
            && common.secrets.iter().all(|name| self.has(name.as_str(), &mut Vec::new()))
            && common.restores.iter().all(home)
            && copy
            && (is_manual || controllers.is_empty() || controllers.into_iter().any(has))
            && common
                .on
                .as_ref()
                .is_none_or(|on| on.as_str() == "home" || common.provides.contains(on) || has(on))
            && common.provides.iter().all(|place| self.all(&self.plan.places[place].in_, &mut Vec::new()))
            && match &*step.action {
                Action::Manual { by: Some(by), .. } => self.role(by),
                Action::Approve(approve) => approve.by.iter().all(|by| self.role(by)),
                _ => true,
            }
    }

    fn done(&mut self, step: &ResolvedStep) {
        let made = step.common.provides.iter().chain(&step.common.restores).map(ToString::to_string);
        self.there.extend(made);
        self.there.insert(step.id.to_string());
    }

    /// Does whatever can be done until nothing more changes.
    fn do_everything(&mut self) {
        loop {
            let before = self.there.len();
            for step in &self.plan.steps {
                if self.can_do(step, false) {
                    self.done(step);
                }
            }
            if self.there.len() == before {
                return;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the route brings back is what can be brought back at all; in its order each step has what it relies on.
    #[test]
    fn the_route_brings_back_what_can_be_brought_back(seed: u64) {
        let text = plan(seed);
        let mut sources = Sources::default();
        let source = sources.add("p.yaml", text.clone());
        let Loaded { document, value, findings, .. } = load(source, &sources);
        prop_assert!(findings.is_empty(), "{findings:?}\n{text}");
        let (resolved, _) = resolve(&document.unwrap(), value.unwrap(), &Recipes::default(), &Imports::default(), None);
        let scenario = Id::trusted("s");
        let request = Request { scenario: Some(&scenario), ..Request::default() };
        let found = route(&resolved, &Placement::default(), &request);
        let mut opinion = Opinion::new(&resolved, &found);
        opinion.do_everything();
        let is_stuck = !found.stuck.is_empty();
        for (id, asset) in &found.assets {
            if !asset.state.is_goal() {
                continue;
            }
            let can_be_had = opinion.there.contains(id.as_str());
            if !can_be_had {
                prop_assert!(asset.stranded.is_some() || is_stuck, "{id} is said to come back, and cannot\n{text}\n{found:#?}");
            }
            if can_be_had {
                prop_assert!(asset.stranded.is_none(), "{id} is said to be stranded, and is not\n{text}\n{found:#?}");
            }
        }
        let all_can = found.assets.iter().all(|(id, asset)| !asset.state.is_goal() || opinion.there.contains(id.as_str()));
        prop_assert!(!all_can || !is_stuck, "all can be had, and something is stuck\n{text}\n{:#?}", found.stuck);
        if is_stuck || found.assets.values().any(|asset| asset.stranded.is_some()) {
            return Ok(());
        }
        // In the order of the route, each step has what it relies on when its turn comes.
        let order = StepGraph::new(&found.nodes).order();
        let order = order.map_err(|cycle| TestCaseError::fail(format!("{cycle:?}\n{text}")))?;
        let mut now = Opinion::new(&resolved, &found);
        for at in order {
            // The latest moment would prove little: each node begins as soon as what it waits for is over.
            let mut early = Opinion::new(&resolved, &found);
            let mut before: Vec<usize> = vec![at];
            let mut reached = BTreeSet::new();
            while let Some(next) = before.pop() {
                for (earlier, _) in &found.nodes[next].after {
                    if reached.insert(*earlier) {
                        before.push(*earlier);
                    }
                }
            }
            for earlier in reached {
                if let NodeKind::Step(step) = found.nodes[earlier].kind {
                    early.done(&resolved.steps[step]);
                }
            }
            if let NodeKind::Step(step) = found.nodes[at].kind {
                let step = &resolved.steps[step];
                prop_assert!(early.can_do(step, true), "{} begins too early\n{text}\n{:#?}", step.id, found);
                now.done(step);
            }
        }
    }
}
