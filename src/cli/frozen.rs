//! What a run needs to be taken up again: written down once, before anything is done.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::document::Sources;
use crate::engine;
use crate::error::Error;
use crate::event::RunState;
use crate::resolve::{Course, ResolvedPlan};
use crate::value::{Id, Length};
use crate::workspace::{Opened, Workspace};

/// What a run carries out, written into its folder as `frozen/run.json`.
///
/// A later version of drplan, or a changed plan, cannot change a run. No path in it is absolute, so
/// that the folder may move to another machine.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frozen {
    /// The version of this format.
    pub(super) format: u32,
    /// The plan's file, relative to the repository's root.
    pub(super) plan_file: String,
    /// SHA-256 of the plan's file, in hexadecimal.
    pub(super) plan_file_hash: String,
    /// How many steps run at the same time.
    pub(super) max_parallel: usize,
    /// How long an asset may take to become healthy.
    pub(super) patience: Length,
    /// The files of the plans that it imports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) imports: Vec<FrozenImport>,
    /// Where each asset lives that the route brings back, once it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) homes: BTreeMap<Id, Id>,
    /// The resolved plan.
    pub(super) plan: ResolvedPlan,
    /// What is carried out.
    pub(super) course: Course,
}

/// The file of an imported plan. Its steps are in the resolved plan.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrozenImport {
    /// What stands before its names.
    pub(super) prefix: String,
    /// Its file, relative to the repository's root.
    pub(super) file: String,
    /// SHA-256 of the file, in hexadecimal.
    pub(super) hash: String,
}

impl FrozenImport {
    /// Names the files of all plans that a plan imports.
    pub(super) fn all(workspace: &Workspace, opened: &Opened, sources: &Sources) -> Vec<Self> {
        let imports = opened.imports.plans.iter().zip(&opened.imported_files);
        let frozen = imports.map(|(import, file)| Self {
            prefix: import.prefix.clone(),
            file: relative_to_root(workspace, file),
            hash: hash_of(sources.get(import.document.source).text().as_bytes()),
        });
        frozen.collect()
    }
}

/// Returns the path of a plan's file relative to the repository's root.
pub(super) fn relative_to_root(workspace: &Workspace, file: &Path) -> String {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    workspace.relative(&absolute).display().to_string()
}

const FORMAT: u32 = 1;
const FOLDER: &str = "frozen";
const FILE: &str = "run.json";

impl Frozen {
    /// Adds the undos that a run has begun, for whoever asks or answers.
    pub(super) fn add_undos(&mut self, state: &RunState) {
        let (plan, course) = engine::with_begun_undos(&self.plan, &self.course, state.nodes());
        if let (Cow::Owned(plan), Cow::Owned(course)) = (plan, course) {
            (self.plan, self.course) = (plan, course);
        }
    }

    pub(super) fn new(
        plan_file: String,
        source_text: &str,
        imports: Vec<FrozenImport>,
        plan: ResolvedPlan,
        course: Course,
        max_parallel: usize,
        patience: Length,
    ) -> Self {
        let plan_file_hash = hash_of(source_text.as_bytes());
        let homes = BTreeMap::new();
        Self {
            format: FORMAT,
            plan_file,
            plan_file_hash,
            max_parallel,
            patience,
            imports,
            homes,
            plan,
            course,
        }
    }

    /// Writes it, and the texts that it was made from, into a run's folder; returns its hash.
    pub(super) fn write(&self, run_dir: &Path, opened: &Opened, sources: &Sources) -> Result<String, Error> {
        let folder = run_dir.join(FOLDER);
        let failed = |error: io::Error| Error::unable(format!("cannot write {}: {error}", folder.display()));
        fs::create_dir(&folder).map_err(failed)?;
        let hash = self.write_json(&folder.join(FILE)).map_err(failed)?;
        write(&folder.join("plan.yaml"), sources.get(opened.source).text().as_bytes()).map_err(failed)?;
        let mut written = BTreeSet::new();
        for (name, source) in opened.recipes.used_by(&self.plan) {
            written.insert(source);
            let file = folder.join(format!("recipe-{}.yaml", name.replace('/', "-")));
            write(&file, sources.get(source).text().as_bytes()).map_err(failed)?;
        }
        for (number, import) in (1..).zip(&opened.imports.plans) {
            let file = folder.join(format!("import-{number}.yaml"));
            write(&file, sources.get(import.document.source).text().as_bytes()).map_err(failed)?;
            // Recipes beside an imported plan are its own, whatever they are called.
            for (name, source) in import.recipes.used_by(&self.plan) {
                if written.insert(source) {
                    let name = name.replace('/', "-");
                    let file = folder.join(format!("import-{number}-recipe-{name}.yaml"));
                    write(&file, sources.get(source).text().as_bytes()).map_err(failed)?;
                }
            }
        }
        Ok(hash)
    }

    /// Writes it as JSON; returns the hash. A large plan is written as it is put into words, and never held as a whole.
    fn write_json(&self, path: &Path) -> io::Result<String> {
        let mut out = Hashed { out: BufWriter::new(File::create(path)?), hasher: Sha256::new() };
        serde_json::to_writer(&mut out, self)?;
        out.flush()?;
        out.out.get_ref().sync_all()?;
        Ok(hex(&out.hasher.finalize()))
    }

    /// Reads it from a run's folder, and its hash.
    pub(super) fn read(run_dir: &Path) -> Result<(Self, String), Error> {
        let path = run_dir.join(FOLDER).join(FILE);
        let bytes = fs::read(&path)
            .map_err(|error| Error::unable(format!("cannot read {}: {error}", path.display())))?;
        let frozen: Self = serde_json::from_slice(&bytes).map_err(|error| {
            Error::unable(format!("{} is not what a run was frozen into: {error}", path.display()))
        })?;
        if frozen.format != FORMAT {
            let message =
                format!("{} has format {}; this drplan knows {FORMAT}", path.display(), frozen.format);
            return Err(Error::unable(message).hint("use the version of drplan that began the run"));
        }
        Ok((frozen, hash_of(&bytes)))
    }
}

/// What is written, and the SHA-256 of all of it.
struct Hashed<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns the SHA-256 of some bytes, in hexadecimal.
pub(super) fn hash_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Writes a file and sees to it that it is on disk.
#[expect(clippy::disallowed_methods, reason = "the files of a run are written before the engine begins")]
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::File::open(path)?.sync_all()
}
