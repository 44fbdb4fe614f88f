//! Child plans, recipes inside recipes, and both once for each of several: all steps of one run.

use crate::stage::{Stage, until};

/// A procedure with its own place, person, variable and order.
const CHILD: &str = "version: 1
plan: cold-start
vars: { RACK: none, OWN: child }
places: { room: { kind: host, vars: { DOOR: green } } }
steps:
  power: { run: 'echo \"power $RACK $OWN $DOOR ${SHOP-none} $(basename \"$PWD\")\" >>../ledger', on: room, takes: 1m, outputs: [] }
  boot: { needs: [power], run: 'echo \"boot $RACK\" >>../ledger', takes: 2m }
";

fn parent(steps: &str) -> Stage {
    let stage = Stage::new(&format!("vars: {{ OWN: parent, SHOP: here }}\nsteps:\n{steps}"));
    stage.write("procedures/cold-start.yaml", CHILD);
    stage
}

const STEPS: &str = "  before: { run: echo before >>ledger, takes: 1s }
  racks: { needs: [before], plan: procedures/cold-start.yaml, with: { rack: r1 } }
  after: { needs: [racks], run: echo after >>ledger, takes: 1s }
";

#[test]
fn a_child_plan_runs_within_the_run_with_its_own_names() {
    let stage = parent(STEPS);
    stage.execute(&[]).exits(0);
    assert_eq!(
        stage.ledger(),
        ["before", "power r1 child green none procedures", "boot r1", "after"],
        "the child's own order, place, variables and folder"
    );
    assert_eq!(
        stage.told("step_finished"),
        ["before", "racks/power", "racks/boot", "racks", "after"],
        "each is a step of the same run"
    );
    assert_eq!(stage.runs().len(), 1);
    assert!(stage.run_dir().join("frozen/import-1.yaml").exists(), "what was carried out is frozen");
}

#[test]
fn its_time_is_that_of_its_steps_or_what_the_step_says() {
    let stage = parent(STEPS);
    stage.run(&["graph", "plan.yaml"]).exits(0).says("3m2s");
    let stage = parent(&STEPS.replace("with: { rack: r1 }", "takes: 10m"));
    stage.run(&["graph", "plan.yaml"]).exits(0).says("10m2s");
}

#[test]
fn two_steps_may_carry_out_the_same_plan() {
    let stage = parent(
        "  a: { plan: procedures/cold-start.yaml, with: { rack: r1 } }\n  b: { needs: [a], plan: procedures/cold-start.yaml, with: { rack: r2 } }\n",
    );
    stage.execute(&[]).exits(0);
    let ledger = stage.ledger();
    assert!(ledger[0].starts_with("power r1") && ledger[2].starts_with("power r2"), "{ledger:?}");
    assert_eq!((ledger[1].as_str(), ledger[3].as_str()), ("boot r1", "boot r2"));
}

#[test]
fn once_for_each_and_not_more_at_a_time_than_said() {
    let steps = "  racks: { plan: procedures/cold-start.yaml, each: { of: [r1, r2, r3], at_most: 1 }, with: { rack: $DRPLAN_EACH } }\n";
    let stage = parent(steps);
    stage.execute(&[]).exits(0);
    let racks: Vec<String> =
        stage.ledger().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(racks, ["r1", "r1", "r2", "r2", "r3", "r3"], "an item is over before the next begins");
    assert!(stage.has_told("step_finished", "racks@r2/boot"));
    assert!(stage.has_told("step_finished", "racks@r2"));
}

#[test]
fn an_item_that_failed_does_not_hold_up_the_others() {
    let stage = parent(
        "  racks: { plan: procedures/cold-start.yaml, each: { of: [r1, r2, r3], at_most: 1 }, with: { rack: $DRPLAN_EACH }, on_failure: continue }\n",
    );
    let broken = CHILD.replace("run: 'echo \"boot", "run: '[ $RACK != r1 ]; echo \"boot");
    stage.write("procedures/cold-start.yaml", &broken);
    stage.execute(&[]).exits(3).says("racks@r1/boot");
    let boots = stage.ledger().iter().filter(|line| line.starts_with("boot")).cloned().collect::<Vec<_>>();
    assert_eq!(boots, ["boot r2", "boot r3"]);
}

#[test]
fn a_crash_within_repeats_nothing_and_keeps_to_the_limit() {
    let stage = parent(
        "  racks: { plan: procedures/cold-start.yaml, each: { of: [r1, r2], at_most: 1 }, with: { rack: $DRPLAN_EACH } }\n",
    );
    let gated = CHILD
        .replace("echo \"boot $RACK\" >>../ledger", "echo \"boot $RACK\" >>../ledger; read -r line <../gate");
    stage.write("procedures/cold-start.yaml", &gated);
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("the first boots", || stage.ledger().len() == 2);
    run.crash();
    let run = stage.start(&["resume", "latest"]);
    until("it is taken up", || stage.has_told("step_judged", "racks@r1/boot"));
    stage.let_go("gate");
    until("the second boots", || stage.ledger().len() == 4);
    stage.let_go("gate");
    run.ends().exits(0);
    assert_eq!(stage.ledger().len(), 4, "{:?}", stage.ledger());
}

#[test]
fn what_is_done_already_is_left_out_as_a_whole() {
    let stage = parent(
        "  racks: { plan: procedures/cold-start.yaml, unless: { run: test -e up } }\n  after: { needs: [racks], run: echo after >>ledger }\n",
    );
    stage.write("up", "");
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["after"]);
    let mut unneeded = stage.told("step_unneeded");
    unneeded.sort();
    assert_eq!(unneeded, ["racks", "racks/boot", "racks/power"]);
}

#[test]
fn it_is_taken_back_as_a_whole() {
    let stage = parent(
        "  racks: { plan: procedures/cold-start.yaml, undo: { run: echo 'racks back' >>ledger } }\n  breaks: { needs: [racks], run: 'false' }\n",
    );
    let undone = CHILD.replace("takes: 2m }", "takes: 2m, undo: { run: 'echo \"boot back\" >>../ledger' } }");
    stage.write("procedures/cold-start.yaml", &undone);
    stage.execute(&[]).exits(3);
    let run = stage.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    stage.run(&["abort", &run, "--undo", "--reason", "test"]).exits(3);
    let ledger = stage.ledger();
    assert_eq!(&ledger[2..], ["racks back", "boot back"], "the whole first, then its parts");
}

#[test]
fn child_plans_carry_out_others_with_recipes_inside() {
    let stage = parent("  site: { plan: procedures/site.yaml, with: { name: west } }\n");
    stage.write(
        "procedures/site.yaml",
        "version: 1\nplan: site\nvars: { NAME: none }\nsteps:\n  racks: { plan: cold-start.yaml, with: { rack: $NAME-1 } }\n  \
         say: { needs: [racks], use: twice, with: { word: $NAME } }\n",
    );
    stage.write(
        "procedures/recipes/twice.yaml",
        "recipe: twice\nversion: 1\ntitle: Twice\ninputs: { word: { description: What } }\nsteps:\n  \
         first: { use: once, with: { word: first-$INPUT_WORD } }\n  \
         second: { needs: [first], use: once, with: { word: second-$INPUT_WORD } }\n",
    );
    stage.write(
        "procedures/recipes/once.yaml",
        "recipe: once\nversion: 1\ntitle: Once\ninputs: { word: { description: What } }\nsteps:\n  \
         say: { run: 'echo \"$INPUT_WORD\" >>../ledger', rerun: safe }\n",
    );
    stage.run(&["check", "plan.yaml"]).exits(0);
    stage.execute(&[]).exits(0);
    assert_eq!(
        stage.ledger(),
        ["power west-1 child green none procedures", "boot west-1", "first-west", "second-west"]
    );
    assert!(stage.has_told("step_finished", "site/say/second/say"));
    stage.run(&["render", "--stdout", "plan.yaml"]);
}

#[test]
fn steps_of_a_child_say_when_they_belong_to_it() {
    let when = CHILD.replace(
        "  boot: {",
        "  never: { needs: [power], run: 'echo never >>../ledger', when: { environment: drill } }\n  boot: {",
    );
    let stage = parent(STEPS);
    stage.write(
        "procedures/cold-start.yaml",
        &when.replace("boot: { needs: [power]", "boot: { needs: [never]"),
    );
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger().len(), 4, "{:?}", stage.ledger());
    assert!(stage.ledger()[2].starts_with("boot"), "it still comes after what the step left out needs");
}

#[test]
fn what_cannot_be_carried_out_is_told_at_its_line() {
    let told = |steps: &str, child: &str, part: &str| {
        let stage = parent(steps);
        stage.write("procedures/cold-start.yaml", child);
        stage.run(&["check", "plan.yaml"]).exits(1).says(part);
        stage.execute(&[]).exits(1);
        assert_eq!(stage.ledger().len(), 0);
    };
    let step = "  racks: { plan: procedures/cold-start.yaml }\n";
    told("  racks: { plan: gone.yaml }\n", CHILD, "the plan gone.yaml cannot be read");
    // The first is there where the folder of the tests is /tmp; the second never is.
    told("  racks: { plan: ../../etc/passwd }\n", CHILD, "lies outside of the repository");
    told("  racks: { plan: ../../gone/cold-start.yaml }\n", CHILD, "lies outside of the repository");
    told(step, "version: 1\nplan: broken\nstepz: {}\n", "has errors");
    told(step, &CHILD.replace("[power], run", "[pover], run"), "pover");
    told(step, &format!("{CHILD}  back: {{ plan: ../plan.yaml }}\n"), "plans use each other");
    told(
        step,
        &format!(
            "{CHILD}  restore: {{ run: ./restore, restores: [db] }}\nassets: {{ db: {{ kind: service, homes: [room] }} }}\n"
        ),
        "carried out as a whole, but its step `restore` has `restores`",
    );
    told(
        "  racks: { plan: procedures/cold-start.yaml, with: { rak: r1 } }\n",
        CHILD,
        "has no variable `RAK`",
    );
}

#[test]
fn a_recipe_that_uses_itself_is_refused() {
    let stage = parent("  say: { use: a }\n");
    for (name, other) in [("a", "b"), ("b", "a")] {
        stage.write(
            &format!("recipes/{name}.yaml"),
            &format!("recipe: {name}\nversion: 1\ntitle: T\nsteps: {{ s: {{ use: {other} }} }}\n"),
        );
    }
    stage.run(&["check", "plan.yaml"]).exits(1).says("the recipe a → the recipe b → the recipe a");
}

#[test]
fn a_recipe_that_becomes_too_much_is_refused() {
    let stage = parent("  say: { use: r0 }\n");
    for depth in 0..12 {
        let inner = if depth == 11 { "run: 'true'".to_owned() } else { format!("use: r{}", depth + 1) };
        let steps: String = (0..10).map(|step| format!("  s{step}: {{ {inner} }}\n")).collect();
        stage.write(
            &format!("recipes/r{depth}.yaml"),
            &format!("recipe: r{depth}\nversion: 1\ntitle: T\nsteps:\n{steps}"),
        );
    }
    stage.run(&["check", "plan.yaml"]).exits(1).says("one step becomes more than 10000 steps");
}

#[test]
fn a_drill_needs_the_childs_own_places_to_be_mapped() {
    let stage = parent(STEPS);
    let plan = stage.read("plan.yaml");
    stage.write("plan.yaml", &format!("{plan}environments: {{ drill: {{}} }}\n"));
    stage
        .run(&["execute", "plan.yaml", "--drill", "--environment", "drill", "--yes"])
        .exits(2)
        .says("racks/room");
    let lab = CHILD.replace("places: {", "places: { lab: { kind: host, vars: { DOOR: red } },");
    let mapped = format!("{lab}environments: {{ drill: {{ places: {{ room: lab }} }} }}\n");
    stage.write("procedures/cold-start.yaml", &mapped);
    stage.run(&["execute", "plan.yaml", "--drill", "--environment", "drill", "--yes"]).exits(0);
    assert!(stage.ledger()[1].contains("red"), "{:?}", stage.ledger());
}
