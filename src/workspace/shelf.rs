//! The recipes at hand in each folder, read once however many plans stand there.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::open::unreadable;
use super::root::{is_recipe, yaml_files};
use crate::document::{KeyPath, Limits, Part, Place, SourceId, Sources, Span, read};
use crate::finding::Finding;
use crate::plan::{Loaded, load_recipe};
use crate::resolve::Recipes;

/// The recipes at hand for the plans of a folder.
#[derive(Clone, Debug, Default)]
pub(super) struct AtHand {
    pub(super) recipes: Arc<Recipes>,
    /// What is wrong with them.
    pub(super) findings: Vec<Finding>,
}

/// The recipes of folders.
#[derive(Debug, Default)]
pub struct Shelf(HashMap<PathBuf, AtHand>);

impl Shelf {
    /// Reads the recipes of the folders in which some plans stand.
    ///
    /// A folder that cannot be read is told of when its plans are opened.
    pub fn of(plans: &[PathBuf], sources: &mut Sources) -> Self {
        let mut shelf = Self::default();
        // What asks for recipes is a plan: who checks one alone need not look for a recipe in it.
        let alone = if let [alone] = plans { alone.file_name() } else { None };
        for plan in plans {
            let folder = folder_of(plan);
            if !shelf.0.contains_key(folder)
                && let Ok(at_hand) = gather(folder, alone, sources)
            {
                shelf.0.insert(folder.to_owned(), at_hand);
            }
        }
        shelf
    }

    /// Returns the recipes at hand for a plan.
    pub(super) fn at_hand(&self, plan: &Path, sources: &mut Sources) -> Result<AtHand, Error> {
        let folder = folder_of(plan);
        match self.0.get(folder) {
            Some(known) => Ok(known.clone()),
            None => gather(folder, plan.file_name(), sources),
        }
    }
}

/// Returns the recipes at hand for the plans of a folder; a folder that is not there has the shipped ones.
///
/// # Errors
///
/// When the folder cannot be listed.
pub fn recipes_beside(folder: &Path, sources: &mut Sources) -> Result<Arc<Recipes>, Error> {
    if folder.is_dir() {
        return gather(folder, None, sources).map(|at_hand| at_hand.recipes);
    }
    Ok(Arc::new(Recipes::with_shipped(sources)))
}

fn folder_of(plan: &Path) -> &Path {
    let folder = plan.parent().unwrap_or(Path::new(""));
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Recipes are shipped with drplan, or stand beside the plan or in a folder `recipes` there; a file of the folder that is known
/// to be a plan is none.
fn gather(folder: &Path, plan: Option<&OsStr>, sources: &mut Sources) -> Result<AtHand, Error> {
    let mut recipes = Recipes::with_shipped(sources);
    let mut findings = Vec::new();
    let own = folder.join("recipes");
    let is_plan = |file: &Path| plan.is_some() && file.file_name() == plan;
    let files = yaml_files(folder)?.into_iter();
    let mut files: Vec<PathBuf> = files.filter(|file| !is_plan(file) && is_recipe(file)).collect();
    if own.is_dir() {
        files.extend(yaml_files(&own)?);
    }
    for file in files {
        match read(&file, &Limits::default()) {
            Ok(text) => {
                let source = sources.add(file.display().to_string(), text);
                add(source, sources, &mut recipes, &mut findings);
            }
            // A stray file is no reason to say nothing of the plans.
            Err(error) => findings.push(unreadable(&file, &error, sources).1),
        }
    }
    Ok(AtHand { recipes: Arc::new(recipes), findings })
}

fn add(source: SourceId, sources: &Sources, recipes: &mut Recipes, findings: &mut Vec<Finding>) {
    let Loaded { document, value, findings: found, .. } = load_recipe(source, sources);
    findings.extend(found);
    let (Some(document), Some(recipe)) = (document, value) else { return };
    let name = recipe.recipe.clone();
    if let Some(first) = recipes.add(source, recipe) {
        let place = document.place(&KeyPath::root().key("recipe"), Part::Value);
        let other = Place { source: first, span: Span::default() };
        let finding = Finding::error("recipe-misuse", format!("there are two recipes `{name}`"));
        let finding = finding.at(place, "the second").related(other, "the first");
        findings.push(finding.help("give yours another name"));
    }
}
