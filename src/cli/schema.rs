//! `drplan schema`: prints a JSON Schema.

use clap::ValueEnum;

use super::Terminal;
use crate::error::Error;
use crate::exit::Exit;
use crate::{analysis, config, display, lint, output, plan, report, verify};

/// Arguments of `drplan schema`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  drplan schema              the schema of plans\n  drplan schema config       that of drplan.yaml"
)]
pub(super) struct Args {
    /// What the schema is of
    #[arg(default_value = "plan")]
    pub of: SchemaOf,
}

/// What a schema is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// A plan
    Plan,
    /// A recipe
    Recipe,
    /// The settings, `drplan.yaml`
    Config,
    /// What `check --format json` prints
    Findings,
    /// An event of a run, as `execute --format json` prints it and the journal keeps it
    Event,
    /// What `report --format json` prints
    Report,
    /// What `diff --format json` prints
    Diff,
    /// What `simulate --format json` prints
    Simulation,
    /// A drill record, as it stands under `evidence/`
    Evidence,
    /// What `verify --format json` prints, and what `verify --record` keeps
    Verification,
}

impl SchemaOf {
    /// Makes the schema.
    pub(super) fn make(self) -> serde_json::Value {
        match self {
            Self::Plan => plan::plan_schema(),
            Self::Recipe => plan::recipe_schema(),
            Self::Config => {
                let rules: Vec<&str> = lint::RULES.iter().map(|rule| rule.meta().name).collect();
                config::schema(&rules)
            }
            Self::Findings => output::schema(),
            Self::Event => display::schema(),
            Self::Report => report::report_schema(),
            Self::Diff => analysis::difference_schema(),
            Self::Simulation => analysis::simulation_schema(),
            Self::Evidence => report::record_schema(),
            Self::Verification => verify::schema(),
        }
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Error> {
    let text =
        serde_json::to_string_pretty(&args.of.make()).map_err(|error| Error::unable(error.to_string()))?;
    terminal.print(&(text + "\n"))?;
    Ok(Exit::Done)
}
