//! `drplan fix`: mends what can be meant in one way only.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::check::{configured_levels, today};
use super::{Global, Terminal};
use crate::document::{Limits, read};
use crate::error::Error;
use crate::exit::Exit;
use crate::lint::{Levels, Mended, mend};
use crate::value::{Date, plain};
use crate::workspace::{Workspace, own_files};

/// Arguments of `drplan fix`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    drplan fix                          mends the plans of this repository\n  \
    drplan fix plans/shop.yaml --diff   shows what it would write, and writes nothing\n  \
    drplan fix --check                  for CI: fails if something could be mended\n\n\
    Exits with 1 if --check or --diff has something to show, with 2 if something could not be mended.")]
pub(super) struct Args {
    /// Plans and recipes, and folders that hold them; the plans of this repository if none are given
    pub paths: Vec<PathBuf>,
    /// Write nothing; fail if something could be mended
    #[arg(long)]
    pub check: bool,
    /// Write nothing; show what would be written as a unified diff
    #[arg(long)]
    pub diff: bool,
}

pub(super) fn run(args: &Args, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let from = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let workspace = Workspace::find(from, global.state.as_deref())?;
    let given = if args.paths.is_empty() { workspace.default_plans() } else { args.paths.clone() };
    let as_of = today()?;
    let (mut errors, mut mended, mut remaining) = (Vec::new(), 0, HashSet::new());
    let mut seen = HashSet::new();
    for path in &given {
        let files = match own_files(std::slice::from_ref(path)) {
            Ok(files) => files,
            Err(error) => {
                errors.push(Error::from(error));
                continue;
            }
        };
        // Settings, and where a link may lead, are those of the repository that a file stands in.
        let workspace = Workspace::find(path, global.state.as_deref())?;
        let levels = configured_levels(&workspace)?;
        for file in files {
            let is_new = seen.insert(std::fs::canonicalize(&file).unwrap_or_else(|_| file.clone()));
            if !is_new {
                continue;
            }
            match mended_file(&file, &levels, &as_of) {
                Err(error) => errors.push(error),
                Ok(outcome) => {
                    if let Err(error) = hand_over(&outcome, &file, &workspace, args, terminal) {
                        errors.push(error);
                        continue;
                    }
                    mended += outcome.mended.len();
                    remaining.extend(outcome.remaining);
                }
            }
        }
    }
    for error in &errors {
        terminal.error(error);
    }
    // "Nothing to mend" would be a strange answer where nothing could be read.
    let has_looked = errors.is_empty() || mended > 0 || !remaining.is_empty();
    if has_looked && !args.diff {
        terminal.print(&summary(args, mended, remaining.len()))?;
    }
    Ok(match (errors.is_empty(), args.check || args.diff, mended) {
        (false, ..) => Exit::Unable,
        (true, true, 1..) => Exit::Found,
        _ => Exit::Done,
    })
}

fn summary(args: &Args, mended: usize, remaining: usize) -> String {
    let counted =
        |count: usize| if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
    let verb = if args.check { "can be mended" } else { "mended" };
    let first =
        if mended == 0 { "nothing to mend".to_owned() } else { format!("{} {verb}", counted(mended)) };
    let paths: Vec<String> = args.paths.iter().map(|path| format!(" {}", path.display())).collect();
    match remaining {
        0 => format!("{first}\n"),
        1 => format!("{first}\n1 problem remains: drplan check{}\n", paths.concat()),
        _ => format!("{first}\n{} remain: drplan check{}\n", counted(remaining), paths.concat()),
    }
}

/// Writes a file, or shows what would be written.
fn hand_over(
    outcome: &Mended,
    file: &Path,
    workspace: &Workspace,
    args: &Args,
    terminal: &Terminal,
) -> Result<(), Error> {
    if outcome.before == outcome.after {
        return Ok(());
    }
    let name = file.display().to_string();
    if args.diff {
        let diff = TextDiff::from_lines(&outcome.before, &outcome.after);
        let header = name.trim_start_matches("./").trim_start_matches('/');
        return terminal
            .print(&diff.unified_diff().header(&format!("a/{header}"), &format!("b/{header}")).to_string());
    }
    if !args.check {
        workspace.rewrite(file, &outcome.before, &outcome.after)?;
    }
    let lines =
        outcome.mended.iter().map(|(line, what)| format!("{}:{line}: {}\n", plain(&name), plain(what)));
    terminal.print(&lines.collect::<String>())
}

/// Reads a file and mends what it says; nothing is written.
fn mended_file(file: &Path, levels: &Levels, as_of: &Date) -> Result<Mended, Error> {
    let text = read(file, &Limits::default()).map_err(|error| Error::unable(error.to_string()))?;
    let outcome = mend(file, text, levels, as_of)?;
    if outcome.is_worse {
        let lines = outcome.mended.iter().map(|(line, what)| format!("line {line}: {what}"));
        let hint = format!("mend it by hand: {}", lines.collect::<Vec<_>>().join("; "));
        let message = format!("{} would have more errors than before; it is as it was", file.display());
        return Err(Error::unable(message).hint(hint));
    }
    Ok(outcome)
}
