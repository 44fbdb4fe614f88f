//! What the engine costs, in a world where nothing takes time.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use super::*;
use crate::document::Sources;
use crate::effect::Scripted;
use crate::event::{Event, Listener, Mode, RunResult, RunStarted, RunState};
use crate::journal::{MemoryStore, Store, Writer};
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

/// Carries a plan out, some steps at once; returns how the run ended.
async fn carry_out(
    plan: String,
    at_once: usize,
    world: &mut Scripted,
    store: &mut dyn Store,
) -> Option<RunResult> {
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
        title: <_>::default(),
        takes: None,
        after: node.after.clone(),
        restores: <_>::default(),
        undo: None,
        undoes: None,
    });
    let start = std::sync::Arc::new(RunStarted {
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
    });
    let setup = Setup {
        plan: &plan,
        course: &course,
        start,
        account: "eve".into(),
        ground: Ground { folder: "/".into(), inherited: BTreeMap::new() },
        imported: BTreeMap::new(),
        exe: "/nowhere".into(),
        max_parallel: at_once,
        patience: Length::ZERO,
        last_words: Length::ZERO,
        stays: false,
    };
    let ran = run(&setup, world, Writer::over(store), &mut Nobody, &[], Vec::new()).await;
    let (halt, state) = ran.unwrap();
    assert_eq!(halt, Halt::Over);
    state.result
}

#[tokio::test]
async fn an_end_and_what_it_releases_share_one_sync() {
    for at_once in [1, 2, 8] {
        let (count, width) = (20, 50);
        let (mut world, mut store) = (Scripted::default(), MemoryStore::default());
        let result = carry_out(layers(count, width), at_once, &mut world, &mut store).await;
        let steps = count * width;
        assert_eq!((world.acted.len(), result), (steps, Some(RunResult::Done)));
        assert!(store.syncs <= steps + 10, "{} syncs for {steps} steps, {at_once} at once", store.syncs);
    }
}

/// A disk so slow that all that runs ends while it syncs.
struct SlowStore {
    /// How many steps ended in what each sync made durable.
    ends: Vec<usize>,
    unsynced: usize,
    syncs: Rc<Cell<usize>>,
}

impl Store for SlowStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.unsynced += String::from_utf8_lossy(bytes).matches("step_finished").count();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.ends.push(std::mem::take(&mut self.unsynced));
        self.syncs.set(self.syncs.get() + 1);
        Ok(())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_ends_while_the_disk_is_slow_shares_a_sync() {
    let mut world = Scripted::default();
    let mut store = SlowStore { ends: Vec::new(), unsynced: 0, syncs: Rc::clone(&world.syncs) };
    let result = carry_out(layers(3, 16), 16, &mut world, &mut store).await;
    assert_eq!((world.acted.len(), result), (48, Some(RunResult::Done)));
    // The first to end is written at once. While that is synced the others end, and wait for one sync together.
    let ends: Vec<usize> = store.ends.into_iter().filter(|ends| *ends > 0).collect();
    assert_eq!(ends[..2], [1, 15], "16 ends share two syncs: {ends:?}");
    assert!(ends.len() <= 6, "48 ends of 16 at once share six: {ends:?}");
}

#[tokio::test]
async fn a_courier_that_is_killed_before_it_sets_out_is_followed_by_another() {
    let on = |place: &str| {
        format!(
            "version: 1\nplan: p\nplaces: {{ far: {{ kind: host, ssh: far }}, here: {{ kind: host }} }}\nsteps: {{ s: {{ on: {place}, run: 'true' }} }}\n"
        )
    };
    let mut world = Scripted::that_kills(1);
    assert_eq!(carry_out(on("far"), 1, &mut world, &mut MemoryStore::default()).await, Some(RunResult::Done));
    assert_eq!(world.acted.len(), 2);
    // Here the process is the step.
    let mut world = Scripted::that_kills(1);
    assert_eq!(
        carry_out(on("here"), 1, &mut world, &mut MemoryStore::default()).await,
        Some(RunResult::Failed)
    );
    assert_eq!(world.acted.len(), 1);
}
