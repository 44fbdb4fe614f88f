//! Reads the plans that a plan imports or carries out, and those that they use in turn: each file once.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::root::{cleaned, root_of};
use super::shelf::Shelf;
use crate::document::{Document, KeyPath, Limits, Part, Place, Sources, read};
use crate::finding::{Finding, Severity};
use crate::plan::{Action, Loaded, Plan, load};
use crate::resolve::{Children, Import, Imports, Links, Section};
use crate::value::Id;

/// Longer chains of plans are a mistake, or an attack.
const DEEPEST: usize = 64;
/// So many files at most make one whole.
const MOST: usize = 1_000;

/// A plan that was read, as others lead to it.
struct File {
    path: PathBuf,
    depth: usize,
    document: Arc<Document>,
    plan: Arc<Plan>,
    links: Links,
    children: Children,
    is_imported: bool,
}

/// A way from a plan to another one.
#[derive(Clone)]
enum Way {
    /// An entry of `imports`.
    Import(Id),
    /// A step that carries it out, and the path that stands there.
    Child(Section, Id, String),
}

impl Way {
    fn path(&self) -> KeyPath {
        match self {
            Self::Import(id) => KeyPath::root().key("imports").key(id.as_str()),
            Self::Child(section, step, _) => {
                KeyPath::root().key(section.key()).key(step.as_str()).key("plan")
            }
        }
    }

    /// Returns what stands before the names of a plan that is found on this way first.
    const fn id(&self) -> &Id {
        match self {
            Self::Import(id) | Self::Child(_, id, _) => id,
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Import(_) => "broken-import",
            Self::Child(..) => "child-plan",
        }
    }

    const fn verb(&self) -> &'static str {
        match self {
            Self::Import(_) => "imports",
            Self::Child(..) => "carries out",
        }
    }
}

/// Returns the ways from a plan to others: imports first, so that names have the prefixes that a person gave.
///
/// Of a plan that another one uses only the steps count, not the stage of its drills.
fn ways(plan: &Plan, is_first: bool) -> Vec<(Way, &str)> {
    let imports = plan.imports.iter().map(|(id, path)| (Way::Import(id.clone()), path.as_str()));
    let mut sections = vec![(Section::Steps, &plan.steps)];
    if is_first {
        sections.extend([(Section::Prepare, &plan.prepare), (Section::Cleanup, &plan.cleanup)]);
    }
    let steps = sections.into_iter().flat_map(|(section, steps)| {
        steps.iter().filter_map(move |(id, step)| match &*step.action {
            Action::Plan { path, .. } => Some((Way::Child(section, id.clone(), path.clone()), path.as_str())),
            _ => None,
        })
    });
    imports.chain(steps).collect()
}

/// Whether a plan uses others at all.
pub(super) fn uses_others(plan: &Plan) -> bool {
    !ways(plan, true).is_empty()
}

/// What reading the imports of a plan has given.
pub(super) struct Found {
    pub(super) imports: Imports,
    pub(super) files: Vec<PathBuf>,
    pub(super) findings: Vec<Finding>,
}

/// Reads what a plan imports and carries out.
///
/// # Errors
///
/// When the recipes beside an imported plan cannot be read.
pub(super) fn imports_of(
    path: &Path,
    document: &Arc<Document>,
    plan: &Arc<Plan>,
    shelf: &Shelf,
    sources: &mut Sources,
) -> Result<Found, Error> {
    let first = File {
        path: cleaned(path),
        depth: 0,
        document: document.clone(),
        plan: plan.clone(),
        links: Links::new(),
        children: Children::new(),
        is_imported: true,
    };
    let identity = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let root = std::fs::canonicalize(root_of(path)).unwrap_or_else(|_| root_of(path));
    let mut reading = Reading {
        root,
        by_identity: HashMap::from([(identity, 0)]),
        files: vec![first],
        prefixes: vec![String::new()],
        findings: Vec::new(),
    };
    let mut open = VecDeque::from([0]);
    while let Some(from) = open.pop_front() {
        reading.follow(from, &mut open, sources);
    }
    reading.refuse_cycles();
    let Reading { files, prefixes, findings, .. } = reading;
    let paths = files.iter().skip(1).map(|file| file.path.clone()).collect();
    let mut imports = Imports::default();
    for (file, prefix) in files.into_iter().zip(prefixes) {
        // The first file is the plan itself; a link to it is a cycle and was cut.
        let position = |to: Option<usize>| to.and_then(|to| to.checked_sub(1));
        let links = file.links.into_iter().map(|(id, to)| (id, position(to))).collect();
        let children = file.children.into_iter().map(|(path, to)| (path, position(to))).collect();
        if prefix.is_empty() {
            (imports.links, imports.children) = (links, children);
            continue;
        }
        let recipes = shelf.at_hand(&file.path, sources)?.recipes;
        let File { document, plan, is_imported, .. } = file;
        let only_carried_out = !is_imported;
        imports.plans.push(Import { prefix, links, children, only_carried_out, document, plan, recipes });
    }
    Ok(Found { imports, files: paths, findings })
}

struct Reading {
    /// The folder outside of which nothing is read.
    root: PathBuf,
    by_identity: HashMap<PathBuf, usize>,
    /// The plan itself, then what it imports, nearest first.
    files: Vec<File>,
    prefixes: Vec<String>,
    findings: Vec<Finding>,
}

impl Reading {
    fn follow(&mut self, from: usize, open: &mut VecDeque<usize>, sources: &mut Sources) {
        let plan = self.files[from].plan.clone();
        for (way, text) in ways(&plan, from == 0) {
            let to = match self.find(from, text, sources) {
                Ok((to, is_new)) => {
                    if is_new {
                        let prefix = match self.prefixes[from].as_str() {
                            "" => way.id().to_string(),
                            above => format!("{above}/{}", way.id()),
                        };
                        self.prefixes.push(prefix);
                        open.push_back(to);
                    }
                    self.files[to].is_imported |= matches!(way, Way::Import(_));
                    Some(to)
                }
                Err(Wrong { message, label, help, shown }) => {
                    let mut finding = Finding::error(way.code(), message)
                        .at(self.place(from, &way), label)
                        .maybe_help(help);
                    if let Some((place, text)) = shown {
                        finding = finding.related(place, text);
                    }
                    self.findings.push(finding);
                    None
                }
            };
            self.lead(from, &way, to);
        }
    }

    /// Notes where a way leads.
    fn lead(&mut self, from: usize, way: &Way, to: Option<usize>) {
        let file = &mut self.files[from];
        match way {
            Way::Import(id) => file.links.insert(id.clone(), to),
            Way::Child(_, _, path) => file.children.insert(path.clone(), to),
        };
    }

    fn leads(&self, from: usize, way: &Way) -> Option<usize> {
        let file = &self.files[from];
        match way {
            Way::Import(id) => file.links.get(id).copied().flatten(),
            Way::Child(_, _, path) => file.children.get(path).copied().flatten(),
        }
    }

    fn place(&self, file: usize, way: &Way) -> Place {
        self.files[file].document.place(&way.path(), Part::Value)
    }

    /// Finds the file that an entry names; reads it if it was not met before.
    fn find(&mut self, from: usize, text: &str, sources: &mut Sources) -> Result<(usize, bool), Wrong> {
        let (above, depth) = (&self.files[from].path, self.files[from].depth + 1);
        let path = cleaned(&above.parent().unwrap_or(Path::new("")).join(text));
        let shown = path.display().to_string();
        let found = std::fs::canonicalize(&path);
        if let Some(known) = found.as_ref().ok().and_then(|identity| self.by_identity.get(identity)) {
            return Ok((*known, false));
        }
        // Whether a file is there is not told either of what lies outside.
        if !nearest(&path).starts_with(&self.root) {
            return Err(Wrong {
                message: format!("the plan {shown} lies outside of the repository"),
                help: Some(format!(
                    "move it below {}, the folder with `drplan.yaml` or `.git`",
                    self.root.display()
                )),
                ..Wrong::new("leads out")
            });
        }
        let identity = found.map_err(|error| Wrong {
            message: format!("the plan {shown} cannot be read: {}", error.kind()),
            help: Some("the path is relative to the folder of the plan in which it stands".to_owned()),
            ..Wrong::new("leads nowhere")
        })?;
        if depth > DEEPEST || self.files.len() > MOST {
            return Err(Wrong {
                message: format!("more than {DEEPEST} plans in a chain, or {MOST} in all, are not read"),
                help: Some("name what is needed directly".to_owned()),
                ..Wrong::new("is one too many")
            });
        }
        let text = read(&path, &Limits::default()).map_err(|error| Wrong {
            message: format!("the plan {shown} cannot be read: {error}"),
            help: Some("name a file that holds a plan".to_owned()),
            ..Wrong::new("is no plan")
        })?;
        let source = sources.add(shown.clone(), text);
        let Loaded { document, value, findings, .. } = load(source, sources);
        let (Some(document), Some(plan)) = (document, value) else {
            let errors: Vec<&Finding> =
                findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            return Err(Wrong {
                message: format!("the plan {shown} has errors"),
                help: Some(format!("`drplan check {shown}` shows all of them")),
                shown: errors.first().map(|first| (first.primary.place, first.message.clone())),
                ..Wrong::new("is broken")
            });
        };
        let at = self.files.len();
        self.by_identity.insert(identity, at);
        let (document, plan) = (Arc::new(document), Arc::new(plan));
        let (links, children) = (Links::new(), Children::new());
        self.files.push(File { path, depth, document, plan, links, children, is_imported: false });
        Ok((at, true))
    }

    /// Cuts what closes a circle, and tells of it.
    fn refuse_cycles(&mut self) {
        let edges: Vec<Vec<(Way, usize)>> = (0..self.files.len())
            .map(|file| {
                let ways = ways(&self.files[file].plan, file == 0).into_iter();
                ways.filter_map(|(way, _)| self.leads(file, &way).map(|to| (way, to))).collect()
            })
            .collect();
        let mut is_done = vec![false; edges.len()];
        // The way from the plan itself: files, each with the number of the next import to look at.
        let mut way: Vec<(usize, usize)> = vec![(0, 0)];
        while let Some((file, next)) = way.last_mut() {
            let file = *file;
            let Some((step, to)) = edges[file].get(*next) else {
                is_done[file] = true;
                way.pop();
                continue;
            };
            *next += 1;
            if let Some(begin) = way.iter().position(|(on_way, _)| on_way == to) {
                let around: Vec<(usize, &Way)> = way[begin..]
                    .iter()
                    .filter_map(|(file, next)| Some((*file, &edges[*file].get(next - 1)?.0)))
                    .collect();
                let finding = self.cycle(around);
                self.findings.push(finding);
                self.lead(file, step, None);
            } else if !is_done[*to] {
                way.push((*to, 0));
            }
        }
    }

    /// Draws a circle, beginning where every plan of it would begin to tell it.
    fn cycle(&self, mut around: Vec<(usize, &Way)>) -> Finding {
        let name = |file: usize| self.files[file].path.display().to_string();
        let first = (0..around.len()).min_by_key(|at| name(around[*at].0)).unwrap_or_default();
        around.rotate_left(first);
        let mut names: Vec<String> = around.iter().map(|(file, _)| name(*file)).collect();
        names.extend(names.first().cloned());
        let all_import = around.iter().all(|(_, way)| matches!(way, Way::Import(_)));
        let verb = if all_import { "import" } else { "use" };
        let message = format!("plans {verb} each other: {}", names.join(" → "));
        let mut finding: Option<Finding> = None;
        for ((file, way), next) in around.iter().zip(names.iter().skip(1)) {
            let place = self.place(*file, way);
            let says = format!("{} {next}", way.verb());
            finding = Some(match finding {
                None => Finding::error("import-cycle", message.clone()).at(place, says),
                Some(finding) => finding.related(place, says),
            });
        }
        let empty = || {
            let place = self.files[0].document.place(&KeyPath::root().key("imports"), Part::Key);
            Finding::error("import-cycle", message.clone()).at(place, "here")
        };
        finding
            .unwrap_or_else(empty)
            .help("move what both need into a plan of its own, and use that one from both")
    }
}

/// Returns where a path really leads: itself, or as much of it as is there.
fn nearest(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.ancestors().find_map(|above| std::fs::canonicalize(above).ok()).unwrap_or(whole)
}

/// Why an import cannot be used.
struct Wrong {
    message: String,
    label: &'static str,
    help: Option<String>,
    shown: Option<(Place, String)>,
}

impl Wrong {
    const fn new(label: &'static str) -> Self {
        Self { message: String::new(), label, help: None, shown: None }
    }
}
