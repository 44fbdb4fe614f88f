//! `drplan render`: writes the runbooks of plans, or checks that they are as they should be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Terminal, bundle, choose, graph};
use crate::analysis::forecast;
use crate::document::{Limits, SourceId, Sources, read};
use crate::error::Error;
use crate::exit::Exit;
use crate::graph::{Pen, one_line, tree};
use crate::resolve::{Request, ResolvedPlan, Router};
use crate::runbook::{
    FileView, IndexEntry, Marker, Material, RunbookTemplate, TemplateFault, difference, folder_of_file,
    index, runbook, used_recipes,
};
use crate::value::Id;
use crate::workspace::{Opened, Workspace, plan_files, replace};

/// Arguments of `drplan render`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  drplan render                       writes runbooks/<plan>/<scenario>.md for all plans\n  drplan render --check               for CI: fails if a runbook is not what its plan says\n  drplan render --bundle dr.html      one page for the day when the wiki is down"
)]
pub(super) struct Args {
    /// Plans, or folders of plans; the repository's own if none are given
    pub plans: Vec<PathBuf>,
    /// Write nothing; fail if a runbook is not as it should be
    #[arg(long, conflicts_with = "stdout")]
    pub check: bool,
    /// The folder of runbooks; `runbooks` at the repository's root if nothing is said
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// The Handlebars template of a runbook
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// Print the runbooks instead of writing them
    #[arg(long, conflicts_with = "output")]
    pub stdout: bool,
    /// Write all of it into one HTML file that needs nothing else, with what is known of the backups at this moment
    #[arg(long, value_name = "FILE", conflicts_with_all = ["check", "stdout", "output"])]
    pub bundle: Option<PathBuf>,
}

pub(super) fn run(args: &Args, terminal: &Terminal, state: Option<&Path>) -> Result<Exit, Error> {
    let from = args.plans.first().map_or(Path::new("."), PathBuf::as_path);
    let workspace = Workspace::find(from, state)?;
    let given = if args.plans.is_empty() { workspace.default_plans() } else { args.plans.clone() };
    let folder = args.output.clone().unwrap_or_else(|| shortened(&workspace.runbooks()));
    let templates = Templates::new(args, &workspace)?;
    if let Some(file) = &args.bundle {
        return bundle::write(file, &plan_files(&given)?, &workspace, &templates, terminal);
    }
    // Everything is made before anything is written, so that a broken plan leaves all as it was.
    let mut folders: BTreeMap<PathBuf, Pages> = BTreeMap::new();
    for path in plan_files(&given)? {
        let Made { plan, pages, .. } = made_of(&path, &workspace, &templates)?;
        let (id, pages) = (plan.plan.to_string(), pages_of(pages));
        let place = folder.join(id);
        if folders.contains_key(&place) {
            let message =
                format!("two plans have the same id; their runbooks would stand in {}", place.display());
            return Err(Error::unable(message));
        }
        folders.insert(place, pages);
    }
    if args.stdout {
        for pages in folders.values() {
            for (_, text) in pages.files.iter().filter(|(name, _)| *name != INDEX) {
                terminal.print(text)?;
            }
        }
        return Ok(Exit::Done);
    }
    let mut changes = Vec::new();
    for (place, pages) in &folders {
        changes.extend(changes_in(place, pages)?);
    }
    if args.check { tell(&changes, &given, args, terminal) } else { write(&changes, &folders, terminal) }
}

const INDEX: &str = "README.md";

/// How many columns the order of the steps has where it is a text: as many as fit on a printed page.
const OUTLINE: usize = 90;

/// The files of a plan's folder, by name.
struct Pages {
    files: BTreeMap<String, String>,
}

pub(super) struct Templates {
    runbook: RunbookTemplate,
    index: RunbookTemplate,
    file: Option<FileView>,
}

impl Templates {
    fn new(args: &Args, workspace: &Workspace) -> Result<Self, Error> {
        let configured = workspace.config.template.as_ref().map(|path| shortened(&workspace.root.join(path)));
        let index = RunbookTemplate::index().map_err(fault)?;
        let Some(path) = args.template.clone().or(configured) else {
            return Ok(Self { runbook: RunbookTemplate::built_in().map_err(fault)?, index, file: None });
        };
        let text = read(&path, &Limits::default()).map_err(|error| Error::unable(error.to_string()))?;
        let name = path.display().to_string();
        let runbook = RunbookTemplate::new(&name, &text).map_err(fault)?;
        let file = FileView { name: named(&path, workspace), sha256: sha256(&text) };
        Ok(Self { runbook, index, file: Some(file) })
    }
}

pub(super) fn fault(fault: TemplateFault) -> Error {
    let error = Error::unable(fault.to_string());
    match fault.help {
        Some(help) => error.hint(help),
        None => error,
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Returns a file's name relative to the root, so that no absolute path is written down; the bare name if it lies elsewhere.
fn named(path: &Path, workspace: &Workspace) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let relative = match absolute.strip_prefix(&workspace.root) {
        Ok(relative) => relative.to_owned(),
        Err(_) => path.file_name().map(PathBuf::from).unwrap_or_default(),
    };
    relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn shortened(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    short.filter(|short| !short.as_os_str().is_empty()).unwrap_or(path).to_owned()
}

/// What is made of a plan.
pub(super) struct Made {
    pub(super) plan: ResolvedPlan,
    /// The plan's file, relative to the repository's root.
    pub(super) file: String,
    /// The SHA-256 of its bytes.
    pub(super) sha256: String,
    /// The index, and then the runbooks in the order of the plan's scenarios.
    pub(super) pages: Vec<MadePage>,
}

/// A page that was made.
pub(super) struct MadePage {
    /// The name of its file.
    pub(super) name: String,
    pub(super) title: String,
    /// The first line of its file, which says who has made it.
    marker: String,
    pub(super) markdown: String,
    /// The order of its steps as a text.
    pub(super) outline: String,
}

/// Makes the pages of a plan.
pub(super) fn made_of(path: &Path, workspace: &Workspace, templates: &Templates) -> Result<Made, Error> {
    let mut sources = Sources::default();
    let (opened, variant) = choose::sound_plan(path, None, &mut sources)?;
    let plan = &variant.resolved;
    let file = named(path, workspace);
    let files = files_of(&opened, plan, &sources, workspace, templates)?;
    let imported = opened.imports.plans.iter().zip(&opened.imported_files);
    let folders = imported
        .map(|(import, file)| (import.prefix.clone(), folder_of_file(&named(file, workspace)).to_owned()))
        .collect();
    let material = Material { plan, recipes: &opened.recipes, file: &file, files: &files, folders: &folders };
    let scenarios: Vec<_> =
        if plan.scenarios.is_empty() { vec![None] } else { plan.scenarios.keys().map(Some).collect() };
    let marker = Marker::line(&file);
    let basis = choose::basis(workspace, plan, None);
    let (mut entries, mut pages) = (Vec::new(), Vec::new());
    let router = Router::new(plan);
    for scenario in scenarios {
        let route = router.route(&opened.placement, &Request { scenario, ..Request::default() });
        let forecast =
            forecast(plan, &route, &basis).map_err(|cycle| graph::goes_round(&cycle, &route, path))?;
        let view = runbook(&material, &route, &forecast);
        let name = format!("{}.md", scenario.map_or("all", |scenario| scenario.as_str()));
        let entry = IndexEntry::new(name.clone(), &view);
        let pen = Pen { color: false, unicode: true, width: OUTLINE };
        pages.push(MadePage {
            name,
            title: entry.title.clone(),
            marker: marker.clone(),
            markdown: templates.runbook.fill(&view).map_err(fault)?,
            outline: tree(plan, &route, &forecast.outline, &forecast.clock, pen),
        });
        entries.push(entry);
    }
    let markdown = templates.index.fill(&index(&material, entries)).map_err(fault)?;
    let (name, title) = (INDEX.to_owned(), format!("{}: whom to call, and which runbook", plan.title));
    pages.insert(0, MadePage { name, title, marker, markdown, outline: String::new() });
    let sha256 = sha256(&sources.get(opened.source).text());
    Ok(Made { plan: variant.resolved, file, sha256, pages })
}

/// Makes files of pages.
fn pages_of(pages: Vec<MadePage>) -> Pages {
    let file = |page: MadePage| (page.name, format!("{}\n\n{}", page.marker, page.markdown));
    Pages { files: pages.into_iter().map(file).collect() }
}

/// Returns the files that a plan's runbooks are made from.
fn files_of(
    opened: &Opened,
    plan: &ResolvedPlan,
    sources: &Sources,
    workspace: &Workspace,
    templates: &Templates,
) -> Result<Vec<FileView>, Error> {
    let of = |source: SourceId| {
        let source = sources.get(source);
        let is_shipped = source.name.starts_with("drplan:");
        let name = if is_shipped { source.name.clone() } else { named(Path::new(&source.name), workspace) };
        FileView { name, sha256: sha256(&source.text()) }
    };
    let mut files = vec![of(opened.source)];
    files.extend(opened.imports.plans.iter().map(|import| of(import.document.source)));
    let placement = opened.path.with_extension("placement.yaml");
    if placement.exists() {
        let text = read(&placement, &Limits::default()).map_err(|error| Error::unable(error.to_string()))?;
        files.push(FileView { name: named(&placement, workspace), sha256: sha256(&text) });
    }
    let recipes = used_recipes(plan);
    let imports = &opened.imports.plans;
    let found = |name: &Id| {
        let shelves = std::iter::once(&opened.recipes).chain(imports.iter().map(|import| &import.recipes));
        shelves.into_iter().find_map(|recipes| recipes.get(name.as_str())).map(|(source, _)| of(source))
    };
    files.extend(recipes.iter().filter_map(found));
    files.extend(templates.file.clone());
    Ok(files)
}

/// What is to be done with a file.
enum Change {
    Write { path: PathBuf, committed: Option<String>, made: String },
    Remove { path: PathBuf },
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Write { path, .. } | Self::Remove { path } => path,
        }
    }
}

/// Compares a folder with what it should hold.
fn changes_in(folder: &Path, pages: &Pages) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for (name, made) in &pages.files {
        let path = folder.join(name);
        let committed = match std::fs::read(&path) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::unable(format!("cannot read {}: {error}", path.display()))),
        };
        if committed.as_deref() == Some(made) {
            continue;
        }
        if committed.as_deref().is_some_and(|text| !Marker::is_on(text)) {
            let message = format!("{} was not made by drplan; it is left alone", path.display());
            return Err(Error::unable(message).hint("move it away, or choose another folder with `--output`"));
        }
        changes.push(Change::Write { path, committed, made: made.clone() });
    }
    // What no scenario makes any more would mislead in an emergency. What drplan has not made is none of its business.
    let mut names: Vec<PathBuf> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::unable(format!("cannot list {}: {error}", folder.display()))),
    };
    names.sort();
    for path in names {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        if !is_page || pages.files.contains_key(name) {
            continue;
        }
        if std::fs::read_to_string(&path).is_ok_and(|text| Marker::is_on(&text)) {
            changes.push(Change::Remove { path });
        }
    }
    Ok(changes)
}

/// Tells of drift.
fn tell(changes: &[Change], given: &[PathBuf], args: &Args, terminal: &Terminal) -> Result<Exit, Error> {
    if changes.is_empty() {
        terminal.say("every runbook is what its plan says");
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for change in changes {
        let path = change.path().display();
        match change {
            Change::Remove { .. } => text.push_str(&format!("{path}: no scenario makes it any more\n\n")),
            Change::Write { committed: None, .. } => text.push_str(&format!("{path}: is missing\n\n")),
            Change::Write { committed: Some(committed), made, .. } => {
                let shown = difference(&path.to_string(), committed, made).unwrap_or_default();
                // A plan may hold anything; a terminal must not obey it.
                let safe = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
                text.push_str(&shown.chars().map(safe).collect::<String>());
                text.push('\n');
            }
        }
    }
    terminal.print(&text)?;
    let files = if changes.len() == 1 { "file is" } else { "files are" };
    let mut repair = String::from("drplan render");
    let words = given.iter().filter(|_| !args.plans.is_empty()).map(|path| path.display().to_string());
    let output = args.output.iter().map(|path| format!("--output {}", path.display()));
    let template = args.template.iter().map(|path| format!("--template {}", path.display()));
    for word in words.chain(output).chain(template) {
        repair.push(' ');
        repair.push_str(&one_line(&word));
    }
    terminal.say(&format!("{} {files} not what the plan says; mend it with `{repair}`", changes.len()));
    Ok(Exit::Found)
}

/// Writes what has changed.
fn write(changes: &[Change], folders: &BTreeMap<PathBuf, Pages>, terminal: &Terminal) -> Result<Exit, Error> {
    for change in changes {
        let path = change.path();
        let failed = |what: &str, error: &std::io::Error| {
            Error::unable(format!("cannot {what} {}: {error}", path.display()))
        };
        match change {
            Change::Write { made, .. } => {
                let folder = path.parent().unwrap_or(Path::new("."));
                let written = std::fs::create_dir_all(folder).and_then(|()| replace(path, made));
                written.map_err(|error| failed("write", &error))?;
                terminal.say(&format!("wrote {}", path.display()));
            }
            Change::Remove { .. } => {
                std::fs::remove_file(path).map_err(|error| failed("remove", &error))?;
                terminal.say(&format!("removed {}: no scenario makes it any more", path.display()));
            }
        }
    }
    let total: usize = folders.values().map(|pages| pages.files.len()).sum();
    let written = changes.iter().filter(|change| matches!(change, Change::Write { .. })).count();
    if written < total {
        terminal.say(&format!("{} of {total} files were as they should be", total - written));
    }
    Ok(Exit::Done)
}
