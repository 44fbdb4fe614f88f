//! `drplan diff`: what a change does to the promises of plans.

use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};

use super::portfolio::{files_of, standings_of};
use super::{Global, Terminal, session};
use crate::analysis::{Difference, Direction, Standing, difference};
use crate::document::Sources;
use crate::error::Error;
use crate::exit::Exit;
use crate::finding::Severity;
use crate::history::History;
use crate::lint;
use crate::workspace::{Opened, Revision, Workspace};

/// Arguments of `drplan diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    drplan diff main                              the working tree against the branch main\n  \
    drplan diff HEAD~1 HEAD                       what the last commit has done\n  \
    drplan diff main:plans/shop.yaml plans/shop.yaml\n  \
    drplan diff main --format markdown --fail-on worse     in CI, as a comment\n\n\
    Exits with 1 if `--fail-on` is met, or a plan of the new side has errors; with 2 if something could not be read.")]
pub(super) struct Args {
    /// What was: a file, a folder, or a revision that git knows, with a path after a colon if not all plans are meant
    pub old: String,
    /// What is; the working tree if not given
    pub new: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Exit with 1 if a promise gets worse, or if anything changes
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,
}

/// How a difference is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For a comment on a pull request
    Markdown,
    /// For programs: JSON with a version and a schema
    Json,
}

/// What makes the difference a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FailOn {
    /// A promise gets worse
    Worse,
    /// Anything changes
    Change,
}

pub(super) fn run(args: &Args, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let workspace = Workspace::find(Path::new("."), global.state.as_deref())?;
    let old = Side::of(&args.old, &workspace)?;
    let new = match &args.new {
        Some(new) => Side::of(new, &workspace)?,
        // The same path on both sides, if one was named.
        None => Side::here(old.path.as_deref(), &workspace),
    };
    let (mut before, was_broken) = old.standings(&workspace)?;
    let (mut after, is_broken) = new.standings(&workspace)?;
    let has_errors = !is_broken.is_empty();
    // Of a plan that is broken on one side nothing can be compared.
    let broken: Vec<Broken> = is_broken.into_iter().chain(was_broken).collect();
    let is_known =
        |standing: &Standing| !broken.iter().any(|one| one.id.as_deref() == Some(standing.plan.as_str()));
    before.retain(is_known);
    after.retain(is_known);
    let mut names: Vec<String> = broken.into_iter().map(|one| one.name).collect();
    names.dedup();
    let found = difference(&before, &after, names);
    terminal.print(&shown(&found, args.format, terminal)?)?;
    let fails = match args.fail_on {
        None => false,
        Some(FailOn::Worse) => found.verdict == Some(Direction::Worse),
        Some(FailOn::Change) => found.verdict.is_some(),
    };
    Ok(if fails || has_errors { Exit::Found } else { Exit::Done })
}

fn shown(found: &Difference, format: Format, terminal: &Terminal) -> Result<String, Error> {
    let mark = |direction, word: &str| {
        let paint = match direction {
            Direction::Better => AnsiColor::Green.on_default(),
            Direction::Changed => Style::new(),
            Direction::Worse => AnsiColor::Red.on_default(),
        };
        if terminal.color { format!("{paint}{word}{paint:#}") } else { word.to_owned() }
    };
    Ok(match format {
        Format::Text => found.text(&mark),
        Format::Markdown => found.markdown(),
        Format::Json => {
            serde_json::to_string_pretty(found).map_err(|error| Error::unable(error.to_string()))? + "\n"
        }
    })
}

/// A plan that has errors, so that nothing can be said of its promises.
struct Broken {
    /// Its id, if the file is sound enough to tell.
    id: Option<String>,
    /// Its file.
    name: String,
}

/// One side of a comparison.
struct Side {
    /// The revision from which the files were taken; none for the files as they are.
    revision: Option<Revision>,
    /// The path that was named, relative to the repository's root for a revision.
    path: Option<PathBuf>,
    /// Files and folders to look for plans in.
    plans: Vec<PathBuf>,
}

impl Side {
    fn of(wanted: &str, workspace: &Workspace) -> Result<Self, Error> {
        let path = Path::new(wanted);
        if path.exists() {
            return Ok(Self { revision: None, path: None, plans: vec![path.to_owned()] });
        }
        let (name, path) = match wanted.split_once(':') {
            Some((name, path)) => (name, Some(PathBuf::from(path))),
            None => (wanted, None),
        };
        let revision = Revision::take(&workspace.repository, name).map_err(|error| {
            Error::unable(format!("`{}` is no file, and {error}", wanted.escape_debug()))
                .hint("name a file, a folder, or a revision such as `main` or `HEAD~1:plans/shop.yaml`")
        })?;
        let outside = path.as_ref().is_some_and(|path| {
            path.components().any(|part| !matches!(part, std::path::Component::Normal(_)))
        });
        if outside {
            return Err(Error::unable(format!("`{wanted}` does not name a path inside of the repository")));
        }
        let plans = match &path {
            Some(path) => vec![revision.folder().join(path)],
            None => {
                let root = workspace.root.strip_prefix(&workspace.repository).unwrap_or(Path::new(""));
                // A revision that has no such folder yet has no plans.
                let folder = revision.folder().join(root);
                workspace
                    .plan_folders()
                    .into_iter()
                    .map(|plans| folder.join(plans))
                    .filter(|plans| plans.exists())
                    .collect()
            }
        };
        Ok(Self { revision: Some(revision), path, plans })
    }

    /// The files as they are: the same path, or all plans of the repository.
    fn here(path: Option<&Path>, workspace: &Workspace) -> Self {
        let plans = match path {
            Some(path) => vec![workspace.repository.join(path)],
            None => workspace.default_plans(),
        };
        Self { revision: None, path: None, plans }
    }

    /// Returns where the promises of this side stand, and the plans that have errors.
    fn standings(&self, workspace: &Workspace) -> Result<(Vec<Standing>, Vec<Broken>), Error> {
        let (files, errors) = files_of(&self.plans);
        if let Some(error) = errors.into_iter().next() {
            return Err(error.into());
        }
        let evidence = match &self.revision {
            None => workspace.evidence(),
            Some(revision) => revision.folder().join(workspace.evidence()),
        };
        let (history, _) = History::read(&evidence, session::now(), &mut Sources::default());
        let (mut all, mut broken) = (Vec::new(), Vec::new());
        for file in files {
            let mut sources = Sources::default();
            let opened = Opened::one(&file, &mut sources)?;
            let is_broken = opened.findings.iter().any(|finding| finding.severity == Severity::Error)
                || lint::has_broken_names(&opened, &sources);
            if is_broken {
                let root = opened.document.as_ref().map(|document| document.root());
                let id = root.and_then(|root| root.get("plan")?.as_str().map(str::to_owned));
                broken.push(Broken { id, name: self.shown(&file) });
            } else {
                all.extend(standings_of(&opened, &history, None));
            }
        }
        Ok((all, broken))
    }

    /// A file of a revision lies in a folder that nobody has heard of.
    fn shown(&self, file: &Path) -> String {
        let inside = self.revision.as_ref().and_then(|revision| file.strip_prefix(revision.folder()).ok());
        inside.unwrap_or(file).display().to_string()
    }
}
