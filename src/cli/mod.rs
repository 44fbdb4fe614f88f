//! The command line: one file a command, each with its arguments and its `run`.

mod bundle;
mod check;
mod choose;
mod codes;
mod diff;
mod execute;
mod explain;
mod fix;
mod frozen;
mod graph;
mod harm;
mod live;
mod placement;
mod portfolio;
mod preconditions;
mod recipes;
mod render;
mod request;
mod resume;
mod schema;
mod session;
mod simulate;
mod speech;
mod status;
mod terminal;
mod testimony;
#[cfg(feature = "otel")]
mod traces;
mod typed;
mod verify;
mod waiting;

use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use terminal::Terminal;

use crate::effect;
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::Runs;
use crate::keeper;
use crate::value::RunId;
use crate::workspace::Workspace;

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
    /// Whether the command line itself says so: `check` then reads what `verify` has seen.
    #[arg(skip)]
    pub state_is_asked: bool,
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
    /// Mend what can be meant in one way only, such as misspelt names
    Fix(fix::Args),
    /// Show what a change does to the promises of plans
    Diff(diff::Args),
    /// Explain a rule, or list all of them
    Explain(explain::Args),
    /// Show how a plan recovers: what is hit, what comes back from where, in which order, how long it takes
    Graph(graph::Args),
    /// Say how sure it is that a plan meets its recovery times, by carrying it out on paper many times
    Simulate(simulate::Args),
    /// Look at the backups that plans rely on: are they there, fresh, whole, and full enough
    Verify(verify::Args),
    /// Carry a plan out: for real, as a drill, or as a dry run
    Execute(execute::Args),
    /// Take up a run where it was left
    Resume(resume::Args),
    /// Answer a step that waits for a person: approve it, or say that it is done
    #[command(visible_alias = "done")]
    Approve(request::ApproveArgs),
    /// Give a manual step into other hands
    HandOver(request::HandOverArgs),
    /// Go on without a step
    Skip(request::StepArgs),
    /// Try a failed step again
    Retry(request::StepArgs),
    /// Decide that what a held run has done stays
    Commit(request::CommitArgs),
    /// Give a run up and end what runs; with `--undo` take back what was carried out
    Abort(request::AbortArgs),
    /// Show where a run stands
    Status(status::StatusArgs),
    /// List the runs
    Runs,
    /// Print the report of a run
    Report(status::ReportArgs),
    /// Write the runbooks by which people recover by hand, or check that they are what the plans say
    Render(render::Args),
    /// List the recipes at hand, or show one
    Recipes(recipes::Args),
    /// Print a JSON Schema
    Schema(schema::Args),
    /// Print the completions of a shell
    #[command(
        after_help = "Example:\n  drplan completions bash > ~/.local/share/bash-completion/completions/drplan"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Holds the steps of a run; started by `execute`, not by people
    #[command(hide = true, name = "keeper-process")]
    KeeperProcess { run_dir: PathBuf },
    /// Becomes a command that can only look; started by a dry run, not by people
    #[command(hide = true, name = "confined-probe")]
    ConfinedProbe {
        #[arg(long)]
        by: String,
        #[arg(long)]
        tmp: PathBuf,
        #[arg(long)]
        out: Option<PathBuf>,
        #[arg(last = true)]
        words: Vec<std::ffi::OsString>,
    },
    /// Carries out an HTTP step; started by the keeper, not by people
    #[command(hide = true, name = "http-request")]
    HttpRequest,
}

/// Reads the command line.
fn parse() -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches()?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let of_command = matches.subcommand().map_or(&matches, |(_, of_command)| of_command);
    cli.global.state_is_asked = of_command.value_source("state") == Some(ValueSource::CommandLine);
    Ok(cli)
}

/// Runs the command line and returns how the program ends.
pub fn main() -> Exit {
    // Each step on another host starts one: what people can type takes longer to make than the way there.
    if std::env::args_os().nth(1).is_some_and(|word| word == effect::COURIER) {
        std::process::exit(effect::carry_out_errand());
    }
    let cli = match parse() {
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
        Command::Fix(args) => fix::run(&args, &cli.global, terminal),
        Command::Diff(args) => diff::run(&args, &cli.global, terminal),
        Command::Explain(args) => explain::run(&args, terminal),
        Command::Graph(args) => graph::run(&args, terminal),
        Command::Simulate(args) => simulate::run(&args, terminal),
        Command::Verify(args) => verify::run(&args, &cli.global, terminal),
        Command::Execute(args) => execute::run(&args, &cli.global, terminal),
        Command::Resume(args) => resume::run(&args, &cli.global, terminal),
        Command::Approve(args) => request::approve(&args, &cli.global, terminal),
        Command::HandOver(args) => request::hand_over(&args, &cli.global, terminal),
        Command::Skip(args) => request::skip(&args, &cli.global, terminal),
        Command::Retry(args) => request::retry(&args, &cli.global, terminal),
        Command::Commit(args) => request::commit(&args, &cli.global, terminal),
        Command::Abort(args) => request::abort(&args, &cli.global, terminal),
        Command::Status(args) => status::status(&args, &cli.global, terminal),
        Command::Runs => status::runs(&cli.global, terminal),
        Command::Report(args) => status::report(&args, &cli.global, terminal),
        Command::Render(args) => render::run(&args, terminal, cli.global.state.as_deref()),
        Command::Recipes(args) => recipes::run(&args, terminal),
        Command::Schema(args) => schema::run(&args, terminal),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "drplan", &mut script);
            terminal.print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
        Command::HttpRequest => Ok(if effect::carry_out_request() == 0 { Exit::Done } else { Exit::Found }),
        #[expect(
            clippy::exit,
            reason = "the exit code says that the probe could not be started, as that of a shell does"
        )]
        Command::ConfinedProbe { by, tmp, out, words } => {
            std::process::exit(effect::become_confined(&by, &tmp, out.as_deref(), &words).into())
        }
        Command::KeeperProcess { run_dir } => match keeper::serve(&run_dir) {
            Ok(()) => Ok(Exit::Done),
            Err(error) => Err(Error::unable(format!("the keeper failed to {error}"))),
        },
    }
}

/// Finds a run by its id, the beginning of it, or `latest`.
fn find_run(global: &Global, wanted: &str) -> Result<(Workspace, Runs, RunId), Error> {
    let workspace = Workspace::find(Path::new("."), global.state.as_deref())?;
    let runs = Runs::new(&workspace.state);
    let run = runs.find(wanted).map_err(|error| {
        Error::unable(format!("cannot {error}")).hint("`drplan runs` lists the runs of this repository")
    })?;
    Ok((workspace, runs, run))
}

/// Returns a path as it is best shown: relative to the current folder where it lies below it.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
    short.display().to_string()
}
