//! Reads the plans that a plan imports, and those that they import: each file once.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::root::{cleaned, root_of};
use super::shelf::Shelf;
use crate::document::{Document, KeyPath, Limits, Part, Place, Sources, read};
use crate::finding::{Finding, Severity};
use crate::plan::{Loaded, Plan, load};
use crate::resolve::{Import, Imports, Links};
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
}

/// What reading the imports of a plan has given.
pub(super) struct Found {
    pub(super) imports: Imports,
    pub(super) files: Vec<PathBuf>,
    pub(super) findings: Vec<Finding>,
}

/// Reads what a plan imports.
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
        let links =
            file.links.into_iter().map(|(id, to)| (id, to.and_then(|to| to.checked_sub(1)))).collect();
        if prefix.is_empty() {
            imports.links = links;
            continue;
        }
        let recipes = shelf.at_hand(&file.path, sources)?.recipes;
        imports.plans.push(Import { prefix, links, document: file.document, plan: file.plan, recipes });
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
        for (id, text) in &plan.imports {
            let to = match self.find(from, text, sources) {
                Ok((to, is_new)) => {
                    if is_new {
                        let prefix = match self.prefixes[from].as_str() {
                            "" => id.to_string(),
                            above => format!("{above}/{id}"),
                        };
                        self.prefixes.push(prefix);
                        open.push_back(to);
                    }
                    Some(to)
                }
                Err(Wrong { message, label, help, shown }) => {
                    let mut finding = Finding::error("broken-import", message)
                        .at(self.place(from, id), label)
                        .maybe_help(help);
                    if let Some((place, text)) = shown {
                        finding = finding.related(place, text);
                    }
                    self.findings.push(finding);
                    None
                }
            };
            self.files[from].links.insert(id.clone(), to);
        }
    }

    fn place(&self, file: usize, id: &Id) -> Place {
        let path = KeyPath::root().key("imports").key(id.as_str());
        self.files[file].document.place(&path, Part::Value)
    }

    /// Finds the file that an entry names; reads it if it was not met before.
    fn find(&mut self, from: usize, text: &str, sources: &mut Sources) -> Result<(usize, bool), Wrong> {
        let (above, depth) = (&self.files[from].path, self.files[from].depth + 1);
        let path = cleaned(&above.parent().unwrap_or(Path::new("")).join(text));
        let shown = path.display().to_string();
        let identity = std::fs::canonicalize(&path).map_err(|error| Wrong {
            message: format!("the imported plan {shown} cannot be read: {}", error.kind()),
            help: Some("the path is relative to the folder of the plan that imports it".to_owned()),
            ..Wrong::new("leads nowhere")
        })?;
        if let Some(known) = self.by_identity.get(&identity) {
            return Ok((*known, false));
        }
        if !identity.starts_with(&self.root) {
            return Err(Wrong {
                message: format!("the imported plan {shown} lies outside of the repository"),
                help: Some(format!(
                    "move it below {}, the folder with `drplan.yaml` or `.git`",
                    self.root.display()
                )),
                ..Wrong::new("leads out")
            });
        }
        if depth > DEEPEST || self.files.len() > MOST {
            return Err(Wrong {
                message: format!("more than {DEEPEST} plans in a chain, or {MOST} in all, are not imported"),
                help: Some("import what is needed directly".to_owned()),
                ..Wrong::new("is one too many")
            });
        }
        let text = read(&path, &Limits::default()).map_err(|error| Wrong {
            message: format!("the imported plan {shown} cannot be read: {error}"),
            help: Some("name a file that holds a plan".to_owned()),
            ..Wrong::new("is no plan")
        })?;
        let source = sources.add(shown.clone(), text);
        let Loaded { document, value, findings } = load(source, sources);
        let (Some(document), Some(plan)) = (document, value) else {
            let errors: Vec<&Finding> =
                findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            return Err(Wrong {
                message: format!("the imported plan {shown} has errors"),
                help: Some(format!("`drplan check {shown}` shows all of them")),
                shown: errors.first().map(|first| (first.primary.place, first.message.clone())),
                ..Wrong::new("is broken")
            });
        };
        let at = self.files.len();
        self.by_identity.insert(identity, at);
        let (document, plan) = (Arc::new(document), Arc::new(plan));
        self.files.push(File { path, depth, document, plan, links: Links::new() });
        Ok((at, true))
    }

    /// Cuts what closes a circle, and tells of it.
    fn refuse_cycles(&mut self) {
        let edges: Vec<Vec<(Id, usize)>> = self
            .files
            .iter()
            .map(|file| {
                let plan = &file.plan.imports;
                plan.keys().filter_map(|id| Some((id.clone(), (*file.links.get(id)?)?))).collect()
            })
            .collect();
        let mut is_done = vec![false; edges.len()];
        // The way from the plan itself: files, each with the number of the next import to look at.
        let mut way: Vec<(usize, usize)> = vec![(0, 0)];
        while let Some((file, next)) = way.last_mut() {
            let file = *file;
            let Some((id, to)) = edges[file].get(*next) else {
                is_done[file] = true;
                way.pop();
                continue;
            };
            *next += 1;
            if let Some(begin) = way.iter().position(|(on_way, _)| on_way == to) {
                let around: Vec<(usize, &Id)> = way[begin..]
                    .iter()
                    .filter_map(|(file, next)| Some((*file, &edges[*file].get(next - 1)?.0)))
                    .collect();
                let finding = self.cycle(around);
                self.findings.push(finding);
                self.files[file].links.insert(id.clone(), None);
            } else if !is_done[*to] {
                way.push((*to, 0));
            }
        }
    }

    /// Draws a circle, beginning where every plan of it would begin to tell it.
    fn cycle(&self, mut around: Vec<(usize, &Id)>) -> Finding {
        let name = |file: usize| self.files[file].path.display().to_string();
        let first = (0..around.len()).min_by_key(|at| name(around[*at].0)).unwrap_or_default();
        around.rotate_left(first);
        let mut names: Vec<String> = around.iter().map(|(file, _)| name(*file)).collect();
        names.extend(names.first().cloned());
        let message = format!("plans import each other: {}", names.join(" → "));
        let mut finding: Option<Finding> = None;
        for ((file, id), next) in around.iter().zip(names.iter().skip(1)) {
            let place = self.place(*file, id);
            let says = format!("imports {next}");
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
            .help("move what both need into a plan of its own, and import that one from both")
    }
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
