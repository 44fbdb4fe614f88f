//! Questions that are asked on another host, and what is tidied up there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::run::{self, Look};
use super::{Reply, file};
use crate::keeper::Mask;
use crate::probe::Expect;
use crate::remote::{self, Host, Task};
use crate::value::Length;

/// How long looking into a folder of another host may take.
const LIST_LIMIT: Length = Length::from_secs(60);

/// How long tidying up may take: nobody waits longer for a run that is over.
const SWEEP_LIMIT: Length = Length::from_secs(10);

/// What a machine says of itself: of no use on another.
const OF_THE_MACHINE: [&str; 8] =
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "SSH_AUTH_SOCK"];

/// How a courier of a run gets to a host.
#[derive(Clone, Debug)]
pub struct Afar {
    /// The binary of drplan.
    pub exe: PathBuf,
    /// Where.
    pub host: Host,
    /// The run, by its id.
    pub run: String,
    /// What the courier itself inherits.
    pub inherited: BTreeMap<String, String>,
}

/// Whether commands inherit this variable of the controller although no plan names it.
pub fn is_of_the_machine(name: &str) -> bool {
    OF_THE_MACHINE.contains(&name) || name.starts_with("LC_")
}

impl Afar {
    /// Returns the command of an errand.
    pub(super) fn job(&self, task: Task) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
        let errand = remote::Errand { host: self.host.clone(), run: self.run.clone(), task };
        remote::job(&self.exe, &errand, &self.inherited)
    }

    /// Returns the values that go to another host: not those that this machine says of itself.
    pub(super) fn values(&self, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let goes = |(name, value): &(&String, &String)| {
            !is_of_the_machine(name) || self.inherited.get(*name) != Some(*value)
        };
        values.iter().filter(goes).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn look(
        &self,
        program: Vec<String>,
        values: BTreeMap<String, String>,
    ) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
        self.job(Task::Look(Box::new(remote::Look { program, values })))
    }
}

/// Runs the command of a probe on a host.
pub(super) async fn run(
    afar: &Afar,
    program: Vec<String>,
    values: &BTreeMap<String, String>,
    cwd: &Path,
    timeout: Length,
    mask: Option<Mask>,
    expect: &Expect,
) -> Reply {
    let (program, env) = match afar.look(program, afar.values(values)) {
        Ok(job) => job,
        Err(why) => return Reply::No(why),
    };
    match run::run(Look { program: &program, env: &env, cwd, timeout, mask }, expect).await {
        Reply::No(why) => Reply::No(plainly(&why)),
        other => other,
    }
}

/// A courier that could not do what it was sent for ends by a signal; its words are what counts.
fn plainly(why: &str) -> String {
    why.split_once(": drplan: ").map_or(why, |(_, why)| why).to_owned()
}

/// Looks at a file of a host.
pub(super) async fn file(
    afar: &Afar,
    path: &str,
    cwd: &Path,
    timeout: Length,
    mask: Option<Mask>,
    expect: &Expect,
) -> Reply {
    let wants_sum = if expect.sha256.is_some() { "yes" } else { "no" };
    let values = [("DRPLAN_FILE", path), ("DRPLAN_SUM", wants_sum)];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let told = match afar.look(shell(file::TELL), values) {
        Ok((program, env)) => run::capture(Look { program: &program, env: &env, cwd, timeout, mask }).await,
        Err(why) => Err(why),
    };
    let told = told.and_then(|ran| match ran.failure {
        Some(why) => Err(plainly(&why)),
        None => Ok(String::from_utf8_lossy(&ran.out).into_owned()),
    });
    match told.and_then(|told| file::judge_told(path, told.trim(), expect)) {
        Ok(found) => Reply::Yes(found),
        Err(why) => Reply::No(why),
    }
}

fn shell(text: &str) -> Vec<String> {
    ["sh", "-c", text].map(str::to_owned).to_vec()
}

/// Returns the names in a folder of a host.
pub(super) async fn names(afar: &Afar, folder: &str) -> Result<Vec<String>, String> {
    let values = [("DRPLAN_FOLDER".to_owned(), folder.to_owned())].into();
    let text = "cd \"$DRPLAN_FOLDER\" || exit 1\nls -1";
    let (program, env) = afar.look(shell(text), values)?;
    let look = Look { program: &program, env: &env, cwd: Path::new("/"), timeout: LIST_LIMIT, mask: None };
    let ran = run::capture(look).await?;
    match ran.failure {
        Some(why) => Err(format!("cannot look into {folder} on {}: {}", afar.host.place, plainly(&why))),
        None => Ok(String::from_utf8_lossy(&ran.out).lines().map(str::to_owned).collect()),
    }
}

/// Returns which of some programs a host lacks.
pub(super) async fn lacking(afar: &Afar, tools: Vec<String>) -> Result<Vec<String>, String> {
    let text = "for tool in \"$@\"; do command -v \"$tool\" >/dev/null || echo \"$tool\"; done";
    let mut program = shell(text);
    program.push("drplan".to_owned());
    program.extend(tools);
    let (program, env) = afar.look(program, BTreeMap::new())?;
    let look = Look { program: &program, env: &env, cwd: Path::new("/"), timeout: LIST_LIMIT, mask: None };
    let ran = run::capture(look).await?;
    match ran.failure {
        Some(why) => Err(plainly(&why)),
        None => Ok(String::from_utf8_lossy(&ran.out).lines().map(str::to_owned).collect()),
    }
}

/// Removes what a run that is over has left on a host.
pub(super) async fn sweep(afar: &Afar) -> Result<(), String> {
    let (program, env) = afar.job(Task::Forget)?;
    let look = Look { program: &program, env: &env, cwd: Path::new("/"), timeout: SWEEP_LIMIT, mask: None };
    let why = match run::capture(look).await {
        Ok(ran) => ran.failure.map(|why| plainly(&why)),
        Err(why) => Some(why),
    };
    why.map_or(Ok(()), |why| {
        Err(format!("what the run has left on {} could not be removed: {why}", afar.host.place))
    })
}
