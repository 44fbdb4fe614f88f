//! `drplan simulate`: how sure it is that a plan meets its targets.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Terminal, choose, graph};
use crate::analysis::{Odds, simulate};
use crate::document::Sources;
use crate::error::Error;
use crate::exit::Exit;
use crate::resolve::{AssetState, Request, route};
use crate::workspace::{Workspace, replace};

/// Arguments of `drplan simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  drplan simulate plans/shop.yaml --scenario host-loss
  drplan simulate plans/shop.yaml --scenario host-loss --format svg -o docs/host-loss.svg

Nothing of the plan is carried out. The same seed gives the same answer, on every machine.")]
pub(super) struct Args {
    /// The plan
    pub plan: PathBuf,
    /// The scenario; may be left out if the plan has only one
    #[arg(long, short, value_name = "ID")]
    pub scenario: Option<String>,
    /// The environment to lay over the plan
    #[arg(long, short, value_name = "ID")]
    pub environment: Option<String>,
    /// How many times the recovery is carried out on paper
    #[arg(long, value_name = "N", default_value_t = Odds::RUNS,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(Odds::MOST_RUNS)))]
    pub runs: u32,
    /// What the random numbers begin with
    #[arg(long, value_name = "N", default_value_t = Odds::SEED)]
    pub seed: u64,
    /// How many times the median the 95th percentile is, where neither drills nor the plan say
    #[arg(long, value_name = "F", default_value_t = Odds::SPREAD, value_parser = spread)]
    pub spread: f64,
    /// The probability that an attempt of a command or request fails
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub failure_rate: f64,
    /// How many commands run at the same time
    #[arg(long, value_name = "N")]
    pub max_parallel: Option<NonZeroUsize>,
    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Write it into this file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A text to read
    Text,
    /// JSON; its schema is printed by `drplan schema simulation`
    Json,
    /// A drawing: a curve for each asset, a line for each target
    Svg,
}

fn spread(text: &str) -> Result<f64, String> {
    number(text, 1.0..=100.0, "a number from 1 (nothing scatters) to 100")
}

fn probability(text: &str) -> Result<f64, String> {
    number(text, 0.0..=1.0, "a number from 0 to 1")
}

fn number(text: &str, range: std::ops::RangeInclusive<f64>, what: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| format!("it must be {what}"))
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Error> {
    let mut sources = Sources::default();
    let (opened, variant) = choose::sound_plan(&args.plan, args.environment.as_deref(), &mut sources)?;
    let plan = &variant.resolved;
    let scenario = choose::scenario(plan, args.scenario.as_deref())?;
    let workspace = Workspace::find(&args.plan, None)?;
    let route =
        route(plan, &opened.placement, &Request { scenario: scenario.as_ref(), ..Request::default() });
    let hit = route.assets.values().filter(|asset| asset.state != AssetState::Untouched).count();
    let runs = usize::try_from(args.runs).unwrap_or(usize::MAX);
    if hit.saturating_mul(runs) > Odds::MOST_OUTCOMES {
        let message = format!("{hit} assets in {runs} runs are more than drplan keeps");
        let most = Odds::MOST_OUTCOMES / hit.max(1);
        return Err(Error::unable(message).hint(format!("give `--runs` a number up to {most}")));
    }
    let odds =
        Odds { runs: args.runs, seed: args.seed, spread: args.spread, failure_rate: args.failure_rate };
    let basis = choose::basis(&workspace, plan, args.max_parallel);
    let simulation = simulate(plan, &route, &basis, &odds)
        .map_err(|cycle| graph::goes_round(&cycle, &route, &args.plan))?;
    let text = match args.format {
        Format::Text => simulation.text(),
        Format::Json => simulation.json().map_err(|error| Error::unable(error.to_string()))?,
        Format::Svg => simulation.svg(),
    };
    match &args.output {
        None => terminal.print(&text)?,
        Some(path) => replace(path, &text)
            .map_err(|error| Error::unable(format!("cannot write {}: {error}", path.display())))?,
    }
    Ok(Exit::Done)
}
