//! `drplan check`: finds what is wrong with plans. It executes nothing that a plan says.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

use super::portfolio::{Looked, files_of, look_at_each, put_together};
use super::{Global, Terminal, codes, session};
use crate::analysis::Standing;
use crate::document::Sources;
use crate::error::Error;
use crate::exit::Exit;
use crate::finding::{Level, Severity};
use crate::history::{History, Seen};
use crate::lint::{self, Levels, UnknownRule};
use crate::output::{self, About, Checked, Format, Style};
use crate::value::{Date, Id, Moment, did_you_mean};
use crate::verify::known_file;
use crate::workspace::{Shelf, Workspace};

/// Arguments of `drplan check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    drplan check                        the plans of this repository\n  \
    drplan check plans/shop.yaml        one plan\n  \
    drplan check --summary              and where every promise stands\n  \
    drplan check --state .drplan        and what `drplan verify --record` has last seen of the backups\n  \
    drplan check --deny warnings        in CI, where warnings must not pile up\n  \
    drplan check --format github        in GitHub Actions: annotations beside the lines\n  \
    drplan check --format sarif         for code scanning and editors\n  \
    drplan check --format junit         for GitLab, Jenkins and others\n\n\
    Exits with 1 if there are errors, with 2 if something could not be read, in every format.")]
pub(super) struct Args {
    /// Plans, and folders that hold plans; the plans of this repository if none are given
    pub paths: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Make what a rule finds an error; `warnings` for every warning
    #[arg(long, value_name = "RULE", help_heading = "Rules")]
    pub deny: Vec<String>,
    /// Make what a rule finds a warning
    #[arg(long, value_name = "RULE", help_heading = "Rules")]
    pub warn: Vec<String>,
    /// Say nothing of what a rule finds
    #[arg(long, value_name = "RULE", help_heading = "Rules")]
    pub allow: Vec<String>,
    /// The day on which the exceptions of a policy must still hold, such as 2027-06-30; today (UTC) if not given
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub as_of: Option<Date>,
    /// Show where every promise stands: each asset in each scenario, against its targets
    #[arg(long)]
    pub summary: bool,
    /// Check under this environment only; without any and under each if not given
    #[arg(long, value_name = "NAME")]
    pub environment: Option<Id>,
}

pub(super) fn run(args: &Args, global: &Global, terminal: &Terminal) -> Result<Exit, Error> {
    let from = args.paths.first().cloned().unwrap_or_else(|| PathBuf::from("."));
    let workspace = Workspace::find(&from, global.state.as_deref())?;
    let mut levels = configured_levels(&workspace)?;
    for (rules, level) in [(&args.allow, Level::Allow), (&args.warn, Level::Warn), (&args.deny, Level::Deny)]
    {
        for rule in rules {
            levels.set(rule, level).map_err(|error| unknown(&error))?;
        }
    }
    let as_of = match &args.as_of {
        Some(date) => date.clone(),
        None => today()?,
    };
    let paths = if args.paths.is_empty() { workspace.default_plans() } else { args.paths.clone() };
    let (files, mut errors) = files_of(&paths);
    let mut sources = Sources::default();
    let shelf = Shelf::of(&files, &mut sources);
    let (mut history, mut bad_records) = History::read(&workspace.evidence(), latest(&as_of), &mut sources);
    for finding in &mut bad_records {
        finding.severity = levels.told_as(finding.severity);
    }
    if let Some(state) = global.state.as_ref().filter(|_| global.state_is_asked) {
        history.seen = Some(seen(state)?);
    }
    let request = lint::Request {
        levels: &levels,
        as_of: &as_of,
        history: &history,
        environment: args.environment.as_ref(),
    };
    let mut plans = Vec::with_capacity(files.len());
    for looked in look_at_each(&files, &shelf, &sources, &request, args.summary) {
        match looked {
            Ok(plan) => plans.push(plan),
            Err(error) => errors.push(error),
        }
    }
    if let (Some(wanted), true) = (&args.environment, errors.is_empty()) {
        known_environment(wanted, &plans)?;
    }
    let standings: Vec<Standing> = plans.iter().flat_map(|plan| plan.standings.iter().cloned()).collect();
    let (mut findings, texts) = put_together(plans, &mut sources);
    findings.extend(bad_records);
    let checked = Checked::new(findings, texts, &sources);
    let errors: Vec<Error> = errors.into_iter().map(Error::from).collect();
    let has_plans = !checked.plans.is_empty();
    // "No problems" would be a strange answer where nothing could be read.
    if has_plans || args.format != Format::Human {
        let unread: Vec<String> = errors.iter().map(|error| error.message.clone()).collect();
        let here = std::path::absolute(".").unwrap_or_default();
        let about = About {
            as_of: &as_of,
            repository: &workspace.repository,
            here: &here,
            rules: &codes::all(),
            unread: &unread,
            summary: args.summary.then_some(standings.as_slice()),
            style: Style { color: terminal.color, unicode: terminal.unicode, width: terminal.width },
        };
        show(args.format, &checked, &sources, &about, terminal)?;
    }
    let could_not = !errors.is_empty();
    for mut error in errors {
        if args.paths.is_empty() && !has_plans {
            error = error.hint("name the plans to check, or the folders that hold them");
        }
        terminal.error(&error);
    }
    let has_errors = checked.findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(match (could_not, has_errors) {
        (true, _) => Exit::Unable,
        (false, true) => Exit::Found,
        (false, false) => Exit::Done,
    })
}

/// Reads what `drplan verify --record` has kept: in a folder of runs, or in a file.
fn seen(state: &Path) -> Result<Seen, Error> {
    let file = if state.is_dir() { known_file(state) } else { state.to_owned() };
    let cannot = |why: String| {
        Error::unable(format!("cannot read what was seen of backups from {}: {why}", file.display()))
            .hint("`drplan verify --record` writes it to .drplan/verification.json; leave `--state` out to check the plan alone")
    };
    let text = std::fs::read_to_string(&file).map_err(|error| cannot(error.to_string()))?;
    Seen::parse(&text).map_err(cannot)
}

/// The day is part of the answer, so it stands in it: tomorrow an exception may have run out.
fn show(
    format: Format,
    checked: &Checked,
    sources: &Sources,
    about: &About<'_>,
    terminal: &Terminal,
) -> Result<(), Error> {
    let mut text = Vec::new();
    output::write(format, checked, sources, about, &mut text)?;
    if format == Format::Human {
        text.extend_from_slice(format!("as of {}\n", about.as_of).as_bytes());
    }
    terminal.print(&String::from_utf8_lossy(&text))
}

/// Returns the levels of the rules as the settings of the repository have them.
pub(super) fn configured_levels(workspace: &Workspace) -> Result<Levels, Error> {
    let mut levels = Levels::default();
    for (rule, level) in &workspace.config.rules {
        let in_settings = |error: UnknownRule| {
            let mut error = unknown(&error);
            error.message = format!("{}: {}", workspace.root.join("drplan.yaml").display(), error.message);
            error
        };
        levels.set(rule.as_str(), *level).map_err(in_settings)?;
    }
    Ok(levels)
}

fn unknown(error: &UnknownRule) -> Error {
    let hint = error.hint.clone().unwrap_or_else(|| "`drplan explain` lists the rules".to_owned());
    Error::unable(error.to_string()).hint(hint)
}

fn known_environment(wanted: &Id, plans: &[Looked]) -> Result<(), Error> {
    let known: Vec<&Id> = plans.iter().flat_map(|plan| &plan.environments).collect();
    // A plan that is broken cannot tell its environments; its findings are the better answer.
    if known.contains(&wanted) || plans.iter().any(|plan| plan.id.is_none()) {
        return Ok(());
    }
    let error = Error::unable(format!("there is no environment `{wanted}`"));
    Err(match did_you_mean(wanted.as_str(), known.into_iter().map(Id::as_str)) {
        Some(guess) => error.hint(guess),
        None => error,
    })
}

fn date(text: &str) -> Result<Date, String> {
    let deserializer: serde::de::value::StrDeserializer<'_, ValueError> = text.into_deserializer();
    Date::deserialize(deserializer).map_err(|_| format!("`{text}` is not a day such as 2027-06-30"))
}

/// Returns the moment after which nothing can have happened: now, or the end of the day by which plans are held.
fn latest(as_of: &Date) -> Moment {
    let now = session::now();
    format!("{as_of}T23:59:59Z").parse().map_or(now, |end: Moment| end.max(now))
}

#[expect(clippy::disallowed_methods, reason = "only the day of today is taken, and `--as-of` replaces it")]
pub(super) fn today() -> Result<Date, Error> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Moment::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).to_string();
    date(now.get(..10).unwrap_or_default()).map_err(Error::unable)
}
