//! The cases of the route: the table in `book/src/route.md`, as tests.

use std::collections::BTreeMap;

use super::*;
use crate::document::Sources;
use crate::plan::{Loaded, Operation, load};
use crate::value::Id;

const PLACES: &str = "
places:
  here: { kind: site }
  there: { kind: site }
  old: { kind: host, in: [here] }
  new: { kind: host, in: [there], exists: false }
  vault: { kind: bucket, in: [there], erasable_by: [] }
";

/// The route of a plan, in the words of the tests.
struct Case {
    route: Route,
    passed_over: BTreeMap<String, String>,
}

fn case(rest: &str, scenario: Option<&str>, operation: Operation, placement: &[(&str, &str)]) -> Case {
    let text = format!("version: 1\nplan: p\n{PLACES}{rest}");
    let mut sources = Sources::default();
    let source = sources.add("p.yaml", text);
    let Loaded { document, value, findings, .. } = load(source, &sources);
    assert!(findings.is_empty(), "{findings:?}");
    let (resolved, findings) =
        resolve(&document.unwrap(), value.unwrap(), &Recipes::default(), &Imports::default(), None);
    assert!(findings.is_empty(), "{findings:?}");
    let id = |text: &str| Id::trusted(text);
    let placement = Placement {
        placement: None,
        homes: placement.iter().map(|(asset, home)| (id(asset), id(home))).collect(),
    };
    let scenario = scenario.map(id);
    let request = Request { scenario: scenario.as_ref(), operation, only: &[], with_stage: false };
    let route = route(&resolved, &placement, &request);
    let passed_over =
        route.passed_over(&resolved).map(|(id, why)| (id.to_string(), why.into_owned())).collect();
    Case { route, passed_over }
}

fn lost(rest: &str) -> Case {
    case(rest, Some("loss"), Operation::Recover, &[])
}

impl Case {
    fn state(&self, asset: &str) -> AssetState {
        self.route.assets[asset].state
    }

    fn home(&self, asset: &str) -> Option<&str> {
        self.route.assets[asset].home.as_ref().map(Id::as_str)
    }

    fn chosen(&self) -> Vec<&str> {
        let mut chosen: Vec<&str> = self.route.chosen.keys().map(Id::as_str).collect();
        chosen.sort_unstable();
        chosen
    }

    fn copy(&self, step: &str) -> Option<&str> {
        self.route.chosen[step].copy.as_ref().map(|choice| choice.copy.as_str())
    }

    fn against(&self, step: &str) -> &str {
        &self.passed_over[step]
    }

    fn order(&self) -> Vec<(&str, Vec<&str>)> {
        let name = |at: &usize| self.route.nodes[*at].id.as_str();
        let after =
            |node: &Node| node.after.iter().map(|(at, _)| self.route.nodes[*at].id.to_string()).collect();
        let nodes = self.route.nodes.iter().map(|node| (node.id.as_str(), after(node)));
        let nodes: Vec<(&str, Vec<String>)> = nodes.collect();
        nodes
            .into_iter()
            .map(|(id, after)| {
                let after = after
                    .iter()
                    .map(|id| name(&self.route.nodes.iter().position(|n| n.id.as_str() == id).unwrap()));
                (id, after.collect())
            })
            .collect()
    }
}

const DB: &str = "
assets:
  db: { kind: postgresql, homes: [old, new] }
scenarios:
  loss: { title: The old host is gone, lose: [here] }
steps:
  build: { provides: [new], run: 'true' }
  restore: { restores: [db], on: home, run: 'true' }
";

#[test]
fn a_lost_home_is_replaced_by_the_next_that_a_step_provides() {
    let case = lost(DB);
    assert_eq!(case.state("db"), AssetState::Lost);
    assert_eq!(case.route.assets["db"].why, "its home old is lost with here");
    assert_eq!(case.home("db"), Some("new"));
    assert_eq!(case.chosen(), ["build", "restore"]);
    assert_eq!(case.order(), [("build", vec![]), ("restore", vec!["build"]), ("db", vec!["restore"])]);
}

#[test]
fn a_home_that_is_alive_needs_nothing_to_be_built() {
    let case = lost(
        &DB.replace("[old, new]", "[old, spare, new]")
            .replace("assets:", "  spare: { kind: host, in: [there] }\nassets:"),
    );
    assert_eq!(case.home("db"), Some("spare"));
    assert_eq!(case.chosen(), ["restore"]);
    assert_eq!(case.against("build"), "new is not needed, or there");
}

#[test]
fn a_home_that_nobody_can_provide_leaves_the_asset_stranded() {
    let case = lost(&DB.replace("provides: [new], ", ""));
    let why = case.route.assets["db"].stranded.as_deref().unwrap();
    assert!(why.contains("old is lost with here and no step provides it"), "{why}");
    assert!(why.contains("new is not there and no step provides it"), "{why}");
}

#[test]
fn damage_is_mended_in_place() {
    let case = lost(&DB.replace("lose: [here]", "damage: [db]"));
    assert_eq!((case.state("db"), case.home("db")), (AssetState::Damaged, Some("old")));
    assert_eq!(case.chosen(), ["restore"]);
}

#[test]
fn what_stands_on_a_moved_asset_moves_along_and_on_a_mended_one_is_interrupted() {
    let app = "assets:\n  app: { kind: app, needs: [db] }\n  front: { kind: service, needs: [app] }";
    let restore_app = "steps:\n  start: { restores: [app], run: 'true' }";
    let plan = DB.replace("assets:", app).replace("steps:", restore_app);
    let moved = lost(&plan);
    assert_eq!(moved.state("app"), AssetState::MovedUnder);
    assert_eq!(moved.state("front"), AssetState::Interrupted);
    assert_eq!(moved.chosen(), ["build", "restore", "start"]);
    let mended = lost(&plan.replace("lose: [here]", "damage: [db]"));
    assert_eq!(mended.state("app"), AssetState::Interrupted);
    assert_eq!(mended.chosen(), ["restore"]);
    assert_eq!(mended.against("start"), "app need not be brought back");
}

#[test]
fn what_is_not_hit_is_left_alone() {
    let case = lost(&DB.replace("lose: [here]", "lose: [vault]"));
    assert_eq!(case.state("db"), AssetState::Untouched);
    assert!(case.chosen().is_empty() && case.route.nodes.is_empty());
}

#[test]
fn of_alternatives_the_first_that_works_is_taken() {
    let two = "restore: { restores: [db], on: home, needs: [old], run: 'true' }\n  again: { restores: [db], on: home, run: 'true' }";
    let plan = DB.replace("restore: { restores: [db], on: home, run: 'true' }", two);
    let case = lost(&plan);
    assert_eq!(case.chosen(), ["again", "build"]);
    assert!(case.against("restore").contains("needs old, which is lost with here"));
    let case = lost(&plan.replace("needs: [old], ", ""));
    assert_eq!(case.chosen(), ["build", "restore"]);
    assert_eq!(case.against("again"), "db is restored by restore, which comes first");
}

fn with_copies(copies: &str, scenario: &str) -> Case {
    let backups = format!(
        "backups:\n  nightly: {{ of: [db], points: {{ cron: 0 2 * * * }}, copies: {{ {copies} }} }}\nsteps:"
    );
    let plan = DB.replace("steps:", &backups).replace("on: home", "on: home, from: [nightly.a, nightly.b]");
    lost(&plan.replace("lose: [here]", scenario))
}

#[test]
fn a_lost_copy_is_passed_over_with_its_reason() {
    let case = with_copies("a: { keep: 30d }, b: { in: vault, keep: 30d }", "lose: [here]");
    assert_eq!(case.copy("restore"), Some("nightly.b"));
    let passed = &case.route.chosen["restore"].copy.as_ref().unwrap().passed_over;
    assert_eq!(passed[0].1, "lies in old, which is lost with here");
}

#[test]
fn a_copy_on_paper_does_not_count() {
    let case = with_copies("a: { keep: 30d }, b: { in: vault, keep: 30d, optional: true }", "lose: [here]");
    assert!(case.against("restore").contains("nightly.b is optional: nobody can rely on it"));
    assert!(case.route.assets["db"].stranded.is_some());
}

#[test]
fn no_history_and_too_little_of_it_survive_no_damage() {
    let case = with_copies(
        "a: { in: vault, keep: latest }, b: { in: vault, keep: 3d }",
        "damage: [db], found_after: 1d",
    );
    assert_eq!(case.copy("restore"), Some("nightly.b"));
    let case = with_copies(
        "a: { in: vault, keep: latest }, b: { in: vault, keep: 3d }",
        "damage: [db], found_after: 3d",
    );
    assert!(case.against("restore").contains("no clean point may be left"));
}

#[test]
fn what_an_intruder_can_erase_is_gone_unless_it_is_immutable_long_enough() {
    let intruder = "compromise: [old], found_after: 3d";
    let open = "a: { keep: 30d }, b: { in: there, keep: 30d }";
    assert!(with_copies(open, intruder).against("restore").contains("nightly.b can be erased from old"));
    let locked = "a: { keep: 30d }, b: { in: there, keep: 30d, immutable: 30d }";
    assert_eq!(with_copies(locked, intruder).copy("restore"), Some("nightly.b"));
    let briefly = "a: { keep: 30d }, b: { in: there, keep: 30d, immutable: 3d }";
    assert!(with_copies(briefly, intruder).against("restore").contains("can be erased"));
    let claimed = "a: { keep: 30d }, b: { in: vault, keep: 30d }";
    assert_eq!(with_copies(claimed, intruder).copy("restore"), Some("nightly.b"));
}

#[test]
fn when_takes_a_step_out_and_nothing_unneeded_runs() {
    let extra = "steps:\n  only-drill: { restores: [db], when: { environment: drill }, run: 'true' }\n  idle: { run: 'true' }\n  first: { run: 'true' }";
    let plan = DB.replace("steps:", extra).replace("on: home, run", "on: home, needs: [first], run");
    let case = lost(&plan);
    assert_eq!(case.chosen(), ["build", "first", "restore"]);
    assert_eq!(case.against("only-drill"), "`when` limits it to other environments");
    assert_eq!(case.against("idle"), "nothing that runs needs it");
}

#[test]
fn of_several_steps_one_that_is_left_out_stands_for_none_that_is_not() {
    let gates = "steps:\n  out: { needs: [db], when: { operation: recover }, run: 'true' }\n  \
                 home: { needs: [db], when: { operation: failback }, run: 'true' }\n  \
                 publish: { restores: [app], needs: [{ any: [GATES] }], run: 'true' }";
    let app = "assets:\n  app: { kind: app, homes: [old, new], needs: [db] }";
    for any in ["out, home", "home, out"] {
        let plan = DB.replace("assets:", app).replace("steps:", &gates.replace("GATES", any));
        assert_eq!(lost(&plan).chosen(), ["build", "out", "publish", "restore"], "{any}");
        let placed = [("db", "new"), ("app", "new")];
        let back = case(&plan, None, Operation::Failback, &placed);
        assert_eq!(back.chosen(), ["home", "publish", "restore"], "{any}");
        // Where none is done there is nothing to wait for.
        let neither = plan.replace("operation: recover", "environment: drill");
        assert_eq!(lost(&neither).chosen(), ["build", "publish", "restore"], "{any}");
    }
}

#[test]
fn failback_goes_back_to_the_first_home() {
    let case = case(DB, None, Operation::Failback, &[("db", "new")]);
    assert_eq!((case.state("db"), case.home("db")), (AssetState::Returning, Some("old")));
    assert_eq!(case.chosen(), ["restore"]);
}

#[test]
fn placement_says_where_things_are_lost_from() {
    let case = case(DB, Some("loss"), Operation::Recover, &[("db", "new")]);
    assert_eq!(case.state("db"), AssetState::Untouched);
}

#[test]
fn where_an_asset_lives_now_nothing_is_built_again() {
    // The new host is one that a step builds, in a site that another step builds.
    let plan = format!("{DB}  site: {{ provides: [yard], run: 'true' }}\n")
        .replace("assets:", "  yard: { kind: site, exists: false }\nassets:")
        .replace("  loss:", "  spoilt: { title: It is spoilt, damage: [db] }\n  loss:");
    let plan = plan.replace("[old, new]", "[old, late]").replace("provides: [new]", "provides: [late]");
    let plan = plan.replace("assets:", "  late: { kind: host, in: [yard], exists: false }\nassets:");
    let moved = [("db", "late")];
    assert_eq!(case(&plan, Some("spoilt"), Operation::Recover, &moved).chosen(), ["restore"]);
    // From there it goes home without a step that would make the host anew under it.
    let home = plan.replace("on: home, run", "on: home, needs: [dump], run")
        + "  dump: { on: late, when: { operation: failback }, run: 'true' }\n";
    assert_eq!(case(&home, None, Operation::Failback, &moved).chosen(), ["dump", "restore"]);
    // A home that falls is built again.
    let fallen = plan.replace("lose: [here]", "lose: [here, late]");
    assert_eq!(case(&fallen, Some("loss"), Operation::Recover, &moved).chosen(), ["build", "restore"]);
    assert_eq!(lost(&plan).chosen(), ["build", "restore", "site"]);
}

#[test]
fn without_scenarios_every_step_runs() {
    let case = case(
        "assets:\n  db: { kind: db, homes: [old] }\nsteps:\n  restore: { restores: [db], run: 'true' }\n  idle: { run: 'true' }\n",
        None,
        Operation::Recover,
        &[],
    );
    assert_eq!(case.chosen(), ["idle", "restore"]);
    assert_eq!(case.state("db"), AssetState::Wanted);
}

#[test]
fn of_several_parents_each_takes_a_place_down_unless_enough_are_left() {
    let plan = |in_: &str| {
        DB.replace("assets:", &format!("  both: {{ kind: host, in: {in_} }}\nassets:"))
            .replace("[old, new]", "[both, new]")
    };
    assert_eq!(lost(&plan("[here, there]")).state("db"), AssetState::Lost);
    assert_eq!(lost(&plan("[{ any: [here, there] }]")).state("db"), AssetState::Untouched);
    assert_eq!(lost(&plan("[{ any: [here, there], at_least: 2 }]")).state("db"), AssetState::Lost);
}

#[test]
fn of_several_that_will_do_enough_that_stand_are_enough() {
    let app = "assets:\n  spare-db: { kind: db, homes: [new] }\n  app: { kind: app, needs: [{ any: [db, spare-db] }] }";
    let case = lost(&DB.replace("assets:", app));
    assert_eq!(case.state("app"), AssetState::Untouched);
    let case =
        lost(&DB.replace(
            "assets:",
            &app.replace("{ any: [db, spare-db] }", "{ any: [db, spare-db], at_least: 2 }"),
        ));
    assert_eq!(case.state("app"), AssetState::MovedUnder);
}

#[test]
fn a_home_whose_builder_lacks_what_it_needs_is_no_home() {
    let plan = DB
        .replace("[old, new]", "[old, new, spare]")
        .replace(
            "assets:",
            "  console: { kind: account, in: [here] }\n  spare: { kind: host, in: [there] }\nassets:",
        )
        .replace("provides: [new], run", "provides: [new], needs: [console], run");
    let case = lost(&plan);
    assert_eq!(case.home("db"), Some("spare"));
    assert_eq!(case.chosen(), ["restore"]);
}

#[test]
fn ten_thousand_places_in_each_other_fall_one_by_one() {
    let mut nested = "  p0: { kind: site }\n".to_owned();
    for at in 1..10_000 {
        nested += &format!("  p{at}: {{ kind: site, in: [p{}] }}\n", at - 1);
    }
    let plan = DB.replace("assets:", &format!("{nested}assets:")).replace("[old, new]", "[p9999, new]");
    let case = lost(&plan.replace("lose: [here]", "lose: [p0]"));
    assert_eq!(case.state("db"), AssetState::Lost);
    let fall = case.route.harm.of_place("p9999").unwrap();
    assert!(fall.why().ends_with("p0") && fall.chain.len() < 20, "{}", fall.why());
}
