//! What a run is given.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::event::{Mode, RunStarted};
use crate::resolve::{Course, Imported, ResolvedPlan};
use crate::value::{Length, Name, Scalar, Table};

/// What a run is given, by a person or by its frozen files.
#[derive(Debug)]
pub struct Setup<'a> {
    /// The plan.
    pub plan: &'a ResolvedPlan,
    /// What is carried out.
    pub course: &'a Course,
    /// How the run begins.
    pub start: Arc<RunStarted>,
    /// Who controls the run now; on resume another than who began it.
    pub account: String,
    /// Where the commands of the plan run.
    pub ground: Ground,
    /// Where those of imported plans run, by the prefix of their names.
    pub imported: BTreeMap<String, Ground>,
    /// The program that carries out HTTP steps: drplan itself.
    pub exe: PathBuf,
    /// How many steps run at the same time.
    pub max_parallel: usize,
    /// How long an asset may take to become healthy, and a probe that is waited for to be content.
    pub patience: Length,
    /// How long to wait at the end for messages that are still on their way.
    pub last_words: Length,
    /// Whether to stay when only people are waited for and none is at the terminal.
    pub stays: bool,
}

/// Where commands of a plan run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The plan's folder.
    pub folder: PathBuf,
    /// The variables that commands inherit from the controller.
    pub inherited: BTreeMap<String, String>,
}

/// What a plan says for its own commands alone.
pub(super) struct Own<'a> {
    pub(super) ground: &'a Ground,
    pub(super) vars: &'a Table<Name, Scalar>,
    shell: Option<&'a [String]>,
}

/// The shell that a text after `run` goes to, unless the plan or the step names another.
const BASH: [&str; 4] = ["bash", "-euo", "pipefail", "-c"];

impl Own<'_> {
    /// Returns the program that carries out a text.
    pub(super) fn shell(&self) -> Vec<String> {
        match self.shell {
            Some(shell) => shell.to_vec(),
            None => BASH.map(str::to_owned).to_vec(),
        }
    }
}

impl Setup<'_> {
    /// Returns the same with another plan and course.
    pub(super) fn with<'b>(&self, plan: &'b ResolvedPlan, course: &'b Course) -> Setup<'b> {
        Setup {
            plan,
            course,
            start: Arc::clone(&self.start),
            account: self.account.clone(),
            ground: self.ground.clone(),
            imported: self.imported.clone(),
            exe: self.exe.clone(),
            max_parallel: self.max_parallel,
            patience: self.patience,
            last_words: self.last_words,
            stays: self.stays,
        }
    }

    /// Returns what the plan of a node says for its own commands.
    pub(super) fn own_of(&self, at: usize) -> Own<'_> {
        self.of_plan(self.course.origin(self.plan, at))
    }

    /// Returns what the plan to which a thing belongs says for its own commands; one without a path is the plan's own.
    pub(super) fn own(&self, name: &str) -> Own<'_> {
        self.of_plan(self.plan.import_of(name))
    }

    fn of_plan<'s>(&'s self, import: Option<(&'s str, &'s Imported)>) -> Own<'s> {
        let Some((prefix, import)) = import else {
            let plan = self.plan;
            return Own { ground: &self.ground, vars: &plan.vars, shell: plan.shell.as_deref() };
        };
        let ground = self.imported.get(prefix).unwrap_or(&self.ground);
        Own { ground, vars: &import.vars, shell: import.shell.as_deref() }
    }

    /// Returns what kind of run it is.
    pub fn mode(&self) -> Mode {
        self.start.mode
    }
}

/// How a controller leaves a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The run is over.
    Over,
    /// It can be resumed.
    Suspended,
}
