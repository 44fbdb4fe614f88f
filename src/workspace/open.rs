//! Opens plans: reads them and the recipes at hand, and lays environments over them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::imports::{Found, imports_of, uses_others};
use super::root::plan_files;
use super::shelf::{AtHand, Shelf};
use crate::document::{Document, Limits, Place, ReadError, Span, read};
use crate::document::{SourceId, Sources};
use crate::finding::Finding;
use crate::plan::{Loaded, Plan, load, retype};
use crate::resolve::{Imports, Placement, Recipes, ResolvedPlan, overlay, resolve};
use crate::value::Id;

/// A plan that was opened.
#[derive(Debug)]
pub struct Opened {
    /// Its file.
    pub path: PathBuf,
    /// Its text.
    pub source: SourceId,
    /// Its document, if it is YAML.
    pub document: Option<Arc<Document>>,
    /// Where its id is written, if it is YAML.
    pub named: Option<Place>,
    /// What it says, if nothing is wrong with its shape.
    pub plan: Option<Arc<Plan>>,
    /// The recipes at hand.
    pub recipes: Arc<Recipes>,
    /// The plans that it uses things of.
    pub imports: Imports,
    /// Their files, in the same order.
    pub imported_files: Vec<PathBuf>,
    /// Where its assets live now.
    pub placement: Placement,
    /// What is wrong so far.
    pub findings: Vec<Finding>,
}

/// A plan under one environment, or under none.
#[derive(Debug)]
pub struct Variant {
    /// The document with the environment laid over it; its places are those of the file.
    pub document: Arc<Document>,
    /// The plan before expansion.
    pub plan: Arc<Plan>,
    /// The plans that it uses things of, with the environment of the same name laid over each.
    pub imports: Imports,
    /// The plan after it, with what it imports.
    pub resolved: ResolvedPlan,
}

impl Opened {
    /// Opens every plan among some files and folders.
    pub fn all(given: &[PathBuf], sources: &mut Sources) -> Result<Vec<Self>, Error> {
        plan_files(given)?.into_iter().map(|path| Self::one(&path, sources)).collect()
    }

    /// Opens a plan.
    ///
    /// # Errors
    ///
    /// When the file cannot be read. What is wrong in it stands in `findings`.
    pub fn one(path: &Path, sources: &mut Sources) -> Result<Self, Error> {
        Self::with(path, &Shelf::default(), sources)
    }

    /// Opens a plan; the recipes beside it may have been read already.
    ///
    /// # Errors
    ///
    /// When the file cannot be read. What is wrong in it stands in `findings`.
    pub fn with(path: &Path, shelf: &Shelf, sources: &mut Sources) -> Result<Self, Error> {
        match read(path, &Limits::default()) {
            Ok(text) => Self::of_text_with(path, text, shelf, sources),
            Err(error) if error.is_about_content() => {
                let mut opened = Self::unread(path);
                let (source, finding) = unreadable(path, &error, sources);
                opened.source = source;
                opened.findings.push(finding);
                Ok(opened)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn unread(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            source: SourceId::default(),
            document: None,
            named: None,
            plan: None,
            recipes: Arc::default(),
            imports: Imports::default(),
            imported_files: Vec::new(),
            placement: Placement::default(),
            findings: Vec::new(),
        }
    }

    /// Opens a text as if it stood in a file.
    ///
    /// # Errors
    ///
    /// When the recipes or the placement beside the file cannot be read.
    pub fn of_text(path: &Path, text: String, sources: &mut Sources) -> Result<Self, Error> {
        Self::of_text_with(path, text, &Shelf::default(), sources)
    }

    fn of_text_with(path: &Path, text: String, shelf: &Shelf, sources: &mut Sources) -> Result<Self, Error> {
        let mut opened = Self::unread(path);
        opened.source = sources.add(path.display().to_string(), text);
        let Loaded { document, named, value, findings } = load(opened.source, sources);
        (opened.document, opened.named) = (document.map(Arc::new), named);
        opened.plan = value.map(Arc::new);
        opened.findings = findings;
        if opened.plan.is_some() {
            let AtHand { recipes, findings } = shelf.at_hand(path, sources)?;
            opened.recipes = recipes;
            opened.findings.extend(findings);
            opened.read_placement(path, sources)?;
            opened.read_imports(shelf, sources)?;
        }
        Ok(opened)
    }

    fn read_placement(&mut self, path: &Path, sources: &mut Sources) -> Result<(), Error> {
        let file = path.with_extension("placement.yaml");
        if file.exists() {
            let text = match read(&file, &Limits::default()) {
                Ok(text) => text,
                Err(error) if error.is_about_content() => {
                    let (_, finding) = unreadable(&file, &error, sources);
                    self.findings.push(finding);
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            match serde_yaml::from_str(&text) {
                Ok(placement) => self.placement = placement,
                Err(error) => {
                    let place = Place { source: self.source, span: Span::default() };
                    let message = format!("{} is not a placement: {error}", file.display());
                    self.findings.push(Finding::error("bad-placement", message).at(place, "of this plan"));
                }
            }
        }
        Ok(())
    }

    fn read_imports(&mut self, recipes: &Shelf, sources: &mut Sources) -> Result<(), Error> {
        if let (Some(document), Some(plan)) = (&self.document, &self.plan)
            && uses_others(plan)
        {
            let Found { imports, files, findings } =
                imports_of(&self.path, document, plan, recipes, sources)?;
            self.imports = imports;
            self.imported_files = files;
            self.findings.extend(findings);
        }
        Ok(())
    }

    /// Lays the environment of a name over each imported plan that has one.
    fn imports_under(&self, environment: Option<&Id>) -> Result<Imports, Vec<Finding>> {
        let mut imports = self.imports.clone();
        let Some(environment) = environment else { return Ok(imports) };
        for import in
            imports.plans.iter_mut().filter(|import| import.plan.environments.contains_key(environment))
        {
            let overlaid = overlay(&import.document, environment);
            import.plan = Arc::new(retype(&overlaid)?);
            import.document = Arc::new(overlaid);
        }
        Ok(imports)
    }

    /// Returns the names of the environments.
    pub fn environments(&self) -> impl Iterator<Item = &Id> {
        self.plan.iter().flat_map(|plan| plan.environments.keys())
    }

    /// Lays an environment over the plan and expands it; document and plan are used up.
    ///
    /// A run needs neither again, and of a large plan they are most of what is in memory.
    ///
    /// # Errors
    ///
    /// What is wrong, if the plan has no sound shape, or not with this environment laid over it.
    pub fn take_resolved(
        &mut self,
        environment: Option<&Id>,
    ) -> Result<(ResolvedPlan, Vec<Finding>), Vec<Finding>> {
        let (Some(document), Some(plan)) = (self.document.take(), self.plan.take()) else {
            return Err(self.findings.clone());
        };
        let (document, plan) = match environment {
            None => (document, Arc::unwrap_or_clone(plan)),
            Some(environment) => {
                let overlaid = overlay(&document, environment);
                let plan = retype(&overlaid)?;
                (Arc::new(overlaid), plan)
            }
        };
        let imports = self.imports_under(environment)?;
        Ok(resolve(&document, plan, &self.recipes, &imports, environment))
    }

    /// Lays an environment over the plan and expands it.
    ///
    /// # Errors
    ///
    /// What is wrong, if the plan has no sound shape, or not with this environment laid over it.
    pub fn variant(&self, environment: Option<&Id>) -> Result<(Variant, Vec<Finding>), Vec<Finding>> {
        let (Some(document), Some(plan)) = (&self.document, &self.plan) else {
            return Err(self.findings.clone());
        };
        let (document, plan) = match environment {
            None => (document.clone(), plan.clone()),
            Some(environment) => {
                let overlaid = overlay(document, environment);
                let plan = retype(&overlaid)?;
                (Arc::new(overlaid), Arc::new(plan))
            }
        };
        let imports = self.imports_under(environment)?;
        let (resolved, findings) = resolve(&document, (*plan).clone(), &self.recipes, &imports, environment);
        Ok((Variant { document, plan, imports, resolved }, findings))
    }
}

/// Tells of a file that cannot be read as text.
pub(super) fn unreadable(file: &Path, error: &ReadError, sources: &mut Sources) -> (SourceId, Finding) {
    let source = sources.add(file.display().to_string(), "");
    let place = Place { source, span: Span::default() };
    let help = if error.is_about_content() {
        "plans and recipes are texts in UTF-8 of at most 100 MiB"
    } else {
        "remove it from this folder, or make it a file that can be read"
    };
    (source, Finding::error("unreadable-text", error.to_string()).at(place, "here").help(help))
}
