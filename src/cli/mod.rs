//! The command line: one file a command, each with its arguments and its `run`.

mod check;
mod explain;
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
    /// Find what is wrong with plans, without executing anything
    Check(check::Args),
    /// Explain a rule, or list all of them
    Explain(explain::Args),
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
        Command::Check(args) => check::run(&args, &cli.global, terminal),
        Command::Explain(args) => explain::run(&args, terminal),
        Command::Schema(args) => schema::run(&args, terminal),
        Command::KeeperProcess { run_dir } => match keeper::serve(&run_dir) {
            Ok(()) => Ok(Exit::Done),
            Err(error) => Err(Error::unable(format!("the keeper failed to {error}"))),
        },
    }
}
