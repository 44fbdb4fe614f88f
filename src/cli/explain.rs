//! `drplan explain`: a rule's page, or the list of rules.

use super::{Terminal, codes};
use crate::error::Error;
use crate::exit::Exit;
use crate::lint::{RULES, meta_of};
use crate::value::did_you_mean;

/// Arguments of `drplan explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    drplan explain                      all rules\n  \
    drplan explain dependency-cycle     what it finds, why it matters, how to mend it")]
pub(super) struct Args {
    /// The rule, or the code in the brackets of a finding
    pub rule: Option<String>,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Error> {
    let text = match &args.rule {
        None => list(),
        Some(name) => page(name)?,
    };
    terminal.print(&text)?;
    Ok(Exit::Done)
}

fn list() -> String {
    let width = RULES.iter().map(|rule| rule.meta().name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for meta in RULES.iter().map(|rule| rule.meta()) {
        text += &format!("{:width$}  {:5}  {}\n", meta.name, meta.level.as_str(), meta.summary);
    }
    text + "\nBeside these, a file must have the right shape: see `drplan explain shape`.\n"
}

fn page(name: &str) -> Result<String, Error> {
    if name == "shape" {
        return Ok(codes::SHAPE.to_owned());
    }
    let found = meta_of(name).map(|meta| meta.page.to_owned());
    // Alone, the section is a page, and its heading is that of one.
    let section = || codes::section(name).map(|section| format!("{}\n", &section["#".len()..]));
    found.or_else(section).ok_or_else(|| {
        let known = RULES.iter().map(|rule| rule.meta().name).chain(codes::shape_codes());
        let guess = did_you_mean(name, known);
        let hint = guess.unwrap_or_else(|| "`drplan explain` lists the rules".to_owned());
        Error::unable(format!("there is no rule `{name}`")).hint(hint)
    })
}
