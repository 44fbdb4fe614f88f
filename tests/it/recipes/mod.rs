//! The recipes that are shipped, each against the real tool: backup, destroy, restore, compare.

mod barman;
mod clusters;
mod crypt;
mod cut_off;
mod files;
mod full_disk;
mod mariadb;
mod postgres;
mod redis;
mod s3;
mod sqlite;
mod timelines;
mod truth;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub(crate) use postgres::fill as fill_postgres;

use drplan::document::Sources;
use drplan::plan::{Recipe, Undo};
use drplan::probe::Command as Asked;
use drplan::workspace::recipes_beside;
use serde_yaml::Value;

use crate::servers::said;
use crate::stage::{Ran, Stage};

/// Holds a plan to be impossible, for a reason, in a dry run and really.
#[track_caller]
fn refused(stage: &Stage, words: &str) -> Ran {
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says(words);
    stage.execute(&[]).exits(3).says(words)
}

/// Holds a part of a restore to having told how far it was, in the words of its tool.
#[track_caller]
fn tells(stage: &Stage, part: &str, words: &str) {
    let attempt = stage.run_dir().join("steps").join(part).join("1");
    let said =
        ["stdout", "stderr"].map(|name| fs::read_to_string(attempt.join(name)).unwrap_or_default()).concat();
    assert!(said.contains(words), "{part} does not tell how far it is: {said}");
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

/// The same plan on a machine whose disks are full.
fn on_a_full_disk(stage: Stage) -> Stage {
    stage.write("bin/df", "#!/bin/sh\necho Avail\necho 0\n");
    fs::set_permissions(stage.path().join("bin/df"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut plan: Value = serde_yaml::from_str(&stage.read("plan.yaml")).unwrap();
    plan["vars"]["PATH"] = "./bin:/usr/sbin:/usr/bin:/sbin:/bin".into();
    stage.write("plan.yaml", &serde_yaml::to_string(&plan).unwrap());
    stage
}

/// Everything below a folder but one: kind, mode, owner, size, time, link and content. What is the only copy stays what it is.
fn untouched(folder: &Path, but: &str) -> String {
    let script = "cd \"$1\"; find . -path \"./$2\" -prune -o -printf '%P %y %m %U:%G %l %T@ ' -type f -printf '%s ' \
        -exec sha256sum {} \\; -o -printf '\\n' | grep -v '^ ' | sort";
    said(Command::new("bash").args(["-euo", "pipefail", "-c", script, "-"]).arg(folder).arg(but))
}

/// Holds what is the only copy to be what it was.
#[track_caller]
fn is_as_it_was(before: &str, now: &str) {
    let only = |one: &str, other: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|same| same == *line));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let (gone, new) = (only(before, now), only(now, before));
    assert!(gone.is_empty() && new.is_empty(), "the only copy was touched: {gone:#?} became {new:#?}");
}

/// A recipe that is shipped, with its functions in its commands.
fn shipped(name: &str) -> Recipe {
    let recipes = recipes_beside(Path::new("no-such-folder"), &mut Sources::default()).unwrap();
    recipes.get(name).unwrap().1.clone()
}

/// The default of an input, one item a line.
fn default_of(recipe: &Recipe, input: &str) -> String {
    let values = recipe.inputs.get(input).and_then(|input| input.default.as_ref());
    let values = values.into_iter().flat_map(|values| values.iter());
    values.map(drplan::value::Scalar::as_str).collect::<Vec<_>>().join("\n")
}

/// The command by which a recipe takes its work back.
fn undo_of(recipe: &Recipe) -> &str {
    let Some(Undo::Run(Asked::Shell(text))) = recipe.undo.as_deref() else {
        panic!("{} has no command", recipe.recipe)
    };
    text
}

/// Takes back what a step did by a recipe, by the recipe's own words.
#[track_caller]
fn undo(recipe: &str, stage: &Stage, step: &str) {
    let recipe = shipped(recipe);
    let plan: Value = serde_yaml::from_str(&stage.read("plan.yaml")).unwrap();
    let text = |value: &Value| serde_yaml::to_string(value).unwrap().trim_end().trim_matches('\'').to_owned();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", undo_of(&recipe)]).current_dir(stage.path());
    bash.env("DRPLAN_RUN", stage.run_dir().file_name().unwrap());
    for name in recipe.inputs.keys() {
        let given = plan["steps"][step]["with"].get(name.as_str());
        let value = given.map(|value| value.as_str().map_or_else(|| text(value), str::to_owned));
        let value = value.unwrap_or_else(|| default_of(&recipe, name.as_str()));
        bash.env(format!("INPUT_{}", name.as_str().to_uppercase()), value);
    }
    for (name, value) in plan["vars"].as_mapping().into_iter().flatten() {
        bash.env(name.as_str().unwrap(), text(value));
    }
    said(&mut bash);
}
