//! What must hold before a step may begin.

use crate::stage::Stage;

const PLAN: &str = "vars: { LOG: asked }\n\
     steps:\n\
     \x20 a:\n\
     \x20   preconditions:\n\
     \x20     - { title: There is room, run: 'echo asked >>\"$LOG\"; test -e room || { echo the disk is full >&2; exit 1; }' }\n\
     \x20     - { title: The tape is in, file: tape }\n\
     \x20   run: echo a >>ledger\n\
     \x20 b: { needs: [a], preconditions: [{ file: left-by-a }], run: echo b >>ledger }\n";

#[test]
fn all_that_does_not_hold_is_told_at_once_and_asked_again_on_retry() {
    let stage = Stage::new(PLAN);
    let ran = stage.execute(&[]).exits(3);
    ran.says("not met: There is room").says("the disk is full").says("The tape is in");
    assert_eq!(stage.ledger().len(), 0);
    for name in ["room", "tape", "left-by-a"] {
        stage.write(name, "");
    }
    stage.write("asked", "");
    // A run that has ended stays ended; a new one asks anew.
    stage.execute(&[]).exits(0);
    assert_eq!((stage.ledger(), stage.read("asked")), (vec!["a".into(), "b".into()], "asked\n".into()));
    let told: Vec<String> = stage
        .journal()
        .iter()
        .filter(|event| event["type"] == "checked")
        .map(|event| format!("{} {}", event["what"].as_str().unwrap(), event["found"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["There is room met", "The tape is in met", "file left-by-a met"]);
}

#[test]
fn a_failed_step_that_a_person_has_retried_is_asked_again() {
    let stage =
        Stage::new(&PLAN.replace("run: echo a >>ledger", "run: echo a >>ledger\n    on_failure: ask"));
    stage.execute(&[]).exits(4);
    for name in ["room", "tape", "left-by-a"] {
        stage.write(name, "");
    }
    let run = stage.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    stage.run(&["retry", &run, "a", "--reason", "room was made"]).exits(0);
    stage.run(&["resume", &run]);
    assert_eq!(stage.ledger(), ["a", "b"]);
}

#[test]
fn a_dry_run_asks_them_and_does_not_know_what_depends_on_a_step() {
    let stage = Stage::new(&PLAN.replace("LOG: asked", "LOG: /dev/null"));
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says("the disk is full").says("IMPOSSIBLE");
    stage.write("room", "");
    stage.write("tape", "");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0).says("a has not really been done");
    let left = stage.journal().into_iter().rfind(|event| event["what"] == "file left-by-a").unwrap();
    assert_eq!(left["found"], "unknown");
    assert_eq!(stage.ledger().len(), 0);
    stage.run(&["execute", "plan.yaml", "--dry-run=plan"]).exits(0);
}

#[test]
fn what_a_step_wants_that_uses_a_recipe_is_asked_before_the_first_part_of_it() {
    let stage = Stage::new(
        "steps:\n  a:\n    preconditions: [ { title: There is room, run: test -e room } ]\n    use: outer\n    with: { name: x }\n",
    );
    let recipe = |name: &str, input: &str, steps: &str| {
        let text = format!(
            "recipe: {name}\nversion: 1\ntitle: T\ndescription: D\ninputs: {{ {input}: {{ description: I }} }}\nsteps:\n{steps}"
        );
        stage.write(&format!("recipes/{name}.yaml"), &text);
    };
    // The precondition is written in the outer recipe, and speaks of its input.
    recipe(
        "outer",
        "name",
        "  one:\n    preconditions: [ { title: It has a name, run: test \"$INPUT_NAME\" = x } ]\n    use: inner\n    with: { what: y }\n",
    );
    recipe(
        "inner",
        "what",
        "  first: { run: echo first-$INPUT_WHAT >>ledger }\n  second: { needs: [first], run: echo second >>ledger }\n",
    );
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says("There is room");
    stage.execute(&[]).exits(3).says("not met: There is room");
    assert_eq!(stage.ledger().len(), 0);
    stage.write("room", "");
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger(), ["first-y", "second"]);
    let asked = stage.journal().into_iter().filter(|event| event["type"] == "checked");
    let asked: Vec<String> = asked.map(|event| event["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        asked,
        ["There is room", "It has a name"],
        "each once, in the order in which they stand around it"
    );
}
