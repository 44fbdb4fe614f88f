//! Questions that are asked on another host, and what is tidied up there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::digest::{self, Digests};
use super::listing::{self, Stored, Unlisted};
use super::run::{self, Look, MOST_OUTPUT};
use super::{Reply, archive, file};
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
        self.job(Task::Look(Box::new(remote::Look { program, values, mark: None })))
    }

    /// Returns the command that looks for facts there: what it writes to `$DRPLAN_OUTPUT` comes behind its output and this mark.
    pub(super) fn look_for_facts(
        &self,
        program: Vec<String>,
        values: &BTreeMap<String, String>,
        mark: &str,
    ) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
        let mark = Some(mark.to_owned());
        self.job(Task::Look(Box::new(remote::Look { program, values: self.values(values), mark })))
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
        Err(why) => return Reply::Broken(why),
    };
    match run::run(Look { program: &program, env: &env, cwd, timeout, mask }, expect).await {
        Reply::No(why) => Reply::No(plainly(&why)),
        Reply::Broken(why) => Reply::Broken(plainly(&why)),
        other => other,
    }
}

/// A courier that could not do what it was sent for ends by a signal; its words are what counts.
pub(super) fn plainly(why: &str) -> String {
    why.split_once(": drplan: ").map_or(why, |(_, why)| why).to_owned()
}

/// Returns what a host tells of a file.
///
/// # Errors
///
/// Why it cannot be asked.
pub(super) async fn file(
    afar: &Afar,
    path: &str,
    cwd: &Path,
    timeout: Length,
    mask: Option<Mask>,
    expect: &Expect,
) -> Result<String, String> {
    let wants_sum = if expect.sha256.is_some() { "yes" } else { "no" };
    let head = if expect.pg_dump.is_some() { archive::MOST } else { 0 }.to_string();
    let values = [("DRPLAN_FILE", path), ("DRPLAN_SUM", wants_sum), ("DRPLAN_HEAD", head.as_str())];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let (program, env) = afar.look(shell(file::TELL), values)?;
    let ran = run::capture(Look { program: &program, env: &env, cwd, timeout, mask }).await?;
    match ran.failure {
        Some(why) => Err(plainly(&why)),
        None => Ok(String::from_utf8_lossy(&ran.out).into_owned()),
    }
}

fn shell(text: &str) -> Vec<String> {
    ["sh", "-c", text].map(str::to_owned).to_vec()
}

/// Runs a text that only looks on a host, and returns what it prints.
pub(super) async fn ask(
    afar: &Afar,
    text: &str,
    arguments: Vec<String>,
    values: &[(&str, &str)],
    timeout: Length,
) -> Result<String, String> {
    let mut program = shell(text);
    program.push("drplan".to_owned());
    program.extend(arguments);
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (program, env) = afar.look(program, values)?;
    let look = Look { program: &program, env: &env, cwd: Path::new("/"), timeout, mask: None };
    let examined = run::examine(look, MOST_OUTPUT).await?;
    match examined.code {
        Some(0) if examined.is_cut => Err(format!("it prints more than {} MiB", MOST_OUTPUT >> 20)),
        Some(0) => Ok(String::from_utf8_lossy(&examined.out).into_owned()),
        _ => {
            let said = examined.said().map(|said| format!(": {said}")).unwrap_or_default();
            Err(plainly(&(examined.ended + &said)))
        }
    }
}

/// Lists the recovery points of a folder of a host, or tells that it is a single thing: a file, or what a copy has of itself.
pub(super) async fn list(afar: &Afar, folder: &str) -> Result<Stored, Unlisted> {
    let told = ask(afar, listing::TELL, Vec::new(), &[("DRPLAN_FOLDER", folder)], LIST_LIMIT).await;
    let cannot = |why: String| {
        Unlisted::Unreadable(format!("cannot look into {folder} on {}: {why}", afar.host.place))
    };
    let told = told.map_err(cannot)?;
    match listing::read_told(folder, &told) {
        Some(stored) => Ok(stored),
        None if told.trim() == "none" => {
            Err(Unlisted::Missing(format!("{folder} is not there on {}", afar.host.place)))
        }
        None => Err(cannot("what the host tells makes no sense".to_owned())),
    }
}

/// Compares a point on a host with the digests that its producer has left, and reads it there.
pub(super) async fn digest(afar: &Afar, point: &str, timeout: Length) -> Digests {
    match ask(afar, digest::TELL, Vec::new(), &[("DRPLAN_POINT", point)], timeout).await {
        Ok(told) => digest::check_told(point, &told),
        Err(why) => Digests::Unknown(why),
    }
}

/// Returns where a program of a host lies.
pub(super) async fn find(afar: &Afar, tool: &str) -> Result<Option<String>, String> {
    let text = "command -v \"$1\" || :";
    let found = ask(afar, text, vec![tool.to_owned()], &[], LIST_LIMIT).await?;
    Ok(Some(found.trim().to_owned()).filter(|found| !found.is_empty()))
}

/// Returns what a program of a host says of its version when it is asked with this word, on either stream.
pub(super) async fn version(
    afar: &Afar,
    program: &str,
    word: &str,
    timeout: Length,
) -> Result<String, String> {
    let text = "\"$1\" \"$2\" </dev/null 2>&1 || :";
    ask(afar, text, vec![program.to_owned(), word.to_owned()], &[], timeout).await
}

/// Returns the names in a folder of a host.
pub(super) async fn names(afar: &Afar, folder: &str) -> Result<Vec<String>, String> {
    let text = "cd \"$DRPLAN_FOLDER\" || exit 1\nls -1";
    let names = ask(afar, text, Vec::new(), &[("DRPLAN_FOLDER", folder)], LIST_LIMIT).await;
    let names = names.map_err(|why| format!("cannot look into {folder} on {}: {why}", afar.host.place))?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// Returns which of some programs a host lacks.
pub(super) async fn lacking(afar: &Afar, tools: Vec<String>) -> Result<Vec<String>, String> {
    let text = "for tool in \"$@\"; do command -v \"$tool\" >/dev/null || echo \"$tool\"; done";
    let lacking = ask(afar, text, tools, &[], LIST_LIMIT).await?;
    Ok(lacking.lines().map(str::to_owned).collect())
}

/// Removes what a run that is over has left on a host.
pub(super) async fn sweep(afar: &Afar) -> Result<(), String> {
    let forgotten = remote::forget(&afar.host, &afar.run, &afar.inherited);
    let forgotten = tokio::time::timeout(SWEEP_LIMIT.as_duration(), forgotten).await;
    let forgotten = forgotten.unwrap_or_else(|_| Err(format!("{} does not answer", afar.host.place)));
    forgotten
        .map_err(|why| format!("what the run has left on {} could not be removed: {why}", afar.host.place))
}
