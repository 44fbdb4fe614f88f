//! The recipes that are shipped, each against the real tool: backup, destroy, restore, compare.

mod barman;
mod clusters;
mod crypt;
mod cut_off;
mod files;
mod mariadb;
mod postgres;
mod redis;
mod s3;
mod sqlite;
mod timelines;
mod truth;

use std::process::Command;

pub(crate) use postgres::fill as fill_postgres;

use drplan::resolve::Recipes;
use serde_yaml::Value;

use crate::servers::said;
use crate::stage::{Ran, Stage};

/// Holds a plan to be impossible, for a reason, in a dry run and really.
#[track_caller]
fn refused(stage: &Stage, words: &str) -> Ran {
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says(words);
    stage.execute(&[]).exits(3).says(words)
}

/// The same plan, which waits at its end for the decision whether what was done stays.
fn held(stage: Stage) -> Stage {
    let plan = stage.read("plan.yaml");
    stage.write(
        "plan.yaml",
        &format!("{plan}activation: {{ when: It burns., hold: {{ for: 1h, then: commit }} }}\n"),
    );
    stage
}

/// Gives a run up, and has the program take back what it did.
#[track_caller]
fn given_up(stage: &Stage) {
    stage.run(&["abort", "latest", "--undo", "--reason", "the wrong copy"]).exits(0).says("1 undone");
}

/// Takes back what a step did by a recipe, by the recipe's own words.
#[track_caller]
fn undo(recipe: &str, stage: &Stage, step: &str) {
    let shipped = Recipes::shipped().iter().find(|shipped| shipped.name == recipe).unwrap();
    let recipe: Value = serde_yaml::from_str(shipped.text).unwrap();
    let plan: Value = serde_yaml::from_str(&stage.read("plan.yaml")).unwrap();
    let text = |value: &Value| serde_yaml::to_string(value).unwrap().trim_end().trim_matches('\'').to_owned();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", recipe["undo"]["run"].as_str().unwrap()]).current_dir(stage.path());
    bash.env("DRPLAN_RUN", stage.run_dir().file_name().unwrap());
    for (name, input) in recipe["inputs"].as_mapping().unwrap() {
        let given = plan["steps"][step]["with"].get(name).or_else(|| input.get("default"));
        let value = given.map(|value| value.as_str().map_or_else(|| text(value), str::to_owned));
        bash.env(format!("INPUT_{}", name.as_str().unwrap().to_uppercase()), value.unwrap_or_default());
    }
    for (name, value) in plan["vars"].as_mapping().into_iter().flatten() {
        bash.env(name.as_str().unwrap(), text(value));
    }
    said(&mut bash);
}
