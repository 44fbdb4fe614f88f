//! `drplan recipes`: what is at hand under `use`.

use std::path::PathBuf;

use super::Terminal;
use crate::document::Sources;
use crate::error::Error;
use crate::exit::Exit;
use crate::plan::{InputKind, Recipe};
use crate::resolve::Recipes;
use crate::value::{Scalar, did_you_mean};
use crate::workspace::recipes_beside;

/// Arguments of `drplan recipes`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    drplan recipes                          all of them\n  \
    drplan recipes show pg-dump/verify      what it takes, what it detects, and its YAML")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The folder in which the plans stand: its own recipes are listed as well
    #[arg(long, value_name = "FOLDER", default_value = "plans", global = true)]
    beside: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what a recipe takes, what it detects and what it cannot, and its YAML
    Show {
        /// The recipe, such as `pg-dump/verify`
        name: String,
    },
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Error> {
    let mut sources = Sources::default();
    let recipes = recipes_beside(&args.beside, &mut sources)?;
    let text = match &args.command {
        None => list(&recipes),
        Some(Command::Show { name }) => show(&recipes, &sources, name)?,
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

fn show(recipes: &Recipes, sources: &Sources, name: &str) -> Result<String, Error> {
    let Some((source, recipe)) = recipes.get(name) else {
        let error = Error::unable(format!("there is no recipe `{}`", name.escape_debug()));
        let guess = did_you_mean(name, recipes.names());
        return Err(error.hint(guess.unwrap_or_else(|| "`drplan recipes` lists them".to_owned())));
    };
    let mut text = format!("{}: {}\n", recipe.recipe, recipe.title);
    if let Some(description) = &recipe.description {
        text += &format!("\n{}\n", description.trim_end());
    }
    text += &inputs(recipe);
    let tools: Vec<String> = recipe.tools.iter().map(ToString::to_string).collect();
    text += &section("Tools", &tools);
    text += &section("Detects", &recipe.detects);
    text += &section("Does not detect", &recipe.misses);
    let source = sources.get(source);
    text += &format!("\n--- {}\n{}", source.name, source.text);
    Ok(text)
}

fn inputs(recipe: &Recipe) -> String {
    let lines = recipe.inputs.iter().map(|(field, input)| {
        let kind = match input.kind {
            InputKind::Text => "text",
            InputKind::Integer => "integer",
            InputKind::Path => "path",
            InputKind::List => "list",
        };
        let default = input.default.as_ref().map(|default| {
            let values: Vec<&str> = default.iter().map(Scalar::as_str).collect();
            if values.is_empty() {
                "; may be left out".to_owned()
            } else {
                format!("; {} if not given", values.join(", "))
            }
        });
        format!(
            "{} ({kind}{}): {}",
            field.as_str(),
            default.unwrap_or_else(|| "; must be given".to_owned()),
            input.description
        )
    });
    section("Inputs", &lines.collect::<Vec<_>>())
}

fn section(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("\n{title}:\n{lines}")
}
