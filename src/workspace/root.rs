//! Where a repository begins, and which plans it has.

use std::path::{Component, Path, PathBuf};

use crate::config::{self, Config};
use crate::document::ReadError;

/// Why the files of a repository cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot be read.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A folder cannot be listed.
    #[error("cannot list {}: {source}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder holds no plans.
    #[error("{} holds no plans (files that end in .yaml)", .0.display())]
    NoPlans(PathBuf),
}

/// A repository: its root and its settings.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The folder that everything is relative to.
    pub root: PathBuf,
    /// The folder under version control that holds the root; the root itself where there is none.
    pub repository: PathBuf,
    /// The settings.
    pub config: Config,
    /// Where runs and locks are kept.
    pub state: PathBuf,
}

impl Workspace {
    /// Finds the repository that a file or folder belongs to.
    ///
    /// Its root is the nearest folder with a `drplan.yaml`, else the git root, else the folder itself.
    pub fn find(from: &Path, state: Option<&Path>) -> Result<Self, Error> {
        let root = root_of(from);
        let repository =
            root.ancestors().find(|above| above.join(".git").exists()).unwrap_or(&root).to_owned();
        let settings = root.join("drplan.yaml");
        let config = if settings.exists() { Config::read(&settings)? } else { Config::default() };
        let state = state.map_or_else(
            || root.join(".drplan"),
            |state| std::path::absolute(state).unwrap_or_else(|_| state.to_owned()),
        );
        Ok(Self { root, repository, config, state })
    }

    /// Returns the files and folders to look for plans in, for a command that was not given any.
    pub fn default_plans(&self) -> Vec<PathBuf> {
        self.plan_folders().into_iter().map(|folder| shortened(&self.root.join(folder))).collect()
    }

    /// Returns the folders of plans, relative to the root.
    pub fn plan_folders(&self) -> Vec<PathBuf> {
        self.config.plans.clone().unwrap_or_else(|| vec![PathBuf::from("plans")])
    }

    /// Returns the folder of rendered runbooks.
    pub fn runbooks(&self) -> PathBuf {
        self.root.join(self.config.runbooks.as_deref().unwrap_or(Path::new("runbooks")))
    }

    /// Returns the folder of drill records.
    pub fn evidence(&self) -> PathBuf {
        shortened(&self.root.join(self.config.evidence.as_deref().unwrap_or(Path::new("evidence"))))
    }

    /// Returns a path relative to the root, if it lies below it.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// Returns the plans among some files and folders. A file that is named is a plan, whatever its name.
pub fn plan_files(given: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        for file in yaml_files(path)? {
            if is_ours(&file) && !is_recipe(&file) {
                files.push(file);
            }
        }
        if files.len() == before {
            return Err(Error::NoPlans(path.clone()));
        }
    }
    Ok(files)
}

/// Returns the plans and recipes among some files and folders; a file that is named is one, whatever its name.
pub fn own_files(given: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        files.extend(yaml_files(path)?.into_iter().filter(|file| is_ours(file)));
        if files.len() == before {
            return Err(Error::NoPlans(path.clone()));
        }
    }
    Ok(files)
}

/// Whether a file may be a plan or a recipe, by its name.
fn is_ours(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name != "drplan.yaml" && !name.ends_with(".placement.yaml")
}

/// Returns the files of a folder that end in `.yaml`, in the order of their names.
pub(super) fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = |source| Error::List { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(list)? {
        let path = entry.map_err(list)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file has `recipe:` at its top level. What cannot be read is no recipe; it is told of as a plan.
pub fn is_recipe(file: &Path) -> bool {
    if !std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    // Every plan of a folder is looked through for every folder that is opened: no line by line.
    let begins = |text: String| text.starts_with("recipe:") || text.contains("\nrecipe:");
    std::fs::read_to_string(file).is_ok_and(begins)
}

/// Returns the root of the repository that a file or folder belongs to, as [`Workspace::find`] does.
pub(super) fn root_of(from: &Path) -> PathBuf {
    let absolute = std::path::absolute(from).unwrap_or_else(|_| from.to_owned());
    let folder = if absolute.is_dir() { absolute } else { parent_of(&absolute) };
    let nearest = |name: &str| folder.ancestors().find(|above| above.join(name).exists());
    nearest("drplan.yaml").or_else(|| nearest(".git")).unwrap_or(&folder).to_owned()
}

/// Returns a path without `.` and without `..` as far as that can be told from the path alone.
pub fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(clean.components().next_back(), Some(Component::Normal(_))) => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// Returns a path as it is best shown: relative to the current folder where it lies below it.
pub(super) fn shortened(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    short.filter(|short| !short.as_os_str().is_empty()).unwrap_or(path).to_owned()
}

fn parent_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).to_owned()
}
