//! `drplan graph`: shows how a plan recovers from a scenario.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Terminal, choose};
use crate::analysis::{Forecast, forecast};
use crate::document::Sources;
use crate::error::Error;
use crate::exit::Exit;
use crate::graph::{Cycle, Pen, mermaid, tree};
use crate::plan::Operation;
use crate::resolve::{Request, Route, route};
use crate::workspace::Workspace;

/// Arguments of `drplan graph`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  drplan graph plans/shop.yaml --scenario host-loss\n  drplan graph plans/shop.yaml --scenario host-loss --format mermaid"
)]
pub(super) struct Args {
    /// The plan
    pub plan: PathBuf,
    /// The scenario; may be left out if the plan has only one
    #[arg(long, short, value_name = "ID")]
    pub scenario: Option<String>,
    /// The environment to lay over the plan
    #[arg(long, short, value_name = "ID")]
    pub environment: Option<String>,
    /// Which way things move
    #[arg(long, value_name = "WAY", default_value = "recover")]
    pub operation: Way,
    /// How many commands run at the same time
    #[arg(long, value_name = "N")]
    pub max_parallel: Option<NonZeroUsize>,
    /// What to draw
    #[arg(long, value_name = "FORMAT", default_value = "tree")]
    pub format: Format,
}

/// Which way things move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// To a home that is alive
    Recover,
    /// Back to the first home
    Failback,
}

impl From<Way> for Operation {
    fn from(way: Way) -> Self {
        match way {
            Way::Recover => Self::Recover,
            Way::Failback => Self::Failback,
        }
    }
}

/// What to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A text to read
    Tree,
    /// A Mermaid flowchart
    Mermaid,
}

/// Long reasons are unreadable on lines as wide as a wide screen.
const WIDEST: usize = 100;

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Error> {
    let mut sources = Sources::default();
    let (opened, variant) = choose::sound_plan(&args.plan, args.environment.as_deref(), &mut sources)?;
    let plan = &variant.resolved;
    let operation = Operation::from(args.operation);
    // Going back home is the same whatever has happened.
    let scenario = match (operation, &args.scenario) {
        (Operation::Failback, None) => None,
        (_, wanted) => choose::scenario(plan, wanted.as_deref())?,
    };
    let request = Request { scenario: scenario.as_ref(), operation, ..Request::default() };
    let route = route(plan, &opened.placement, &request);
    let workspace = Workspace::find(&args.plan, None)?;
    let basis = choose::basis(&workspace, plan, args.max_parallel);
    let Forecast { outline, clock, .. } = match forecast(plan, &route, &basis) {
        Ok(forecast) => forecast,
        Err(cycle) => return Err(goes_round(&cycle, &route, &args.plan)),
    };
    let text = match args.format {
        Format::Mermaid => mermaid(plan, &route, &outline),
        Format::Tree => {
            let width = terminal.width.min(WIDEST);
            tree(
                plan,
                &route,
                &outline,
                &clock,
                Pen { color: terminal.color, unicode: terminal.unicode, width },
            )
        }
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// Shows the way round.
pub(super) fn goes_round(cycle: &Cycle, route: &Route, plan: &std::path::Path) -> Error {
    let mut ids: Vec<&str> = cycle.nodes.iter().map(|at| route.nodes[*at].id.as_str()).collect();
    ids.extend(ids.first().copied());
    let message = format!("the steps wait for each other: {}", ids.join(" -> "));
    let error = Error::unable(message)
        .hint(format!("each waits for the next; `drplan check {}` shows where", plan.display()));
    Error { exit: Exit::Found, ..error }
}
