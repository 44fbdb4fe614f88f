//! The command line: one file a command, each with its arguments and its `run`.

mod choose;
mod graph;
mod render;
mod schema;
mod terminal;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use terminal::Terminal;

use crate::error::Error;
use crate::exit::Exit;
use crate::keeper;

/// Checks, executes and renders disaster-recovery plans
#[derive(Debug, Parser)]
#[command(name = "drplan", version, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Begin with `drplan check plans/`. The exit codes: 0 done · 1 found something · 2 could not · \
                        3 a step failed · 4 can be resumed · 5 a target was missed."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

/// What every command understands.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// Keep runs and locks in this folder instead of `.drplan` at the repository's root
    #[arg(long, global = true, value_name = "DIR", env = "DRPLAN_STATE", help_heading = "Global options")]
    pub state: Option<PathBuf>,
    /// When to use colours; `NO_COLOR` is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    pub color: ColorChoice,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how a plan recovers: what is hit, what comes back from where, in which order, how long it takes
    Graph(graph::Args),
    /// Write the runbooks by which people recover by hand, or check that they are what the plans say
    Render(render::Args),
    /// Print a JSON Schema
    Schema(schema::Args),
    /// Holds the steps of a run; started by `execute`, not by people
    #[command(hide = true, name = "keeper-process")]
    KeeperProcess { run_dir: PathBuf },
}

/// Runs the command line and returns how the program ends.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Unable } else { Exit::Done };
            // Nobody is left to tell when even this cannot be printed.
            let _ = error.print();
            return exit;
        }
    };
    let mut terminal = Terminal::new(cli.global.color);
    match run(cli, &mut terminal) {
        Ok(exit) => exit,
        Err(error) => {
            terminal.error(&error);
            error.exit
        }
    }
}

fn run(cli: Cli, terminal: &mut Terminal) -> Result<Exit, Error> {
    match cli.command {
        Command::Graph(args) => graph::run(&args, terminal),
        Command::Render(args) => render::run(&args, terminal, cli.global.state.as_deref()),
        Command::Schema(args) => schema::run(&args, terminal),
        Command::KeeperProcess { run_dir } => match keeper::serve(&run_dir) {
            Ok(()) => Ok(Exit::Done),
            Err(error) => Err(Error::unable(format!("the keeper failed to {error}"))),
        },
    }
}
