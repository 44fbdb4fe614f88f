//! Opens plans: reads them and the recipes at hand, and lays environments over them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::root::{is_recipe, plan_files, yaml_files};
use crate::document::{Document, KeyPath, Limits, Part, Place, ReadError, Span, read};
use crate::document::{SourceId, Sources};
use crate::finding::Finding;
use crate::plan::{Loaded, Plan, load, load_recipe, retype};
use crate::resolve::{Placement, Recipes, ResolvedPlan, overlay, resolve};
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
    /// What it says, if nothing is wrong with its shape.
    pub plan: Option<Arc<Plan>>,
    /// The recipes at hand.
    pub recipes: Recipes,
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
    /// The plan after it.
    pub resolved: ResolvedPlan,
}

impl Opened {
    /// Opens every plan among some files and folders; what cannot be opened does not hide the others.
    pub fn each(given: &[PathBuf], sources: &mut Sources) -> (Vec<Self>, Vec<Error>) {
        let (mut opened, mut errors) = (Vec::new(), Vec::new());
        for given in given {
            match plan_files(std::slice::from_ref(given)) {
                Err(error) => errors.push(error),
                Ok(files) => {
                    for file in files {
                        match Self::one(&file, sources) {
                            Ok(plan) => opened.push(plan),
                            Err(error) => errors.push(error),
                        }
                    }
                }
            }
        }
        (opened, errors)
    }

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
        match read(path, &Limits::default()) {
            Ok(text) => Self::of_text(path, text, sources),
            Err(error) if error.is_about_content() => {
                let mut opened = Self::unread(path);
                opened.source = opened.add_unreadable(path, &error, sources);
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
            plan: None,
            recipes: Recipes::default(),
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
        let mut opened = Self::unread(path);
        opened.source = sources.add(path.display().to_string(), text);
        let Loaded { document, value, findings } = load(opened.source, sources);
        opened.document = document.map(Arc::new);
        opened.plan = value.map(Arc::new);
        opened.findings = findings;
        if opened.plan.is_some() {
            opened.gather_recipes(path.parent().unwrap_or(Path::new("")), sources)?;
            opened.read_placement(path, sources)?;
        }
        Ok(opened)
    }

    /// Recipes are shipped with drplan, or stand beside the plan or in a folder `recipes` there.
    fn gather_recipes(&mut self, folder: &Path, sources: &mut Sources) -> Result<(), Error> {
        for shipped in Recipes::shipped() {
            let source = sources.add(format!("drplan:{}.yaml", shipped.name), shipped.text);
            self.add_recipe(source, sources);
        }
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let own = folder.join("recipes");
        let mut files: Vec<PathBuf> =
            yaml_files(folder)?.into_iter().filter(|file| is_recipe(file)).collect();
        if own.is_dir() {
            files.extend(yaml_files(&own)?);
        }
        for file in files {
            match read(&file, &Limits::default()) {
                Ok(text) => {
                    let source = sources.add(file.display().to_string(), text);
                    self.add_recipe(source, sources);
                }
                // A stray file is no reason to say nothing of the plan.
                Err(error) => {
                    self.add_unreadable(&file, &error, sources);
                }
            }
        }
        Ok(())
    }

    fn add_unreadable(&mut self, file: &Path, error: &ReadError, sources: &mut Sources) -> SourceId {
        let source = sources.add(file.display().to_string(), "");
        let place = Place { source, span: Span::default() };
        let help = if error.is_about_content() {
            "plans and recipes are texts in UTF-8 of at most 100 MiB"
        } else {
            "remove it from this folder, or make it a file that can be read"
        };
        let finding = Finding::error("unreadable-text", error.to_string()).at(place, "here");
        self.findings.push(finding.help(help));
        source
    }

    fn add_recipe(&mut self, source: SourceId, sources: &Sources) {
        let Loaded { document, value, findings } = load_recipe(source, sources);
        self.findings.extend(findings);
        let (Some(document), Some(recipe)) = (document, value) else { return };
        let name = recipe.recipe.clone();
        if let Some(first) = self.recipes.add(source, recipe) {
            let place = document.place(&KeyPath::root().key("recipe"), Part::Value);
            let other = Place { source: first, span: Span::default() };
            let finding = Finding::error("recipe-misuse", format!("there are two recipes `{name}`"));
            let finding = finding.at(place, "the second").related(other, "the first");
            self.findings.push(finding.help("give yours another name"));
        }
    }

    fn read_placement(&mut self, path: &Path, sources: &mut Sources) -> Result<(), Error> {
        let file = path.with_extension("placement.yaml");
        if file.exists() {
            let text = match read(&file, &Limits::default()) {
                Ok(text) => text,
                Err(error) if error.is_about_content() => {
                    self.add_unreadable(&file, &error, sources);
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
        Ok(resolve(&document, plan, &self.recipes, environment))
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
        let (resolved, findings) = resolve(&document, (*plan).clone(), &self.recipes, environment);
        Ok((Variant { document, plan, resolved }, findings))
    }
}
