//! What the engine costs, in a world where nothing takes time.

use std::collections::BTreeMap;

use super::*;
use crate::document::Sources;
use crate::effect::Scripted;
use crate::event::{Event, Listener, Mode, RunResult, RunStarted, RunState};
use crate::journal::{MemoryStore, Writer};
use crate::plan::load;
use crate::resolve::{Course, Imports, Placement, Recipes, Request, resolve, route};
use crate::value::{Length, Stamp};

struct Nobody;

impl Listener for Nobody {
    fn hear(&mut self, _: &Stamp, _: &Event, _: &RunState) {}
}

/// A plan of layers: each step needs one of the layer before.
fn layers(count: usize, width: usize) -> String {
    let mut plan = "version: 1\nplan: p\nsteps:\n".to_owned();
    for layer in 0..count {
        for at in 0..width {
            let needs = if layer == 0 { String::new() } else { format!(", needs: [s-{}-{at}]", layer - 1) };
            plan.push_str(&format!("  s-{layer}-{at}: {{ run: 'true'{needs} }}\n"));
        }
    }
    plan
}

/// Carries a plan out; returns how often the journal was synced, and how the run ended.
async fn carry_out(plan: String, world: &mut Scripted) -> (usize, Option<RunResult>) {
    let mut sources = Sources::default();
    let source = sources.add("p.yaml", plan);
    let loaded = load(source, &sources);
    let (plan, _) = resolve(
        &loaded.document.unwrap(),
        loaded.value.unwrap(),
        &Recipes::default(),
        &Imports::default(),
        None,
    );
    let route = route(&plan, &Placement::default(), &Request::default());
    let course = Course::new(&plan, &route, &vec![None; route.nodes.len()], &vec![0; route.nodes.len()]);
    let nodes = course.nodes.iter().map(|node| crate::event::Outline {
        id: node.id.clone(),
        kind: crate::event::OutlineKind::Step,
        title: String::new(),
        takes: None,
        after: node.after.clone(),
        restores: Vec::new(),
        undo: None,
        undoes: None,
    });
    let start = RunStarted {
        run: "r1".parse().unwrap(),
        drplan: String::new(),
        plan: plan.plan.clone(),
        title: String::new(),
        plan_hash: String::new(),
        mode: Mode::Real,
        scenario: None,
        environment: None,
        operation: "recover".into(),
        by: "eve".into(),
        host: "here".into(),
        incident_at: None,
        declared_at: None,
        harmed: None,
        before: None,
        unverified: false,
        assumed: Length::ZERO,
        targets: Vec::new(),
        nodes: nodes.collect(),
        omitted: BTreeMap::new(),
        proof: None,
    };
    let setup = Setup {
        plan: &plan,
        course: &course,
        start,
        account: "eve".into(),
        ground: Ground { folder: "/".into(), inherited: BTreeMap::new() },
        imported: BTreeMap::new(),
        exe: "/nowhere".into(),
        max_parallel: 8,
        patience: Length::ZERO,
        last_words: Length::ZERO,
        stays: false,
    };
    let mut store = MemoryStore::default();
    let ran = run(&setup, world, Writer::over(&mut store), &mut Nobody, &[], Vec::new()).await;
    let (halt, state) = ran.unwrap();
    assert_eq!(halt, Halt::Over);
    (store.syncs, state.result)
}

#[tokio::test]
async fn an_end_and_what_it_releases_share_one_sync() {
    let (count, width) = (20, 50);
    let mut world = Scripted::default();
    let (syncs, result) = carry_out(layers(count, width), &mut world).await;
    let steps = count * width;
    assert_eq!((world.acted.len(), result), (steps, Some(RunResult::Done)));
    assert!(syncs <= steps + 10, "{syncs} syncs for {steps} steps");
}

#[tokio::test]
async fn a_courier_that_is_killed_before_it_sets_out_is_followed_by_another() {
    let on = |place: &str| {
        format!(
            "version: 1\nplan: p\nplaces: {{ far: {{ kind: host, ssh: far }}, here: {{ kind: host }} }}\nsteps: {{ s: {{ on: {place}, run: 'true' }} }}\n"
        )
    };
    let mut world = Scripted::that_kills(1);
    assert_eq!(carry_out(on("far"), &mut world).await.1, Some(RunResult::Done));
    assert_eq!(world.acted.len(), 2);
    // Here the process is the step.
    let mut world = Scripted::that_kills(1);
    assert_eq!(carry_out(on("here"), &mut world).await.1, Some(RunResult::Failed));
    assert_eq!(world.acted.len(), 1);
}
