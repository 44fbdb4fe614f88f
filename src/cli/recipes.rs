//! `drplan recipes`: what is at hand under `use`.

use std::path::PathBuf;

use super::Terminal;
use crate::document::Sources;
use crate::error::Error;
use crate::exit::Exit;
use crate::plan::{Input, InputKind, Recipe, Undo};
use crate::probe::Probe;
use crate::resolve::Recipes;
use crate::value::{Field, Scalar, did_you_mean};
use crate::workspace::recipes_beside;

/// Arguments of `drplan recipes`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    drplan recipes                          all of them\n  \
    drplan recipes show pg-dump/verify      what it takes, what it detects and what it cannot\n  \
    drplan recipes show sqlite/restore --yaml >plans/recipes/ours.yaml")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The folder in which the plans stand: its own recipes are listed as well
    #[arg(long, value_name = "FOLDER", default_value = "plans", global = true)]
    beside: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what recipes take, do, detect and cannot
    Show {
        /// The recipes, such as `pg-dump/verify`
        #[arg(required = true)]
        names: Vec<String>,
        /// Show the YAML instead, from which one of your own can be made
        #[arg(long)]
        yaml: bool,
    },
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Error> {
    let mut sources = Sources::default();
    let recipes = recipes_beside(&args.beside, &mut sources)?;
    let text = match &args.command {
        None => list(&recipes),
        Some(Command::Show { names, yaml }) => {
            names.iter().map(|name| show(&recipes, &sources, name, *yaml)).collect::<Result<_, _>>()?
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

fn list(recipes: &Recipes) -> String {
    let width = recipes.names().map(str::len).max().unwrap_or_default();
    let mut text = String::new();
    for (_, recipe) in recipes.iter() {
        let kind = if recipe.steps.is_empty() { "probe" } else { "steps" };
        text += &format!("{:width$}  {kind}  {}\n", recipe.recipe.as_str(), recipe.title);
    }
    text + "\n`drplan recipes show NAME` tells what one takes, what it detects and what it cannot.\n"
}

fn show(recipes: &Recipes, sources: &Sources, name: &str, as_yaml: bool) -> Result<String, Error> {
    let Some((source, recipe)) = recipes.get(name) else {
        let error = Error::unable(format!("there is no recipe `{}`", name.escape_debug()));
        let guess = did_you_mean(name, recipes.names());
        return Err(error.hint(guess.unwrap_or_else(|| "`drplan recipes` lists them".to_owned())));
    };
    Ok(if as_yaml { sources.get(source).text().to_string() } else { page(recipe) })
}

/// The recipe's page, as it stands in the book.
fn page(recipe: &Recipe) -> String {
    let mut text = format!("# {}\n\n{}.\n", recipe.recipe, recipe.title);
    if let Some(description) = &recipe.description {
        text += &format!("\n{}\n", description.trim_end());
    }
    text += &format!("\n```yaml,fragment\n{}```\n", used(recipe));
    text += &section("Inputs", recipe.inputs.iter().map(|(field, input)| told(field, input)));
    text += &section("Tools", recipe.tools.iter().map(|tool| format!("`{tool}`")));
    let preconditions = recipe.steps.values().flat_map(|step| &step.common.preconditions);
    text += &section(
        "Asked before anything is done, by a dry run as well",
        preconditions.map(|probe| asked(probe)),
    );
    let steps = recipe.steps.iter().map(|(id, step)| {
        let title = step.common.title.as_deref();
        title.map_or_else(|| format!("`{id}`"), |title| format!("`{id}`: {title}"))
    });
    text += &section("Steps", steps);
    text += &section("Asked when it is done", recipe.verify.iter().map(|probe| asked(probe)));
    if !recipe.steps.is_empty() {
        text += &format!("\n## Undo\n\n{}\n", undo(recipe));
    }
    text += &section("Detects", recipe.detects.iter().cloned());
    text + &section("Does not detect", recipe.misses.iter().cloned())
}

/// How a plan uses it, with the inputs that must be given.
fn used(recipe: &Recipe) -> String {
    let must = recipe.inputs.iter().filter(|(_, input)| input.default.is_none());
    let with: String = must.map(|(field, _)| format!("    {}: …\n", field.as_str())).collect();
    let with = if with.is_empty() { with } else { format!("  with:\n{with}") };
    let lead = if recipe.steps.is_empty() { "verify:\n- " } else { "my-step:\n  " };
    format!("{lead}use: {}\n{with}", recipe.recipe)
}

fn told(field: &Field, input: &Input) -> String {
    let kind = match input.kind {
        InputKind::Text => "text",
        InputKind::Integer => "integer",
        InputKind::Path => "path",
        InputKind::List => "list",
    };
    let values = input.default.as_ref().map(|default| default.iter().map(Scalar::as_str).collect::<Vec<_>>());
    let default = match values.as_deref() {
        None => "must be given".to_owned(),
        Some([] | [""]) => "may be left out".to_owned(),
        Some(values) => format!("`{}` if not given", values.join(", ")),
    };
    format!("`{}` ({kind}; {default}): {}", field.as_str(), input.description.trim_end().replace('\n', " "))
}

fn asked(probe: &Probe) -> String {
    probe.title.clone().unwrap_or_else(|| format!("what its `{}` says", probe.kind.key()))
}

fn undo(recipe: &Recipe) -> String {
    match recipe.undo.as_deref() {
        Some(Undo::Run(_)) => "drplan takes it back by itself.".to_owned(),
        Some(Undo::Manual(text)) => {
            format!("A person is asked:\n\n```text\n{}\n```", text.as_str().trim_end())
        }
        None => "There is nothing to take back.".to_owned(),
    }
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.map(|line| format!("- {line}\n")).collect();
    if lines.is_empty() { lines } else { format!("\n## {title}\n\n{lines}") }
}
